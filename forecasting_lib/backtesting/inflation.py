"""How far errors of different periods go together: the factor on the variance of a total.

Belongs here: kappa and its standard error from the totals of past origins. Does not belong here: the totals
(``measures``), what inventory does with kappa.

Daily distributions know nothing of each other, so the variance of a total, added up from them, is that of
independent errors. Kappa is the factor that makes the total's upper quantiles hold what they name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from forecasting_lib.backtesting.calibration import levels_to_read
from forecasting_lib.backtesting.reliability import cell_masses
from forecasting_lib.moment_law import MomentLaw
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray

HELD_LEVELS = (0.80, 0.90, 0.95, 0.98)
"""The levels that orders rest on."""

SMALLEST, LARGEST = 0.25, 25.0

LARGEST_SAMPLE = 6_000
"""Totals that are looked at, evenly spaced: more make kappa no more certain than windows leave it."""

_GRID = 15
_FALLEN = 0.05
"""Of what four levels hold in sum: so far below the value before, more variance holds less."""

_PRECISION = 2e-3
"""Of the logarithm of kappa: far below its standard error."""


@dataclass(frozen=True)
class Inflation:
    """Kappa of one segment and interval, and where the levels of the inflated law are to be read.

    Attributes:
        kappa: the variance of a total over the sum of its periods' variances.
        read_at: (21,) the level at which each level of the grid is read: the tails of totals are not the
            law's.
        standard_error: of kappa's logarithm, the errors of one series taken together; None with too few
            totals.
        totals: how many it rests on.
    """

    kappa: float
    read_at: FloatArray
    standard_error: float | None
    totals: int


@dataclass(frozen=True)
class KnownTotals:
    """Totals of one segment and interval whose actuals are known, (n,) each; units and units squared."""

    actual: FloatArray
    mean: FloatArray
    variance: FloatArray
    counted: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.actual)

    def part(self, where: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> KnownTotals:
        return KnownTotals(self.actual[where], self.mean[where], self.variance[where], self.counted[where])

    def transform(self, kappa: float) -> tuple[FloatArray, FloatArray]:
        """F(y-) and F(y) of the actuals, with the variance inflated, (n,) each."""
        return MomentLaw(self.mean, kappa * self.variance, self.counted).transform(self.actual)


def held(low: FloatArray, high: FloatArray, level: float) -> float:
    """Share of the actuals below the quantile at a level, those that equal it shared out.

    Args:
        low, high: (n,) F(y-) and F(y) of each actual.
        level: of the quantile.
    """
    return float(_share(low, high, level).mean())


def _share(low: FloatArray, high: FloatArray, level: float) -> FloatArray:
    width = high - low
    with np.errstate(over="ignore"):  # of a width next to nothing the quotient is beyond one either way
        inside = np.clip((level - low) / np.where(width > 0.0, width, 1.0), 0.0, 1.0)
    return np.where(width > 0.0, inside, low <= level)


LEAST_TOTALS = 200
"""Fewer totals of a class tell kappa no better than those of all classes do."""


def fitted(
    totals: KnownTotals, series: npt.NDArray[np.int64], everybody: Inflation | None = None
) -> Inflation:
    """Kappa of totals: the one at which their quantiles hold what they name.

    Args:
        totals: of several origins.
        series: (n,) number of the series of each; those of one series are left out together.
        everybody: stands where there are fewer than ``LEAST_TOTALS``; without it kappa is 1 there, and its
            error unknown.
    """
    spread = (totals.mean > 0.0) & (totals.variance > 0.0)
    known, of_known = totals.part(spread), series[spread]
    if len(known) < LEAST_TOTALS:
        if everybody is not None:
            return replace(everybody, totals=len(known))
        return Inflation(1.0, np.array(QUANTILE_LEVELS), None, len(known))
    if len(known) > LARGEST_SAMPLE:
        chosen = np.linspace(0, len(known) - 1, LARGEST_SAMPLE).astype(np.int64)
        known, of_known = known.part(chosen), of_known[chosen]
    kappa = _solved(known)
    masses = cell_masses(*known.transform(kappa)).sum(axis=0)
    return Inflation(
        kappa,
        levels_to_read(masses, len(known)),
        _standard_error(known, of_known, kappa),
        len(known),
    )


def _solved(totals: KnownTotals) -> float:
    """The kappa at which the levels hold, in sum, what they name; the closest where none does.

    More variance holds more of the upper levels only up to a point: of a small mean it then moves probability
    to zero faster than to the tail. So the least kappa is taken.
    """
    target = sum(HELD_LEVELS)

    def excess(log_kappa: float) -> float:
        return float(_held_levels(totals, log_kappa).mean()) - target

    grid = np.linspace(np.log(SMALLEST), np.log(LARGEST), _GRID)
    found: list[float] = []
    for low, high in pairwise(grid):
        found = found or [excess(low)]
        found.append(excess(high))
        if found[-2] < 0.0 <= found[-1]:
            return float(np.exp(brentq(excess, low, high, xtol=_PRECISION)))
        if found[-1] < found[-2] - _FALLEN:
            break
    return float(np.exp(grid[int(np.argmin(np.abs(found)))]))


def _standard_error(totals: KnownTotals, series: npt.NDArray[np.int64], kappa: float) -> float | None:
    """Of ln(kappa): that of what the levels hold, by series, over how fast kappa changes it."""
    step = 0.1
    at = float(np.log(kappa))
    slope = float((_held_levels(totals, at + step) - _held_levels(totals, at - step)).mean()) / (2.0 * step)
    if slope <= 0.0:
        return None
    errors = _held_levels(totals, at) - sum(HELD_LEVELS)
    by_series = np.bincount(np.unique(series, return_inverse=True)[1], weights=errors)
    return float(np.sqrt(np.square(by_series).sum()) / len(errors) / slope)


def _held_levels(totals: KnownTotals, log_kappa: float) -> FloatArray:
    """(n,) how many of ``HELD_LEVELS`` hold each actual; of one that equals a quantile, its share."""
    low, high = totals.transform(float(np.exp(log_kappa)))
    return np.asarray(np.sum([_share(low, high, level) for level in HELD_LEVELS], axis=0))
