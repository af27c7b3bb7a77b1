select
    projection.client_id,
    projection.item_id,
    items.name as item_name,
    items.category,
    projection.location_id,
    locations.name as location_name,
    projection.run_id,
    runs.as_of_date,
    projection.date,
    projection.lag_days,
    projection.confirmed_receipts_qty,
    projection.planned_receipts_qty,
    projection.demand_mean_qty,
    projection.projected_qty,
    projection.with_plan_qty,
    projection.p10_qty,
    projection.p90_qty,
    projection.stockout_prob,
    projection.safety_stock_qty
from {{ ref('current_inventory_runs') }} as runs
inner join {{ source('analytics', 'stock_projection') }} as projection using (client_id, run_id)
left join {{ ref('dim_item') }} as items using (client_id, item_id)
left join {{ ref('dim_location') }} as locations using (client_id, location_id)
