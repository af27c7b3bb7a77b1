"""Decisions and order lines as relations, with what became of them.

Belongs here: the joins. Does not belong here: what may be asked of them (``catalogue``).
"""

from __future__ import annotations

from typing import LiteralString

DECIDED: LiteralString = """(
    select
        decisions.*, items.name as item_name, ends.ending, ends.ended_by, ends.ended_at, orders.order_number
    from analytics.plan_decisions as decisions
    left join analytics.decision_ends as ends using (client_id, decision_id)
    left join analytics.approved_orders as orders using (client_id, order_serial)
    left join analytics.dim_item as items using (client_id, item_id)
    where decisions.client_id = {client}
)"""
"""Every decision, standing or ended."""

ORDERED: LiteralString = """(
    select
        decisions.client_id,
        orders.order_number,
        case
            when line_ends.ending is not null then line_ends.ending
            when lower(delivered.status) in ('cancelled', 'canceled') then 'cancelled'
            when lower(delivered.status) = 'closed'
                or delivered.received_date is not null
                and coalesce(delivered.received_qty, delivered.ordered_qty) >= delivered.ordered_qty
                then 'received'
            when delivered.po_id is not null then 'confirmed'
            when orders.order_number is not null then 'ordered'
            else 'approved'
        end as status,
        decisions.supplier_id,
        decisions.item_id,
        items.name as item_name,
        decisions.location_id,
        locations.name as location_name,
        decisions.order_qty,
        decisions.order_date,
        decisions.receipt_date,
        decisions.unit_cost,
        round(decisions.order_qty * decisions.unit_cost, 4) as order_value,
        decisions.reason,
        decisions.decided_by,
        decisions.decided_at,
        orders.exported_at,
        decisions.decision_id
    from analytics.plan_decisions as decisions
    left join analytics.decision_ends as ends using (client_id, decision_id)
    left join analytics.approved_orders as orders using (client_id, order_serial)
    left join analytics.order_line_ends as line_ends using (client_id, decision_id)
    left join staging.purchase_orders as delivered
        on delivered.client_id = decisions.client_id
        and delivered.po_id = orders.order_number
        and delivered.item_id = decisions.item_id
        and delivered.location_id = decisions.location_id
    left join analytics.dim_item as items
        on items.client_id = decisions.client_id and items.item_id = decisions.item_id
    left join analytics.dim_location as locations
        on locations.client_id = decisions.client_id and locations.location_id = decisions.location_id
    where decisions.client_id = {client}
        and decisions.order_qty is not null
        and ends.ending is distinct from 'withdrawn'
)"""
"""Every approved order that was not withdrawn. Read as the writer: what came back is in the deliveries."""
