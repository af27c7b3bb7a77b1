with delivered as (

    select
        item_id,
        location_id,
        min(date) as listed_date,
        min(date) filter (where has_moved) as first_sale_date,
        max(date) filter (where has_moved) as last_movement_date
    from {{ ref('int_movements') }}
    group by item_id, location_id

),

with_opening as (

    select
        delivered.*,
        min(listed_date) over (partition by location_id) as opening_date
    from delivered

)

select
    client.client_id,
    (row_number() over (order by series.location_id, series.item_id))::int as series_no,
    series.item_id,
    series.location_id,
    products.unit_price as list_price,
    case
        when products.launch_date < series.first_sale_date
            then greatest(products.launch_date, series.opening_date)
        else series.first_sale_date
    end as first_date,
    case
        when products.end_date is null then client.last_demand_date
        else least(client.last_demand_date, greatest(products.end_date, series.last_movement_date))
    end as last_date
from with_opening as series
cross join {{ ref('int_client') }} as client
left join {{ ref('stg_products') }} as products on series.item_id = products.item_id
where series.first_sale_date is not null
