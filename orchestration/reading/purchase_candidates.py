"""What a sum of money buys of the latest plan's list of purchases.

Belongs here: the queries. Does not belong here: the ranking and the spending
(``forecasting_lib.inventory.budget``), how it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from forecasting_lib.inventory.budget import within_budget
from orchestration.errors import UserError
from orchestration.reading.histories import SERIES_COLUMNS
from orchestration.warehouse.asking import Place
from orchestration.warehouse.bulk import read_frame, render


class NothingToBuyError(UserError):
    """There is no plan to spend money by."""


@dataclass(frozen=True)
class Purchases:
    """What a sum of money is best spent on.

    Attributes:
        as_of_date: of the plan.
        lots: ``item_id, location_id, supplier_id, lot_no, order_qty, order_value, benefit_value,
            benefit_per_money, spent_value``, the most worth per money first.
        series: planned.
        without_position: of these, those whose stock or lead time is not known, which cannot be ranked.
        without_money: of the others, those without a cost, or without a price.
    """

    as_of_date: date
    lots: pl.DataFrame
    series: int
    without_position: int
    without_money: int


def best_purchases(place: Place, client_id: str, amount: float) -> Purchases:
    """Spend a sum of money on what the latest plan lists.

    Raises:
        NothingToBuyError: there is no plan.
    """
    planned = read_frame(place, render(_PLANNED, c=client_id)).row(0, named=True)
    if planned["as_of_date"] is None:
        raise NothingToBuyError(
            f"There is no plan of {client_id} yet: make one with 'forecaster run --client {client_id}' first."
        )
    lots = read_frame(place, render(_LOTS, c=client_id))
    return Purchases(lots=within_budget(lots, amount, SERIES_COLUMNS), **planned)


_PLANNED = """
    select
        max(runs.as_of_date) as as_of_date,
        count(*) as series,
        count(*) filter (where not known.position) as without_position,
        count(*) filter (where known.position and not known.money) as without_money
    from analytics.current_inventory_runs as runs
    inner join analytics.inventory_metrics as metrics using (client_id, run_id)
    left join analytics.dim_item as item using (client_id, item_id)
    cross join lateral (
        select
            metrics.inventory_position_qty is not null and metrics.reorder_point_qty is not null as position,
            metrics.unit_cost > 0 is true and item.unit_price is not null as money
    ) as known
    where runs.client_id = {c}
"""

_LOTS = """
    select
        lots.item_id,
        lots.location_id,
        lots.supplier_id,
        lots.lot_no,
        lots.order_qty::float8 as order_qty,
        lots.order_value::float8 as order_value,
        lots.benefit_value,
        lots.benefit_per_money,
        lots.spent_value::float8 as spent_value
    from analytics.current_inventory_runs as runs
    inner join analytics.purchase_priorities as lots using (client_id, run_id)
    where runs.client_id = {c}
    order by lots.priority_rank
"""
