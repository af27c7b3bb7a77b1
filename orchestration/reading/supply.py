"""What is known about stock, open orders and suppliers on a date: the queries behind the inventory stage.

Every figure is as of the date: a receipt booked later is still open, a stock level taken later is not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from forecasting_lib.grain import Grain
from forecasting_lib.inventory.lead_times import order_ages, with_lead_times
from forecasting_lib.inventory.supplier_performance import supplier_lead_times
from orchestration.clients import Client
from orchestration.reading.histories import SERIES_COLUMNS
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse

JUST_NOW = timedelta(minutes=1)
"""A decision is written for less than this before it can be read."""


@dataclass(frozen=True)
class DecisionsRead:
    """Which decisions a plan knows of.

    Attributes:
        at: when they were read. All that were made ``JUST_NOW`` earlier were among them.
        just_made: ids of those that were read and are younger.
    """

    at: datetime
    just_made: tuple[str, ...] = ()


@dataclass(frozen=True)
class Supply:
    """Inputs of the inventory engine beside the forecast.

    Attributes:
        positions: one row per series: stock, supplier, lead time, order constraints, values.
        receipts: one row per open purchase order line and per approved order that no purchase order has
            come back for: ``series_id, po_id, supplier_id, order_date, expected_date, open_qty``.
        decisions: which approvals are among the receipts.
        supplier_lead_times: one row per supplier: its word against its receipts.
    """

    positions: pl.DataFrame
    receipts: pl.DataFrame
    decisions: DecisionsRead
    supplier_lead_times: pl.DataFrame


def read_supply(
    warehouse: Warehouse, client: Client, keys: pl.DataFrame, as_of_date: date, grain: Grain
) -> Supply:
    """Read the supply side of these series.

    Args:
        warehouse: where to read.
        client: its default lead time is the last resort.
        keys: ``series_id, item_id, location_id``.
        as_of_date: close of business the position is taken at.
        grain: of the client's demand. Totals of a week or month, which are delivered under its first day, say
            what is on hand at its end.
    """
    item = read_frame(warehouse, render(_ITEMS, c=client.client_id))
    stock = read_frame(warehouse, render(_STOCK, c=client.client_id, as_of=as_of_date, grain=grain))
    receipts = read_frame(warehouse, render(RECEIPTS, c=client.client_id, as_of=as_of_date)).drop("file_id")
    approved, decisions = _approved_orders(warehouse, client.client_id, as_of_date)
    if approved.height:
        receipts = pl.concat([receipts, approved])
    placed = read_frame(warehouse, render(LEAD_TIMES, c=client.client_id, as_of=as_of_date))
    words = read_frame(warehouse, render(_WORDS, c=client.client_id))
    ages = order_ages(placed.drop("file_id"), as_of_date)
    positions = keys.join(stock, on=SERIES_COLUMNS, how="left", maintain_order="left").join(
        item, on="item_id", how="left", maintain_order="left"
    )
    default_days = client.default_lead_time_days
    return Supply(
        positions=with_lead_times(positions, ages, default_days),
        receipts=receipts.join(keys, on=SERIES_COLUMNS).drop(SERIES_COLUMNS),
        decisions=decisions,
        supplier_lead_times=supplier_lead_times(words, ages, as_of_date),
    )


def _approved_orders(
    warehouse: Warehouse, client_id: str, as_of_date: date
) -> tuple[pl.DataFrame, DecisionsRead]:
    """Approved orders as open receipts, and which decisions that makes known."""
    # before the rows: what is written in between counts as not known, and is named where it was read
    read_at = read_frame(warehouse, "select clock_timestamp() as read_at").item()
    found = read_frame(warehouse, render(APPROVED, c=client_id, as_of=as_of_date))
    young = found.filter(pl.col("decided_at") > read_at - JUST_NOW)
    return (
        found.drop("decision_id", "decided_at"),
        DecisionsRead(read_at, tuple(young["decision_id"])),
    )


_ITEMS = """
    select
        item.item_id,
        item.supplier_id,
        item.moq_qty::float8 as moq_qty,
        item.order_multiple_qty::float8 as order_multiple_qty,
        item.unit_cost::float8 as unit_cost,
        item.unit_price::float8 as unit_price,
        item.shelf_life_days::float8 as shelf_life_days,
        supplier.min_order_value::float8 as min_order_value,
        supplier.review_days::float8 as review_days,
        supplier.order_weekdays,
        supplier.lead_time_days::float8 as stated_days,
        supplier.lead_time_sd_days::float8 as stated_sd_days
    from analytics.dim_item as item
    left join staging.suppliers as supplier
        on supplier.client_id = item.client_id and supplier.supplier_id = item.supplier_id
    where item.client_id = {c}
