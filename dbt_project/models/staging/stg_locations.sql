with source as (

    select * from {{ source('staging', 'locations') }}
    where client_id = '{{ var("client_id") }}'

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
