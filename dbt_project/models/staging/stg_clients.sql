with source as (

    select * from {{ source('ops', 'clients') }}
    where {{ is_client() }}

),

renamed as (

    select
        client_id,
        country,
        horizon_days,
        returns_policy,
        array(select lower(reason) from unnest(write_off_reasons) as reason) as write_off_reasons,
        intraday_feed as is_intraday_feed
    from source

)

select * from renamed
