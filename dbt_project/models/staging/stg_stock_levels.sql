with source as (

    select * from {{ source('staging', 'stock_levels') }}
    where {{ is_client() }}

),

renamed as (

    select
        client_id,
        item_id,
        location_id,
        date,
        on_hand_qty
    from source

)

select * from renamed
