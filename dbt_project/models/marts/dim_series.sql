with client as (

    select * from {{ ref('int_client') }}

),

delivered as (

    select * from {{ ref('series') }}
    where {{ is_client() }}

),

measured as (

    select
        demand.item_id,
        demand.location_id,
        min(demand.date) filter (where {{ has_moved() }}) as first_sale_date,
        max(demand.date) filter (where demand_qty > 0) as last_sale_date,
        count(*) filter (where demand_qty > 0) as demand_days,
        -- exact sums, cast at the end: a sum of float8 depends on the order of the rows
        (avg(demand_qty) filter (where not is_masked))::float8 as mean_demand_qty,
        {{ average_demand_interval() }} as adi,
        {{ squared_variation() }} as cv2,
        sum(demand_qty * unit_price) filter (
            where demand.date > {{ year_before("client.last_demand_date", "client.grain") }}
        ) as revenue_365d_value
    from {{ ref('int_demand') }} as demand
    cross join client
    group by demand.item_id, demand.location_id

)

select
    delivered.client_id,
    delivered.item_id,
    delivered.location_id,
    client.grain,
    delivered.listed_date,
    measured.first_sale_date,
    measured.last_sale_date,
    coalesce(client.last_demand_date - measured.first_sale_date + 1, 0) as history_days,
    coalesce(measured.demand_days, 0) as demand_days,
    measured.mean_demand_qty,
    measured.adi,
    measured.cv2,
    {{ demand_class("measured.adi", "measured.cv2") }} as demand_class,
    measured.revenue_365d_value
from delivered
cross join client
left join measured using (item_id, location_id)
