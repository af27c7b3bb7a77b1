with client as (

    select * from {{ ref('int_client') }}

),

delivered as (

    select * from {{ ref('series') }}
    where {{ is_client() }}

),

measured as (

    select
        item_id,
        location_id,
        min(first_sale_date) as first_sale_date,
        max(last_sale_date) as last_sale_date,
        sum(demand_periods)::bigint as demand_days,
        -- exact sums, cast at the end: a sum of float8 depends on the order of the rows
        (sum(known_qty) / nullif(sum(known_periods), 0))::float8 as mean_demand_qty,
        {{ average_demand_interval() }} as adi,
        {{ squared_variation() }} as cv2
    from {{ ref('demand_by_month') }}
    where {{ is_client() }}
    group by item_id, location_id

),

earned as (

    select
        item_id,
        location_id,
        sum(revenue_value) as revenue_365d_value
    from {{ ref('int_last_year') }}
    group by item_id, location_id

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
    earned.revenue_365d_value
from delivered
cross join client
left join measured using (item_id, location_id)
left join earned using (item_id, location_id)
