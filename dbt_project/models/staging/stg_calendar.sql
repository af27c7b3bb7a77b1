with source as (

    select * from {{ source('staging', 'calendar') }}
    where {{ is_client() }}

),

renamed as (

    select
        client_id,
        date,
        wm_yr_wk as price_week,
        nullif(concat_ws(' / ', event_name_1, event_name_2), '') as event_name,
        snap_ca as is_snap_ca,
        snap_tx as is_snap_tx,
        snap_wi as is_snap_wi
    from source

)

select * from renamed
