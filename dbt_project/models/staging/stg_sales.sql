with source as (

    select * from {{ source('staging', 'sales') }}
    where {{ is_client() }}

),

renamed as (

    select
        client_id,
        item_id,
        location_id,
        date,
        order_id,
        reason,
        units_sold as moved_qty,
        unit_price,
        on_promotion as is_promotion,
        on_hand_qty
    from source

)

select * from renamed
