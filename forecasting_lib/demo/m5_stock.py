"""Stock levels for sales that came without any, as in M5.

Belongs here: a stock history that could have led to given sales.
Does not belong here: any claim that it did. Whoever stores these rows marks them as generated.
"""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

from forecasting_lib.demo.processes import FloatMatrix, IntMatrix, calendar_days, dates_at

_MEMORY_DAYS = 28
_LOWEST_STOCK = 1


def generate_m5_stock(sales_long: pl.DataFrame, *, seed: int = 20) -> pl.DataFrame:
    """Generate a daily stock level for every series of a sales history.

    Each series follows an (s, S) rule with a lead time of its own, and an extra delivery comes whenever the
    sales of a day would leave less than one unit. So ``on_hand(t) <= on_hand(t-1) - sales(t)`` plus a
    non-negative receipt on every day, and the stock never reaches zero: generated stock-outs would hide
    genuine demand from every model.

    A level depends on the series' id, the seed, the series' first 28 days and the days up to its own, so
    generating again after a later delivery leaves the earlier levels as they were.

    Args:
        sales_long: columns ``date, item_id, location_id, units_sold``, one row per day and series at most;
            a missing day is a day without sales. Negative units are returns that go back to the shelf.
        seed: another seed gives another history of the same kind.

    Returns:
        ``date, item_id, location_id, on_hand_qty``, from the first day of each series to the last day of
        the frame, sorted in that order.

    Raises:
        ValueError: a day of a series appears twice.
    """
    keys = ["item_id", "location_id"]
    if sales_long.is_empty():
        return sales_long.select("date", *keys, pl.lit(0, dtype=pl.Int64).alias("on_hand_qty"))
    if sales_long.select("date", *keys).is_duplicated().any():
        raise ValueError("a series has two rows for one day; add them up before generating stock")

    first_date = sales_long["date"].min()
    span = sales_long.select((pl.col("date") - pl.lit(first_date)).dt.total_days().alias("day"))["day"]
    series = sales_long.select(keys).unique().sort(keys).with_row_index("series")
    located = sales_long.with_columns(span).join(series, on=keys, how="left")
    days = int(span.max()) + 1  # type: ignore[arg-type]
    units = np.zeros((days, series.height))
    units[located["day"].to_numpy(), located["series"].to_numpy()] = located["units_sold"].to_numpy()
    first_day = (
        located.group_by("series").agg(pl.col("day").min()).sort("series")["day"].to_numpy().astype(np.int64)
    )
    on_hand = _stock_path(units, first_day, _series_draws(series, seed))

    day, column = np.nonzero(np.arange(days)[:, None] >= first_day)
    calendar = calendar_days(first_date, days)  # type: ignore[arg-type]
    return pl.DataFrame(
        {
            "date": dates_at(calendar, day),
            "item_id": series["item_id"].gather(column),
            "location_id": series["location_id"].gather(column),
            "on_hand_qty": on_hand[day, column],
        }
    ).sort("date", *keys)


def _series_draws(series: pl.DataFrame, seed: int) -> FloatMatrix:
    """(2, series) numbers in [0, 1) that depend on the seed and the series' own id alone."""
    digests = (
        hashlib.blake2b(f"{seed}\x1f{item}\x1f{location}".encode(), digest_size=8).digest()
        for item, location in series.select("item_id", "location_id").iter_rows()
    )
    halves = np.frombuffer(b"".join(digests), dtype="<u4").reshape(-1, 2)
    return np.asarray(halves.T / 2.0**32)


def _stock_path(units: FloatMatrix, first_day: IntMatrix, draws: FloatMatrix) -> IntMatrix:
    """(days, series) units at close of business; lead times of 3 to 14 days, orders for 7 to 28 days."""
    days, series = units.shape
    lead_days = 3 + np.floor(draws[0] * 12)
    cycle_days = 7 + np.floor(draws[1] * 22)
    rate = np.array(
        [units[start : start + _MEMORY_DAYS, column].mean() for column, start in enumerate(first_day)]
    )
    rate = np.maximum(rate, 0.0)
    stock = np.ceil(rate * (lead_days + cycle_days * draws[0])) + 2.0
    due_day = np.full(series, -1.0)
    due_qty = np.zeros(series)
    on_hand = np.zeros((days, series), dtype=np.int64)
    for day in range(days):
        started = first_day <= day
        stock = stock + np.where(due_day == day, due_qty, 0.0)
        stock = np.where(started, np.maximum(stock - units[day], _LOWEST_STOCK), stock)
        rate = np.where(started, np.maximum(rate + (units[day] - rate) / _MEMORY_DAYS, 0.0), rate)
        expected = rate * (lead_days + 1)
        reorder_point = expected + 1.3 * np.sqrt(2.0 * expected)
        triggered = started & (due_day <= day) & (stock <= reorder_point)
        due_qty = np.where(triggered, np.ceil(reorder_point + rate * cycle_days - stock) + 1.0, due_qty)
        due_day = np.where(triggered, day + lead_days, due_day)
        on_hand[day] = stock.astype(np.int64)
    return on_hand
