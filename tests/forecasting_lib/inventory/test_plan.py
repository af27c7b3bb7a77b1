from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting_lib.inventory import FLAG_VOCABULARY, Flag
from forecasting_lib.inventory.plan import InventoryPlan, plan_inventory
from forecasting_lib.inventory.policies import InventoryPolicy
from forecasting_lib.inventory.tables import (
    LTD_SCHEMA,
    METRICS_SCHEMA,
    PROJECTION_SCHEMA,
    REPLENISHMENT_SCHEMA,
)
from forecasting_lib.panel import Forecast
from tests.forecasting_lib.inventory.situations import (
    AS_OF,
    STOCKED,
    TEXTBOOK,
    forecast_of,
    metrics_of,
    plan_one,
    receipts_of,
    supply_of,
)

TEN_A_DAY = [10.0] * 28


def day(number: int) -> date:
    return AS_OF + timedelta(days=number)


def with_stock(on_hand: float | None, **others: Any) -> dict[str, Any]:
    return {**STOCKED, "on_hand_qty": on_hand, **others}


def test_the_worked_example() -> None:
    # 10 a day, sd 3; lead time 4 +- 1 days, review daily: X over 5 days has mean 50 and variance
    # 5 * 9 + 10^2 * 1 = 145. Stock 25, so cover 2.5 days and a stock-out on day 3.
    plan = plan_one(TEN_A_DAY, with_stock(25.0, lead_time_sd_days=1.0), daily_sd=3.0)
    row = metrics_of(plan)
    safety_stock = 1.6448536269514722 * 145**0.5
    assert row["ltd_mean_qty"] == pytest.approx(50.0)
    assert row["ltd_sd_qty"] == pytest.approx(145**0.5)
    assert row["safety_stock_qty"] == pytest.approx(safety_stock)
    assert row["reorder_point_qty"] == row["order_up_to_qty"] == pytest.approx(50.0 + safety_stock)
    assert row["service_predicted"] == pytest.approx(0.95)
    assert row["dir_days"] == pytest.approx(2.5)
    assert row["stockout_date"] == day(3)
    assert row["shortage_qty"] == pytest.approx(25.0 + safety_stock)
    assert row["stock_value"] == 50.0
    assert row["flags"] == []
    line = plan.replenishment.row(0, named=True)
    assert line["action"] == "order"
    assert line["order_qty"] == np.ceil(25.0 + safety_stock)
    assert (line["order_date"], line["receipt_date"], line["need_date"]) == (day(1), day(5), day(3))
    assert (line["days_late"], line["urgency"], line["priority_rank"]) == (2, "late", 1)
    assert line["reason"] == "IP 25 <= ROP 69.8; cover 2.5 d < lead time 4 d"
    # Short by the morning of day 5: four days' demand, mean 40, variance 4 * 9 + 100, against 25 units.
    k = (25.0 - 40.0) / 136**0.5
    phi, upper = np.exp(-(k**2) / 2.0) / np.sqrt(2.0 * np.pi), 0.9008
    assert line["lost_units_at_risk_qty"] == pytest.approx(136**0.5 * (phi - k * upper), abs=0.01)
    assert line["value_at_risk"] == pytest.approx(3.0 * line["lost_units_at_risk_qty"])


def test_pessimistic_cover_uses_the_90th_percentile_of_cumulative_demand() -> None:
    row = metrics_of(plan_one([10.0] * 28, with_stock(100.0), daily_sd=3.0))
    # C90(8) = 80 + 1.28155 * sqrt(72) = 90.87, C90(9) = 90 + 1.28155 * sqrt(81) = 101.53.
    assert row["dir_days"] == pytest.approx(10.0)
    assert row["dir_days_p10"] == pytest.approx(8.0 + (100.0 - 90.8743) / (101.534 - 90.8743), abs=1e-3)
    assert row["stockout_date_p10"] == day(9)


