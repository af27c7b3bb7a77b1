"""What the latest plan says of every series that money could be spent on, and what a sum of money buys of it.

Belongs here: the query and the arrays made of it. Does not belong here: the ranking
(``forecasting_lib.inventory.budget``), how it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from forecasting_lib.inventory.budget import Candidates, purchase_priorities, within_budget
from forecasting_lib.inventory.lead_time_demand import NormalDemand
from forecasting_lib.panel import FloatArray
from orchestration.errors import UserError
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
        without_money: of the others, those without a cost, or without a price or margin.
    """

    as_of_date: date
    lots: pl.DataFrame
    series: int
    without_position: int
    without_money: int


def best_purchases(place: Place, client_id: str, amount: float) -> Purchases:
    """Spend a sum of money on what the latest plan knows.

    Raises:
        NothingToBuyError: there is no plan.
    """
    planned = read_frame(place, render(_PLANNED, c=client_id))
    if planned.is_empty():
        raise NothingToBuyError(
            f"There is no plan of {client_id} yet: run it with 'forecaster run --client {client_id}' first."
        )
    known_position = planned["position"].is_not_null() & planned["ltd_mean_qty"].is_not_null()
    candidates = _candidates(planned)
    bought = within_budget(purchase_priorities(candidates), amount)
    names = planned.select("item_id", "location_id", "supplier_id").with_row_index("row")
    return Purchases(
        as_of_date=planned["as_of_date"][0],
        lots=bought.join(
            names.with_columns(pl.col("row").cast(pl.Int64)), on="row", how="left", maintain_order="left"
        ).select(
            "item_id",
            "location_id",
            "supplier_id",
            "lot_no",
            "order_qty",
            "order_value",
            "benefit_value",
            "benefit_per_money",
            "spent_value",
        ),
        series=planned.height,
        without_position=int((~known_position).sum()),
        without_money=int((known_position.to_numpy() & ~candidates.is_ranked).sum()),
    )


def _candidates(planned: pl.DataFrame) -> Candidates:
    def values(column: str) -> FloatArray:
        return planned[column].fill_null(float("nan")).to_numpy()

    return Candidates(
        law=NormalDemand(values("ltd_mean_qty"), values("ltd_sd_qty")),
        position=values("position"),
        moq=values("moq_qty"),
        order_multiple=values("order_multiple_qty"),
        unit_cost=values("unit_cost"),
        unit_benefit=values("unit_benefit"),
    )


_PLANNED = """
    select
        runs.as_of_date,
        metrics.item_id,
        metrics.location_id,
        metrics.supplier_id,
        metrics.inventory_position_qty::float8 as position,
        metrics.unit_cost::float8 as unit_cost,
        case
            when item.unit_price > metrics.unit_cost then item.unit_price - metrics.unit_cost
            else item.unit_price
        end::float8 as unit_benefit,
        item.moq_qty::float8 as moq_qty,
        item.order_multiple_qty::float8 as order_multiple_qty,
        demand.ltd_mean_qty,
        demand.ltd_sd_qty
    from analytics.current_inventory_runs as runs
    inner join analytics.inventory_metrics as metrics using (client_id, run_id)
    left join analytics.lead_time_demand as demand using (client_id, run_id, item_id, location_id)
    left join analytics.dim_item as item using (client_id, item_id)
    where runs.client_id = {c}
    order by metrics.item_id collate "C", metrics.location_id collate "C"
"""
