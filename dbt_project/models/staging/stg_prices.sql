with source as (

    select * from {{ source('staging', 'prices') }}
    where {{ is_client() }}

),

renamed as (

    select
        client_id,
        item_id,
        location_id,
        wm_yr_wk as price_week,
        unit_price
    from source

)

select * from renamed