def test_stock_band_and_stock_out_probability_widen_with_the_days() -> None:
    first, *_, last = plan_one([10.0] * 4, with_stock(40.0), daily_sd=3.0).projection.iter_rows(named=True)
    assert first["p90_qty"] - first["projected_qty"] == pytest.approx(1.2815515655 * 3.0)
    assert last["projected_qty"] - last["p10_qty"] == pytest.approx(1.2815515655 * 6.0)
    assert last["projected_qty"] == pytest.approx(0.0)
    assert last["stockout_prob"] == pytest.approx(0.5)


def test_receipts_serve_the_demand_of_their_own_day() -> None:
    arrival = {"po_id": "p1", "expected_date": day(3), "open_qty": 15.0}
    row = metrics_of(plan_one([10.0] * 5, with_stock(20.0), arrival))
    assert row["dir_days"] == pytest.approx(2.0)
    assert row["dir_days_incl_on_order"] == pytest.approx(3.5)
    assert row["stockout_date"] == day(4)
    assert (row["min_projected_qty"], row["min_projected_date"]) == (-15.0, day(5))


def test_receipts_within_the_lead_time_lower_the_stock_out_probability() -> None:
    arrival = {"po_id": "p1", "expected_date": day(4), "open_qty": 20.0}
    probabilities = [
        metrics_of(plan_one(TEN_A_DAY, with_stock(20.0), *orders, daily_sd=3.0))["stockout_prob_lt"]
        for orders in ((), (arrival,), ({**arrival, "expected_date": day(5)},))
    ]
    assert probabilities[0] == probabilities[2] == pytest.approx(0.99957, abs=1e-5)
    assert probabilities[1] == pytest.approx(0.5)


def test_an_open_order_after_the_stock_out_is_expedited() -> None:
    arrival = {
        "po_id": "p7",
        "supplier_id": "other",
        "order_date": day(-3),
        "expected_date": day(6),
        "open_qty": 500.0,
    }
    plan = plan_one([10.0] * 14, with_stock(25.0), arrival)
    assert plan.replenishment.height == 1
    line = plan.replenishment.row(0, named=True)
    assert (line["action"], line["po_ref"], line["supplier_id"]) == ("expedite", "p7", "other")
    assert (line["need_date"], line["receipt_date"], line["days_late"]) == (day(3), day(6), 3)
    assert (line["order_date"], line["order_qty"], line["order_value"]) == (day(-3), 500.0, 1000.0)
    assert line["net_need_qty"] == line["lost_units_at_risk_qty"] == pytest.approx(25.0)
    assert line["urgency"] == "late"
    assert line["reason"] == ("PO p7 arrives 2026-11-26, 3 d after the projected stock-out on 2026-11-23")


def test_an_open_order_in_time_is_left_alone() -> None:
    arrival = {"po_id": "p7", "expected_date": day(3), "open_qty": 500.0}
    assert plan_one([10.0] * 14, with_stock(25.0), arrival).replenishment.is_empty()


def test_orders_follow_the_reviews_over_the_horizon() -> None:
    # Weekly review, lead time 2: s = S = 9 days of demand. 95 units last till day 9; the review of day 1
    # finds 95 > 90, that of day 8 finds 25, that of day 15 finds 90 - 70.
    supply = with_stock(95.0, lead_time_days=2.0, review_days=7.0)
    plan = plan_one([10.0] * 21, supply)
    lines = plan.replenishment.select("order_date", "receipt_date", "order_qty", "need_date", "days_late")
    assert lines.rows() == [
        (day(8), day(10), 65.0, day(10), 0),
        (day(15), day(17), 70.0, day(17), 0),
    ]
    assert plan.replenishment["urgency"].to_list() == ["planned", "planned"]
    assert plan.replenishment["reason"][0].startswith("projected IP 25 <= ROP 90 on 2026-11-28; cover 9.5 d")
    assert plan.projection["with_plan_qty"].min() == pytest.approx(0.0)
    assert plan.projection["projected_qty"][-1] == pytest.approx(95.0 - 210.0)


