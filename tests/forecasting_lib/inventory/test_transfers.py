"""What is moved between locations, that nothing is lost on the way, and that less is bought for it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.inventory.plan import InventoryPlan, plan_inventory
from forecasting_lib.inventory.policies import InventoryPolicy
from forecasting_lib.inventory.transfers import matched
from tests.forecasting_lib.inventory.situations import AS_OF, STOCKED, forecast_of, receipts_of, supply_of

TEN_A_DAY = [10.0] * 28


def planned(*stocks: float | None, transfer_days: int | None = 2, **supply: Any) -> InventoryPlan:
    """One item of ten a day at a location per stock."""
    rows = [
        {**STOCKED, "item_id": "tea", "location_id": f"shop{i}", "on_hand_qty": stock, **supply}
        for i, stock in enumerate(stocks)
    ]
    policy = InventoryPolicy(service_target=0.95, transfer_days=transfer_days)
    return plan_inventory(forecast_of([TEN_A_DAY] * len(stocks)), supply_of(*rows), receipts_of(), policy)


def moved(plan: InventoryPlan) -> pl.DataFrame:
    return plan.replenishment.filter(pl.col("action") == "transfer")


def bought_today(plan: InventoryPlan) -> float:
    today = (pl.col("action") == "order") & (pl.col("order_date") == AS_OF + timedelta(days=1))
    return float(plan.replenishment.filter(today)["order_qty"].sum())


def test_excess_elsewhere_is_moved_before_anything_is_bought() -> None:
    plan = planned(20.0, 1000.0)
    (line,) = moved(plan).iter_rows(named=True)
    # up to 50 of four days' lead time and one of review, and 1,000 less 90 days' need are to spare
    assert (line["series_id"], line["source_location_id"], line["order_qty"]) == ("s0", "shop1", 30.0)
    assert (line["order_date"], line["receipt_date"]) == (
        AS_OF + timedelta(days=1),
        AS_OF + timedelta(days=3),
    )
    assert line["reason"] == "IP 20 <= ROP 50; shop1 has 30 more than it needs: move them before buying"
    assert line["order_value"] is None
    assert bought_today(planned(20.0, 1000.0, transfer_days=None)) == 30.0
    assert bought_today(plan) == 0.0


def test_what_cannot_be_spared_is_bought() -> None:
    plan = planned(20.0, 910.0)
    assert moved(plan)["order_qty"].to_list() == [10.0]
    assert bought_today(plan) == 20.0


@pytest.mark.parametrize(
    ("stocks", "supply"),
    [((20.0, 300.0), {}), ((20.0,), {}), ((20.0, None), {}), ((20.0, 1000.0), {"lead_time_days": None})],
    ids=["no excess", "one location", "unknown stock", "unknown lead time"],
)
def test_nothing_is_moved_without_excess_that_is_known(
    stocks: tuple[float | None, ...], supply: dict[str, Any]
) -> None:
    assert moved(planned(*stocks, **supply)).is_empty()


def test_nothing_is_moved_between_items_or_by_a_client_that_does_not_say_how_long_it_takes() -> None:
    assert moved(planned(20.0, 1000.0, transfer_days=None)).is_empty()
    assert moved(planned(20.0, 1000.0, transfer_days=28)).is_empty()
    assert moved(planned(20.0, 1000.0, item_id=None)).is_empty()


def test_the_emptiest_shelf_is_served_first() -> None:
    found = matched(
        np.zeros(4, dtype=np.int64),
        need=np.array([8.0, 5.0, 0.0, 0.0]),
        spare=np.array([0.0, 0.0, 3.0, 6.0]),
        first=np.array([4.0, 1.0, 50.0, 90.0]),
    )
    assert list(zip(found.giver.tolist(), found.receiver.tolist(), found.quantity.tolist(), strict=True)) == [
        (3, 1, 5.0),
        (3, 0, 1.0),
        (2, 0, 3.0),
    ]


@given(
    series=st.lists(
        st.tuples(st.integers(-1, 2), st.floats(-5.0, 60.0), st.floats(-5.0, 60.0), st.floats(0.0, 90.0)),
        max_size=12,
    )
)
def test_units_are_conserved_and_nobody_gives_what_it_cannot_spare(
    series: list[tuple[int, float, float, float]],
) -> None:
    columns = np.array(series, dtype=np.float64).reshape(len(series), 4)
    item, need, spare = columns[:, 0].astype(np.int64), columns[:, 1], columns[:, 2]
    found = matched(item, need, spare, columns[:, 3])
    assert (found.quantity > 0.0).all()
    assert (found.quantity == np.round(found.quantity)).all()
    assert (item[found.giver] == item[found.receiver]).all()
    assert (item[found.giver] >= 0).all()
    assert found.net.sum() == 0.0
    assert (found.net >= -np.floor(np.maximum(spare, 0.0) + 1e-6)).all()
    assert (found.net <= np.ceil(np.maximum(need, 0.0))).all()
    for code in set(item.tolist()) - {-1}:
        mine = item == code
        wants = mine & (np.ceil(need - 1e-9) > 0.0)
        wanted = np.ceil(need[wants] - 1e-9).sum()
        offered = np.floor(np.maximum(spare[mine & ~wants], 0.0) + 1e-9).sum()
        assert found.quantity[item[found.giver] == code].sum() == min(wanted, offered)


@given(stocks=st.lists(st.integers(0, 1500), min_size=1, max_size=4), days=st.integers(0, 10))
def test_a_plan_with_transfers_neither_makes_nor_loses_units(stocks: list[int], days: int) -> None:
    plan = planned(*map(float, stocks), transfer_days=days)
    last = plan.projection.filter(pl.col("lag_days") == 28)
    arrived = plan.replenishment.filter(
        pl.col("action") == "order", pl.col("receipt_date") <= AS_OF + timedelta(days=28)
    )
    gained = float((last["with_plan_qty"] - last["projected_qty"]).sum())
    assert gained == pytest.approx(float(arrived["order_qty"].sum()))
    assert bought_today(plan) <= bought_today(planned(*map(float, stocks), transfer_days=None)) + 1e-9
