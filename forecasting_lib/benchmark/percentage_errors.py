"""Percentage errors of one forecast at several levels of adding up, where they mean different things.

Belongs here: MAPE and WAPE of M5's series, of departments by the week, of stores by the day. Does not belong
here: a verdict; no model is chosen by these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting_lib.accuracy.metrics import wape
from forecasting_lib.benchmark.m5_levels import STORE, STORE_AND_DEPARTMENT, Level
from forecasting_lib.panel import FloatArray, Forecast

WEEK_DAYS = 7


@dataclass(frozen=True)
class PercentageErrors:
    """Two relative errors of one forecast.

    Attributes:
        mape: mean of ``|e| / actual`` over the sums that are not 0; NaN where all are.
        wape: ``sum |e| / sum actual``.
        share_sold: of the sums that the MAPE is of; the others have an actual of 0.
    """

    mape: float
    wape: float
    share_sold: float

    @classmethod
    def of(cls, actual: FloatArray, forecast: FloatArray) -> PercentageErrors:
        """The errors of some sums.

        >>> PercentageErrors.of(np.array([[2.0, 0.0, 4.0]]), np.array([[3.0, 1.0, 4.0]]))
        PercentageErrors(mape=0.25, wape=0.3333333333333333, share_sold=0.6666666666666666)

        Args:
            actual: (sums, periods) units.
            forecast: (sums, periods) units.
        """
        sold = actual > 0
        relative = np.abs(forecast - actual)[sold] / actual[sold]
        pooled = wape(actual.ravel(), forecast.ravel())
        return cls(
            mape=float(relative.mean()) if sold.any() else float("nan"),
            wape=float(pooled.value),
            share_sold=float(sold.mean()),
        )


def percentage_errors(
    levels: tuple[Level, ...], actual: FloatArray, forecast: Forecast
) -> dict[str, PercentageErrors]:
    """Errors by what is added up, the finest first.

    The finest is judged by the point forecast; sums are by the mean, which alone may be added up. Weeks are
    blocks of seven days from the first day on; days after the last whole one are left out.

    Args:
        levels: the twelve.
        actual: (n, h) units, at least a week.
        forecast: of the n series.
    """
    weeks = forecast.horizon // WEEK_DAYS

    def by_week(level: Level, values: FloatArray) -> FloatArray:
        days = level.total(values)[:, : weeks * WEEK_DAYS]
        return np.asarray(days.reshape(len(days), weeks, WEEK_DAYS).sum(axis=2))

    departments, stores = levels[STORE_AND_DEPARTMENT - 1], levels[STORE - 1]
    return {
        "item x store x day": PercentageErrors.of(actual, forecast.point),
        "store x dept x week": PercentageErrors.of(
            by_week(departments, actual), by_week(departments, forecast.mean)
        ),
        "store x day": PercentageErrors.of(stores.total(actual), stores.total(forecast.mean)),
    }