def test_need_date_past_the_horizon_is_extended_not_lost() -> None:
    supply = with_stock(100.0, lead_time_days=12.0, last_season_mean_qty=20.0)
    line = plan_one([10.0] * 7, supply).replenishment.row(0, named=True)
    # 70 units are used in the horizon, the other 30 last a day and a half at twice the pace.
    assert line["need_date"] == day(9)


@pytest.mark.parametrize("lot", [{"moq_qty": 2000.0}, {"order_multiple_qty": 2000.0}])
def test_a_lot_far_above_the_need_is_flagged(lot: dict[str, float]) -> None:
    line = plan_one(TEN_A_DAY, with_stock(10.0, **lot)).replenishment.row(0, named=True)
    assert line["order_qty"] >= 2000.0
    assert line["cover_days_after"] == pytest.approx((10.0 + line["order_qty"]) / 10.0)
    assert line["flags"] == [Flag.MOQ_OVERSHOOT.value]


def test_an_order_that_is_large_by_its_own_economics_is_no_overshoot() -> None:
    policy = replace(TEXTBOOK, holding_rate=0.25, order_cost=100.0)
    line = plan_one(TEN_A_DAY, with_stock(0.0, moq_qty=12.0), policy=policy).replenishment.row(0, named=True)
    assert line["cover_days_after"] > 90.0
    assert line["flags"] == []


def test_economic_lot_raises_the_order_up_to_level() -> None:
    policy = replace(TEXTBOOK, holding_rate=0.25, order_cost=100.0)
    row = metrics_of(plan_one(TEN_A_DAY, with_stock(0.0), policy=policy))
    # sqrt(2 * 100 * 3650 / 0.5) = 1208.3
    assert row["eoq_qty"] == 1208.0
    assert row["order_up_to_qty"] == pytest.approx(50.0 + 1208.0)


def test_excess_is_stock_and_orders_above_the_excess_horizon() -> None:
    arrival = {"po_id": "p1", "expected_date": day(2), "open_qty": 100.0}
    row = metrics_of(plan_one(TEN_A_DAY, with_stock(900.0), arrival))
    assert (row["excess_qty"], row["excess_value"]) == (pytest.approx(100.0), pytest.approx(200.0))
    assert row["flags"] == [Flag.DIR_CENSORED.value, Flag.EXCESS.value]
    assert row["dir_lower_bound_days"] == 28.0


def test_dead_stock_needs_a_dead_last_season() -> None:
    for last_season, dead in ((0.0, True), (1.0, False), (None, False)):
        row = metrics_of(plan_one([0.0] * 7, with_stock(5.0, last_season_mean_qty=last_season)))
        assert (Flag.DEAD_STOCK.value in row["flags"]) is dead


def test_zero_demand_orders_nothing_even_with_a_minimum_and_an_empty_shelf() -> None:
    plan = plan_one([0.0] * 28, with_stock(0.0, moq_qty=100.0, lead_time_sd_days=2.0))
    row = metrics_of(plan)
    assert (row["reorder_point_qty"], row["order_up_to_qty"], row["dir_days"]) == (0.0, 0.0, 0.0)
    assert row["stockout_date"] is None
    assert Flag.NO_DEMAND.value in row["flags"]
    assert plan.replenishment.is_empty()


def test_demand_that_starts_after_the_horizon_is_demand() -> None:
    supply = with_stock(0.0, lead_time_days=10.0, last_season_mean_qty=4.0)
    row = metrics_of(plan_one([0.0] * 7, supply))
    assert row["ltd_mean_qty"] == pytest.approx(16.0)
    assert row["flags"] == [Flag.HORIZON_TOO_SHORT.value]


def test_unknown_stock_keeps_the_levels_and_leaves_positions_empty() -> None:
    plan = plan_one(TEN_A_DAY, with_stock(None, reserved_qty=3.0), {"po_id": "p1", "open_qty": 8.0})
    row = metrics_of(plan)
    assert row["reorder_point_qty"] == pytest.approx(50.0)
    assert row["on_order_qty"] == 8.0
    unknown = ("on_hand_qty", "reserved_qty", "dir_days", "dir_censored", "stockout_date", "excess_qty")
    assert all(row[column] is None for column in unknown)
    assert Flag.MISSING_STOCK.value in row["flags"]
    assert plan.replenishment.is_empty()
    assert plan.projection["projected_qty"].null_count() == 28
    assert plan.projection["demand_mean_qty"].to_list() == TEN_A_DAY


