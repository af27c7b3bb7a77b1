{%- set intervals = [50, 80, 90, 98] -%}

-- in the order of runs: a sum of float8 depends on the order its rows come in
with pooled as (

    select
        client_id,
        model,
        runs.grain,
        count(*) as n_runs,
        min(as_of_date) as first_as_of_date,
        max(as_of_date) as last_as_of_date,
        sum(n_rows) as n_rows,
        sum(n_positive) as n_positive,
        sum(sum_actual_qty order by as_of_date, run_id) as sum_actual_qty,
        sum(sum_forecast_qty order by as_of_date, run_id) as sum_forecast_qty,
        sum(sum_abs_error_qty order by as_of_date, run_id) as sum_abs_error_qty,
        sum(sum_squared_error order by as_of_date, run_id) as sum_squared_error,
        sum(sum_abs_pct_error order by as_of_date, run_id) as sum_abs_pct_error,
        sum(sum_pinball_qty order by as_of_date, run_id) as sum_pinball_qty,
        sum(sum_mase order by as_of_date, run_id) as sum_mase,
        sum(n_mase) as n_mase,
        sum(sum_rmsse order by as_of_date, run_id) as sum_rmsse,
        sum(n_rmsse) as n_rmsse,
    {%- for percent in intervals %}
        sum(n_inside_{{ percent }}) as n_inside_{{ percent }}{{ "," if not loop.last }}
    {%- endfor %}
    from {{ ref('forecast_quality') }} as quality
    inner join {{ source('analytics', 'forecast_runs') }} as runs using (client_id, run_id, model, as_of_date)
    where quality.is_current and quality.grain = 'client' and quality.lag_bucket = 'all'
    group by client_id, model, runs.grain

)

select
    client_id,
    model,
    grain,
    n_runs,
    first_as_of_date,
    last_as_of_date,
    {%- for name in shown_metrics().split(",") %}
        {{ accuracy_metric(name) }},
    {%- endfor %}
    {%- for percent in intervals %}
        {{ coverage(percent) }},
    {%- endfor %}
    n_rows
from pooled
