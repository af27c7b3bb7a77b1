"""Forecast accuracy, as sums that can be added up before they are divided.

Belongs here: metrics over arrays of actuals and forecasts, and the scales that compare series of different
size. Does not belong here: grouping (frames and SQL do that), models, thresholds.

Every metric is a :class:`Ratio`. The ratio of a group is the sum of its members' ratios, never the average of
their values: ``sum(ratios, Ratio()).value``. An actual of NaN is a masked day and is left out everywhere;
``e`` is forecast less actual, so a positive bias is too much forecast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray

WQL_LEVELS: tuple[float, ...] = tuple(round(0.1 * i, 1) for i in range(1, 10))
"""The nine deciles over which the weighted quantile loss is averaged."""


@dataclass(frozen=True)
class Ratio:
    """A numerator and a denominator kept apart, so that groups add up.

    Attributes:
        numerator: a sum over rows.
        denominator: another sum over the same rows, or their number.
    """

    numerator: float = 0.0
    denominator: float = 0.0

    def __add__(self, other: Ratio) -> Ratio:
        return Ratio(self.numerator + other.numerator, self.denominator + other.denominator)

    @property
    def value(self) -> float | None:
        """The metric; None where the denominator is 0, which makes it undefined."""
        return self.numerator / self.denominator if self.denominator else None

    @property
    def root(self) -> float | None:
        """The metric's square root: RMSE of the ratio of :func:`mse`."""
        return None if self.value is None else math.sqrt(self.value)


def wape(actual: FloatArray, forecast: FloatArray) -> Ratio:
    """Weighted absolute percentage error: ``sum |e| / sum actual``.

    Args:
        actual: any shape, units; NaN is masked.
        forecast: the same shape; the point forecast.
    """
    actual, forecast = _known(actual, forecast)
    return Ratio(float(np.abs(forecast - actual).sum()), float(actual.sum()))


def mae(actual: FloatArray, forecast: FloatArray) -> Ratio:
    """Mean absolute error in units; arguments as in :func:`wape`."""
    actual, forecast = _known(actual, forecast)
    return Ratio(float(np.abs(forecast - actual).sum()), actual.size)


def mse(actual: FloatArray, forecast: FloatArray) -> Ratio:
    """Mean squared error in squared units; its ``root`` is the RMSE. ``forecast`` is the mean."""
    actual, forecast = _known(actual, forecast)
    return Ratio(float(np.square(forecast - actual).sum()), actual.size)


def mape(actual: FloatArray, forecast: FloatArray) -> Ratio:
    """Mean of ``|e| / actual`` over the rows with a positive actual; the denominator is their number."""
    actual, forecast = _known(actual, forecast)
    positive = actual > 0
    errors = np.abs(forecast[positive] - actual[positive]) / actual[positive]
    return Ratio(float(errors.sum()), int(positive.sum()))


def bias(actual: FloatArray, forecast: FloatArray) -> Ratio:
    """Relative bias ``sum e / sum actual``. ``forecast`` is the mean: a median is biased by nature."""
    actual, forecast = _known(actual, forecast)
    return Ratio(float((forecast - actual).sum()), float(actual.sum()))


def coverage(actual: FloatArray, lower: FloatArray, upper: FloatArray) -> Ratio:
    """Share of actuals inside the closed interval from ``lower`` to ``upper``, all of one shape."""
    known = ~np.isnan(actual)
    inside = (lower[known] <= actual[known]) & (actual[known] <= upper[known])
    return Ratio(int(inside.sum()), int(known.sum()))


def pinball(actual: FloatArray, quantile: FloatArray, level: float) -> Ratio:
    """Mean pinball loss of one quantile, in units.

    ``max(level (y - q), (level - 1) (y - q))`` for actual y and forecast q (Koenker and Bassett, 1978).

    Args:
        actual: any shape, units; NaN is masked.
        quantile: the same shape.
        level: between 0 and 1.
    """
    actual, quantile = _known(actual, quantile)
    short = actual - quantile
    return Ratio(float(np.maximum(level * short, (level - 1) * short).sum()), actual.size)


def wql(actual: FloatArray, quantiles: FloatArray, levels: Sequence[float] = WQL_LEVELS) -> Ratio:
    """Weighted quantile loss: the mean over the levels of twice the pinball loss over the sum of actuals.

    Args:
        actual: any shape, units; NaN is masked.
        quantiles: the shape of ``actual`` and one axis more, the 21 levels of ``QUANTILE_LEVELS``.
        levels: the levels to average over, all of them on the grid.

    Raises:
        ValueError: a level is not on the grid.
    """
    losses = [
        pinball(actual, quantiles[..., QUANTILE_LEVELS.index(level)], level).numerator for level in levels
    ]
    return Ratio(2 * sum(losses) / len(levels), float(np.nansum(actual)))


def mase_scale(history: FloatArray, m: int = 7) -> float | None:
    """The scale of MASE: mean absolute difference of days ``m`` apart, in units (Hyndman and Koehler, 2006).

    A series' MASE is its MAE over this; undefined where the scale is 0.

    Args:
        history: daily units from the first sale to the as-of date; a pair with a NaN day is left out.
        m: days in a season.

    Returns:
        None where no two observed days are ``m`` apart.
    """
    steps = _steps(history, m)
    return float(np.abs(steps).mean()) if steps.size else None


def rmsse_scale(history: FloatArray) -> float | None:
    """The scale of RMSSE: root mean squared day-to-day difference, in units (the M5 competition's).

    A series' RMSSE is its RMSE over this; undefined where the scale is 0. Arguments and None as in
    :func:`mase_scale`.
    """
    steps = _steps(history, 1)
    return math.sqrt(np.square(steps).mean()) if steps.size else None


def _steps(history: FloatArray, lag: int) -> FloatArray:
    """Differences of days ``lag`` apart where both are observed."""
    differences = history[lag:] - history[:-lag]
    return differences[~np.isnan(differences)]


def _known(actual: FloatArray, forecast: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both arrays flat, without the masked rows."""
    known = ~np.isnan(actual)
    return actual[known], forecast[known]
