with source as (

    select * from {{ source('staging', 'sales') }}
    where {{ is_client() }}

)

select date from source
