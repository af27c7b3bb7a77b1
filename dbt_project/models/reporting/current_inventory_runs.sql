select distinct on (client_id)
    client_id,
    run_id,
    as_of_date,
    decisions_read_at,
    decisions_just_read
from {{ source('analytics', 'inventory_runs') }}
where is_current and thinned_at is null
order by client_id, as_of_date desc
