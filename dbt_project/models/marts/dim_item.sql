with described as (

    select * from {{ ref('stg_products') }}

),

sold as (

    select distinct
        client_id,
        item_id
    from {{ ref('dim_series') }}
    where {{ is_client() }}

),

last_priced as (

    select
        item_id,
        max(date) as date
    from {{ ref('int_demand') }}
    where unit_price is not null
    group by item_id

),

last_paid as (

    select
        demand.client_id,
        demand.item_id,
        avg(demand.unit_price) as unit_price
    from {{ ref('int_demand') }} as demand
    inner join last_priced on demand.item_id = last_priced.item_id and demand.date = last_priced.date
    group by demand.client_id, demand.item_id

)

select
    client_id,
    item_id,
    coalesce(described.name, item_id) as name,
    described.category,
    described.department,
    described.brand,
    described.unit_cost,
    coalesce(described.unit_price, last_paid.unit_price) as unit_price,
    described.uom,
    described.moq_qty,
    described.order_multiple_qty,
    described.shelf_life_days,
    described.supplier_id,
    described.launch_date,
    described.end_date,
    described.successor_item_id,
    described.item_id is not null as is_described
from described
full outer join sold using (client_id, item_id)
left join last_paid using (client_id, item_id)
