"""Empirical quantiles of the recent past: what a series did of late, it will do again.

Belongs here: the model ``hist_q`` and how far it looks back. Does not belong here: the order statistics
themselves (``forecasting_lib.quantile_grid``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from forecasting_lib.grain import Grain
from forecasting_lib.models.counts import counts_in_whole_units
from forecasting_lib.models.naive import last_observed, recent_blocks
from forecasting_lib.panel import MEDIAN_INDEX, QUANTILE_LEVELS, Forecast, Panel
from forecasting_lib.quantile_grid import demand_grid, empirical_quantiles

WINDOW_PERIODS: Mapping[Grain, int] = {Grain.DAY: 56, Grain.WEEK: 8, Grain.MONTH: 12}
"""Eight weeks, of days or whole, or a year of months."""


@dataclass(frozen=True)
class RecentQuantiles:
    """The distribution of the last observed periods, for every period of the horizon.

    Quantiles are empirical, in whole units where the history is; ``mean`` is the samples' own, and ``point``
    the median of what is published. Masked periods are left out and older ones take their place, as far back
    as the yardsticks look (``docs/methods.md#recent-quantiles``).
    """

    name: ClassVar[str] = "hist_q"
    uses_covariates: ClassVar[bool] = False

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        """See :meth:`forecasting_lib.models.interface.Forecaster.predict`."""
        mean = np.empty(len(panel))
        grid = np.empty((len(panel), len(QUANTILE_LEVELS)))
        for rows, history in recent_blocks(panel):
            samples = last_observed(history, WINDOW_PERIODS[panel.grain])
            counts = np.count_nonzero(~np.isnan(samples), axis=1)
            mean[rows] = np.nansum(samples, axis=1) / np.where(counts > 0, counts, np.nan)
            grid[rows] = empirical_quantiles(samples)
        quantiles = np.repeat(demand_grid(grid)[:, None, :], horizon, axis=1)
        forecast = Forecast(
            series_ids=panel.series_ids,
            as_of_date=panel.as_of_date,
            point=quantiles[:, :, MEDIAN_INDEX].copy(),
            mean=np.repeat(mean[:, None], horizon, axis=1),
            quantiles=quantiles,
            reasons=(None,) * len(panel),
            grain=panel.grain,
        )
        return counts_in_whole_units(forecast, panel)
