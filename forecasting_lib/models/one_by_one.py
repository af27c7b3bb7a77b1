"""Models that are fitted to one series at a time: what they are shown, and how their answers make a forecast.

Belongs here: how far back they look, what becomes of masked periods, the loop over a panel. Does not belong
here: any model.

A series' answer depends on its own history alone, so panels may be joined, cut and put in another order.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from forecasting_lib.grain import Grain
from forecasting_lib.models.counts import counts_in_whole_units
from forecasting_lib.models.interface import Progress
from forecasting_lib.panel import MEDIAN_INDEX, QUANTILE_LEVELS, FloatArray, Forecast, Panel
from forecasting_lib.quantile_grid import demand_grid

HISTORY_PERIODS: Mapping[Grain, int] = {Grain.DAY: 364, Grain.WEEK: 156, Grain.MONTH: 60}
"""What is fitted: a year of days, three of weeks, five of months. The time of a fit grows with it."""

_FILLED_FROM: Mapping[Grain, tuple[int, int]] = {Grain.DAY: (7, 4), Grain.WEEK: (1, 8), Grain.MONTH: (1, 6)}
"""A season, and the periods of its phase that fill a masked one; weeks and months have too few years."""

_SERIES_PER_REPORT = 64


@dataclass(frozen=True)
class Answer:
    """What a model says of one series.

    Attributes:
        mean: (h,) units a period, possibly negative.
        quantiles: (h, 21) at ``QUANTILE_LEVELS``, possibly negative.
    """

    mean: FloatArray
    quantiles: FloatArray


def forecast_one_by_one(
    panel: Panel,
    horizon: int,
    answer: Callable[[FloatArray], Answer],
    progress: Progress | None = None,
) -> Forecast:
    """Ask about every series by itself.

    Args:
        panel: any panel.
        horizon: periods ahead.
        answer: of the recent history of one series (t,), NaN masked, whose first period is observed. It may
            raise any exception where a series is not one for the model.
        progress: told from time to time how far the forecast is.

    Returns:
        Means at least 0; quantiles at least 0 and sorted, in whole units where the history is; ``point``
        the median. NaN for a series that was never observed or was not one for the model.
    """
    mean = np.full((len(panel), horizon), np.nan)
    quantiles = np.full((len(panel), horizon, len(QUANTILE_LEVELS)), np.nan)
    for i, history in enumerate(panel.history):
        recent = _recent(history, HISTORY_PERIODS[panel.grain])
        if len(recent) and (found := _asked(answer, recent)) is not None:
            mean[i], quantiles[i] = found.mean, found.quantiles
        if progress is not None and ((i + 1) % _SERIES_PER_REPORT == 0 or i + 1 == len(panel)):
            progress(i + 1, len(panel))
    quantiles = demand_grid(quantiles)
    forecast = Forecast(
        series_ids=panel.series_ids,
        as_of_date=panel.as_of_date,
        point=quantiles[:, :, MEDIAN_INDEX].copy(),
        mean=np.maximum(mean, 0.0) + 0.0,
        quantiles=quantiles,
        reasons=(None,) * len(panel),
        grain=panel.grain,
    )
    return counts_in_whole_units(forecast, panel)


def filled(history: FloatArray, grain: Grain) -> FloatArray:
    """The history with every masked period at the mean of the last observed ones of its phase before it.

    Of days those are the last four of the weekday, of weeks the last eight, of months the last six. At the
    start, where none is before it, the first ones after it are taken; for a weekday that was never observed,
    the mean of all days.

    >>> weeks = np.array([1.0, 2.0, np.nan, 6.0, np.nan])
    >>> filled(weeks, Grain.WEEK).tolist()
    [1.0, 2.0, 1.5, 6.0, 3.0]

    Args:
        history: (t,) units a period, of which at least one is observed.
        grain: of the periods.
    """
    season, most = _FILLED_FROM[grain]
    complete = history.copy()
    for first in range(min(season, len(history))):
        phase = history[first::season]
        seen = np.flatnonzero(~np.isnan(phase))
        missing = np.flatnonzero(np.isnan(phase))
        if not len(seen):
            complete[first::season] = np.nanmean(history)
            continue
        for position, before in zip(missing, np.searchsorted(seen, missing), strict=True):
            near = seen[max(before - most, 0) : before] if before else seen[:most]
            complete[first + season * position] = phase[near].mean()
    return complete


def _asked(answer: Callable[[FloatArray], Answer], history: FloatArray) -> Answer | None:
    """The answer; None where the library has none, which it says in as many ways as there are series."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter(
            "ignore"
        )  # of constants and short series: logarithms of 0, variances of nothing
        try:
            return answer(history)
        except (AttributeError, NameError, TypeError):
            raise  # a mistake of this code, or another version of the library: no matter of the series
        except Exception:
            return None


def _recent(history: FloatArray, periods: int) -> FloatArray:
    """The last periods of a history from the first observed one on; of all of it where none of them was.

    Empty where nothing was ever observed.
    """
    recent = history[-periods:]
    if np.isnan(recent).all():
        recent = history
    observed = np.flatnonzero(~np.isnan(recent))
    return recent[observed[0] :] if len(observed) else recent[:0]
