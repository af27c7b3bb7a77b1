with source as (

    select * from {{ source('staging', 'sales') }}
    where client_id = '{{ var("client_id") }}'

),

spanned as (

    select max(date) as last_delivered_date from source

)

select * from spanned
