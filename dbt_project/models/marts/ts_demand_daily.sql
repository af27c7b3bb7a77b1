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
    left join {{ ref('int_sales_daily') }} as sales
        on days.item_id = sales.item_id and days.location_id = sales.location_id and days.date = sales.date
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

final as (

    select
        client_id,
        item_id,
        location_id,
        date,
        demand_qty,
        net_sold_qty,
        demand_qty - net_sold_qty as clipped_qty,
        sold_qty,
        returned_qty,
        netted_qty,
        written_off_qty,
        coalesce(known_price, list_price) as unit_price,
        is_promotion,
        discount_rate,
        known_date as promotion_known_date,
        holiday_name is not null as is_holiday,
        holiday_name,
        is_snap,
        is_closed,
        is_stocked_out,
        is_masked,
        on_hand_qty,
        case
            when is_stocked_out and not is_closed
                then avg(demand_qty::float8) filter (where not is_masked) over eight_weeks_before
        end as lost_sales_qty
    from masked
    window eight_weeks_before as (
        partition by series_no, extract(isodow from date)
        order by date
        rows between 8 preceding and 1 preceding
    )

)

select * from final
