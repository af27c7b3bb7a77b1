with source as (

    select * from {{ source('staging', 'holidays') }}
    where client_id = '{{ var("client_id") }}'

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
