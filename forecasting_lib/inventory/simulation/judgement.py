"""What policies achieved in a replay: at their own level, at a level fitted before, and at equal terms.

Belongs here: which levels are played, the fit on the earlier days, and the rows that are told. Does not
belong here: the run through the days (``run``), the levels (``rolled_levels``, ``baselines``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl

from forecasting_lib.inventory.simulation.frontier import service_at_stock, stock_at_service
from forecasting_lib.inventory.simulation.pooling import ALL, RATES, pooled_service
from forecasting_lib.inventory.simulation.rules import OrderUpTo
from forecasting_lib.inventory.simulation.run import SimulatedService, simulate
from forecasting_lib.inventory.simulation.sweep import LevelSweep, held_before
from forecasting_lib.panel import FloatArray, IntArray

FITTED_METRICS = ("csl_cycle", "fill_rate")
"""What a level is fitted for: a client may promise either."""

LEAST_ITEMS = 20
"""A segment with fewer is fitted with all others together."""


class Basis(StrEnum):
    """How the level of a row was chosen."""

    AS_SET = "as_set"
    FITTED = "fitted"
    SWEEP = "sweep"
    EQUAL_SERVICE = "equal_service"
    EQUAL_STOCK = "equal_stock"


@dataclass(frozen=True)
class Replay:
    """The days that policies are played through, the same for all.

    Attributes:
        demand: (n, days) units, finite: first days that warm up, then days that levels are fitted on, then
            days that are judged.
        lead_times: (n, days) whole days of an order placed on each.
        review_days: (n,) days from one review to the next, at least 1.
        segments: (n,) the segment of each item.
        warm_up: days that only warm up.
        fitted: days that levels are fitted on; 0 for none.
        sales_are_lost: what stock does not serve is lost.
        moq, multiple: (n,) units; NaN: none.
        unit_cost, unit_margin: (n,) money; NaN: unknown.
    """

    demand: FloatArray
    lead_times: IntArray
    review_days: IntArray
    segments: Sequence[str]
    warm_up: int
    fitted: int
    sales_are_lost: bool
    moq: FloatArray
    multiple: FloatArray
    unit_cost: FloatArray
    unit_margin: FloatArray

    @property
    def judged_from(self) -> int:
        """Column of the first day that is judged."""
        return self.warm_up + self.fitted


def judged(sweeps: Sequence[LevelSweep], replay: Replay, targets: Sequence[float]) -> pl.DataFrame:
    """What each policy achieved over the judged days.

    Args:
        sweeps: the policies, over the fitted and judged days; the first is the one the others are compared
            with.
        replay: the days.
        targets: service levels, the client's own first.

    Returns:
        A row per policy, basis, segment, metric and level: ``policy, basis, segment, metric, target,
        nominal, predicted, achieved, achieved_low, achieved_high, cover_days, on_hand_qty, stock_value,
        orders_per_year, unserved_qty, unserved_margin, n_items, n_cycles``. ``target`` is null of a sweep,
        ``nominal`` of what is read between two levels and where a segment's items have several.
    """
    played = [_Played(sweep, replay) for sweep in sweeps]
    rows = [row for policy in played for row in policy.rows(targets)]
    frame = pl.DataFrame(rows, schema=ROWS_SCHEMA)
    return pl.concat([frame, _on_equal_terms(frame, sweeps[0].policy)])


ROWS_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(("policy", "basis", "segment", "metric"), pl.String),
        **dict.fromkeys(
            (
                *("target", "nominal", "predicted", "achieved", "achieved_low", "achieved_high"),
                *("cover_days", "on_hand_qty", "stock_value", "orders_per_year"),
                *("unserved_qty", "unserved_margin"),
            ),
            pl.Float64,
        ),
        **dict.fromkeys(("n_items", "n_cycles"), pl.Int64),
    }
)


class _Played:
    """One policy in one replay."""

    def __init__(self, sweep: LevelSweep, replay: Replay) -> None:
        self._sweep, self._replay = sweep, replay
        self._lot = held_before(sweep.lot, replay.warm_up)

    def rows(self, targets: Sequence[float]) -> Iterator[dict[str, object]]:
        for number, level in enumerate(self._sweep.levels):
            points, promised = self._sweep.reorder_point[number], self._sweep.predicted[number]
            yield from self._told(points, promised, Basis.SWEEP, RATES, None, float(level))
        own = np.full(len(self._lot), targets[0] if self._sweep.scale == "probability" else 1.0)
        yield from self._told(*self._sweep.at(own), Basis.AS_SET, RATES, targets[0], float(own[0]))
        for metric, target, levels in self._fitted(targets):
            of_item = np.array([levels[name] for name in self._replay.segments])
            yield from self._told(*self._sweep.at(of_item), Basis.FITTED, (metric,), target, levels)

    def _fitted(self, targets: Sequence[float]) -> Iterator[tuple[str, float, Mapping[str, float]]]:
        """The level of each segment at which each target was met on the earlier days."""
        if not self._replay.fitted:
            return
        earlier = [
            pooled_service(
                self._simulated(points, self._replay.judged_from, self._replay.warm_up),
                self._replay.segments,
                replicates=1,
            )
            for points in self._sweep.reorder_point
        ]
        names = earlier[0]["segment"].to_list()
        items = dict(zip(names, earlier[0]["n_items"], strict=True))
        for metric in FITTED_METRICS:
            achieved = np.array([frame[metric].fill_null(np.nan).to_numpy() for frame in earlier])
            for target in targets:
                found = dict(
                    zip(
                        names,
                        (self._level_for(achieved[:, at], target) for at in range(len(names))),
                        strict=True,
                    )
                )
                yield (
                    metric,
                    target,
                    {name: found[name if items[name] >= LEAST_ITEMS else ALL] for name in names},
                )

    def _level_for(self, achieved: FloatArray, target: float) -> float:
        """Where a sweep meets a target; its nearest end where it does not."""
        known = np.isfinite(achieved)
        if not known.any():
            return float(self._sweep.levels[-1])
        rising = np.maximum.accumulate(achieved[known])
        return float(np.interp(target, rising, self._sweep.levels[known]))

    def _told(
        self,
        points: FloatArray,
        promised: FloatArray,
        basis: Basis,
        metrics: Sequence[str],
        target: float | None,
        nominal: float | Mapping[str, float],
    ) -> Iterator[dict[str, object]]:
        replay = self._replay
        service = self._simulated(points, replay.demand.shape[1], replay.judged_from)
        pooled = pooled_service(
            service,
            replay.segments,
            unit_cost=replay.unit_cost,
            unit_margin=replay.unit_margin,
            predicted=promised,
        )
        for row in pooled.iter_rows(named=True):
            level = _level_of(nominal, row["segment"])
            for metric in metrics:
                yield {
                    "policy": self._sweep.policy,
                    "basis": basis.value,
                    "metric": metric,
                    "target": target,
                    "nominal": level,
                    "achieved": row[metric],
                    "achieved_low": row[f"{metric}_low"],
                    "achieved_high": row[f"{metric}_high"],
                    **{name: row[name] for name in _CARRIED},
                    # a level promises cycles; nothing is promised of the rest
                    "predicted": row["predicted"] if metric.startswith("csl") else None,
                }

    def _simulated(self, points: FloatArray, days: int, warm_up: int) -> SimulatedService:
        replay = self._replay
        point = held_before(points, replay.warm_up)
        rule = OrderUpTo(point, point + self._lot, replay.moq, replay.multiple)
        return simulate(
            replay.demand[:, :days],
            rule,
            replay.lead_times[:, :days],
            review_periods=replay.review_days,
            sales_are_lost=replay.sales_are_lost,
            warm_up=warm_up,
        )


def _level_of(nominal: float | Mapping[str, float], segment: str) -> float | None:
    """The level of a segment's items; None of all together where segments have levels of their own."""
    if isinstance(nominal, Mapping):
        return None if segment == ALL else nominal[segment]
    return nominal