def test_a_series_without_a_supply_row_is_unknown_throughout() -> None:
    forecast = forecast_of([TEN_A_DAY, TEN_A_DAY])
    plan = plan_inventory(forecast, supply_of(STOCKED), receipts_of(), InventoryPolicy(0.95))
    assert plan.metrics["series_id"].to_list() == ["s0", "s1"]
    missing = plan.metrics.row(1, named=True)
    assert missing["reorder_point_qty"] is None
    assert {Flag.MISSING_STOCK, Flag.MISSING_LEAD_TIME, Flag.MISSING_SUPPLIER} <= set(missing["flags"])
    assert plan.lead_time_demand["series_id"].to_list() == ["s0"]


def test_reserved_and_backordered_quantities_lower_the_position() -> None:
    row = metrics_of(plan_one(TEN_A_DAY, with_stock(60.0, reserved_qty=25.0, backorder_qty=5.0)))
    assert row["dir_days"] == pytest.approx(3.0)
    assert row["shortage_qty"] == pytest.approx(20.0)
    assert row["flags"] == [Flag.BACKORDER.value]


def test_negative_reserved_counts_as_zero_and_is_flagged() -> None:
    row = metrics_of(plan_one(TEN_A_DAY, with_stock(60.0, reserved_qty=-25.0)))
    assert (row["reserved_qty"], row["dir_days"]) == (0.0, pytest.approx(6.0))
    assert row["flags"] == [Flag.NEGATIVE_RESERVED.value]


def test_negative_stock_is_owed_or_a_booking_error_as_the_client_chooses() -> None:
    owed = metrics_of(plan_one(TEN_A_DAY, with_stock(-8.0)))
    assert (owed["on_hand_qty"], owed["dir_days"], owed["stockout_date"]) == (-8.0, 0.0, AS_OF)
    assert (owed["shortage_qty"], owed["stock_value"]) == (pytest.approx(58.0), 0.0)
    assert owed["flags"] == [Flag.BACKORDER.value]
    policy = replace(TEXTBOOK, negative_stock="zero")
    zeroed = metrics_of(plan_one(TEN_A_DAY, with_stock(-8.0), policy=policy))
    assert (zeroed["on_hand_qty"], zeroed["stockout_date"]) == (0.0, AS_OF)
    assert zeroed["shortage_qty"] == pytest.approx(50.0)
    assert zeroed["flags"] == [Flag.NEGATIVE_STOCK_ZEROED.value]


def test_an_undated_order_takes_the_lead_time_or_stays_out_of_the_projection() -> None:
    line = {"po_id": "p1", "order_date": day(-1), "open_qty": 9.0}
    dated = plan_one([1.0] * 7, STOCKED, line)
    assert dated.projection["confirmed_receipts_qty"].to_list() == [0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 0.0]
    undated = plan_one([1.0] * 7, with_stock(60.0, lead_time_days=None), line)
    assert undated.projection["confirmed_receipts_qty"].sum() == 0.0
    assert metrics_of(undated)["on_order_qty"] == 9.0
    assert Flag.UNDATED_PO.value in metrics_of(undated)["flags"]


