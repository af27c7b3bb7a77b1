-- depends_on: {{ ref('ts_demand_daily') }}
-- what was delivered is what is there: demand less clipping equals the units of staging, to the last unit;
-- units that were written off are no demand, and those of days in a history are there, too
with movements as (

    select
        sales.item_id,
        sales.location_id,
        sales.date,
        sales.moved_qty,
        client.grain,
        lower(sales.reason) = any(client.write_off_reasons) as is_write_off,
        client.returns_policy <> 'drop' or sales.moved_qty > 0 as is_counted
    from {{ ref('stg_sales') }} as sales
    inner join {{ ref('int_client') }} as client on sales.date <= client.last_demand_date
    where {{ is_to_be_tested("sales.date") }}

),

delivered as (

    select
        item_id,
        location_id,
        sum(moved_qty) as delivered_qty
    from movements
    where is_counted and not is_write_off
    group by item_id, location_id

),

written_off as (

    select
        movements.item_id,
        movements.location_id,
        -sum(movements.moved_qty) as written_off_qty
    from movements
    inner join {{ ref('int_series') }} as series
        on movements.item_id = series.item_id
        and movements.location_id = series.location_id
        and movements.date between {{ period_start("series.first_date", "movements.grain") }}
        and {{ period_end(period_start("series.last_date", "movements.grain"), "movements.grain") }}
    where movements.is_write_off
    group by movements.item_id, movements.location_id

),

published as (

    select
        item_id,
        location_id,
        sum(demand_qty - clipped_qty) as published_qty,
        sum(written_off_qty) as published_written_off_qty,
        count(*) filter (where demand_qty <> sold_qty - netted_qty + clipped_qty) as unreconciled_days
    from {{ ref('int_demand') }}
    where {{ is_to_be_tested() }}
    group by item_id, location_id

)

select
    item_id,
    location_id,
    delivered_qty,
    published_qty,
    written_off_qty,
    published_written_off_qty,
    unreconciled_days
from delivered
full outer join published using (item_id, location_id)
left join written_off using (item_id, location_id)
where
    coalesce(delivered_qty, 0) <> coalesce(published_qty, 0)
    or coalesce(written_off_qty, 0) <> coalesce(published_written_off_qty, 0)
    or unreconciled_days > 0
