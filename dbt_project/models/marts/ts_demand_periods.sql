{{ config(post_hook="analyze analytics.ts_demand_periods") }}

with client as (

    select * from {{ ref('int_client') }}
    where grain <> 'day'

),

periods as (

    select
        series.client_id,
        client.grain,
        series.series_no,
        series.item_id,
        series.location_id,
        series.list_price,
        first_moment::date as date,
        {{ period_end("first_moment", "client.grain") }} as last_date
    from {{ ref('int_series') }} as series
    cross join client
    cross join lateral generate_series(
        {{ period_start("series.first_date", "client.grain") }}::timestamp,
        series.last_date::timestamp,
        {{ one_period("client.grain") }}
    ) as first_moment

),

sold_days as (

    select
        sales.*,
        {{ period_start("sales.date", "client.grain") }} as first_date
    from {{ ref('int_sales_daily') }} as sales
    cross join client

),

sales as (

    select
        item_id,
        location_id,
        first_date as date,
        sum(sold_qty) as sold_qty,
        sum(returned_qty) as returned_qty,
        sum(netted_qty) as netted_qty,
        sum(written_off_qty) as written_off_qty,
        sum(net_sold_qty) as net_sold_qty,
        coalesce(
            sum(sold_qty * unit_price) / nullif(sum(sold_qty) filter (where unit_price is not null), 0),
            max(unit_price)
        )::numeric(18, 4) as unit_price
    from sold_days
    group by item_id, location_id, first_date

),

open_periods as (

    select distinct
        location_id,
        first_date as date
    from sold_days

),

-- where both say something of a day, the count of the stock wins
counted as (

    select distinct on (item_id, location_id, first_date)
        item_id,
        location_id,
        first_date as date,
        on_hand_qty
    from (
        select
            stock.item_id,
            stock.location_id,
            stock.date as count_date,
            {{ period_start("stock.date", "client.grain") }} as first_date,
            stock.on_hand_qty,
            1 as preference
        from {{ ref('stg_stock_levels') }} as stock
        cross join client

        union all

        select
            item_id,
            location_id,
            date as count_date,
            first_date,
            on_hand_qty,
            2 as preference
        from sold_days
        where on_hand_qty is not null
    ) as counts
    order by item_id, location_id, first_date, count_date desc, preference

),

weekly_prices as (

    select
        prices.item_id,
        prices.location_id,
        {{ period_start("calendar.date", "client.grain") }} as date,
        avg(prices.unit_price)::numeric(18, 4) as unit_price
    from {{ ref('stg_prices') }} as prices
    inner join {{ ref('stg_calendar') }} as calendar on prices.price_week = calendar.price_week
    cross join client
    group by prices.item_id, prices.location_id, {{ period_start("calendar.date", "client.grain") }}

),

promoted as (

    select distinct
        promoted.item_id,
        promoted.location_id,
        {{ period_start("promoted.date", "client.grain") }} as date
    from {{ ref('promoted_days') }} as promoted
    cross join client
    where {{ is_client("promoted.client_id") }}

),

observed as (

    select
        periods.*,
        coalesce(sales.sold_qty, 0) as sold_qty,
        coalesce(sales.returned_qty, 0) as returned_qty,
        coalesce(sales.netted_qty, 0) as netted_qty,
        coalesce(sales.written_off_qty, 0) as written_off_qty,
        coalesce(sales.net_sold_qty, 0) as net_sold_qty,
        coalesce(sales.unit_price, weekly_prices.unit_price) as period_price,
        promoted.date is not null as is_promotion,
        open_periods.date is null as is_closed,
        counted.on_hand_qty
    from periods
    left join sales using (item_id, location_id, date)
    left join open_periods using (location_id, date)
    left join counted using (item_id, location_id, date)
    left join weekly_prices using (item_id, location_id, date)
    left join promoted using (item_id, location_id, date)

),

{{ judged_demand("period_price") }},

final as (

    select
        client_id,
        grain,
        item_id,
        location_id,
        date,
        last_date,
        demand_qty,
        net_sold_qty,
        demand_qty - net_sold_qty as clipped_qty,
        sold_qty,
        returned_qty,
        netted_qty,
        written_off_qty,
        coalesce(known_price, list_price) as unit_price,
        is_promotion,
        is_closed,
        is_stocked_out,
        is_masked,
        on_hand_qty,
        case
            when not is_stocked_out or is_closed then null
            when grain = 'week' then avg(demand_qty::float8) filter (where not is_masked) over eight_before
            else avg(demand_qty::float8) filter (where not is_masked) over twelve_before
        end as lost_sales_qty
    from masked
    window
        eight_before as (partition by series_no order by date rows between 8 preceding and 1 preceding),
        twelve_before as (partition by series_no order by date rows between 12 preceding and 1 preceding)

)

select * from final
