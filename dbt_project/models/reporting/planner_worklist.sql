select
    plan.priority_rank,
    plan.urgency,
    plan.action,
    plan.item_id,
    plan.location_id,
    plan.supplier_id,
    plan.order_qty,
    plan.order_date,
    plan.receipt_date,
    plan.order_value,
    metrics.on_hand_qty,
    metrics.on_order_qty,
    metrics.dir_days,
    metrics.stockout_date,
    metrics.reorder_point_qty,
    metrics.stockout_prob_lt,
    plan.value_at_risk,
    metrics.abc_class || metrics.xyz_class as abc_xyz_class,
    plan.reason,
    plan.flags,
    items.name as item_name,
    locations.name as location_name,
    plan.client_id,
    runs.as_of_date,
    plan.run_id
from {{ ref('current_inventory_runs') }} as runs
inner join {{ source('analytics', 'replenishment_plan') }} as plan using (client_id, run_id)
left join {{ source('analytics', 'inventory_metrics') }} as metrics
    using (client_id, run_id, item_id, location_id)
left join {{ ref('dim_item') }} as items using (client_id, item_id)
left join {{ ref('dim_location') }} as locations using (client_id, location_id)
order by plan.client_id, plan.priority_rank
