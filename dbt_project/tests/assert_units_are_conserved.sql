-- what was delivered is what is there: demand less clipping equals the units of staging, to the last unit
with delivered as (

    select
        sales.item_id,
        sales.location_id,
        sum(sales.sold_qty) as delivered_qty
    from {{ ref('stg_sales') }} as sales
    inner join {{ ref('int_client') }} as client on sales.date <= client.last_demand_date
    where client.returns_policy = 'net' or sales.sold_qty > 0
    group by sales.item_id, sales.location_id

),

published as (

    select
        item_id,
        location_id,
        sum(demand_qty - clipped_qty) as published_qty
    from {{ ref('int_demand') }}
    group by item_id, location_id

)

select
    item_id,
    location_id,
    delivered_qty,
    published_qty
from delivered
full outer join published using (item_id, location_id)
where coalesce(delivered_qty, 0) <> coalesce(published_qty, 0)
