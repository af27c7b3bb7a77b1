with described as (

    select * from {{ ref('stg_locations') }}

),

sold_at as (

    select distinct
        client_id,
        location_id
    from {{ ref('dim_series') }}
    where {{ is_client() }}

)

select
    client_id,
    location_id,
    coalesce(described.name, location_id) as name,
    described.region,
    described.country,
    described.timezone,
    described.type,
    described.holiday_calendar,
    described.location_id is not null as is_described
from described
full outer join sold_at using (client_id, location_id)
