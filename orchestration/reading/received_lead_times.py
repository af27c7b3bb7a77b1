"""Lead times as they came, for replaying the past: whole days from order to receipt.

Belongs here: the query, and draws per series. Does not belong here: what is estimated of a lead time
(``supply``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from forecasting_lib.inventory.simulation import LeadTimeLaw
from forecasting_lib.panel import FloatArray, IntArray
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse

LEAST_RECEIPTS = 5
"""An item with fewer draws from the mean and deviation that its levels were made with."""


def drawn_lead_times(
    warehouse: Warehouse,
    client_id: str,
    item_ids: Sequence[str],
    moments: tuple[FloatArray, FloatArray],
    last: date,
    days: int,
    seed: int,
) -> IntArray:
    """(n, days) the lead time of an order of each series and day.

    Args:
        warehouse: where to read.
        client_id: whose.
        item_ids: (n,) the item of each series.
        moments: (n,) mean and (n,) standard deviation, days, of items with few receipts.
        last: last day whose receipts are drawn from.
        days: to draw for.
        seed: of the draws; the same for every rule that is compared.
    """
    received = read_frame(warehouse, render(_RECEIVED, c=client_id, last=last, least=LEAST_RECEIPTS))
    observed = {item: np.asarray(found) for item, found in received.iter_rows()}
    rng = np.random.default_rng(seed)
    mean, sd = moments
    drawn = LeadTimeLaw.from_moments(mean, sd).draw(days, rng)
    own = [row for row, item in enumerate(item_ids) if item in observed]
    if own:
        law = LeadTimeLaw.from_observed([observed[item_ids[row]] for row in own])
        drawn[own] = law.draw(days, rng)
    return drawn


_RECEIVED = """
    select item_id, array_agg(received_date - order_date order by received_date, po_id collate "C") as days
    from staging.purchase_orders
    where client_id = {c} and received_date <= {last}::date and received_date >= order_date
    group by item_id
    having count(*) >= {least}
    order by item_id collate "C"
"""
