-- no row of this view needs the others: the first lines by rank cost as much as they are, not the whole plan
select
    lines.priority_rank,
    lines.urgency,
    lines.action,
    lines.item_id,
    lines.location_id,
    lines.supplier_id,
    lines.order_qty,
    lines.order_date,
    lines.receipt_date,
    lines.order_value,
    metrics.on_hand_qty,
    metrics.on_order_qty,
    metrics.dir_days,
    metrics.stockout_date,
    metrics.reorder_point_qty,
    metrics.stockout_prob_lt,
    lines.value_at_risk,
    metrics.abc_class || metrics.xyz_class as abc_xyz_class,
    lines.reason,
    lines.flags,
    items.name as item_name,
    locations.name as location_name,
    lines.client_id,
    runs.as_of_date,
    lines.run_id,
    lines.line_no,
    lines.po_ref,
    metrics.lead_time_days,
    lines.moq_qty,
    lines.order_multiple_qty,
    metrics.unit_cost,
    lines.days_late,
    case
        when decided.decision is null then 'open'
        when decided.decision = 'snooze' then 'snoozed'
        when decided.decision = 'reject' then 'rejected'
        when decided.ending = 'ordered' then 'ordered'
        else 'approved'
    end as state,
    decided.decision_id,
    decided.order_qty as decided_qty,
    decided.order_date as decided_order_date,
    decided.receipt_date as decided_receipt_date,
    decided.reason as decided_reason,
    decided.decided_by,
    decided.decided_at,
    decided.until as snoozed_until,
    lines.earlier_urgency,
    lines.earlier_order_qty,
    lines.is_new
from {{ ref('current_inventory_runs') }} as runs
inner join {{ source('analytics', 'replenishment_plan') }} as lines using (client_id, run_id)
left join {{ source('analytics', 'inventory_metrics') }} as metrics
    using (client_id, run_id, item_id, location_id)
left join {{ ref('dim_item') }} as items using (client_id, item_id)
left join {{ ref('dim_location') }} as locations using (client_id, location_id)
-- most series have no decision, most decisions are over; past a CTE no reader's limit would reach the plan
left join (  -- noqa: ST05
    select distinct
        decisions.client_id,
        decisions.item_id,
        decisions.location_id
    from {{ ref('current_inventory_runs') }} as current_run
    inner join {{ source('analytics', 'plan_decisions') }} as decisions using (client_id)
    where {{ may_concern("current_run", "decisions") }}
) as decided_series
    on lines.client_id = decided_series.client_id
    and lines.item_id = decided_series.item_id
    and lines.location_id = decided_series.location_id
-- line by line: the index finds the few decisions about an item, however the server estimates them
left join lateral (
    select
        decisions.*,
        ends.ending
    from {{ source('analytics', 'plan_decisions') }} as decisions
    left join {{ source('analytics', 'decision_ends') }} as ends using (client_id, decision_id)
    left join {{ source('analytics', 'approved_orders') }} as orders using (client_id, order_serial)
    left join {{ source('analytics', 'order_line_ends') }} as line_ends using (client_id, decision_id)
    where decisions.client_id = lines.client_id
        and decisions.item_id = lines.item_id
        and decisions.location_id = lines.location_id
        and decided_series.item_id is not null
        and {{ may_concern("runs", "decisions") }}
        and ends.ending is distinct from 'withdrawn'
        and (
            -- of this line; an order that was cancelled leaves it to be decided again
            (
                decisions.run_id = lines.run_id
                and decisions.line_no = lines.line_no
                and line_ends.ending is distinct from 'cancelled'
            )
            -- an order that the plan could not know of when it was made
            or (
                decisions.order_qty is not null
                and lines.action in ('order', 'decide')
                and decisions.run_id <> lines.run_id
                and decisions.decided_at > runs.decisions_read_at - interval '1 minute'
                and decisions.decision_id <> all(runs.decisions_just_read)
                and line_ends.ending is null
            )
            -- an open order that was accepted as it is
            or (
                decisions.decision = 'approve'
                and decisions.action = lines.action
                and lines.action not in ('order', 'decide')
                and decisions.po_ref = lines.po_ref
            )
            -- an order that was approved with this day of arrival
            or (
                lines.action = 'expedite'
                and decisions.receipt_date = lines.receipt_date
                and orders.order_number is not distinct from lines.po_ref
                and line_ends.ending is null
            )
            or decisions.until > runs.as_of_date
        )
    order by
        (decisions.run_id = lines.run_id and decisions.line_no = lines.line_no) desc,
        decisions.decision = 'snooze',
        decisions.attempt desc
    limit 1
) as decided on true
