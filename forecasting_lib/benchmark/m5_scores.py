"""A forecast judged as the M5 competitions judge it, over all twelve levels of one window.

Belongs here: the window with its levels and yardsticks, the scores of a forecast, means over windows. Does
not belong here: what the figures may be compared with (``m5_scope``), models, tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecasting_lib.benchmark.m5_files import M5Sales
from forecasting_lib.benchmark.m5_levels import Level, levels_of
from forecasting_lib.benchmark.m5_prices import daily_prices
from forecasting_lib.benchmark.m5_yardsticks import WEIGHT_DAYS, Yardstick
from forecasting_lib.benchmark.percentage_errors import PercentageErrors, percentage_errors
from forecasting_lib.benchmark.wrmsse import wrmsse
from forecasting_lib.benchmark.wspl import inside_95, quantiles_of_sums, wspl
from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray, Forecast

HORIZON = 28
"""Days of a window, as in the competition."""


@dataclass(frozen=True)
class M5Window:
    """What a model is asked at an origin, and what its answer is measured by.

    Attributes:
        origin: the n series and the 28 days.
        last_day_seen: number N of the last day ``d_N`` that a model sees.
        levels: the twelve.
        yardsticks: one per level.
        priced: whether the weights are dollars; units otherwise.
        units_without_price: of the units of the weights, the share that has no price and weighs nothing; 0
            where weights are units.
    """

    origin: Origin
    last_day_seen: int
    levels: tuple[Level, ...]
    yardsticks: tuple[Yardstick, ...]
    priced: bool
    units_without_price: float

    @property
    def days(self) -> str:
        """The first and the last day that are judged, such as ``d_1914-1941``."""
        return f"d_{self.last_day_seen + 1}-{self.last_day_seen + self.origin.horizon}"

    @classmethod
    def of(cls, sales: M5Sales, directory: Path, *, days_left_off: int = 0) -> M5Window:
        """The window that ends ``days_left_off`` days before the sales do.

        Args:
            sales: as ``read_sales`` reads them.
            directory: with the prices, if there are any.
            days_left_off: days at the end that have not come yet.

        Raises:
            ValueError: the files do not hold what is needed; see ``M5Sales.origin`` and ``daily_prices``.
        """
        origin = sales.origin(HORIZON, days_left_off)
        seen = sales.units.shape[1] - HORIZON - days_left_off
        history, last = sales.units[:, :seen], sales.first_day + seen - 1
        levels = levels_of(sales.places)
        recent = history[:, -WEIGHT_DAYS:]
        prices = daily_prices(directory, sales, range(last - WEIGHT_DAYS + 1, last + 1))
        value, unpriced = sales_value(recent, prices)
        yardsticks = tuple(Yardstick.of(level.total(history), level.total(value)) for level in levels)
        return cls(origin, last, levels, yardsticks, prices is not None, unpriced)


def sales_value(units: FloatArray, prices: FloatArray | None) -> tuple[FloatArray, float]:
    """What series sold in some days, and the share of units whose price is not known.

    >>> sales_value(np.array([[1.0, 2.0]]), np.array([[np.nan, 3.0]]))
    (array([6.]), 0.3333333333333333)

    Args:
        units: (n, days).
        prices: (n, days) dollars a unit, NaN where not known; None makes the value the units.

    Returns:
        (n,) dollars or units, and the share.
    """
    if prices is None:
        return units.sum(axis=1), 0.0
    unknown = np.isnan(prices)
    value = (units * np.where(unknown, 0.0, prices)).sum(axis=1)
    return value, float(units[unknown].sum() / max(units.sum(), 1.0))


@dataclass(frozen=True)
class M5Scores:
    """How a forecast did in a window, or the means over several.

    Attributes:
        wrmsse: one per level, level 1 first.
        wspl: likewise.
        inside_95: likewise the share of days in the central 95 %, each sum counting the same; less where the
            series of a sum are not as independent as the quantiles take them to be.
        percentages: what is added up -> its errors.
    """

    wrmsse: tuple[float, ...]
    wspl: tuple[float, ...]
    inside_95: tuple[float, ...]
    percentages: dict[str, PercentageErrors]

    @property
    def mean_wrmsse(self) -> float:
        """Over the levels, each counting the same: the figure of the accuracy competition."""
        return float(np.mean(self.wrmsse))

    @property
    def mean_wspl(self) -> float:
        """Over the levels, each counting the same: the figure of the uncertainty competition."""
        return float(np.mean(self.wspl))


def score(window: M5Window, forecast: Forecast) -> M5Scores:
    """Judge a forecast of a window's series.

    Args:
        window: with its days held out.
        forecast: of the same series over the same days.

    Raises:
        ValueError: it is of other series or days.
    """
    panel, actual = window.origin.panel, window.origin.actual
    if (forecast.series_ids, forecast.mean.shape) != (panel.series_ids, actual.shape):
        raise ValueError("the forecast is not of the window's series and days")
    squared, pinball, inside = [], [], []
    for level, yardstick in zip(window.levels, window.yardsticks, strict=True):
        sums = level.total(actual)
        squared.append(wrmsse(sums, level.total(forecast.mean), yardstick))
        quantiles = quantiles_of_sums(level, forecast)
        pinball.append(wspl(sums, quantiles, yardstick))
        inside.append(inside_95(sums, quantiles))
    percentages = percentage_errors(window.levels, actual, forecast)
    return M5Scores(tuple(squared), tuple(pinball), tuple(inside), percentages)


def mean_scores(scores: Sequence[M5Scores]) -> M5Scores:
    """The mean over windows, each counting the same; at least one."""
    return M5Scores(
        wrmsse=tuple(np.mean([one.wrmsse for one in scores], axis=0).tolist()),
        wspl=tuple(np.mean([one.wspl for one in scores], axis=0).tolist()),
        inside_95=tuple(np.mean([one.inside_95 for one in scores], axis=0).tolist()),
        percentages={
            name: PercentageErrors(
                mape=float(np.mean([one.percentages[name].mape for one in scores])),
                wape=float(np.mean([one.percentages[name].wape for one in scores])),
                share_sold=float(np.mean([one.percentages[name].share_sold for one in scores])),
            )
            for name in scores[0].percentages
        },
    )
