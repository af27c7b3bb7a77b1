with source as (

    select * from {{ source('ops', 'clients') }}
    where client_id = '{{ var("client_id") }}'

),

renamed as (

    select
        client_id,
        country,
        horizon_days,
        returns_policy,
        intraday_feed as is_intraday_feed
    from source

)

select * from renamed
