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
        location_id,
        max(last_priced_date) as date,
        max(max(last_priced_date)) over (partition by item_id) as last_date
    from {{ ref('demand_by_month') }}
    where {{ is_client() }}
    group by item_id, location_id

),

last_paid as (

    select
        '{{ var("client_id") }}' as client_id,
        item_id,
        avg((
            select demand.unit_price
            from {{ ref('int_demand') }} as demand
            where demand.item_id = last_priced.item_id
                and demand.location_id = last_priced.location_id
                and demand.date = last_priced.date
        )) as unit_price
    from last_priced
    where date = last_date
    group by item_id

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
