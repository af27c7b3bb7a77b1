select
    results.client_id,
    results.item_id,
    items.name as item_name,
    results.location_id,
    locations.name as location_name,
    results.date,
    results.lag_days,
    results.point_qty,
    results.mean_qty,
    {{ quantile_columns("results") }},
    champions.model,
    champions.run_id,
    champions.as_of_date
from {{ ref('current_champions') }} as champions
inner join {{ source('analytics', 'forecast_results') }} as results using (client_id, run_id, model)
left join {{ ref('dim_item') }} as items using (client_id, item_id)
left join {{ ref('dim_location') }} as locations using (client_id, location_id)
