"""Orders from genuine weekly and monthly data, held against what was sold afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from forecasting_lib.grain import Grain
from forecasting_lib.inventory.classification import demand_profile
from forecasting_lib.inventory.plan import plan_inventory
from forecasting_lib.inventory.policies import InventoryPolicy
from forecasting_lib.inventory.tables import RECEIPTS_SCHEMA, SUPPLY_SCHEMA
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.registry import create_model
from forecasting_lib.panel import FloatArray, Forecast, Panel

HOLDING, LOST = 0.2, 1.0
"""The competition's costs of a unit: held over a week's end, and not there for a customer."""

ROUNDS, SCORED = 6, 6
"""Weeks in which orders are placed, and weeks counted, from the first that such an order reaches."""

WINDOWS = (149, 141, 133, 125)
"""Weeks known when a window begins; its eight weeks follow."""

Orders = Callable[[int, FloatArray, FloatArray], FloatArray]
"""(weeks known, on hand (n,), in transit (2, n)) -> what is ordered when the last known week has ended."""


def supply_frame(forecast: Forecast, panel: Panel, **columns: object) -> pl.DataFrame:
    known = pl.DataFrame({"series_id": panel.series_ids, "snapshot_date": [panel.as_of_date] * len(panel)})
    rows = known.with_columns(**columns).join(demand_profile(panel, forecast.horizon), on="series_id")  # type: ignore[arg-type]
    unknown = [pl.lit(None, dtype=t).alias(c) for c, t in SUPPLY_SCHEMA.items() if c not in rows.columns]
    return rows.with_columns(unknown)


class Vn2:
    """The weeks of the VN2 competition, and its game played on any of them."""

    def __init__(self, directory: Path) -> None:
        sales = pl.read_csv(directory / "sales_wide.csv.gz")
        weeks = [column for column in sales.columns if column[:2] == "20"]
        in_stock = pl.read_csv(directory / "in_stock_wide.csv.gz").select(weeks).to_numpy().astype(np.bool_)
        self.first_monday = date.fromisoformat(weeks[0])
        self.ids = tuple(sales.select(pl.format("{}-{}", "Store", "Product")).to_series())
        self.sales = sales.select(weeks).to_numpy().astype(np.float64)
        self.observed = np.where(in_stock, self.sales, np.nan)

    def up_to_four_weeks(self, known: int, on_hand: FloatArray, transit: FloatArray) -> FloatArray:
        """The organisers' benchmark without its season: four times the mean of thirteen weeks."""
        counted = np.nan_to_num(self.observed[:, known - 13 : known]).sum(axis=1)
        weeks = np.count_nonzero(~np.isnan(self.observed[:, known - 13 : known]), axis=1)
        mean = counted / np.maximum(weeks, 1)
        need = np.maximum(4 * mean - on_hand - transit.sum(axis=0), 0.0)
        return np.asarray(np.ceil(need), dtype=np.float64)

    def planned(self, model: str, policy: InventoryPolicy) -> Orders:
        """What the plan proposes for the day after the as-of date."""

        def orders(known: int, on_hand: FloatArray, transit: FloatArray) -> FloatArray:
            as_of = self.first_monday + timedelta(days=7 * known - 1)
            panel = Panel(self.ids, as_of, tuple(self.observed[:, :known]), grain=Grain.WEEK)
            forecast = guarded_predict(create_model(model), panel, 4)
            supply = supply_frame(
                forecast,
                panel,
                on_hand_qty=pl.Series(on_hand),
                lead_time_days=14.0,
                lead_time_sd_days=0.0,
                review_days=7.0,
            )
            coming = [
                {"series_id": series, "expected_date": as_of + timedelta(days=due), "open_qty": units}
                for due, row in ((1, transit[0]), (8, transit[1]))
                for series, units in zip(self.ids, row, strict=True)
            ]
            plan = plan_inventory(forecast, supply, pl.DataFrame(coming, schema=RECEIPTS_SCHEMA), policy)
            tomorrow = as_of + timedelta(days=1)
            placed = plan.replenishment.filter(pl.col("order_date") == tomorrow, action="order")
            assert placed["receipt_date"].unique().to_list() == [as_of + timedelta(days=15)]
            quantity = dict(placed.select("series_id", "order_qty").iter_rows())
            return np.array([quantity.get(series, 0.0) for series in self.ids])

        return orders

    def cost(self, orders: Orders, start: int) -> float:
        """Holding and lost units of the weeks that orders from the end of week ``start`` on can reach.

        Stock begins with a week and a half of demand and a week's in each of the two weeks under way.
        """
        mean = self.sales[:, start - 13 : start].mean(axis=1)
        on_hand, transit = np.ceil(1.5 * mean), np.stack([np.ceil(mean)] * 2)
        cost = 0.0
        for week in range(ROUNDS + 2):
            known = start + week
            placed = orders(known, on_hand, transit) if week < ROUNDS else np.zeros(len(mean))
            there, demand = on_hand + transit[0], self.sales[:, known]
            on_hand = np.maximum(there - demand, 0.0)
            transit = np.stack([transit[1], placed])
            if week >= ROUNDS + 2 - SCORED:
                cost += HOLDING * on_hand.sum() + LOST * np.maximum(demand - there, 0.0).sum()
        return cost


