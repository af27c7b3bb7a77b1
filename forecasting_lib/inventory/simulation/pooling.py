"""Service over the items of a segment, with intervals by resampling items.

Belongs here: sums over items, their ratios and percentile intervals. Does not belong here: what happens to
one item (``run``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from forecasting_lib.inventory.simulation.run import SimulatedService
from forecasting_lib.panel import FloatArray, IntArray

ALL = "all"
"""The segment of all items."""

RATES = ("csl_cycle", "csl_period", "fill_rate", "ready_rate")
"""The four ways to count service, each with ``_low`` and ``_high``."""

DAYS_PER_YEAR = 365.0


def pooled_service(
    service: SimulatedService,
    segments: Sequence[str],
    *,
    unit_cost: FloatArray | None = None,
    unit_margin: FloatArray | None = None,
    predicted: FloatArray | None = None,
    days_per_period: float = 1.0,
    confidence: float = 0.95,
    replicates: int = 400,
    seed: int = 20_241,
) -> pl.DataFrame:
    """Service, stock and orders of each segment and of all items.

    A rate is the ratio of sums over items, so that an item counts by its cycles or units. Its interval is
    the percentile bootstrap over items: cycles of one item are not independent, items are taken to be.

    Args:
        service: of n items.
        segments: the segment of each.
        unit_cost: (n,) money a unit; NaN: unknown, and the item's stock has no value.
        unit_margin: (n,) money lost with a unit not served; NaN: unknown.
        predicted: (n,) service that was promised of each item, averaged over its cycles; NaN: unknown.
        days_per_period: days in a period.
        confidence: of the intervals.
        replicates: resamples.
        seed: of the resampling.

    Raises:
        ValueError: there is no item.

    Returns:
        A row per segment in alphabetical order, then ``all``: ``segment, n_items, n_cycles``, each of
        ``RATES`` with ``_low`` and ``_high``, ``predicted, on_hand_qty, stock_value, cover_days,
        orders_per_year, demand_qty, unserved_qty, unserved_margin``. Null where nothing can be said: no
        cycle, no demand, no price.
    """
    if not len(service):
        raise ValueError("no item was simulated, so there is no service to pool")
    of_item = np.asarray(segments)
    days = service.periods * days_per_period
    rng = np.random.default_rng(seed)
    rows = []
    for segment in [*sorted(set(of_item.tolist())), ALL]:
        at = np.flatnonzero((of_item == segment) | (segment == ALL))
        counts = _counts(service, at)
        drawn = rng.multinomial(len(at), np.full(len(at), 1.0 / len(at)), size=replicates)
        row: dict[str, object] = {
            "segment": segment,
            "n_items": len(at),
            "n_cycles": int(service.cycles[at].sum()),
        }
        for name, (good, total) in counts.items():
            low, high = _interval(drawn, good, total, confidence)
            row |= {name: _ratio(good.sum(), total.sum()), f"{name}_low": low, f"{name}_high": high}
        on_hand = service.mean_on_hand[at]
        daily = service.demand[at].sum() / days
        row |= {
            "predicted": _weighted(predicted, service.cycles, at),
            "on_hand_qty": float(on_hand.sum()),
            "stock_value": _money(unit_cost, on_hand, at),
            "cover_days": _ratio(on_hand.sum(), daily),
            "orders_per_year": float(service.orders[at].sum() / days * DAYS_PER_YEAR),
            "demand_qty": float(service.demand[at].sum()),
            "unserved_qty": float(service.unserved[at].sum()),
            "unserved_margin": _money(unit_margin, service.unserved[at], at),
        }
        rows.append(row)
    return pl.DataFrame(rows, schema=_SCHEMA)


_TOTALS = (
    *("predicted", "on_hand_qty", "stock_value", "cover_days", "orders_per_year"),
    *("demand_qty", "unserved_qty", "unserved_margin"),
)
_SCHEMA = pl.Schema(
    {
        "segment": pl.String,
        "n_items": pl.Int64,
        "n_cycles": pl.Int64,
        **{f"{rate}{end}": pl.Float64 for rate in RATES for end in ("", "_low", "_high")},
        **dict.fromkeys(_TOTALS, pl.Float64),
    }
)


def _counts(service: SimulatedService, at: IntArray) -> dict[str, tuple[FloatArray, FloatArray]]:
    """What went well and how much there was, of each rate."""
    periods = np.full(len(at), float(service.periods))
    return {
        "csl_cycle": ((service.cycles - service.short_cycles)[at], service.cycles[at]),
        "csl_period": ((service.reviews - service.short_reviews)[at], service.reviews[at]),
        "fill_rate": (service.served[at], service.demand[at]),
        "ready_rate": (periods - service.short_periods[at], periods),
    }


def _interval(
    drawn: IntArray, good: FloatArray, total: FloatArray, confidence: float
) -> tuple[float | None, float | None]:
    if not total.sum() > 0.0:
        return None, None
    resampled = drawn @ total
    shares = (drawn @ good)[resampled > 0.0] / resampled[resampled > 0.0]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(shares, [tail, 1.0 - tail])
    return float(low), float(high)


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0.0 else None


def _weighted(values: FloatArray | None, weights: FloatArray, at: IntArray) -> float | None:
    if values is None:
        return None
    known = at[np.isfinite(values[at])]
    return _ratio(float((values * weights)[known].sum()), float(weights[known].sum()))


def _money(price: FloatArray | None, units: FloatArray, at: IntArray) -> float | None:
    """Null where no item of the segment has a price: part of the money is less than nothing is known of."""
    if price is None or not np.isfinite(price[at]).any():
        return None
    return float(np.nansum(price[at] * units))
