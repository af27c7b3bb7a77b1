{{ config(materialized='ephemeral') }}

select distinct on (client_id)
    client_id,
    run_id,
    model,
    as_of_date
from {{ source('analytics', 'forecast_runs') }}
where is_current and is_champion and thinned_at is null
order by client_id, as_of_date desc, published_at desc
