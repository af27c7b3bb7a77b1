select
    client_id,
    as_of_date,
    model,
    run_id,
    {%- for name in shown_metrics().split(",") %}
        {{ name }},
    {%- endfor %}
    coverage_50,
    coverage_80,
    coverage_90,
    coverage_98,
    n_rows,
    n_series,
    n_masked,
    actuals_through,
    scored_at
from {{ source('analytics', 'forecast_quality') }}
where is_current and grain = 'client' and lag_bucket = 'all'
order by as_of_date desc, client_id, model
