"""Forecast accuracy by series, as sums that can be added up before they are divided.

Belongs here: metrics over arrays of actuals and forecasts, and the scales that compare series of different
size. Does not belong here: grouping (who asks adds up), models, thresholds.

Every metric is a :class:`Ratio`: it adds up the last axis, the days or other periods, and leaves the series.
The ratio of a group is the sum of its numerators over the sum of its denominators, never the average of its
values. An actual of NaN is a masked day and is left out everywhere; ``e`` is forecast less actual, so a
positive bias is too much forecast. The formulas with their sources: ``docs/methods.md#accuracy``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting_lib.grain import Grain
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray

WQL_LEVELS: tuple[float, ...] = tuple(round(0.1 * i, 1) for i in range(1, 10))
"""The nine deciles over which the weighted quantile loss is averaged."""

DECILES = [QUANTILE_LEVELS.index(level) for level in WQL_LEVELS]
"""Their positions in the grid of ``QUANTILE_LEVELS``."""


@dataclass(frozen=True)
class Ratio:
    """A numerator and a denominator by series, kept apart so that groups add up.

    >>> errors = wape(np.array([[2.0, 4.0], [0.0, 0.0]]), np.array([[3.0, 3.0], [0.0, 1.0]]))
    >>> errors.value
    array([0.33333333,        nan])
    >>> float(errors.numerator.sum() / errors.denominator.sum())
    0.5

    Attributes:
        numerator: (...) sums over the days of a series.
        denominator: (...) other sums over the same days, or their number.
    """

    numerator: FloatArray
    denominator: FloatArray

    @property
    def value(self) -> FloatArray:
        """(...) the metric of each series; NaN where the denominator is 0, which makes it undefined."""
        quotient = np.full_like(self.numerator, np.nan)
        np.divide(self.numerator, self.denominator, out=quotient, where=self.denominator != 0.0)
        return quotient

    @property
    def root(self) -> FloatArray:
        """(...) the metric's square root: RMSE of the ratio of :func:`mse`."""
        return np.sqrt(self.value)


def wape(actual: FloatArray, forecast: FloatArray) -> Ratio:
    """Weighted absolute percentage error: ``sum |e| / sum actual``.

    Args:
        actual: (..., days) units; NaN is masked.
        forecast: (..., days) the point forecast.
    """
    return Ratio(_sum(actual, np.abs(forecast - actual)), _sum(actual, actual))


def mae(actual: FloatArray, forecast: FloatArray) -> Ratio:
    """Mean absolute error in units; arguments as in :func:`wape`."""
    return Ratio(_sum(actual, np.abs(forecast - actual)), _days(actual))


def mse(actual: FloatArray, forecast: FloatArray) -> Ratio:
    """Mean squared error in squared units; its ``root`` is the RMSE. ``forecast`` is the mean."""
    return Ratio(_sum(actual, np.square(forecast - actual)), _days(actual))


def bias(actual: FloatArray, forecast: FloatArray) -> Ratio:
    """Relative bias ``sum e / sum actual``. ``forecast`` is the mean: a median is biased by nature.

    >>> float(bias(np.array([1.0, 3.0]), np.array([2.0, 4.0])).value)
    0.5
    """
    return Ratio(_sum(actual, forecast - actual), _sum(actual, actual))


def total_error(actual: FloatArray, forecast: FloatArray) -> Ratio:
    """Error of each series' total: ``|sum e| / sum actual``. ``forecast`` is the mean."""
    signed = bias(actual, forecast)
    return Ratio(np.abs(signed.numerator), signed.denominator)


def coverage(actual: FloatArray, lower: FloatArray, upper: FloatArray) -> Ratio:
    """Share of actuals inside the closed interval from ``lower`` to ``upper``, (..., days) each."""
    inside = (lower <= actual) & (actual <= upper)
    return Ratio(inside.sum(axis=-1).astype(np.float64), _days(actual))


def pinball_loss(actual: FloatArray, quantiles: FloatArray, levels: Sequence[float]) -> FloatArray:
    """The pinball loss of each quantile: ``max(p (y - q), (p - 1) (y - q))``.

    >>> pinball_loss(np.array([12.0]), np.array([[10.0]]), (0.9,))
    array([[1.8]])

    Args:
        actual: (..., days) units; NaN is masked.
        quantiles: (..., days, levels) in the order of ``levels``.
        levels: each between 0 and 1.

    Returns:
        (..., days, levels) in the unit of the actuals; NaN on masked days.
    """
    level = np.asarray(levels)
    short = actual[..., None] - quantiles
    return np.maximum(level * short, (level - 1.0) * short)


