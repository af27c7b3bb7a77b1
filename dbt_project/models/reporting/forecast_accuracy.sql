select
    client_id,
    runs.grain,
    quality.as_of_date,
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
    quality.n_series,
    n_masked,
    actuals_through,
    scored_at,
    runs.thinned_at
from {{ ref('forecast_quality') }} as quality
inner join {{ source('analytics', 'forecast_runs') }} as runs using (client_id, run_id, model)
where quality.is_current and quality.grain = 'client' and quality.lag_bucket = 'all'
order by quality.as_of_date desc, client_id, model
