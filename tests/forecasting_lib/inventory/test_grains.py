"""Stock planned from weeks and months: times stay days, and nothing is rounded to whole periods."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from forecasting_lib.grain import Grain
from forecasting_lib.inventory.classification import demand_profile
from forecasting_lib.inventory.error_growth import DEFAULT_DAYS, DEFAULT_KAPPA, NO_DEMAND
from forecasting_lib.inventory.plan import InventoryPlan, plan_inventory
from forecasting_lib.inventory.policies import InventoryPolicy
from forecasting_lib.panel import FloatArray, Forecast, Panel
from tests.forecasting_lib.inventory.situations import (
    STOCKED,
    grid_of,
    metrics_of,
    receipts_of,
    supply_of,
)

SUNDAY = date(2026, 11, 22)
MONTH_END = date(2026, 11, 30)
POLICY = InventoryPolicy(service_target=0.9)


def forecast_of(mean: list[float], sd: float, grain: Grain, as_of_date: date) -> Forecast:
    means = np.array([mean])
    grid = grid_of(means, np.full_like(means, sd))
    return Forecast(("s0",), as_of_date, means, means, grid, (None,), grain)


def plan_of(
    forecast: Forecast,
    *open_orders: dict[str, object],
    policy: InventoryPolicy = POLICY,
    **supply: object,
) -> InventoryPlan:
    row = {**STOCKED, "snapshot_date": forecast.as_of_date, "lead_time_sd_days": 2.0, **supply}
    return plan_inventory(forecast, supply_of(row), receipts_of(*open_orders), policy)


def day(number: int, as_of_date: date = SUNDAY) -> date:
    return as_of_date + timedelta(days=number)


@pytest.mark.parametrize("lead_time", [0.0, 4.0, 10.0, 14.0, 30.5])
@pytest.mark.parametrize("stock", [40.0, 180.0, -15.0])
def test_weeks_plan_what_their_days_at_a_level_rate_do(lead_time: float, stock: float) -> None:
    weekly = [70.0, 35.0, 105.0, 70.0, 140.0, 70.0]
    weeks = forecast_of(weekly, 9.0, Grain.WEEK, SUNDAY)
    days = forecast_of(list(np.repeat(weekly, 7) / 7), 9.0 / np.sqrt(7), Grain.DAY, SUNDAY)
    order = {"po_id": "p", "expected_date": day(9), "open_qty": 50.0}
    supply: dict[str, Any] = {"on_hand_qty": stock, "lead_time_days": lead_time, "review_days": 7.0}
    independent = replace(POLICY, demand_law="normal")
    of_weeks, of_days = (plan_of(f, order, policy=independent, **supply) for f in (weeks, days))
    for table in ("metrics", "lead_time_demand", "replenishment"):
        found, expected = getattr(of_weeks, table), getattr(of_days, table)
        assert_frame_equal(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    ends = of_days.projection.filter(pl.col("lag_days") % 7 == 0)
    closing = ["lag_days", "projected_qty", "with_plan_qty", "p10_qty", "p90_qty", "stockout_prob"]
    assert_frame_equal(of_weeks.projection[closing], ends[closing], rel_tol=1e-9, abs_tol=1e-9)
    assert of_weeks.projection["date"].to_list() == [day(1 + 7 * i) for i in range(6)]
    for flow in ("demand_mean_qty", "confirmed_receipts_qty", "planned_receipts_qty"):
        assert of_weeks.projection[flow].sum() == pytest.approx(of_days.projection[flow].sum())


@pytest.mark.parametrize("demand_class", list(DEFAULT_KAPPA))
def test_what_days_have_in_common_is_in_the_variance_of_their_week(demand_class: str) -> None:
    of_a_week = DEFAULT_KAPPA[demand_class][DEFAULT_DAYS.index(7.0)]
    weeks = forecast_of([70.0] * 8, 9.0, Grain.WEEK, SUNDAY)
    days = forecast_of([10.0] * 56, 9.0 / np.sqrt(7 * of_a_week), Grain.DAY, SUNDAY)
    supply: dict[str, Any] = {
        **{"on_hand_qty": 0.0, "lead_time_days": 14.0, "lead_time_sd_days": 0.0, "review_days": 7.0},
        "demand_class": None if demand_class == NO_DEMAND else demand_class,
    }
    of_weeks, of_days = (plan_of(f, **supply).metrics for f in (weeks, days))
    for figure in ("ltd_sd_qty", "safety_stock_qty", "reorder_point_qty", "service_predicted"):
        assert of_weeks[figure].item() == pytest.approx(of_days[figure].item(), rel=1e-6)
    assert of_days["error_inflation"].item() == pytest.approx(of_weeks["error_inflation"].item() * of_a_week)


def test_goods_of_the_third_week_are_fourteen_days_away() -> None:
    # Ordered when week X has ended, on the shelf when week X + 3 begins: two whole weeks are sold before.
    forecast = forecast_of([30.0, 40.0, 50.0, 60.0, 60.0, 60.0, 60.0, 60.0], 0.0, Grain.WEEK, SUNDAY)
    plan = plan_of(
        forecast,
        {"po_id": "of last week", "order_date": day(-6), "open_qty": 40.0},
        {"po_id": "of the week before", "order_date": day(-13), "open_qty": 30.0},
        on_hand_qty=5.0,
        lead_time_days=14.0,
        lead_time_sd_days=0.0,
    )
    assert plan.projection["confirmed_receipts_qty"].to_list()[:3] == [30.0, 40.0, 0.0]
    row = metrics_of(plan)
    assert row["review_days"] == 7.0
    assert row["reorder_point_qty"] == pytest.approx(30.0 + 40.0 + 50.0)
    first, second = plan.replenishment.sort("order_date").head(2).iter_rows(named=True)
    assert (first["order_date"], first["receipt_date"]) == (day(1), day(15))
    assert first["order_qty"] == 120.0 - 75.0, "three weeks' demand less what is there and coming"
    assert second["order_date"] == day(8)
    assert plan.projection["planned_receipts_qty"].to_list()[:3] == [0.0, 0.0, 45.0]
    assert plan.projection["with_plan_qty"].to_list()[:3] == pytest.approx([5.0, 5.0, 0.0])


def test_a_months_stock_out_and_cover_are_days() -> None:
    # December has 31 days and January as many: 310 and 620 units are 10 and 20 a day.
    plan = plan_of(
        forecast_of([310.0, 620.0, 280.0], 0.0, Grain.MONTH, MONTH_END),
        on_hand_qty=350.0,
        lead_time_days=5.5,
        lead_time_sd_days=0.0,
        review_days=10.0,
    )
    row = metrics_of(plan)
    assert row["dir_days"] == pytest.approx(33.0)
    assert row["stockout_date"] == day(34, MONTH_END)
    assert row["reorder_point_qty"] == pytest.approx(155.0)
    assert row["min_projected_date"] == day(90, MONTH_END)
    assert plan.projection["date"].to_list() == [date(2026, 12, 1), date(2027, 1, 1), date(2027, 2, 1)]
    assert plan.projection["lag_days"].to_list() == [31, 62, 90]
    assert plan.projection["projected_qty"].to_list() == pytest.approx([40.0, -580.0, -860.0])


@pytest.mark.parametrize(("grain", "review"), [(Grain.DAY, 1.0), (Grain.WEEK, 7.0), (Grain.MONTH, 30.0)])
def test_a_review_nobody_set_comes_once_a_period(grain: Grain, review: float) -> None:
    forecast = forecast_of([10.0] * 3, 0.0, grain, date(2026, 5, 31))
    assert metrics_of(plan_of(forecast))["review_days"] == review
    assert metrics_of(plan_of(forecast, policy=replace(POLICY, review_days=3)))["review_days"] == 3.0


def test_a_years_demand_does_not_depend_on_the_grain() -> None:
    policy = InventoryPolicy(service_target=0.9, order_cost=10.0, holding_rate=0.2)
    lots = [
        metrics_of(plan_of(forecast_of(mean, 0.0, grain, SUNDAY), policy=policy))["eoq_qty"]
        for mean, grain in (([10.0] * 28, Grain.DAY), ([70.0] * 4, Grain.WEEK))
    ]
    assert lots[0] == lots[1] > 0


def test_lost_sales_are_not_ordered_again() -> None:
    # 40 a week, 10 in stock and 20 on Monday week: 30 are turned away in the first week, 20 in the second.
    forecast = forecast_of([40.0] * 6, 0.0, Grain.WEEK, SUNDAY)
    coming = {"po_id": "p", "expected_date": day(8), "open_qty": 20.0}
    supply: dict[str, Any] = {"on_hand_qty": 10.0, "lead_time_days": 14.0, "lead_time_sd_days": 0.0}
    lost = replace(POLICY, unmet_demand="lost")
    owed, gone = (plan_of(forecast, coming, policy=policy, **supply) for policy in (POLICY, lost))
    orders = [
        plan.replenishment.filter(action="order").sort("order_date")["order_qty"].to_list()
        for plan in (owed, gone)
    ]
    assert orders == [[120.0 - 30.0, *[40.0] * 5], [40.0] * 6]
    assert owed.projection["with_plan_qty"].to_list()[:4] == pytest.approx([-30.0, -50.0, 0.0, 0.0])
    assert gone.projection["with_plan_qty"].to_list() == pytest.approx([0.0] * 6)
    assert gone.projection["projected_qty"].to_list() == pytest.approx([0.0] * 6)
    assert metrics_of(gone)["stockout_date"] == metrics_of(owed)["stockout_date"] == day(2)
    with pytest.raises(ValueError, match="'backorder' or 'lost'"):
        replace(POLICY, unmet_demand="delayed")  # type: ignore[arg-type]


def test_lost_sales_change_nothing_where_stock_lasts() -> None:
    forecast = forecast_of([40.0] * 6, 5.0, Grain.WEEK, SUNDAY)
    supply: dict[str, Any] = {"on_hand_qty": 90.0, "lead_time_days": 14.0, "lead_time_sd_days": 0.0}
    owed, gone = (
        plan_of(forecast, policy=policy, **supply)
        for policy in (POLICY, replace(POLICY, unmet_demand="lost"))
    )
    assert_frame_equal(owed.replenishment, gone.replenishment)


def panel_of(history: FloatArray, grain: Grain) -> Panel:
    return Panel(("s0",), date(2026, 5, 31), (history,), grain=grain)


def test_the_profile_of_months_speaks_of_days_where_its_columns_do() -> None:
    months = np.array([0.0, 30.0, np.nan, 90.0] * 6)
    row = demand_profile(panel_of(months, Grain.MONTH), horizon=3).row(0, named=True)
    assert (row["history_days"], row["nonzero_days"], row["adi"]) == (548, 12, 1.5)
    assert row["weekly_cv"] == pytest.approx(np.nanstd(months, ddof=1) / 40.0)
    assert row["last_season_mean_qty"] == pytest.approx(np.nanmean(months[15:18]) / 30.4375)


def test_the_season_after_a_horizon_of_weeks_is_that_of_last_year() -> None:
    weeks = np.arange(80.0)
    row = demand_profile(panel_of(weeks, Grain.WEEK), horizon=8).row(0, named=True)
    assert row["last_season_mean_qty"] == pytest.approx(np.arange(36.0, 40.0).mean() / 7)