_CARRIED = (
    *("segment", "n_items", "n_cycles", "cover_days", "on_hand_qty", "stock_value"),
    *("orders_per_year", "unserved_qty", "unserved_margin"),
)


def _on_equal_terms(rows: pl.DataFrame, reference: str) -> pl.DataFrame:
    """Every other policy with the service, then with the stock, that the reference had where it was fitted.

    Where nothing was fitted, where it had its level as set.
    """
    fitted = rows.filter((pl.col("policy") == reference) & (pl.col("basis") == Basis.FITTED.value))
    if fitted.is_empty():
        as_set = (pl.col("basis") == Basis.AS_SET.value) & pl.col("metric").is_in(FITTED_METRICS)
        fitted = rows.filter((pl.col("policy") == reference) & as_set)
    swept = rows.filter((pl.col("policy") != reference) & (pl.col("basis") == Basis.SWEEP.value))
    told: list[dict[str, object]] = []
    for (policy, segment, metric), points in swept.group_by(
        "policy", "segment", "metric", maintain_order=True
    ):
        for row in fitted.filter(segment=segment, metric=metric).iter_rows(named=True):
            told += _equal(points, row, str(policy))
    return pl.DataFrame(told, schema=ROWS_SCHEMA)


def _equal(points: pl.DataFrame, row: Mapping[str, object], policy: str) -> Iterator[dict[str, object]]:
    achieved, stock = (points[name].fill_null(np.nan).to_numpy() for name in ("achieved", "on_hand_qty"))
    wanted, had = row["achieved"], row["on_hand_qty"]
    if not isinstance(wanted, float) or not isinstance(had, float):
        return
    same = {
        **{name: row[name] for name in ("segment", "metric", "target", "n_items")},
        "policy": policy,
    }
    needed = stock_at_service(achieved, stock, wanted)
    if needed is not None:
        yield {
            **same,
            "basis": Basis.EQUAL_SERVICE.value,
            "achieved": wanted,
            "on_hand_qty": needed,
            **{name: _read_at(points, name, needed) for name in ("cover_days", "stock_value")},
        }
    reached = service_at_stock(achieved, stock, had)
    if reached is not None:
        yield {
            **same,
            "basis": Basis.EQUAL_STOCK.value,
            "achieved": reached,
            "on_hand_qty": had,
            **{name: row[name] for name in ("cover_days", "stock_value")},
        }


def _read_at(points: pl.DataFrame, name: str, stock: float) -> float | None:
    """Another column of a sweep where its stock is this."""
    known = points.filter(pl.col(name).is_not_null()).sort("on_hand_qty")
    if known.is_empty():
        return None
    return float(np.interp(stock, known["on_hand_qty"].to_numpy(), known[name].to_numpy()))
