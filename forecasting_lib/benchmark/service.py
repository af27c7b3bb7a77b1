"""Whether a service level is kept: reorder points of past origins beside the demand that followed.

Belongs here: fitting on the earlier origins, judging on the last ones, the textbook's formula and a moving
average beside them. Does not belong here: forecasts and files (the command), reorder points
(``forecasting_lib.inventory.levels``).

The reorder point of an order that is placed today has to cover the demand until the goods of the next review
are there, so many days from the origin on; a cycle is served if it did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting_lib.backtesting.measured import KnownOfClass, inflations
from forecasting_lib.backtesting.measures import Totals
from forecasting_lib.backtesting.segments import NO_DEMAND, demand_classes
from forecasting_lib.benchmark.figures import bootstrap_draws
from forecasting_lib.history_variance import history_variance
from forecasting_lib.inventory import ErrorGrowth, InventoryPolicy
from forecasting_lib.inventory.classification import DemandClass
from forecasting_lib.inventory.levels import cumulative_demand, levels_of
from forecasting_lib.inventory.supply import Supply
from forecasting_lib.inventory.tables import SUPPLY_SCHEMA
from forecasting_lib.models.counts import counted_series
from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray, Forecast

TARGETS = (0.90, 0.95, 0.98)
INTERVALS = (7, 14, 21)
JUDGED = 4
"""The last origins, which nothing is fitted on."""

SHORTEST, LONGEST = 3, 21
_LEAD_TIME_MEDIAN, _LEAD_TIME_SPREAD = 9.0, 0.5
_HISTORY_DAYS = 365
_MA_DAYS = 7
_LEAST_CYCLES = 50
_SEED = 11
_STEPS = 40
_SMALLEST, _LARGEST = -5.0, 400.0


@dataclass(frozen=True)
class Kept:
    """How a target was kept in one demand class over one interval; shares of cycles, units of all series.

    Attributes:
        demand_class: of the series.
        interval: days to cover, or ``drawn``.
        target: asked for.
        cycles: judged.
        achieved: served, with the central 95 % of a bootstrap over series.
        predicted: what the reorder points promised.
        stock: units at the reorder points; ``left``: of these, left when the goods came.
        textbook, average: (units, left) of normal demand by the history, and of the mean of seven days, with
            the factor at which they serve as many cycles; None where no factor does.
    """

    demand_class: str
    interval: str
    target: float
    cycles: int
    achieved: float
    low: float
    high: float
    predicted: float
    stock: float
    left: float
    textbook: tuple[float, float] | None
    average: tuple[float, float] | None


@dataclass(frozen=True)
class _Cycles:
    """What is known of the cycles of some origins, (m,) each."""

    series: npt.NDArray[np.int64]
    classes: npt.NDArray[np.object_]
    days: FloatArray
    lead_time_sd: FloatArray
    mean: FloatArray
    variance: FloatArray
    recent: FloatArray
    demand: FloatArray


def lead_times(count: int, seed: int) -> FloatArray:
    """(count,) days from 3 to 21: log-normal around nine, as uneven as the purchase orders of aid projects.

    >>> drawn = lead_times(10_000, 1)
    >>> float(np.median(drawn)), float(drawn.min()), float(drawn.max())
    (9.0, 3.0, 21.0)
    """
    drawn = np.random.default_rng(seed).lognormal(np.log(_LEAD_TIME_MEDIAN), _LEAD_TIME_SPREAD, count)
    return np.clip(np.rint(drawn), SHORTEST, LONGEST)


def service_kept(origins: Sequence[Origin], forecasts: Sequence[Forecast]) -> list[Kept]:
    """Judge the last ``JUDGED`` origins with what the earlier ones said.

    Args:
        origins: of days, the earliest first, 28 days of actuals each; the same series at each.
        forecasts: of a model, at each.

    Raises:
        ValueError: there is no origin to fit on.
    """
    early = len(origins) - JUDGED
    if early < 1:
        raise ValueError(f"more than {JUDGED} origins are needed: the last {JUDGED} are judged")
    known = [_known(origin, forecast) for origin, forecast in zip(origins, forecasts, strict=True)]
    names = tuple(sorted({str(name) for of_origin in known for name in of_origin.classes}))
    found = inflations(known[:early], names)
    by_class = {
        ("", name): {periods: fit for (of_class, periods), fit in found.items() if of_class == name}
        for name in names
    }
    kept: list[Kept] = []
    judged = range(early, len(origins))
    usual = lead_times(100_000, _SEED)
    for interval in (*INTERVALS, None):
        drawn = [
            lead_times(len(known[k].series), _SEED + 1 + k)
            if interval is None
            else np.full(len(known[k].series), interval - 1.0)
            for k in judged
        ]
        mean, sd = (usual.mean(), usual.std()) if interval is None else (interval - 1.0, 0.0)
        cycles = _cycles(origins, known, judged, drawn, float(mean), float(sd))
        for target in TARGETS:
            levels = [
                _reorder(origins[k], forecasts[k], known[k], by_class, target, float(mean), float(sd))
                for k in judged
            ]
            point = np.concatenate([level for level, _ in levels])
            predicted = np.concatenate([promised for _, promised in levels])
            for name in DemandClass:
                rows = np.flatnonzero(cycles.classes == name.value)
                if len(rows) >= _LEAST_CYCLES:
                    kept.append(
                        _kept(cycles, rows, name.value, interval, target, point[rows], predicted[rows])
                    )
    return kept


def _known(origin: Origin, forecast: Forecast) -> KnownOfClass:
    panel = origin.panel
    totals = Totals.of(forecast, origin.actual, counted_series(panel), history_variance(panel))
    return KnownOfClass(
        totals, np.array(demand_classes(panel), dtype=object), np.arange(len(panel), dtype=np.int64)
    )


def _cycles(
    origins: Sequence[Origin],
    known: Sequence[KnownOfClass],
    judged: Sequence[int],
    drawn: Sequence[FloatArray],
    mean: float,
    sd: float,
) -> _Cycles:
    histories = [[h[-_HISTORY_DAYS:] for h in origins[k].panel.history] for k in judged]
    demanded = [
        np.cumsum(origins[k].actual, axis=1)[np.arange(len(days)), days.astype(np.int64)]
        for k, days in zip(judged, drawn, strict=True)
    ]
    count = sum(len(days) for days in drawn)
    return _Cycles(
        np.concatenate([known[k].series for k in judged]),
        np.concatenate([known[k].classes for k in judged]),
        np.full(count, mean + 1.0),
        np.full(count, sd),
        np.array([np.nanmean(h) for own in histories for h in own]),
        np.array([np.nanvar(h, ddof=1) for own in histories for h in own]),
        np.array([np.nanmean(h[-_MA_DAYS:]) for own in histories for h in own]),
        np.concatenate(demanded),
    )


def _reorder(
    origin: Origin,
    forecast: Forecast,
    known: KnownOfClass,
    by_class: Mapping[tuple[str, str], Mapping[int, object]],
    target: float,
    lead_time: float,
    lead_time_sd: float,
) -> tuple[FloatArray, FloatArray]:
    """Reorder point and predicted service of every series, (n,) each, as the pipeline plans them."""
    n = len(origin.panel)
    rows = pl.DataFrame(
        {
            "series_id": origin.panel.series_ids,
            "lead_time_days": np.full(n, lead_time),
            "lead_time_sd_days": np.full(n, lead_time_sd),
            "demand_class": [None if name == NO_DEMAND else name for name in known.classes],
            "history_variance": known.totals.history_variance,
            "is_counted": known.totals.counted,
        }
    )
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in SUPPLY_SCHEMA.items() if name not in rows]
    policy = InventoryPolicy(service_target=target)
    supply = Supply.from_frame(rows.with_columns(missing), origin.panel.series_ids, policy)
    growth = ErrorGrowth.of(
        [("", str(name)) for name in known.classes],
        by_class,  # type: ignore[arg-type]
        forecast.grain,
    )
    levels = levels_of(supply, cumulative_demand(forecast, supply, policy, growth), policy)
    return np.ceil(levels.reorder_point - 1e-9), levels.service_predicted


def _kept(
    cycles: _Cycles,
    rows: npt.NDArray[np.int64],
    name: str,
    interval: int | None,
    target: float,
    point: FloatArray,
    predicted: FloatArray,
) -> Kept:
    demand, days = cycles.demand[rows], cycles.days[rows]
    served = (demand <= point).astype(np.float64)
    series, number = np.unique(cycles.series[rows], return_inverse=True)
    hits = np.bincount(number, weights=served)
    counts = bootstrap_draws(len(series))
    low, high = np.quantile((counts @ hits) / (counts @ np.bincount(number)), (0.025, 0.975))
    m, v, sd = cycles.mean[rows], cycles.variance[rows], cycles.lead_time_sd[rows]
    spread = np.sqrt(days * v + np.square(m * sd))
    achieved = float(served.mean())
    return Kept(
        name,
        "drawn" if interval is None else str(interval),
        target,
        len(rows),
        achieved,
        float(low),
        float(high),
        float(predicted.mean()),
        float(point.sum()),
        float(np.maximum(point - demand, 0.0).sum()),
        _at_equal_service(lambda k: np.ceil(days * m + k * spread), demand, achieved),
        _at_equal_service(
            lambda k: np.ceil(np.maximum(k, 0.0) * days * cycles.recent[rows]), demand, achieved
        ),
    )


def _at_equal_service(
    levels: Callable[[float], FloatArray], demand: FloatArray, achieved: float
) -> tuple[float, float] | None:
    """Units at the least factor that serves as many cycles, and of these those left; None where none does."""
    low, high = _SMALLEST, _LARGEST
    if float((demand <= levels(high)).mean()) < achieved:
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        if float((demand <= levels(middle)).mean()) < achieved:
            low = middle
        else:
            high = middle
    point = levels(high)
    return float(point.sum()), float(np.maximum(point - demand, 0.0).sum())