def test_an_order_due_on_the_as_of_date_comes_tomorrow_without_being_overdue() -> None:
    plan = plan_one([1.0] * 7, STOCKED, {"po_id": "p1", "expected_date": AS_OF, "open_qty": 9.0})
    assert plan.projection["confirmed_receipts_qty"][0] == 9.0
    assert metrics_of(plan)["overdue_on_order_qty"] == 0.0


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({"snapshot_date": day(-3)}, Flag.STALE_STOCK),
        ({"lead_time_days": -1.0}, Flag.MISSING_LEAD_TIME),
        ({"lead_time_days": 0.0}, Flag.ZERO_LEAD_TIME),
        ({"lead_time_sd_days": None}, Flag.MISSING_LEAD_TIME_SD),
        ({"lead_time_source": "client_default"}, Flag.LT_FROM_DEFAULT),
        ({"supplier_id": None}, Flag.MISSING_SUPPLIER),
        ({"unit_cost": None, "unit_price": None}, Flag.MISSING_PRICE),
        ({"history_days": 55}, Flag.SHORT_HISTORY),
        ({"nonzero_days": 9}, Flag.SHORT_HISTORY),
        ({"lead_time_days": 28.0}, Flag.HORIZON_TOO_SHORT),
        ({"lead_time_days": 20.0, "lead_time_sd_days": 9.0}, Flag.HORIZON_TOO_SHORT),
        ({"on_hand_qty": 281.0}, Flag.DIR_CENSORED),
    ],
)
def test_each_flag_stands_alone_for_its_cause(change: dict[str, Any], flag: Flag) -> None:
    row = metrics_of(plan_one(TEN_A_DAY, {**STOCKED, **change}))
    assert row["flags"] == [flag.value]


def test_a_target_below_one_half_has_a_flagged_negative_safety_stock() -> None:
    policy = replace(TEXTBOOK, service_target=0.3)
    row = metrics_of(plan_one(TEN_A_DAY, STOCKED, daily_sd=3.0, policy=policy))
    assert row["safety_stock_qty"] == pytest.approx(-0.524400513 * 45**0.5)
    assert row["flags"] == [Flag.NEGATIVE_SAFETY_STOCK.value]


def test_the_vocabulary_explains_every_flag_in_one_sentence() -> None:
    assert set(FLAG_VOCABULARY) == set(Flag)
    assert all(entry.meaning.endswith(".") for entry in FLAG_VOCABULARY.values())


def test_the_worklist_is_sorted_by_urgency_then_money_at_risk() -> None:
    situations = [
        with_stock(55.0),
        with_stock(15.0),
        with_stock(15.0, unit_price=50.0),
        with_stock(0.0),
        with_stock(47.0),
        with_stock(120.0),
        with_stock(15.0, unit_price=None),
    ]
    forecast = forecast_of([TEN_A_DAY] * len(situations))
    plan = plan_inventory(
        forecast, supply_of(*situations), receipts_of(), InventoryPolicy(0.95)
    ).replenishment
    first = plan.filter(pl.col("line_no") == 1).select("series_id", "urgency")
    assert first.rows() == [
        ("s3", "stocked_out"),
        ("s2", "late"),
        ("s1", "late"),
        ("s6", "late"),
        ("s4", "today"),
        ("s0", "this_week"),
        ("s5", "planned"),
    ]
    assert plan["priority_rank"].to_list() == list(range(1, plan.height + 1))


def test_supply_without_a_column_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"supply lacks \['moq_qty'\]"):
        plan_inventory(
            forecast_of([TEN_A_DAY]), supply_of(STOCKED).drop("moq_qty"), receipts_of(), InventoryPolicy(0.95)
        )


def test_a_series_twice_in_supply_is_refused() -> None:
    twice = pl.concat([supply_of(STOCKED)] * 2)
    with pytest.raises(ValueError, match="'s0' repeats"):
        plan_inventory(forecast_of([TEN_A_DAY]), twice, receipts_of(), InventoryPolicy(0.95))


def test_a_snapshot_after_the_as_of_date_is_refused() -> None:
    with pytest.raises(ValueError, match="after the as-of date"):
        plan_one(TEN_A_DAY, {**STOCKED, "snapshot_date": day(1)})


def test_a_forecast_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN or infinity"):
        plan_one([10.0, float("nan")], STOCKED)


def test_no_series_at_all_gives_four_empty_tables_with_their_columns() -> None:
    empty = Forecast((), AS_OF, np.empty((0, 7)), np.empty((0, 7)), np.empty((0, 7, 21)), ())
    plan = plan_inventory(empty, supply_of(), receipts_of(), InventoryPolicy(0.95))
    assert_schemas(plan)
    assert plan.metrics.is_empty()


