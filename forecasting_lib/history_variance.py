"""How much past demand varied, beside what a forecast says: the variance of totals that laws are made of.

Belongs here: the variance of a history's recent weeks, and the blend of it with a forecast's. Does not belong
here: the factor for errors that go together (``backtesting.inflation``), the law (``moment_law``).

A forecast's grid knows what lies ahead and is too sure of single series; a history's weeks know how a series
jumps and nothing of what lies ahead. Their geometric mean says more of later totals than either
(``docs/service.md#two-variances``).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from forecasting_lib.grain import Grain
from forecasting_lib.panel import FloatArray, Panel

WINDOW: Mapping[Grain, int] = {Grain.DAY: 364, Grain.WEEK: 104, Grain.MONTH: 36}
"""Most recent periods that are looked at."""

LEAST = 8
"""Weeks, or periods of weeks and months: the variance of fewer is unknown."""

LEAST_SHARE = 0.1
"""Of the forecast's variance, that a history's counts as at least: a quiet year is no certainty."""

_WEEK = 7


def history_variance(panel: Panel) -> FloatArray:
    """(n,) units squared a period: the variance of recent weeks' totals over their days.

    Weeks count back from the last day, each with the mean of its observed days; of weeks and months it is the
    variance of the periods. NaN where fewer than ``LEAST`` were observed.
    """
    width = _WEEK if panel.grain is Grain.DAY else 1
    window = WINDOW[panel.grain]
    recent = np.full((len(panel), window), np.nan)
    for row, history in zip(recent, panel.history, strict=True):
        known = history[-window:]
        row[window - len(known) :] = known
    weeks = recent.reshape(len(panel), window // width, width)
    observed = ~np.isnan(weeks)
    count = observed.sum(axis=2)
    total = np.where(observed, weeks, 0.0).sum(axis=2)
    mean = np.divide(total, count, out=np.zeros_like(total), where=count > 0)
    n = (count > 0).sum(axis=1)
    deviation = np.where(count > 0, mean - (mean.sum(axis=1) / np.maximum(n, 1))[:, None], 0.0)
    variance = np.square(deviation).sum(axis=1) / np.maximum(n - 1, 1) * width
    return np.where(n >= LEAST, variance, np.nan)


def blended(forecast: FloatArray, history: FloatArray) -> FloatArray:
    """The geometric mean of two variances of the same totals.

    >>> blended(np.array([4.0, 4.0, 4.0]), np.array([9.0, 0.0, np.nan])).round(3)
    array([6.   , 1.265, 4.   ])

    Args:
        forecast: (...) units squared, at least 0.
        history: (...) units squared; NaN where unknown, which leaves the forecast's.
    """
    known = np.where(np.isnan(history), forecast, np.maximum(history, LEAST_SHARE * forecast))
    return np.asarray(np.sqrt(forecast * known))
