select distinct on (client_id, model)
    client_id,
    model,
    run_id,
    as_of_date,
    grain,
    horizon_days,
    is_champion,
    reason,
    model_id,
    weights_source,
    weights_digest,
    code_version,
    n_series,
    n_replaced,
    duration_seconds,
    published_at
from {{ source('analytics', 'forecast_runs') }}
where is_current and thinned_at is null
order by client_id, model, as_of_date desc