@pytest.mark.shared_data
@pytest.mark.slow
@pytest.mark.parametrize("model", ["hist_q", "seasonal_naive"])
def test_weekly_orders_cost_less_than_four_weeks_of_the_mean(shared_data: Path, model: str) -> None:
    game = Vn2(shared_data / "vn2_weekly_599x157")
    # The level that costs least in the four windows before these; the costs alone would say 1 / 1.2.
    policy = InventoryPolicy(service_target=0.6, unmet_demand="lost", demand_law="normal")
    plan = sum(game.cost(game.planned(model, policy), window) for window in WINDOWS)
    four_weeks = sum(game.cost(game.up_to_four_weeks, window) for window in WINDOWS)
    assert plan < 0.97 * four_weeks, (plan, four_weeks)


@pytest.mark.shared_data
@pytest.mark.parametrize("model", ["hist_q", "seasonal_naive"])
def test_monthly_proposals_are_of_the_size_of_what_the_next_months_used(
    shared_data: Path, model: str
) -> None:
    cut = date(2018, 12, 31)
    rows = pl.read_csv(
        shared_data / "usaid_inventory_monthly" / "contraceptive_logistics_data.csv.gz"
    ).select(
        pl.format("{}|{}", "site_code", "product_code").alias("series_id"),
        pl.date("year", "month", 1).alias("date"),
        pl.col("stock_distributed").cast(pl.Float64).alias("used"),
        pl.col("stock_end").cast(pl.Float64).alias("stock"),
    )
    past = rows.filter(pl.col("date") <= cut)
    months = (
        past.group_by("series_id")
        .agg(pl.date_range(pl.col("date").min(), pl.lit(date(2018, 12, 1)), "1mo").alias("date"))
        .explode("date")
        .join(past, on=["series_id", "date"], how="left")
    )
    out = (pl.col("stock") <= 0) & (pl.col("used") == 0)
    panel = Panel.from_frame(
        months.with_columns(pl.when(out).then(None).otherwise("used").alias("target")), cut, grain=Grain.MONTH
    )
    forecast = guarded_predict(create_model(model), panel, 6)
    supply = supply_frame(forecast, panel, lead_time_days=30.0, lead_time_sd_days=0.0)
    stock = past.filter(pl.col("date") == date(2018, 12, 1)).select(
        "series_id", pl.col("stock").alias("on_hand_qty")
    )
    supply = supply.drop("on_hand_qty").join(stock, on="series_id", how="left")
    plan = plan_inventory(
        forecast, supply, pl.DataFrame(schema=RECEIPTS_SCHEMA), InventoryPolicy(service_target=0.9)
    )
    # Orders of tomorrow against the month they are for, all of the plan against the half year it is for.
    for until, end in ((date(2019, 1, 1), date(2019, 2, 1)), (date(2019, 6, 30), date(2019, 7, 1))):
        used = rows.filter((pl.col("date") > cut) & (pl.col("date") < end))["used"].to_numpy().sum()
        proposed = plan.replenishment.filter(pl.col("order_date") <= until)["order_qty"].to_numpy().sum()
        assert 0.5 * used < proposed < 2.0 * used, (end, proposed, used)