"""

_STOCK = """
    with levels as (
        select item_id, location_id, date, on_hand_qty, reserved_qty, backorder_qty, 1 as preference
        from staging.stock_levels
        where client_id = {c} and date <= {as_of}::date
        union all
        select
            item_id,
            location_id,
            case
                when date = date_trunc({grain}, date::timestamp)::date
                    then least((date::timestamp + ('1 ' || {grain})::interval)::date - 1, {as_of}::date)
                else date
            end,
            on_hand_qty,
            null,
            null,
            2
        from staging.sales
        where client_id = {c} and date <= {as_of}::date and on_hand_qty is not null
    )

    select distinct on (item_id, location_id)
        item_id,
        location_id,
        date as snapshot_date,
        on_hand_qty::float8 as on_hand_qty,
        reserved_qty::float8 as reserved_qty,
        backorder_qty::float8 as backorder_qty
    from levels
    order by item_id, location_id, date desc, preference
"""

RECEIPTS = """
    select
        item_id,
        location_id,
        po_id,
        supplier_id,
        order_date,
        expected_date,
        (
            ordered_qty
            - case when received_date <= {as_of}::date then coalesce(received_qty, ordered_qty) else 0 end
        )::float8 as open_qty,
        file_id
    from staging.purchase_orders
    where client_id = {c}
        and order_date <= {as_of}::date
        and coalesce(lower(status), 'open') not in ('cancelled', 'canceled', 'closed')
        and (received_date is null or received_date > {as_of}::date or received_qty < ordered_qty)
"""

APPROVED = """
    select
        decision.item_id,
        decision.location_id,
        orders.order_number as po_id,
        decision.supplier_id,
        decision.order_date,
        decision.receipt_date as expected_date,
        decision.order_qty::float8 as open_qty,
        decision.decision_id::text as decision_id,
        decision.decided_at
    from analytics.plan_decisions as decision
    left join analytics.decision_ends as ends using (client_id, decision_id)
    left join analytics.approved_orders as orders using (client_id, order_serial)
    left join analytics.order_line_ends as line_end using (client_id, decision_id)
    where decision.client_id = {c}
        and decision.as_of_date <= {as_of}::date
        and decision.order_qty is not null
        and ends.ending is distinct from 'withdrawn'
        and (line_end.as_of_date is null or line_end.as_of_date > {as_of}::date)
        and not exists (
            select from staging.purchase_orders as delivered
            where delivered.client_id = decision.client_id
                and delivered.po_id = orders.order_number
                and delivered.item_id = decision.item_id
                and delivered.location_id = decision.location_id
                and delivered.order_date <= {as_of}::date
        )
    order by decision.decided_at, decision.decision_id
"""

_WORDS = """
    select supplier_id, lead_time_days::float8 as stated_days, lead_time_sd_days::float8 as stated_sd_days
    from staging.suppliers
    where client_id = {c}
    order by supplier_id collate "C"
"""

LEAD_TIME_DAYS = 1095
"""Orders of three years tell a lead time; older ones say little of the next."""

LEAD_TIMES = f"""
    select
        placed.item_id,
        placed.location_id,
        coalesce(placed.supplier_id, item.supplier_id) as supplier_id,
        placed.order_date,
        placed.expected_date,
        case when placed.received_date <= {{as_of}}::date then placed.received_date end as received_date,
        placed.file_id
    from staging.purchase_orders as placed
    left join analytics.dim_item as item using (client_id, item_id)
    where placed.client_id = {{c}}
        and placed.order_date <= {{as_of}}::date
        and placed.order_date > {{as_of}}::date - {LEAD_TIME_DAYS}
        and (
            placed.received_date is not null
            or coalesce(lower(placed.status), 'open') not in
            ('cancelled', 'canceled', 'closed', 'received', 'delivered', 'completed')
        )
    order by placed.item_id collate "C", placed.po_id collate "C", placed.location_id collate "C"
"""
