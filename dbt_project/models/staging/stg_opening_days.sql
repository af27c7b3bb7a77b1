with source as (

    select * from {{ source('staging', 'opening_days') }}
    where {{ is_client() }}

),

renamed as (

    select
        client_id,
        location_id,
        date,
        is_open
    from source

)

select * from renamed
