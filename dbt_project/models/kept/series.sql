{{ config(noted_by="changes_of_series") }}

with known as (

    select
        item_id,
        location_id,
        min(date) as listed_date,
        min(date) filter (where has_moved) as first_sale_date,
        max(date) filter (where has_moved) as last_movement_date
    from {{ ref('int_movements') }}
    group by item_id, location_id
    {%- if is_increment() %}

        union all

        -- of movements on days that are built again only those before are known
        select
            item_id,
            location_id,
            listed_date,
            case when {{ is_standing("first_sale_date") }} then first_sale_date end as first_sale_date,
            case
                when {{ is_standing("last_movement_date") }} then last_movement_date
                when {{ is_standing("first_sale_date") }}
                    then (
                        select max(demand.date)
                        from analytics.ts_demand_daily as demand
                        where {{ is_client("demand.client_id") }}
                            and demand.item_id = series.item_id
                            and demand.location_id = series.location_id
                            and {{ is_standing("demand.date") }}
                            and ({{ has_moved() }})
                    )
            end as last_movement_date
        from {{ this }} as series
        where {{ is_client() }} and {{ is_standing("listed_date") }}
    {%- endif %}

),

delivered as (

    select
        item_id,
        location_id,
        min(listed_date) as listed_date,
        min(first_sale_date) as first_sale_date,
        max(last_movement_date) as last_movement_date
    from known
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
    series.item_id,
    series.location_id,
    series.listed_date,
    series.first_sale_date,
    series.last_movement_date,
    products.category,
    products.unit_price as list_price,
    case
        when products.launch_date < series.first_sale_date
            then greatest(products.launch_date, series.opening_date)
        else series.first_sale_date
    end as first_date,
    case
        when series.first_sale_date is null then null
        when products.end_date is null then client.last_demand_date
        else least(client.last_demand_date, greatest(products.end_date, series.last_movement_date))
    end as last_date
from with_opening as series
cross join {{ ref('int_client') }} as client
left join {{ ref('stg_products') }} as products on series.item_id = products.item_id