def assert_schemas(plan: InventoryPlan) -> None:
    assert dict(plan.metrics.schema) == METRICS_SCHEMA
    assert dict(plan.lead_time_demand.schema) == LTD_SCHEMA
    assert dict(plan.replenishment.schema) == REPLENISHMENT_SCHEMA
    assert dict(plan.projection.schema) == PROJECTION_SCHEMA


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


quantities = st.floats(-50.0, 500.0)
supply_rows = st.fixed_dictionaries(
    {
        "on_hand_qty": maybe(quantities),
        "reserved_qty": maybe(quantities),
        "backorder_qty": maybe(st.floats(0.0, 20.0)),
        "lead_time_days": maybe(st.floats(0.0, 90.0) | st.integers(0, 30).map(float)),
        "lead_time_sd_days": maybe(st.floats(0.0, 40.0)),
        "review_days": maybe(st.integers(0, 14).map(float)),
        "moq_qty": maybe(st.floats(0.0, 300.0)),
        "order_multiple_qty": maybe(st.sampled_from([0.0, 0.1, 1.0, 12.0])),
        "unit_cost": maybe(st.floats(0.0, 50.0)),
        "unit_price": maybe(st.floats(0.0, 50.0)),
        "last_season_mean_qty": maybe(st.floats(0.0, 30.0)),
        "weekly_cv": maybe(st.floats(0.0, 3.0) | st.just(float("nan"))),
        "history_variance": maybe(st.floats(0.0, 400.0)),
        "is_counted": maybe(st.booleans()),
        "demand_class": maybe(st.sampled_from(["smooth", "lumpy"])),
    }
)
order_lines = st.lists(
    st.fixed_dictionaries(
        {
            "series_id": st.sampled_from(["s0", "s1", "s2", "elsewhere"]),
            "po_id": maybe(st.sampled_from(["p1", "p2"])),
            "order_date": maybe(st.integers(-40, 0).map(day)),
            "expected_date": maybe(st.integers(-40, 60).map(day)),
            "open_qty": maybe(st.floats(-5.0, 300.0)),
        }
    ),
    max_size=6,
)
daily = st.lists(st.sampled_from([0.0, 0.0, 0.3, 1.0, 7.5, 40.0]), min_size=9, max_size=9)
policies = st.builds(
    InventoryPolicy,
    service_target=st.floats(0.05, 0.999),
    review_days=st.integers(0, 10),
    holding_rate=maybe(st.floats(0.01, 1.0)),
    order_cost=maybe(st.floats(0.01, 500.0)),
    negative_stock=st.sampled_from(["backorder", "zero"]),
    demand_law=st.sampled_from(["moments", "normal"]),
)


