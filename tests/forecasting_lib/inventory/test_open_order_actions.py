"""Which open orders are cancelled, reduced or postponed, and what is said about excess."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.inventory.flags import Flag
from forecasting_lib.inventory.replenishment import Action
from tests.forecasting_lib.inventory.situations import AS_OF, STOCKED, metrics_of, plan_one

SURPLUS = [Action.CANCEL, Action.REDUCE, Action.POSTPONE]


def order(quantity: float, day: int | None, po_id: str = "PO-1") -> dict[str, Any]:
    return {
        "po_id": po_id,
        "order_date": AS_OF - timedelta(days=5),
        "expected_date": None if day is None else AS_OF + timedelta(days=day),
        "open_qty": quantity,
    }


def lines_of(
    *orders: dict[str, Any], stock: float = 60.0, daily: float = 10.0, **supply: Any
) -> pl.DataFrame:
    plan = plan_one([daily] * 28, {**STOCKED, "on_hand_qty": stock, **supply}, *orders)
    return plan.replenishment.filter(pl.col("action").is_in(SURPLUS))


def test_an_order_that_only_adds_to_the_excess_is_cancelled() -> None:
    line = lines_of(order(50.0, 20), stock=1000.0).row(0, named=True)
    assert (line["action"], line["order_qty"], line["order_value"]) == ("cancel", 50.0, 100.0)
    assert (line["po_ref"], line["need_date"], line["value_at_risk"]) == ("PO-1", None, None)
    assert line["reason"] == (
        "PO PO-1 brings 50 that nothing needs, 2026-12-10; stock and orders are 150 more than 90 d need"
    )


def test_the_order_that_comes_last_is_cut_first_and_to_what_its_supplier_accepts() -> None:
    found = lines_of(
        order(500.0, 15, "early"),
        order(400.0, 25, "late"),
        stock=300.0,
        moq_qty=100.0,
        order_multiple_qty=30.0,
    )
    # 1,200 against 900: of the late order 100 are needed, which the supplier sells as 120
    line = found.filter(pl.col("action") == "reduce").row(0, named=True)
    assert (line["po_ref"], line["order_qty"]) == ("late", 280.0)
    assert "keep 120 of it" in line["reason"]
    assert found.filter(pl.col("po_ref") == "early")["action"].to_list() == ["postpone"]


def test_an_order_that_comes_weeks_too_early_is_postponed_to_its_need() -> None:
    line = lines_of(order(100.0, 3), stock=200.0).row(0, named=True)
    # the stock of 20 days is used up on the evening of day 20
    assert (line["action"], line["need_date"]) == ("postpone", AS_OF + timedelta(days=21))
    assert line["reason"] == "PO PO-1 arrives 2026-11-23, 18 d before it is needed on 2026-12-11"
    assert line["urgency"] == "this_week"


@pytest.mark.parametrize(
    "open_order", [order(50.0, -3), order(50.0, 0), order(50.0, 1)], ids=["overdue", "due today", "tomorrow"]
)
def test_what_has_left_its_supplier_is_left_alone(open_order: dict[str, Any]) -> None:
    assert lines_of(open_order, stock=1000.0).is_empty()


def test_an_order_in_time_and_a_small_surplus_are_left_alone() -> None:
    assert lines_of(order(100.0, 6), stock=60.0).is_empty()
    assert lines_of(order(100.0, 20), stock=150.0).is_empty()
    assert lines_of(order(500.0, 15), stock=440.0).filter(pl.col("action") != "postpone").is_empty()


def test_nothing_is_said_of_orders_while_the_stock_or_the_lead_time_is_unknown() -> None:
    assert lines_of(order(500.0, 20), stock=1000.0, lead_time_days=None).is_empty()
    plan = plan_one([10.0] * 28, {**STOCKED, "on_hand_qty": None}, order(500.0, 20))
    assert plan.replenishment.is_empty()


@given(
    stock=st.integers(0, 2000),
    quantities=st.lists(st.integers(1, 600), min_size=1, max_size=4),
    days=st.lists(st.integers(2, 60), min_size=4, max_size=4),
    moq=st.sampled_from([None, 50.0]),
    multiple=st.sampled_from([None, 12.0]),
)
def test_what_stays_ordered_is_admissible_and_still_enough(
    stock: int, quantities: list[int], days: list[int], moq: float | None, multiple: float | None
) -> None:
    orders = [order(float(q), d, f"PO-{i}") for i, (q, d) in enumerate(zip(quantities, days, strict=False))]
    supply = {**STOCKED, "on_hand_qty": float(stock), "moq_qty": moq, "order_multiple_qty": multiple}
    plan = plan_one([10.0] * 28, supply, *orders)
    cut = plan.replenishment.filter(pl.col("action").is_in([Action.CANCEL, Action.REDUCE]))
    ordered = {f"PO-{i}": q for i, q in enumerate(quantities)}
    for line in cut.iter_rows(named=True):
        kept = ordered[line["po_ref"]] - line["order_qty"]
        assert (line["action"] == "cancel") == (kept == 0.0)
        assert kept >= 0.0
        assert kept % (multiple or 1.0) == 0.0
        assert kept == 0.0 or kept >= (moq or 0.0)
    assert cut["order_qty"].sum() <= metrics_of(plan)["excess_qty"] + 1e-6


def test_the_reason_of_an_empty_shelf_says_so() -> None:
    plan = plan_one([10.0] * 28, {**STOCKED, "on_hand_qty": 0.0}, order(100.0, 6))
    reasons = plan.replenishment["reason"].to_list()
    assert reasons
    assert all(reason.startswith("out of stock now; ") for reason in reasons)


@pytest.mark.parametrize(
    ("daily", "supply", "orders", "advice"),
    [
        (10.0, {"on_hand_qty": 60.0}, (), None),
        (
            10.0,
            {"on_hand_qty": 1000.0},
            (),
            "100 more than 90 d need: order nothing before 2027-02-24; offer the rest elsewhere",
        ),
        (
            *(10.0, {"on_hand_qty": 900.0}, (order(50.0, 20),)),
            "50 more than 90 d need, 50 of it on order: cut the open orders first; "
            "order nothing before 2027-02-19",
        ),
        (0.0, {"on_hand_qty": 7.0}, (), "7 and no demand ahead: order nothing, cancel what is open"),
        (
            *(0.0, {"on_hand_qty": 7.0, "last_season_mean_qty": 0.0}, ()),
            "7 on hand, no demand last season and none ahead: return, sell off or write off",
        ),
    ],
)
def test_excess_and_dead_stock_say_what_to_do(
    daily: float, supply: dict[str, Any], orders: tuple[dict[str, Any], ...], advice: str | None
) -> None:
    row = metrics_of(plan_one([daily] * 28, {**STOCKED, **supply}, *orders))
    assert row["excess_advice"] == advice
    assert (advice is not None) == bool({Flag.EXCESS, Flag.DEAD_STOCK} & set(row["flags"]))
