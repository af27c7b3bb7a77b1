select
    runs.client_id,
    runs.run_id,
    runs.model,
    runs.is_champion,
    runs.grain,
    runs.as_of_date,
    results.item_id,
    results.location_id,
    results.date,
    results.lag_days,
    results.point_qty,
    results.mean_qty,
    {{ quantile_columns("results", 5, 95) }},
    demand.demand_qty as actual_qty,
    demand.is_masked,
    case when not demand.is_masked then results.mean_qty - demand.demand_qty end as error_qty,
    case when not demand.is_masked then abs(results.point_qty - demand.demand_qty) end as absolute_error_qty
from {{ source('analytics', 'forecast_runs') }} as runs
inner join {{ source('analytics', 'forecast_results') }} as results using (client_id, run_id, model)
inner join {{ ref('ts_demand') }} as demand using (client_id, item_id, location_id, date)
where
    runs.is_current and runs.thinned_at is null and runs.status = 'published' and runs.grain = demand.grain
