with source as (

    select * from {{ source('ops', 'clients') }}
    where {{ is_client() }}

),

renamed as (

    select
        client_id,
        country,
        coalesce(grain, 'day') as grain,
        -- days, where nobody names them: registry.py says the same
        coalesce(
            horizon_days, case grain when 'week' then 91 when 'month' then 184 else 28 end
        ) as horizon_days,
        returns_policy,
        array(select lower(reason) from unnest(write_off_reasons) as reason) as write_off_reasons,
        intraday_feed as is_intraday_feed
    from source

)

select * from renamed
