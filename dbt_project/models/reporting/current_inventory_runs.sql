{{ config(materialized='ephemeral') }}

select distinct on (client_id)
    client_id,
    run_id,
    as_of_date
from {{ source('analytics', 'inventory_runs') }}
where is_current
order by client_id, as_of_date desc