@settings(max_examples=120, deadline=None)
@given(st.lists(daily, min_size=3, max_size=3), st.lists(supply_rows, max_size=3), order_lines, policies)
def test_every_plan_is_finite_reconciles_and_is_complete(
    means: list[list[float]],
    supply: list[dict[str, Any]],
    orders: list[dict[str, Any]],
    policy: InventoryPolicy,
) -> None:
    plan = plan_inventory(forecast_of(means, daily_sd=0.3), supply_of(*supply), receipts_of(*orders), policy)
    assert_schemas(plan)
    for table in (plan.metrics, plan.lead_time_demand, plan.replenishment, plan.projection):
        floats = table.select(pl.selectors.float())
        assert not any((~column.drop_nulls().is_finite()).any() for column in floats)
    metrics = plan.metrics
    parts = metrics["ltd_mean_qty"] + metrics["undershoot_mean_qty"] + metrics["safety_stock_qty"]
    assert ((parts - metrics["reorder_point_qty"]).abs().drop_nulls() <= 1e-6).all()
    assert metrics.filter(pl.col("lead_time_days").is_not_null())["reorder_point_qty"].null_count() == 0
    known = metrics.filter(pl.col("on_hand_qty").is_not_null())
    assert (known["dir_days"].is_null() == known["dir_censored"]).all()
    assert (known["dir_lower_bound_days"].is_not_null() == known["dir_censored"]).all()
    assert set(metrics["flags"].explode().drop_nulls()) <= {flag.value for flag in Flag}

    law = plan.lead_time_demand
    levels = [law[c].to_numpy() for c in law.columns if c.startswith("q")]
    assert all((a <= b + 1e-9).all() for a, b in itertools.pairwise(levels))
    assert all((a >= 0.0).all() for a in levels)

    lines = plan.replenishment
    assert lines["priority_rank"].to_list() == list(range(1, lines.height + 1))
    assert lines.select("series_id", "line_no").is_unique().all()
    placed = lines.filter(pl.col("action") == "order")
    assert (placed["order_qty"] > 0.0).all()
    assert (placed["order_qty"] >= placed["net_need_qty"] - 1e-6).all()
    assert (lines["lost_units_at_risk_qty"] >= 0.0).all()
    assert lines["reason"].null_count() == lines["urgency"].null_count() == 0
    arriving = placed.filter(pl.col("receipt_date") <= day(9))["order_qty"].sum()
    assert plan.projection["planned_receipts_qty"].sum() == pytest.approx(arriving)
    assert plan.projection.height == 3 * 9


@settings(max_examples=60, deadline=None)
@given(daily, supply_rows, st.floats(0.05, 0.99), st.floats(0.0, 0.009))
def test_a_higher_service_target_never_needs_less_stock(
    means: list[float], supply: dict[str, Any], target: float, more: float
) -> None:
    supply = {**supply, "lead_time_days": supply["lead_time_days"] or 5.0}
    low, high = (
        metrics_of(plan_one(means, supply, daily_sd=0.3, policy=InventoryPolicy(service_target=t)))
        for t in (target, target + more)
    )
    for level in ("safety_stock_qty", "reorder_point_qty", "order_up_to_qty"):
        assert high[level] >= low[level] - 1e-9


@settings(max_examples=60, deadline=None)
@given(daily, st.floats(-50.0, 300.0))
def test_without_receipts_the_stock_runs_out_on_the_day_after_its_cover(
    means: list[float], on_hand: float
) -> None:
    row = metrics_of(plan_one(means, with_stock(on_hand)))
    if on_hand < -1e-6:
        assert row["stockout_date"] == AS_OF
    elif on_hand > 1e-6:
        expected = None if row["dir_days"] is None else day(int(row["dir_days"] + 1e-6) + 1)
        assert row["stockout_date"] == expected


def test_a_stocked_out_series_without_a_lead_time_is_a_line_that_a_person_decides() -> None:
    plan = plan_one(TEN_A_DAY, {**STOCKED, "on_hand_qty": 0.0, "lead_time_days": None})
    row = metrics_of(plan)
    assert (row["stockout_date"], row["reorder_point_qty"]) == (AS_OF, None)
    (line,) = plan.replenishment.to_dicts()
    assert (line["action"], line["urgency"], line["priority_rank"]) == ("decide", "stocked_out", 1)
    assert line["order_qty"] is None
    assert line["order_value"] is None
    assert line["order_date"] == day(1)
    assert line["reason"] == "stocked out; no lead time known, so no quantity can be proposed"


@pytest.mark.parametrize(
    ("forecast", "supply"),
    [
        (TEN_A_DAY, {"on_hand_qty": 50.0, "lead_time_days": None}),
        ([0.0] * 14, {"on_hand_qty": 0.0, "lead_time_days": None}),
        (TEN_A_DAY, {"on_hand_qty": None, "lead_time_days": None}),
    ],
    ids=["there is stock", "nothing is forecast", "the stock is unknown"],
)
def test_nobody_has_to_decide_where_nothing_is_known_to_be_short(
    forecast: list[float], supply: dict[str, float | None]
) -> None:
    assert plan_one(forecast, {**STOCKED, **supply}).replenishment.is_empty()
