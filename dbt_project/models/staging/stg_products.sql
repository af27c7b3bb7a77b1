with source as (

    select * from {{ source('staging', 'products') }}
    where {{ is_client() }}

),

renamed as (

    select
        client_id,
        item_id,
        name,
        category,
        department,
        brand,
        unit_cost,
        unit_price,
        uom,
        moq_qty,
        order_multiple_qty,
        shelf_life_days,
        supplier_id,
        launch_date,
        end_date,
        successor_item_id
    from source

)

select * from renamed
