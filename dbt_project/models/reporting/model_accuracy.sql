select
    client_id,
    model,
    count(*) as n_runs,
    min(as_of_date) as first_as_of_date,
    max(as_of_date) as last_as_of_date,
    sum(sum_abs_error_qty) / nullif(sum(sum_actual_qty), 0) as wape,
    sum(sum_abs_pct_error) / nullif(sum(n_positive), 0) as mape,
    sum(sum_abs_error_qty) / nullif(sum(n_rows), 0) as mae_qty,
    sqrt(sum(sum_squared_error) / nullif(sum(n_rows), 0)) as rmse_qty,
    (sum(sum_forecast_qty) - sum(sum_actual_qty)) / nullif(sum(sum_actual_qty), 0) as bias,
    sum(sum_mase) / nullif(sum(n_mase), 0) as mase,
    sum(sum_rmsse) / nullif(sum(n_rmsse), 0) as rmsse,
    sum(sum_pinball_qty) / nullif(sum(sum_actual_qty), 0) as wql,
    sum(n_inside_50)::float8 / nullif(sum(n_rows), 0) as coverage_50,
    sum(n_inside_80)::float8 / nullif(sum(n_rows), 0) as coverage_80,
    sum(n_inside_90)::float8 / nullif(sum(n_rows), 0) as coverage_90,
    sum(n_inside_98)::float8 / nullif(sum(n_rows), 0) as coverage_98,
    sum(n_rows) as n_rows
from {{ source('analytics', 'forecast_quality') }}
where is_current and grain = 'client' and lag_bucket = 'all'
group by client_id, model
