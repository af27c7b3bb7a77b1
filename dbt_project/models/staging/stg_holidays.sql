with source as (

    select * from {{ source('staging', 'holidays') }}
    where {{ is_client() }}

),

renamed as (

    select
        client_id,
        holiday_calendar,
        date,
        name
    from source

)

select * from renamed
