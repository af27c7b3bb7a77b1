"""Where the stock goes: dated receipts, projected balances, cover and stock-out days.

Belongs here: the roll-forward of stock against the mean forecast and its uncertainty band.
Does not belong here: new orders, which are decided in replenishment and only drawn in here.

Days are counted from the as-of date, its close of business being day 0. Every morning receives first,
then orders; demand follows. A receipt of day t therefore serves the demand of day t.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from forecasting_lib.inventory.lead_time_demand import (
    QTY_TOLERANCE,
    CumulativeDemand,
    IntArray,
    NormalDemand,
    forward_cover,
)
from forecasting_lib.inventory.tables import RECEIPTS_SCHEMA
from forecasting_lib.panel import FloatArray

BAND_Z = 1.2815515655446004
"""Standard normal quantile of 0.9: the p10 stock path is the mean path less this many deviations."""


@dataclass(frozen=True)
class ReceiptSchedule:
    """Open purchase order lines with the day they are projected to arrive.

    Attributes:
        frame: ``RECEIPTS_SCHEMA`` plus ``row`` (position of the series), ``day`` (>= 1, null: undated)
            and ``overdue``; sorted by row and day; only lines with an open quantity of known series.
    """

    frame: pl.DataFrame
    series_count: int

    @classmethod
    def from_frame(
        cls,
        receipts: pl.DataFrame,
        series_ids: tuple[str, ...],
        as_of_date: date,
        lead_time_days: FloatArray,
    ) -> ReceiptSchedule:
        """Date every open line.

        A line is expected on its expected date, else its order date plus the lead time. An expected day
        before the as-of date is overdue; whatever is due by then is projected for day 1.

        Args:
            receipts: columns of ``RECEIPTS_SCHEMA``, one row per open order line, as visible on the
                as-of date. Lines of other series, or without an open quantity, are left out.
            series_ids: the forecast's series.
            as_of_date: day 0.
            lead_time_days: (n,) days; NaN: unknown.
        """
        positions = pl.DataFrame(
            {
                "series_id": pl.Series(series_ids, dtype=pl.String),
                "row": pl.Series(range(len(series_ids)), dtype=pl.Int64),
                "lead_time": pl.Series(np.ceil(lead_time_days)).fill_nan(None),
            }
        )
        lines = (
            receipts.select(pl.col(name).cast(dtype) for name, dtype in RECEIPTS_SCHEMA.items())
            .filter(pl.col("open_qty") > 0.0, pl.col("open_qty").is_finite())
            .join(positions, on="series_id", how="inner")
        )
        expected_day = (pl.col("expected_date") - as_of_date).dt.total_days()
        ordered_day = (pl.col("order_date") - as_of_date).dt.total_days()
        due = pl.coalesce(expected_day, ordered_day + pl.col("lead_time").cast(pl.Int64))
        lines = lines.with_columns(
            due.clip(lower_bound=1).alias("day"), (due < 0).fill_null(False).alias("overdue")
        )
        return cls(
            lines.drop("lead_time").sort("row", "day", "po_id", nulls_last=True), series_count=len(series_ids)
        )

    def total(self) -> FloatArray:
        """(n,) units on order, undated lines included."""
        return self._sum(self.frame)

    def total_dated(self) -> FloatArray:
        """(n,) units on order that have a projected day."""
        return self._sum(self.frame.filter(pl.col("day").is_not_null()))

    def total_overdue(self) -> FloatArray:
        """(n,) units whose expected day lies before the as-of date."""
        return self._sum(self.frame.filter(pl.col("overdue")))

    def total_undated(self) -> FloatArray:
        """(n,) units on order without a projected day."""
        return self._sum(self.frame.filter(pl.col("day").is_null()))

    def by_day(self, horizon: int) -> FloatArray:
        """(n, horizon) units arriving on each of days 1..horizon."""
        arriving = self.frame.filter(pl.col("day") <= horizon)
        matrix = np.zeros((self.series_count, horizon))
        np.add.at(
            matrix,
            (arriving["row"].to_numpy(), arriving["day"].to_numpy() - 1),
            arriving["open_qty"].to_numpy(),
        )
        return matrix

    def through(self, days: FloatArray, rows: IntArray | None = None) -> FloatArray:
        """(m,) units arriving on days 1..``days``, also past the horizon; NaN days give NaN.

        Args:
            days: (m,) days.
            rows: (m,) positions of the series; absent: all of them in order.
        """
        at = np.arange(self.series_count) if rows is None else rows
        dated = self.frame.filter(pl.col("day").is_not_null())
        held = np.concatenate([[0.0], np.cumsum(dated["open_qty"].to_numpy())])
        day = dated["day"].to_numpy()
        last = np.nan_to_num(np.floor(days)).astype(np.int64)
        # One sorted key per line, so that a series' share of the running total is two binary searches.
        span = int(max(day.max(initial=0), last.max(initial=0))) + 1
        key = dated["row"].to_numpy() * span + day
        arrived = (
            held[np.searchsorted(key, at * span + last, "right")]
            - held[np.searchsorted(key, at * span, "right")]
        )
        return np.where(np.isnan(days), np.nan, arrived)

    def _sum(self, lines: pl.DataFrame) -> FloatArray:
        return np.bincount(
            lines["row"].to_numpy(), weights=lines["open_qty"].to_numpy(), minlength=self.series_count
        ).astype(np.float64)


@dataclass(frozen=True)
class StockProjection:
    """Stock of n series over days 1..h with confirmed receipts only; NaN where the stock is unknown.

    Attributes:
        net_stock: (n,) units at day 0, negative where customers are owed.
        receipts: (n, h) units confirmed for each day.
        balance: (n, h) mean net stock at the end of each day, negative as backorder.
        sd: (n, h) standard deviation of that balance, the cumulative forecast error's.
    """

    net_stock: FloatArray
    receipts: FloatArray
    balance: FloatArray
    sd: FloatArray

    @property
    def low(self) -> FloatArray:
        """(n, h) 10th percentile of the balance, normal law of the cumulative error."""
        return self.balance - BAND_Z * self.sd

    @property
    def high(self) -> FloatArray:
        """(n, h) 90th percentile of the balance."""
        return self.balance + BAND_Z * self.sd

    def stockout_probability(self) -> FloatArray:
        """(n, h) P(balance < 0) at the end of each day, normal law of the cumulative error."""
        shape = self.balance.shape
        law = NormalDemand(mean=-self.balance.ravel(), sd=self.sd.ravel())
        return law.exceedance(np.zeros(self.balance.size)).reshape(shape)

    def lowest(self) -> tuple[FloatArray, FloatArray]:
        """(n,) smallest balance, units, and (n,) the first day it is reached."""
        day = np.argmin(self.balance, axis=1)
        smallest = self.balance[np.arange(day.size), day]
        return smallest, np.where(np.isnan(smallest), np.nan, day + 1.0)


def project_stock(net_stock: FloatArray, receipts: FloatArray, demand: CumulativeDemand) -> StockProjection:
    """Roll the stock forward: ``B_t = B_{t-1} + receipts_t - F_t``, F the mean forecast.

    >>> demand = CumulativeDemand.from_daily(np.full((1, 4), 10.0), np.zeros((1, 4)))
    >>> stock = np.array([25.0])
    >>> balance = project_stock(stock, np.array([[0.0, 0.0, 0.0, 40.0]]), demand).balance
    >>> balance
    array([[15.,  5., -5., 25.]])
    >>> stockout_day(stock, balance)
    array([3.])

    Args:
        net_stock: (n,) units at day 0; NaN: unknown.
        receipts: (n, h) units arriving in the morning of each day.
        demand: cumulative moments of the forecast.

    Source: ``docs/methods.md#stock-projection``.
    """
    balance = net_stock[:, None] + np.cumsum(receipts, axis=1) - demand.mean[:, 1:]
    return StockProjection(net_stock, receipts, balance, sd=np.sqrt(demand.variance[:, 1:]))


def unserved_so_far(balance: FloatArray) -> FloatArray:
    """Units that no stock has met by the end of each day, (n, days), where unmet demand is lost.

    The backorder balance reflected at zero: what was lost once stays lost, and the stock is the balance and
    these together.

    >>> unserved_so_far(np.array([[5.0, -5.0, 15.0, -8.0]]))
    array([[0., 5., 5., 8.]])

    Args:
        balance: (n, days) units, as if customers waited.
    """
    return np.maximum.accumulate(np.maximum(-balance, 0.0), axis=1)


def stockout_day(net_stock: FloatArray, balance: FloatArray) -> FloatArray:
    """First day whose end balance is below zero, (n,); 0 where customers are owed already; NaN: none.

    A balance of exactly zero is not a stock-out: the day was served.

    Args:
        net_stock: (n,) units at day 0; NaN: unknown, no day.
        balance: (n, h) units at the end of each day.
    """
    short = balance < -QTY_TOLERANCE
    first = np.where(short.any(axis=1), short.argmax(axis=1) + 1.0, np.nan)
    return np.where(np.isnan(net_stock), np.nan, np.where(net_stock < -QTY_TOLERANCE, 0.0, first))


def cover_with_receipts(projection: StockProjection, demand: CumulativeDemand) -> FloatArray:
    """Days until the stock, topped up by dated receipts, first runs dry; fractional inside that day.

    NaN where it does not within the horizon; 0 where customers are owed already.
    """
    day = stockout_day(projection.net_stock, projection.balance)
    at = np.maximum(np.nan_to_num(day, nan=1.0), 1.0).astype(np.int64)
    rows = np.arange(day.size)
    used = demand.mean[rows, at] - demand.mean[rows, at - 1]
    left = projection.balance[rows, at - 1] + used
    share = np.zeros_like(used)
    np.divide(left, used, out=share, where=used > 0.0)
    return np.where(day == 0.0, 0.0, day - 1.0 + np.clip(share, 0.0, 1.0))


def pessimistic_cover(net_stock: FloatArray, demand: CumulativeDemand) -> FloatArray:
    """Forward cover against the 90th percentile of cumulative demand, (n,) days; NaN past the horizon."""
    path = demand.mean + BAND_Z * np.sqrt(demand.variance)
    return forward_cover(path, net_stock)
