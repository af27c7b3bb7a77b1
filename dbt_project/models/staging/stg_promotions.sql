with source as (

    select * from {{ source('staging', 'promotions') }}
    where {{ is_client() }}

),

renamed as (

    select
        client_id,
        target_type,
        target_id,
        location_id,
        start_date,
        end_date,
        discount_rate,
        coalesce(announced_date, start_date) as known_date
    from source

)

select * from renamed
