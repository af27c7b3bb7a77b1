"""Demand that comes in whole units: where a history is counted, so are the quantiles that are published.

Belongs here: telling counts from quantities, and bringing a forecast of counts to whole units. Does not
belong here: the rounding itself (``forecasting_lib.quantile_grid``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from forecasting_lib.panel import MEDIAN_INDEX, Forecast, Panel
from forecasting_lib.quantile_grid import whole_units

_SERIES_PER_BLOCK = 2048
"""Bounds what is made beside the forecast: 10 MB of four weeks."""


def counts_in_whole_units(forecast: Forecast, panel: Panel) -> Forecast:
    """The forecast with whole quantiles and medians where the history is in whole units; means stay.

    Args:
        forecast: of the panel's series; one that carries a reason is not the model's and stays as it is.
        panel: what it was made from.
    """
    counts = np.array(
        [
            reason is None and is_counted(history)
            for reason, history in zip(forecast.reasons, panel.history, strict=True)
        ],
        dtype=np.bool_,
    )
    quantiles = forecast.quantiles.copy()
    counted = np.flatnonzero(counts)
    for start in range(0, len(counted), _SERIES_PER_BLOCK):
        block = counted[start : start + _SERIES_PER_BLOCK]
        quantiles[block] = whole_units(quantiles[block])
    point = np.where(counts[:, None], quantiles[:, :, MEDIAN_INDEX], forecast.point)
    return replace(forecast, point=point, quantiles=quantiles)


def counted_series(panel: Panel) -> npt.NDArray[np.bool_]:
    """(n,) whether the demand of each series comes in whole units, as far as its history tells."""
    return np.array([is_counted(history) for history in panel.history], dtype=np.bool_)


def is_counted(history: npt.NDArray[np.floating[Any]]) -> bool:
    """Whether every observed period of a history (periods,) is a whole number of units."""
    observed = history[~np.isnan(history)]
    return bool((observed == np.rint(observed)).all())
