"""What orders say of a lead time, and how the rungs are weighed; drawn days have a truth that is known."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.inventory import LeadTimeSource
from forecasting_lib.inventory.lead_times import (
    ORDERS_SCHEMA,
    Ages,
    OrderFault,
    Priors,
    fit_lead_times,
    order_ages,
    with_lead_times,
)
from forecasting_lib.inventory.supplier_performance import supplier_lead_times
from forecasting_lib.panel import FloatArray

AS_OF = date(2026, 3, 1)
NOTHING = Priors(np.full(1, np.nan), np.zeros(1, dtype=np.int64))

Draw = Callable[[np.random.Generator, int], FloatArray]


def orders_of(*rows: dict[str, Any]) -> pl.DataFrame:
    """Order lines of item ``tea`` from ``acme``, ``days`` after 2026-01-01 received (None: open)."""
    placed = [row.get("order_date", date(2026, 1, 1)) for row in rows]
    return pl.DataFrame(
        [
            {
                "item_id": row.get("item", "tea"),
                "location_id": row.get("location", "main"),
                "supplier_id": row.get("supplier", "acme"),
                "order_date": day,
                "expected_date": row.get("expected"),
                "received_date": None if row["days"] is None else day + timedelta(days=row["days"]),
            }
            for row, day in zip(rows, placed, strict=True)
        ],
        schema=ORDERS_SCHEMA,
    )


def placed_apart(*days: int | None, **row: Any) -> pl.DataFrame:
    """One order a day from 2026-01-01 on, each with its days to the receipt."""
    return orders_of(
        *(
            {"days": took, "order_date": date(2026, 1, 1) + timedelta(days=i), **row}
            for i, took in enumerate(days)
        )
    )


def lead_time(
    orders: pl.DataFrame, default: float | None = None, stated: float | None = None, **row: Any
) -> dict[str, Any]:
    series = pl.DataFrame(
        [
            {
                "item_id": row.get("item", "tea"),
                "location_id": row.get("location", "main"),
                "supplier_id": row.get("supplier", "acme"),
                "stated_days": stated,
                "stated_sd_days": row.get("stated_sd"),
            }
        ],
        schema_overrides={"stated_days": pl.Float64, "stated_sd_days": pl.Float64, "supplier_id": pl.String},
    )
    return with_lead_times(series, order_ages(orders, AS_OF), default).row(0, named=True)


def gamma(rng: np.random.Generator, n: int) -> FloatArray:
    return rng.gamma(4.0, 30.0 / 4.0, n)


def lognormal(rng: np.random.Generator, n: int) -> FloatArray:
    spread = np.log(1.25)
    return rng.lognormal(np.log(30.0) - spread / 2.0, np.sqrt(spread), n)


def two_speeds(rng: np.random.Generator, n: int) -> FloatArray:
    return np.where(rng.random(n) < 0.5, 15.0, 45.0)


@pytest.mark.parametrize("draw", [gamma, lognormal, two_speeds])
def test_open_orders_take_away_the_bias_of_looking_at_receipts_alone(draw: Draw) -> None:
    rng = np.random.default_rng(7)
    groups, each = 400, 12
    group = np.repeat(np.arange(groups), each)
    took = np.round(draw(rng, groups * each))
    age = np.floor(rng.uniform(0.0, 120.0, took.size))
    is_open = took > age
    days = np.where(is_open, age, took)
    # every group by itself: nothing is expected of any before
    alone = Priors(np.full(groups, np.nan), np.zeros(groups, dtype=np.int64))
    found = float(np.nanmean(fit_lead_times(Ages(group, days, is_open, groups), alone).mean))
    assert float(took[~is_open].mean()) < 28.0
    assert found == pytest.approx(30.0, abs=1.2)


def test_without_open_orders_the_mean_is_the_mean() -> None:
    days = np.array([3.0, 4.0, 11.0])
    fit = fit_lead_times(Ages(np.zeros(3, dtype=np.int64), days, np.zeros(3, dtype=bool), 1), NOTHING)
    assert fit.mean.tolist() == [6.0]
    assert fit.relative_variance.tolist() == pytest.approx([days.var(ddof=1) / 36.0])


@given(
    received=st.lists(st.integers(0, 400), min_size=1, max_size=8),
    running=st.lists(st.integers(0, 400), max_size=4),
)
def test_a_mean_lies_between_the_days_so_far_and_those_per_receipt(
    received: list[int], running: list[int]
) -> None:
    days = np.array([*received, *running], dtype=np.float64)
    is_open = np.arange(days.size) >= len(received)
    mean = float(fit_lead_times(Ages(np.zeros(days.size, dtype=np.int64), days, is_open, 1), NOTHING).mean[0])
    assert days.mean() <= mean <= (days.sum() + 0.5 * days.size) / len(received) + 0.5


def test_few_receipts_pull_less_than_many() -> None:
    word = 20.0
    some = [lead_time(placed_apart(*[10, 12, 8, 10][:n]), stated=word)["lead_time_days"] for n in (1, 2, 4)]
    assert word > some[0] > some[1] > some[2] > 10.0
    many = lead_time(placed_apart(*[8, 9, 10, 11, 12] * 8), stated=word)
    assert many["lead_time_days"] == pytest.approx(10.0, abs=1.0)
    assert many["lead_time_receipts"] == 40


def test_the_word_counts_as_much_as_suppliers_keep_theirs() -> None:
    def told(actual: float) -> float:
        orders = pl.concat(
            placed_apart(*[round(actual + step) for step in (-2, 0, 2)], supplier=f"s{i}", item=f"i{i}")
            for i in range(8)
        )
        series = pl.DataFrame(
            {"item_id": [f"i{i}" for i in range(8)] + ["new"], "location_id": "main"}
        ).with_columns(
            pl.when(pl.col("item_id") == "new")
            .then(pl.lit("s0"))
            .otherwise("s" + pl.col("item_id").str.slice(1))
            .alias("supplier_id"),
            pl.lit(20.0).alias("stated_days"),
            pl.lit(None, pl.Float64).alias("stated_sd_days"),
        )
        found = with_lead_times(series, order_ages(orders, AS_OF), None)
        return float(found["lead_time_days"][-1])

    assert told(21.0) == pytest.approx(20.5, abs=0.6)
    assert told(40.0) == pytest.approx(40.0, abs=1.0)


@pytest.mark.parametrize(
    ("orders", "default", "stated", "row", "expected"),
    [
        (placed_apart(*[6] * 9), 14.0, None, {}, (6.0, LeadTimeSource.RECEIPTS, 9)),
        (placed_apart(*[6] * 9, item="salt"), 14.0, None, {}, (6.0, LeadTimeSource.SUPPLIER_RECEIPTS, 9)),
        (orders_of(), 14.0, 9.0, {"stated_sd": 2.0}, (9.0, LeadTimeSource.SUPPLIER, 0)),
        (orders_of(), 14.0, 0.0, {}, (0.0, LeadTimeSource.SUPPLIER, 0)),
        (
            *(placed_apart(*[6] * 9, supplier="other", item="salt"), 14.0, None, {}),
            (6.8, LeadTimeSource.LOCATION, 9),
        ),
        (
            *(placed_apart(*[6] * 9, supplier="other", item="salt"), 14.0, None, {"location": "north"}),
            (14.0, LeadTimeSource.CLIENT_DEFAULT, 0),
        ),
        (orders_of(), 14.0, None, {}, (14.0, LeadTimeSource.CLIENT_DEFAULT, 0)),
        (orders_of(), None, None, {}, (None, None, None)),
        (placed_apart(None, None), None, None, {}, (None, None, None)),
        (placed_apart(*[6] * 9), None, None, {"supplier": None}, (6.0, LeadTimeSource.RECEIPTS, 9)),
    ],
)
def test_the_nearest_rung_that_tells_is_the_source(
    orders: pl.DataFrame,
    default: float | None,
    stated: float | None,
    row: dict[str, Any],
    expected: tuple[float | None, str | None, int | None],
) -> None:
    found = lead_time(orders, default, stated, **row)
    assert found["lead_time_days"] == (None if expected[0] is None else pytest.approx(expected[0], abs=0.5))
    assert (found["lead_time_source"], found["lead_time_receipts"]) == expected[1:]


def test_a_stated_spread_is_taken_as_it_is_where_nothing_was_received() -> None:
    assert lead_time(orders_of(), stated=9.0, stated_sd=2.0)["lead_time_sd_days"] == pytest.approx(2.0)
    assert lead_time(orders_of(), stated=9.0)["lead_time_sd_days"] is None


def test_an_order_that_is_long_overdue_lengthens_the_lead_time() -> None:
    usual = lead_time(placed_apart(7, 8, 6, 7))
    late = lead_time(placed_apart(7, 8, 6, 7, None))
    assert late["lead_time_days"] > usual["lead_time_days"] + 5.0
    assert late["lead_time_sd_days"] > usual["lead_time_sd_days"]


def test_typing_errors_are_left_out_and_named() -> None:
    orders = pl.concat(
        [
            placed_apart(7, 8, 6, 7, -3),
            orders_of(
                {"days": 372, "order_date": date(2025, 1, 1)}, {"days": None, "order_date": date(2024, 6, 1)}
            ),
        ]
    )
    faults = order_ages(orders, AS_OF)["fault"].drop_nulls().to_list()
    assert faults == [OrderFault.RECEIVED_BEFORE_ORDERED, OrderFault.ABSURDLY_LONG, OrderFault.FORGOTTEN]
    assert lead_time(orders)["lead_time_days"] == pytest.approx(7.0)


def test_lines_that_came_together_are_one_receipt_of_the_supplier() -> None:
    together = pl.concat(
        [
            orders_of(*({"days": 30, "item": f"i{i}"} for i in range(20))),
            placed_apart(5, 5, 5, 5, item="salt"),
        ]
    )
    found = lead_time(together, item="new")
    assert found["lead_time_receipts"] == 5
    assert found["lead_time_days"] == pytest.approx(10.0, abs=0.5)


def test_planned_stands_against_actual() -> None:
    promised = date(2026, 1, 8)
    orders = orders_of(
        {"days": 7, "expected": promised},
        {"days": 11, "expected": promised},
        {"days": 9, "supplier": "other"},
        {"days": None, "expected": date(2026, 2, 20), "order_date": date(2026, 2, 10)},
        {"days": -2},
    )
    words = pl.DataFrame(
        {"supplier_id": ["acme", "idle"], "stated_days": [7.0, 3.0], "stated_sd_days": [1.0, None]}
    )
    acme, idle, other = supplier_lead_times(words, order_ages(orders, AS_OF), AS_OF).iter_rows(named=True)
    assert (acme["stated_days"], acme["n_receipts"], acme["mean_days"], acme["median_days"]) == (
        7.0,
        2,
        9.0,
        9.0,
    )
    assert (acme["n_promised"], acme["late_share"], acme["mean_days_late"]) == (2, 0.5, 2.0)
    assert (acme["n_open"], acme["n_overdue"], acme["longest_overdue_days"], acme["n_faulty"]) == (1, 1, 9, 1)
    assert (idle["n_receipts"], idle["mean_days"], idle["expected_days"], idle["late_share"]) == (
        0,
        None,
        3.0,
        None,
    )
    assert (other["stated_days"], other["n_receipts"], other["late_share"]) == (None, 1, None)


@pytest.mark.shared_data
def test_genuine_orders_are_foreseen_better_than_by_plain_means(shared_data: Path) -> None:
    history = gzip.decompress(
        (shared_data / "scms_lead_times" / "SCMS_Delivery_History_Dataset.csv.gz").read_bytes()
    )
    lines = pl.read_csv(history, encoding="utf8-lossy", infer_schema_length=0)

    def day(column: str) -> pl.Expr:
        written = (pl.col(column).str.to_date(form, strict=False) for form in ("%m/%d/%Y", "%d-%b-%y"))
        return pl.coalesce(*written)

    orders = lines.select(
        pl.col("item description").alias("item_id"),
        pl.col("country").alias("location_id"),
        pl.col("vendor").alias("supplier_id"),
        day("po sent to vendor date").alias("order_date"),
        day("scheduled delivery date").alias("expected_date"),
        day("delivered to client date").alias("received_date"),
    ).drop_nulls("order_date")
    assert orders.height == 4592

    squares = []
    for year in range(2009, 2014):
        as_of = date(year, 1, 1)
        ages = order_ages(orders.filter(pl.col("order_date") <= as_of), as_of)
        later = orders.filter(pl.col("order_date") > as_of, pl.col("order_date") <= date(year + 1, 1, 1))
        took = (later["received_date"] - later["order_date"]).dt.total_days().to_numpy()
        nobody = [pl.lit(None, pl.Float64).alias(name) for name in ("stated_days", "stated_sd_days")]
        series = later.select("item_id", "location_id", "supplier_id", *nobody)
        ours = with_lead_times(series, ages, 90)["lead_time_days"].to_numpy()
        plain = series
        for rung in ("item_id", "supplier_id"):
            means = (
                ages.filter(~pl.col("is_open"), pl.col("days") >= 0)
                .group_by(rung)
                .agg(pl.col("days").mean().alias(f"mean_{rung}"), pl.len().alias(f"n_{rung}"))
            )
            plain = plain.join(
                means.filter(pl.col(f"n_{rung}") >= 5), on=rung, how="left", maintain_order="left"
            )
        theirs = plain.select(pl.coalesce("mean_item_id", "mean_supplier_id", pl.lit(90.0)))
        sound = took >= 0
        squares.append(
            [float(np.mean((days - took)[sound] ** 2)) for days in (ours, theirs.to_series().to_numpy())]
        )
    ours_all, theirs_all = np.array(squares).T
    assert (ours_all < theirs_all).all()
    assert ours_all.mean() < 0.95 * theirs_all.mean()
