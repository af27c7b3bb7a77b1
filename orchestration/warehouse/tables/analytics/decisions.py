"""What people decided about lines of the worklist, and the orders that left.

Belongs here: the rows that a client's writer adds. Does not belong here: what a decision means for the next
plan (``reading.supply``), which state of a line follows from it (``planner_worklist`` of the dbt project).

Nobody changes or deletes a decision. What ends it is a row of its own, and there is one at most: a decision
that was withdrawn cannot leave as an order, and one that left cannot be withdrawn.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Computed, DateTime, Table, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import UUID

from forecasting_lib.inventory.replenishment import Action
from orchestration.warehouse.tables.columns import (
    book,
    client_key,
    day,
    key,
    made_up,
    metadata,
    moment,
    of_a_client,
    one_of,
    only,
    run_key,
    whole,
    words,
)
from orchestration.warehouse.tables.vocabulary import Decision, DecisionEnd, OrderLineEnd

plan_decisions = Table(
    "plan_decisions",
    metadata,
    client_key(),
    made_up("decision_id", "The decision."),
    Column("run_id", run_key("").type, nullable=False, comment="Inventory run whose line was decided."),
    day("as_of_date", "As-of date of that run; plans of this date and later know of it.", nullable=False),
    words("item_id", "Item.", nullable=False),
    words("location_id", "Location.", nullable=False),
    whole("line_no", "Line of the series in that run.", nullable=False),
    one_of("action", Action, "{}: what the line asked for.", nullable=False),
    words("po_ref", "Purchase order the line concerned."),
    one_of("decision", Decision, nullable=False),
    words("supplier_id", "Supplier to order from, as decided."),
    book("proposed_qty", "Units that the line proposed."),
    day("proposed_order_date", "Day on which it proposed to order."),
    day("proposed_receipt_date", "Day on which it expected the goods."),
    book("order_qty", "Units to order, as decided; NULL where nothing is to be ordered."),
    day("order_date", "Day to place the order, as decided."),
    day("receipt_date", "Day the order arrives, as decided."),
    book("unit_cost", "Purchase cost per unit at that run."),
    words("reason", "Why, in the planner's words."),
    day("until", "Day until which a snoozed item is not shown."),
    whole("attempt", "Decisions about the item at the location that came before.", nullable=False),
    words("decided_by", "A user's id or the prefix of a key.", nullable=False),
    Column(
        "decided_at",
        DateTime(timezone=True),
        nullable=False,
        # of the statement, not of the transaction: a run tells by it what it cannot have read
        server_default=text("clock_timestamp()"),
        comment="When.",
    ),
    only("action", Action),
    only("decision", Decision),
    # of two people who decide at once, one is refused
    UniqueConstraint("client_id", "item_id", "location_id", "attempt"),
    CheckConstraint(
        "case when decision = 'approve' and action in ('order', 'decide')"
        " then num_nonnulls(order_qty, order_date, receipt_date) = 3"
        " and order_qty > 0 and receipt_date >= order_date"
        " else num_nonnulls(order_qty, order_date, receipt_date) = 0 end",
        name="ordered",
    ),
    CheckConstraint(
        "reason is not null or decision <> 'approve' or action <> 'order'"
        " or order_qty is not distinct from proposed_qty"
        " and order_date is not distinct from proposed_order_date"
        " and receipt_date is not distinct from proposed_receipt_date",
        name="change_has_a_reason",
    ),
    CheckConstraint("reason is not null or decision <> 'reject'", name="rejection_has_a_reason"),
    CheckConstraint("btrim(reason) <> ''", name="reason"),
    CheckConstraint(
        "case when decision = 'snooze' then until is not null and until > as_of_date else until is null end",
        name="until",
    ),
    of_a_client(),
    schema="analytics",
    comment="One row per decision about a line of the worklist. Nobody changes or deletes one.",
)

decision_ends = Table(
    "decision_ends",
    metadata,
    client_key(),
    key("decision_id", "The decision.", UUID(as_uuid=True)),
    one_of("ending", DecisionEnd, nullable=False),
    whole("order_serial", "Order that it left with; NULL where it was withdrawn."),
    words("ended_by", "A user's id or the prefix of a key.", nullable=False),
    moment("ended_at", "When.", nullable=False, now=True),
    only("ending", DecisionEnd),
    CheckConstraint("(ending = 'ordered') = (order_serial is not null)", name="order_serial"),
    of_a_client(),
    schema="analytics",
    comment="One row per decision that was withdrawn or left as an order.",
)

approved_orders = Table(
    "approved_orders",
    metadata,
    client_key(),
    key("order_serial", "Counts the client's orders, 1 the first.", whole("order_serial", "").type),
    Column(
        "order_number",
        Text,
        Computed(
            "'FC' || lpad(order_serial::text, greatest(6, length(order_serial::text)), '0')", persisted=True
        ),
        comment="Number that the order leaves with, and that comes back as po_id of its lines.",
    ),
    words("supplier_id", "Supplier it goes to; NULL where none is known."),
    whole("n_lines", "Lines.", nullable=False),
    book("order_value", "At unit cost, client currency; NULL where the cost of a line is not known."),
    words("exported_by", "A user's id or the prefix of a key.", nullable=False),
    moment("exported_at", "When it left.", nullable=False, now=True),
    CheckConstraint("order_serial > 0 and n_lines > 0", name="counts"),
    of_a_client(),
    schema="analytics",
    comment="One row per order that left: the approved lines of one supplier.",
)

order_line_ends = Table(
    "order_line_ends",
    metadata,
    client_key(),
    key("decision_id", "The decision that the line of the order comes from.", UUID(as_uuid=True)),
    one_of("ending", OrderLineEnd, nullable=False),
    day("as_of_date", "Plans of this date and later no longer count it as on order.", nullable=False),
    words("reason", "Why, in the planner's words."),
    words("ended_by", "A user's id or the prefix of a key.", nullable=False),
    moment("ended_at", "When.", nullable=False, now=True),
    only("ending", OrderLineEnd),
    CheckConstraint("btrim(reason) <> ''", name="reason"),
    of_a_client(),
    schema="analytics",
    comment="One row per line of an order that somebody said was received or cancelled.",
)
