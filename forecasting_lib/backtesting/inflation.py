"""How far errors of different periods go together: the factor on the variance of a total.

Belongs here: kappa and its standard error from the totals of past origins. Does not belong here: the totals
(``measures``), what inventory does with kappa.

Daily distributions know nothing of each other, so the variance of a total, added up from them, is that of
independent errors. Kappa is the factor on it, blended with the history's (``history_variance``), that makes
past totals likeliest; a factor that made their quantiles hold would take a bias of those windows for
certainty.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from forecasting_lib.backtesting.calibration import read_levels
from forecasting_lib.backtesting.reliability import cell_masses
from forecasting_lib.moment_law import MomentLaw
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray

HELD_LEVELS = (0.80, 0.90, 0.95, 0.98)
"""The levels that orders rest on."""

SMALLEST, LARGEST = 0.25, 12.0
"""Beyond these the forecast is wrong, and not its variance."""

LARGEST_SAMPLE = 6_000
"""Totals that are looked at, evenly spaced: more make kappa no more certain than windows leave it."""

_PRECISION = 2e-3
"""Of the logarithm of kappa: far below its standard error."""

_LEAST_LOG = -12.0
"""Logarithm below which a total is an event that no factor should be stretched to."""

_WIDTH = 0.05
"""Of a quantity's standard deviation: how near counts as equal."""

PRIOR_TOTALS = 100.0
"""Totals that no shift of the levels weighs as much as."""


@dataclass(frozen=True)
class Inflation:
    """Kappa of one segment and interval, and where the levels of the inflated law are to be read.

    Attributes:
        kappa: the variance of a total over that of independent errors, blended with the history's.
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
    """Totals of one segment and interval whose actuals are known, (n,) each; units and units squared.

    The variance is that of independent errors, blended with the history's.
    """

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
    totals: KnownTotals,
    series: npt.NDArray[np.int64],
    everybody: Inflation | None = None,
    *,
    origins: int = LEAST_TOTALS,
) -> Inflation:
    """Kappa of totals: the one at which they are likeliest.

    Then the levels are read where past totals fell, the less the fewer origins they are of: all series of a
    window share its weather, so that one window says nothing of the next one's level.

    Args:
        totals: of several origins.
        series: (n,) number of the series of each; those of one series are left out together.
        origins: how many there are.
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
    kappa = _likeliest(known)
    masses = cell_masses(*known.transform(kappa)).sum(axis=0)
    weight = len(known) / (len(known) + PRIOR_TOTALS) * (1.0 - 1.0 / origins)
    return Inflation(
        kappa,
        read_levels(masses, weight),
        _standard_error(known, of_known, kappa),
        len(known),
    )


def _likeliest(totals: KnownTotals) -> float:
    found = minimize_scalar(
        lambda log_kappa: -float(_likelihoods(totals, log_kappa).mean()),
        bounds=(np.log(SMALLEST), np.log(LARGEST)),
        method="bounded",
        options={"xatol": _PRECISION},
    )
    return float(np.exp(found.x))


def _standard_error(totals: KnownTotals, series: npt.NDArray[np.int64], kappa: float) -> float | None:
    """Of ln(kappa): that of the likelihood's slope, by series, over its curvature (White 1982)."""
    step = 0.1
    at = float(np.log(kappa))
    below, here, above = (_likelihoods(totals, at + shift) for shift in (-step, 0.0, step))
    curvature = float((2.0 * here - below - above).sum()) / step**2
    if curvature <= 0.0:
        return None
    slopes = (above - below) / (2.0 * step)
    by_series = np.bincount(np.unique(series, return_inverse=True)[1], weights=slopes)
    return float(np.sqrt(np.square(by_series).sum()) / curvature)


def _likelihoods(totals: KnownTotals, log_kappa: float) -> FloatArray:
    """(n,) logarithm of the likelihood of each total with its variance inflated."""
    law = MomentLaw(totals.mean, np.exp(log_kappa) * totals.variance, totals.counted)
    found = law.log_probability(totals.actual, _WIDTH * np.sqrt(totals.variance))
    return np.maximum(found, _LEAST_LOG)
