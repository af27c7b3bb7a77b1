"""Empirical quantiles of the same weekday: what a series did on its last Mondays, it will do on a Monday.

Belongs here: the model ``hist_dow``. Does not belong here: quantiles of all days alike
(``recent_quantiles``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from forecasting_lib.grain import Grain
from forecasting_lib.models.counts import counts_in_whole_units
from forecasting_lib.models.naive import last_observed, recent_blocks
from forecasting_lib.models.recent_quantiles import WINDOW_PERIODS
from forecasting_lib.panel import MEDIAN_INDEX, QUANTILE_LEVELS, FloatArray, Forecast, Panel
from forecasting_lib.quantile_grid import demand_grid, empirical_quantiles

WEEK = 7

WEEKS = 8
"""Days of each weekday."""


@dataclass(frozen=True)
class WeekdayQuantiles:
    """For each day of the horizon the distribution of the last eight observed days of its weekday.

    Quantiles are empirical, in whole units where the history is; ``mean`` is the samples' own, and ``point``
    the median of what is published. A masked day makes room for an older one of its weekday, as far back as
    the yardsticks look. A weekday never observed there, such as one that is always closed, takes the last 56
    observed days of any (``docs/methods.md#quantiles-of-the-weekday``).
    """

    name: ClassVar[str] = "hist_dow"
    uses_covariates: ClassVar[bool] = False

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        """See :meth:`forecasting_lib.models.interface.Forecaster.predict`.

        Raises:
            ValueError: the panel is not one of days.
        """
        if panel.grain is not Grain.DAY:
            raise ValueError(
                f"{self.name} forecasts days, and this panel's periods are {panel.grain.periods}"
            )
        mean = np.empty((len(panel), horizon))
        quantiles = np.empty((len(panel), horizon, len(QUANTILE_LEVELS)))
        weekday = np.arange(horizon) % WEEK
        for rows, history in recent_blocks(panel):
            own = last_observed(_by_weekday(history), WEEKS)
            any_day = last_observed(history, WINDOW_PERIODS[panel.grain])
            unseen = np.isnan(own).all(axis=1).reshape(-1, WEEK)
            own_mean = np.where(unseen, _mean(any_day)[:, None], _mean(own).reshape(-1, WEEK))
            own_grid = np.where(
                unseen[:, :, None],
                empirical_quantiles(any_day)[:, None, :],
                empirical_quantiles(own).reshape(-1, WEEK, len(QUANTILE_LEVELS)),
            )
            mean[rows] = own_mean[:, weekday]
            quantiles[rows] = demand_grid(own_grid)[:, weekday]
        forecast = Forecast(
            series_ids=panel.series_ids,
            as_of_date=panel.as_of_date,
            point=quantiles[:, :, MEDIAN_INDEX].copy(),
            mean=mean,
            quantiles=quantiles,
            reasons=(None,) * len(panel),
            grain=panel.grain,
        )
        return counts_in_whole_units(forecast, panel)


def _by_weekday(history: FloatArray) -> FloatArray:
    """(b, days) as (7 b, weeks): of each series first the weekday of the day after the last one."""
    b, days = history.shape
    weeks = -(-days // WEEK)
    padded = np.full((b, weeks * WEEK), np.nan)
    padded[:, weeks * WEEK - days :] = history
    return padded.reshape(b, weeks, WEEK).transpose(0, 2, 1).reshape(b * WEEK, weeks)


def _mean(samples: FloatArray) -> FloatArray:
    """(n,): the mean of each row's samples, NaN where there is none."""
    counts = np.count_nonzero(~np.isnan(samples), axis=1)
    return np.asarray(np.nansum(samples, axis=1) / np.where(counts > 0, counts, np.nan), dtype=np.float64)
