{{ config(by_day=true, post_hook="analyze analytics.ts_demand_daily__{{ var('client_id') }}") }}

with series as (

    select
        series.*,
        {%- if is_increment() %}
            (
                select demand.unit_price
                from {{ this }} as demand
                where {{ is_client("demand.client_id") }}
                    and demand.item_id = series.item_id
                    and demand.location_id = series.location_id
                    and demand.date = {{ standing_until() }}
            ) as price_before
        {%- else %}
            null::numeric as price_before
        {%- endif %}
    from {{ ref('int_series') }} as series

),

days as (

    select
        series.client_id,
        series.series_no,
        series.item_id,
        coalesce(series.price_before, series.list_price) as price_before,
        calendar.location_id,
        calendar.date,
        coalesce(calendar.is_closed, false) as is_closed,
        calendar.holiday_name,
        calendar.is_snap
    from series
    inner join {{ ref('location_calendar') }} as calendar
        on series.location_id = calendar.location_id
        and calendar.date between series.first_date and series.last_date
    where {{ is_client("calendar.client_id") }} and {{ is_to_be_built("calendar.date") }}

),

sales as (

    select
        daily.*,
        series.series_no
    from {{ ref('int_sales_daily') }} as daily
    inner join series
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
    where {{ is_client() }} and {{ is_to_be_built() }}
    group by item_id, location_id, date

),

observed as (

    select
        days.client_id,
        days.series_no,
        days.item_id,
        days.location_id,
        days.date,
        days.price_before,
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

{{ lost_sales() }},

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
        coalesce(masked.known_price, masked.price_before) as unit_price,
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
    left join lost_sales as lost on masked.series_no = lost.series_no and masked.date = lost.date

)

select * from final
