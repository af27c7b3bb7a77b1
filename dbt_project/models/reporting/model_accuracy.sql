{%- set intervals = [50, 80, 90, 98] -%}

with pooled as (

    select
        client_id,
        model,
        count(*) as n_runs,
        min(as_of_date) as first_as_of_date,
        max(as_of_date) as last_as_of_date,
        sum(n_rows) as n_rows,
        sum(n_positive) as n_positive,
        {{ exact_sum('sum_actual_qty') }}::float8 as sum_actual_qty,
        {{ exact_sum('sum_forecast_qty') }}::float8 as sum_forecast_qty,
        {{ exact_sum('sum_abs_error_qty') }}::float8 as sum_abs_error_qty,
        {{ exact_sum('sum_squared_error') }}::float8 as sum_squared_error,
        {{ exact_sum('sum_abs_pct_error') }}::float8 as sum_abs_pct_error,
        {{ exact_sum('sum_pinball_qty') }}::float8 as sum_pinball_qty,
        {{ exact_sum('sum_mase') }}::float8 as sum_mase,
        sum(n_mase) as n_mase,
        {{ exact_sum('sum_rmsse') }}::float8 as sum_rmsse,
        sum(n_rmsse) as n_rmsse,
    {%- for percent in intervals %}
        sum(n_inside_{{ percent }}) as n_inside_{{ percent }}{{ "," if not loop.last }}
    {%- endfor %}
    from {{ source('analytics', 'forecast_quality') }}
    where is_current and grain = 'client' and lag_bucket = 'all'
    group by client_id, model

)

select
    client_id,
    model,
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
