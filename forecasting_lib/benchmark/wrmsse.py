"""Weighted root mean squared scaled error of one level, as the M5 accuracy competition defines it.

Belongs here: the error. Does not belong here: the mean over the levels (``m5_scores``).

Source: M5 Competitors' Guide, 2020; Makridakis, Spiliotis and Assimakopoulos, International Journal of
Forecasting 38 (2022), 1346-1364.
"""

from __future__ import annotations

from forecasting_lib.accuracy.metrics import mse
from forecasting_lib.benchmark.m5_yardsticks import Yardstick
from forecasting_lib.panel import FloatArray


def rmsse(actual: FloatArray, mean: FloatArray, yardstick: Yardstick) -> FloatArray:
    """(sums,) root of the mean squared error over the scale; NaN where the sum has no scale.

    Args:
        actual: (sums, days) units.
        mean: (sums, days) the expected value, bottom-up.
        yardstick: of these sums.
    """
    return mse(actual, mean).root / yardstick.squared


def wrmsse(actual: FloatArray, mean: FloatArray, yardstick: Yardstick) -> float:
    """The weighted mean of :func:`rmsse`, whose arguments it takes."""
    return yardstick.weigh(rmsse(actual, mean, yardstick))
