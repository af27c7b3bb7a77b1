{{ config(post_hook="analyze analytics.ts_demand_daily__{{ var('client_id') }}") }}

with days as (

    select
        series.client_id,
        series.series_no,
        series.item_id,
        series.list_price,
        calendar.location_id,
        calendar.date,
        coalesce(calendar.is_closed, false) as is_closed,
        calendar.holiday_name,
        calendar.is_snap
    from {{ ref('int_series') }} as series
    inner join {{ ref('location_calendar') }} as calendar
        on series.location_id = calendar.location_id
        and calendar.date between series.first_date and series.last_date
    where {{ is_client("calendar.client_id") }}

),

sales as (

    select
        daily.*,
        series.series_no
    from {{ ref('int_sales_daily') }} as daily
    inner join {{ ref('int_series') }} as series
        on daily.item_id = series.item_id and daily.location_id = series.location_id

),

promoted as (

    select
        item_id,
        location_id,
        date,
        max(discount_rate) as discount_rate,
        min(known_date) as known_date
    from {{ ref('promoted_days') }}
    where {{ is_client() }}
    group by item_id, location_id, date

),

observed as (

    select
        days.client_id,
        days.series_no,
        days.item_id,
        days.location_id,
        days.date,
        days.list_price,
        days.is_closed,
        days.holiday_name,
        days.is_snap,
        coalesce(sales.sold_qty, 0) as sold_qty,
        coalesce(sales.returned_qty, 0) as returned_qty,
        coalesce(sales.netted_qty, 0) as netted_qty,
        coalesce(sales.written_off_qty, 0) as written_off_qty,
        coalesce(sales.net_sold_qty, 0) as net_sold_qty,
        coalesce(sales.unit_price, prices.unit_price) as day_price,
        promoted.date is not null as is_promotion,
        promoted.discount_rate,
        promoted.known_date,
        coalesce(stock.on_hand_qty, sales.on_hand_qty) as on_hand_qty
    from days
    left join sales on days.series_no = sales.series_no and days.date = sales.date
    left join {{ ref('stg_calendar') }} as weeks on days.date = weeks.date
    left join {{ ref('stg_prices') }} as prices
        on days.item_id = prices.item_id
        and days.location_id = prices.location_id
        and weeks.price_week = prices.price_week
    left join promoted
        on days.item_id = promoted.item_id
        and days.location_id = promoted.location_id
        and days.date = promoted.date
    left join {{ ref('stg_stock_levels') }} as stock
        on days.item_id = stock.item_id and days.location_id = stock.location_id and days.date = stock.date

),

{{ judged_demand("day_price") }},

-- the weekdays on which a series ran out; of no other a loss is estimated
ran_out as (

    select distinct
        series_no,
        extract(isodow from date) as weekday
    from masked
    where is_stocked_out and not is_closed

),

estimated as (

    select
        masked.series_no,
        masked.date,
        masked.is_stocked_out and not masked.is_closed as is_lost,
        avg(masked.demand_qty::float8) filter (where not masked.is_masked) over eight_weeks_before
            as lost_sales_qty
    from masked
    inner join ran_out
        on masked.series_no = ran_out.series_no and extract(isodow from masked.date) = ran_out.weekday
    window eight_weeks_before as (
        partition by masked.series_no, ran_out.weekday
        order by masked.date
        rows between 8 preceding and 1 preceding
    )

),

lost as (

    select * from estimated
    where is_lost

),

final as (

    select
        masked.client_id,
        masked.item_id,
        masked.location_id,
        masked.date,
        masked.demand_qty,
        masked.net_sold_qty,
        masked.demand_qty - masked.net_sold_qty as clipped_qty,
        masked.sold_qty,
        masked.returned_qty,
        masked.netted_qty,
        masked.written_off_qty,
        coalesce(masked.known_price, masked.list_price) as unit_price,
        masked.is_promotion,
        masked.discount_rate,
        masked.known_date as promotion_known_date,
        masked.holiday_name is not null as is_holiday,
        masked.holiday_name,
        masked.is_snap,
        masked.is_closed,
        masked.is_stocked_out,
        masked.is_masked,
        masked.on_hand_qty,
        lost.lost_sales_qty
    from masked
    left join lost on masked.series_no = lost.series_no and masked.date = lost.date

)

select * from final