def quantile_loss(
    actual: FloatArray, quantiles: FloatArray, levels: Sequence[float] = WQL_LEVELS
) -> FloatArray:
    """The mean over the levels of twice the pinball loss, of each day.

    The pinball loss of forecast q at level p is ``max(p (y - q), (p - 1) (y - q))`` for the actual y: each
    unit short costs p, each unit over 1 - p. Of a point, the same at every level, the mean is its absolute
    error.

    >>> nine = np.full((1, 9), 10.0)
    >>> quantile_loss(np.array([12.0]), nine)
    array([2.])
    >>> quantile_loss(np.array([12.0]), nine[:, :1], levels=(0.9,)) / 2
    array([1.8])

    Args:
        actual: (..., days) units; NaN is masked. More axes in front, as of several draws of the same days,
            are allowed.
        quantiles: (..., days, levels) in the order of ``levels``.
        levels: each between 0 and 1.

    Returns:
        In the shape and the unit of the actuals; 0 on masked days.

    Raises:
        ValueError: the quantiles are not one per level.
    """
    if quantiles.shape[-1] != len(levels):
        raise ValueError(f"{quantiles.shape[-1]} quantiles a day for {len(levels)} levels")
    loss = 2.0 * pinball_loss(actual, quantiles, levels).mean(axis=-1)
    return np.where(np.isnan(actual), 0.0, loss)


def wql(actual: FloatArray, deciles: FloatArray) -> Ratio:
    """Weighted quantile loss: the quantile losses over 0.1 ... 0.9, over the sum of actuals.

    Args:
        actual: (..., days) units; NaN is masked.
        deciles: (..., days, 9) at ``WQL_LEVELS``.
    """
    return Ratio(quantile_loss(actual, deciles).sum(axis=-1), _sum(actual, actual))


def scaled(errors: FloatArray, scales: FloatArray) -> Ratio:
    """The mean over series of an error over the series' own scale, as MASE and RMSSE are.

    Args:
        errors: (n,) units: the MAEs for MASE, the RMSEs for RMSSE; NaN where undefined.
        scales: (n,) units, :func:`mase_scale` or :func:`rmsse_scale`; NaN where undefined.

    Returns:
        Each series' scaled error over 1; both are 0 where it is undefined.
    """
    quotient = errors / scales
    defined = np.isfinite(quotient)
    return Ratio(np.where(defined, quotient, 0.0), defined.astype(np.float64))


def mase_scale(history: FloatArray, m: int = 7) -> float | None:
    """The scale of MASE: mean absolute difference of periods ``m`` apart, in units.

    A series' MASE is its MAE over this; undefined where the scale is 0.

    >>> mase_scale(np.array([1.0, 3.0, 2.0, 7.0]), m=2)
    2.5

    Args:
        history: units a period from the first sale to the as-of date; a pair with a NaN is left out.
        m: periods in a season.

    Returns:
        None where no two observed periods are ``m`` apart.
    """
    steps = _steps(history, m)
    return float(np.abs(steps).mean()) if steps.size else None


def seasonal_scale(history: FloatArray, grain: Grain) -> float | None:
    """The scale of MASE with the season of the grain: :func:`mase_scale` at 7 days, 52 weeks or 12 months.

    A history of weeks or months without two observed ones a year apart takes neighbouring periods, the
    scale of a series without a season (``docs/methods.md#accuracy``).

    >>> seasonal_scale(np.array([1.0, 3.0, 2.0]), Grain.MONTH)
    1.5

    Args:
        history: units a period from the first sale to the as-of date.
        grain: what a period is.

    Returns:
        None where no such pair is observed.
    """
    scale = mase_scale(history, grain.season_length)
    return mase_scale(history, 1) if scale is None and grain is not Grain.DAY else scale


def rmsse_scale(history: FloatArray) -> float | None:
    """The scale of RMSSE: root mean squared difference of neighbouring periods, in units.

    A series' RMSSE is its RMSE over this; undefined where the scale is 0. Arguments and None as in
    :func:`mase_scale`.
    """
    steps = _steps(history, 1)
    return math.sqrt(np.square(steps).mean()) if steps.size else None


def _steps(history: FloatArray, lag: int) -> FloatArray:
    """Differences of periods ``lag`` apart where both are observed."""
    differences = history[lag:] - history[:-lag]
    return differences[~np.isnan(differences)]


def _sum(actual: FloatArray, values: FloatArray) -> FloatArray:
    """(...) the values of the days that are not masked, added up."""
    return np.asarray(np.where(np.isnan(actual), 0.0, values).sum(axis=-1))


def _days(actual: FloatArray) -> FloatArray:
    """(...) the number of days that are not masked."""
    return np.asarray(np.count_nonzero(~np.isnan(actual), axis=-1), dtype=np.float64)
