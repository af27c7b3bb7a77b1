with source as (

    select * from {{ source('staging', 'sales') }}
    where {{ is_client() }}

),

spanned as (

    select max(date) as last_delivered_date from source

)

select * from spanned
