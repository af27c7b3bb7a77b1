with source as (

    select * from {{ source('staging', 'locations') }}
    where {{ is_client() }}

),

renamed as (

    select
        client_id,
        location_id,
        name,
        region,
        country,
        timezone,
        type,
        holiday_calendar
    from source

)

select * from renamed
