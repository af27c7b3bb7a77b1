"""The two yardsticks: the moving average and the seasonal naive, for a whole panel at once.

Belongs here: models that only average or repeat what was last seen, with the spread of their own past
errors as distribution. Does not belong here: anything with parameters to estimate.

Both publish one number a period, as ``point`` and as ``mean``. Their quantile grid is that number plus the
empirical quantiles of the model's own one-step errors on the last ``RESIDUAL_PERIODS`` observed periods,
clipped at 0 (``docs/methods.md#the-yardsticks``). The same spread stands for every period of the horizon.
With fewer than two past errors the distribution is the number itself.

Both look back ``LOOKBACK_PERIODS``, and further only for a series without an observed period in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from forecasting_lib.grain import Grain
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray, Forecast, Panel
from forecasting_lib.quantile_grid import demand_grid, empirical_quantiles

BoolArray = npt.NDArray[np.bool_]

RESIDUAL_PERIODS: Mapping[Grain, int] = {Grain.DAY: 56, Grain.WEEK: 52, Grain.MONTH: 24}
"""Whole seasons, so that every phase counts equally often: eight weeks, a year, two years."""

LOOKBACK_PERIODS: Mapping[Grain, int] = {Grain.DAY: 364, Grain.WEEK: 104, Grain.MONTH: 36}
"""What is older says nothing about tomorrow that these do not say better; a season more than the errors."""

_SERIES_PER_BLOCK = 4096
"""Bounds the padded matrix: 4,096 series of a year take 12 MB."""


@dataclass(frozen=True)
class MovingAverage:
    """The mean of the last ``window`` periods, for every period of the horizon.

    Masked periods are left out of the mean, and so are those before the history begins: a series three days
    old is averaged over three days. Where the whole window is masked, the last ``window`` observed periods
    take its place.

    Args:
        window: periods, at least 1.
    """

    window: int = 7
    uses_covariates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.window < 1:
            raise ValueError(f"window is {self.window} periods; it must be at least 1")

    @property
    def name(self) -> str:
        return f"ma{self.window}"

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        """See :meth:`forecasting_lib.models.interface.Forecaster.predict`."""
        values = np.empty((len(panel), horizon))
        spread = np.empty((len(panel), len(QUANTILE_LEVELS)))
        for rows, history in recent_blocks(panel):
            before = _trailing_mean(history, self.window)
            values[rows] = _last_observed_mean(history, self.window)[:, None]
            spread[rows] = _error_quantiles(history - before, RESIDUAL_PERIODS[panel.grain])
        return _forecast(panel, values, spread)


@dataclass(frozen=True)
class SeasonalNaive:
    """The last observed season, repeated.

    A masked period of the last season is replaced by the same one of the season before, and so on back. One
    that was never observed, as where the history is shorter than a season, takes the mean of the last
    season's length of observed periods.

    Args:
        season: periods in a season, at least 1; None takes the grain's: the week of days, the year of weeks
            or months.
    """

    season: int | None = None
    name: ClassVar[str] = "seasonal_naive"
    uses_covariates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.season is not None and self.season < 1:
            raise ValueError(f"season is {self.season} periods; it must be at least 1")

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        """See :meth:`forecasting_lib.models.interface.Forecaster.predict`."""
        values = np.empty((len(panel), horizon))
        spread = np.empty((len(panel), len(QUANTILE_LEVELS)))
        length = self.season or panel.grain.season_length
        phase = np.arange(horizon) % length
        for rows, history in recent_blocks(panel):
            season = _last_observed_season(history, length)
            unseen = _last_observed_mean(history, length)[:, None]
            values[rows] = np.where(np.isnan(season), unseen, season)[:, phase]
            errors = history[:, length:] - history[:, :-length]
            spread[rows] = _error_quantiles(errors, RESIDUAL_PERIODS[panel.grain])
        return _forecast(panel, values, spread)


def recent_blocks(panel: Panel) -> Iterator[tuple[slice, FloatArray]]:
    """The panel in runs of series, each as one (b, longest) matrix that ends on the as-of date."""
    for start in range(0, len(panel), _SERIES_PER_BLOCK):
        lookback = LOOKBACK_PERIODS[panel.grain]
        recent = [_recent(h, lookback) for h in panel.history[start : start + _SERIES_PER_BLOCK]]
        padded = np.full((len(recent), max(len(h) for h in recent)), np.nan)
        for row, history in zip(padded, recent, strict=True):
            row[len(row) - len(history) :] = history
        yield slice(start, start + len(recent)), padded


def _recent(history: FloatArray, lookback: int) -> FloatArray:
    """The last ``lookback`` periods of a history; all of it where none of them was observed."""
    recent = history[-lookback:]
    return history if np.isnan(recent).all() else recent


def _trailing_mean(history: FloatArray, window: int) -> FloatArray:
    """(b, L): the mean of the observed periods among the ``window`` before each one, NaN where none."""
    observed = ~np.isnan(history)
    units = np.where(observed, history, 0.0)
    total = np.zeros_like(history)
    count = np.zeros_like(history)
    for lag in range(1, min(window, history.shape[1] - 1) + 1):
        total[:, lag:] += units[:, :-lag]
        count[:, lag:] += observed[:, :-lag]
    mean = np.full_like(history, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def _last_observed_mean(history: FloatArray, window: int) -> FloatArray:
    """(b,): the mean of the observed periods among the last ``window``; of the last observed ones if none is.

    NaN for a row without any observed period.
    """
    observed = ~np.isnan(history)
    used = observed.copy()
    used[:, :-window] = False
    gone = ~used.any(axis=1)
    used[gone] = observed[gone] & (_rank_from_end(observed[gone]) <= window)
    count = np.count_nonzero(used, axis=1)
    total = np.where(used, history, 0.0).sum(axis=1)
    mean = np.full(len(history), np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def _last_observed_season(history: FloatArray, season: int) -> FloatArray:
    """(b, season): for each period of the coming season the last observed one of its phase, NaN if none."""
    b, length = history.shape
    seasons = max(1, -(-length // season))
    padded = np.full((b, seasons * season), np.nan)
    padded[:, seasons * season - length :] = history
    newest_first = padded.reshape(b, seasons, season)[:, ::-1, :]
    latest = np.argmax(~np.isnan(newest_first), axis=1)
    found = np.take_along_axis(newest_first, latest[:, None, :], axis=1)
    return np.asarray(found[:, 0, :], dtype=np.float64)


def _error_quantiles(errors: FloatArray, most: int) -> FloatArray:
    """(b, 21): quantiles of the last ``most`` known errors of each row, 0 where fewer than two."""
    enough = np.count_nonzero(~np.isnan(errors), axis=1) >= 2
    return np.where(enough[:, None], empirical_quantiles(last_observed(errors, most)), 0.0)


def last_observed(values: FloatArray, most: int) -> FloatArray:
    """(b, most): the last values of each row (b, L) that are not NaN, NaN where there are fewer."""
    known = ~np.isnan(values)
    rank = _rank_from_end(known)
    rows, columns = np.nonzero(known & (rank <= most))
    recent = np.full((len(values), most), np.nan)
    recent[rows, most - rank[rows, columns]] = values[rows, columns]
    return recent


def _rank_from_end(flags: BoolArray) -> npt.NDArray[np.intp]:
    """Number of set flags from each position to the end of its row, that position included."""
    return np.cumsum(flags[:, ::-1], axis=1, dtype=np.intp)[:, ::-1]


def _forecast(panel: Panel, values: FloatArray, spread: FloatArray) -> Forecast:
    """The forecast with one number a period and the same spread of errors (n, 21) around each."""
    return Forecast(
        series_ids=panel.series_ids,
        as_of_date=panel.as_of_date,
        point=values,
        mean=values.copy(),
        quantiles=demand_grid(values[:, :, None] + spread[:, None, :]),
        reasons=(None,) * len(panel),
        grain=panel.grain,
    )
