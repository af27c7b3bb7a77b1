"""One gradient-boosted model for all series of a panel: quantile regression trees on the panel's own past.

Belongs here: what is learned from, the trees, the forecast. Does not belong here: the features
(``gbm_features``), how trees are kept (``gbm_weights``).

lightgbm is imported when trees are grown or asked, and not before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from forecasting_lib.grain import Grain
from forecasting_lib.models.counts import counts_in_whole_units
from forecasting_lib.models.gbm_features import Features, Windows, told
from forecasting_lib.models.gbm_weights import GbmWeights
from forecasting_lib.models.interface import Forecaster
from forecasting_lib.panel import MEDIAN_INDEX, QUANTILE_COLUMNS, QUANTILE_LEVELS, FloatArray, Forecast, Panel
from forecasting_lib.quantile_grid import demand_grid
from forecasting_lib.ragged import lengths_of

LEVELS = (0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99)
"""Quantile levels that have trees; the others of the grid lie on the lines through their neighbours."""

LEARNED_PERIODS: Mapping[Grain, int] = {Grain.DAY: 364, Grain.WEEK: 104, Grain.MONTH: 36}
"""The latest periods whose demand is learned."""

LEAST_SEEN: Mapping[Grain, int] = {Grain.DAY: 28, Grain.WEEK: 8, Grain.MONTH: 6}
"""Periods of a history before the first origin that is learned from."""

MOST_WINDOWS = 100_000
MOST_WINDOWS_EACH = 200
"""Of one series; a few series are not learned by heart."""

LEAST_WINDOWS = 100
"""Fewer teach nothing."""

LARGEST_TARGET = 50.0
"""Demand is learned in units of its series' level and cut here, so that no single period carries a mean."""

ROUNDS = 100

_SERIES_PER_BLOCK = 1024
"""Bounds what is told at once: 5 MB of four weeks."""

_MEAN = "mean"

_GROWTH: Mapping[str, Any] = {
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 127,
    "seed": 20,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
"""One thread: the sums of several are added up in another order, and so are the trees."""


@dataclass(frozen=True)
class GradientBoosting:
    """Trees over all series of a panel, which share what they have in common.

    Demand is learned in units of each series' recent level, from windows drawn out of the panel's own past:
    the demand some periods after an origin, and what was known at that origin. There are trees for eight
    quantile levels and for the mean. Quantiles are sorted and clipped at 0, in whole units where the history
    is; ``point`` is the median of what is published (``docs/methods.md#gradient-boosted-trees``).

    Args:
        weights: fitted before, such as at the first of several origins; None fits to the panel that is
            forecast.
    """

    weights: GbmWeights | None = None
    name: ClassVar[str] = "gbm"
    uses_covariates: ClassVar[bool] = True

    @property
    def digest(self) -> str | None:
        """See :attr:`forecasting_lib.models.interface.Learner.digest`."""
        return None if self.weights is None else self.weights.digest

    def learned(self, panel: Panel, horizon: int) -> Forecaster:
        """See :meth:`forecasting_lib.models.interface.Learner.learned`."""
        weights = _fitted(panel, horizon)
        return self if weights is None else GradientBoosting(weights)

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        """See :meth:`forecasting_lib.models.interface.Forecaster.predict`.

        A panel with too little past to learn from is answered with NaN.

        Raises:
            ValueError: the weights were fitted for another grain or a shorter horizon.
        """
        weights = self.weights if self.weights is not None else _fitted(panel, horizon)
        if weights is None:
            return _forecast(panel, np.full((len(panel), horizon, 1 + len(QUANTILE_LEVELS)), np.nan))
        if weights.grain is not panel.grain or weights.horizon < horizon:
            raise ValueError(
                f"the weights were fitted for {weights.horizon} {weights.grain.periods} ahead, and "
                f"{horizon} {panel.grain.periods} are asked for; fit anew"
            )
        return _forecast(panel, _asked(weights, panel, horizon))


def fit(panel: Panel, horizon: int) -> GbmWeights:
    """Learn from a panel's past.

    The same panel gives the same weights, on any number of processors.

    Args:
        panel: nothing but its histories and the past of its covariates is looked at, and which of them are
            known ahead.
        horizon: the most periods ahead that will be asked for, at least 1.

    Raises:
        ValueError: the panel has too little past, less than ``LEAST_WINDOWS`` windows.
    """
    weights = _fitted(panel, horizon)
    if weights is None:
        raise ValueError(
            f"the panel has too little past to learn {horizon} {panel.grain.periods} ahead from; forecast it "
            "by a model that is fitted to nothing, such as hist_q"
        )
    return weights


def training_windows(panel: Panel, horizon: int) -> Windows:
    """Windows drawn evenly over series, the latest periods and lags; some may be masked.

    Args:
        panel: any panel.
        horizon: longest lag.
    """
    rng = np.random.default_rng(_GROWTH["seed"])
    each = min(MOST_WINDOWS_EACH, MOST_WINDOWS // max(len(panel), 1) + 1)
    series = np.repeat(np.arange(len(panel)), each)
    lag = rng.integers(1, horizon + 1, len(series))
    back = lag + rng.integers(0, LEARNED_PERIODS[panel.grain], len(series))
    windows = Windows(series, back, lag)
    return windows.where(lengths_of(panel.history)[series] - back >= LEAST_SEEN[panel.grain])


def _fitted(panel: Panel, horizon: int) -> GbmWeights | None:
    """The weights learned from a panel, None where it has too little past."""
    covariates = tuple(panel.past_covariates)
    windows = training_windows(panel, horizon)
    known = told(panel, windows, covariates)
    usable = ~np.isnan(known.target) & ~np.isnan(known.scale)
    if np.count_nonzero(usable) < LEAST_WINDOWS:
        return None
    levels = np.minimum(known.target[usable] / known.scale[usable], LARGEST_TARGET)
    return GbmWeights(panel.grain, horizon, covariates, _grown(known.features[usable], levels))


def _grown(features: Features, target: FloatArray) -> dict[str, str]:
    """Trees of every level and of the mean, each as LightGBM's text."""
    import lightgbm

    data = lightgbm.Dataset(features, target, params=dict(_GROWTH), free_raw_data=False)
    objectives: dict[str, dict[str, Any]] = {
        _level_name(level): {"objective": "quantile", "alpha": level} for level in LEVELS
    }
    objectives[_MEAN] = {"objective": "poisson"}
    return {
        name: lightgbm.train({**_GROWTH, **objective}, data, ROUNDS).model_to_string()
        for name, objective in objectives.items()
    }


def _asked(weights: GbmWeights, panel: Panel, horizon: int) -> FloatArray:
    """(n, h, 1 + 21): mean and quantile grid in units, at least 0."""
    import lightgbm

    trees = {name: lightgbm.Booster(model_str=text) for name, text in weights.trees.items()}

    def answers(name: str, features: Features) -> FloatArray:
        return np.maximum(np.asarray(trees[name].predict(features, num_threads=1), dtype=np.float64), 0.0)

    units = np.empty((len(panel), horizon, 1 + len(QUANTILE_LEVELS)))
    for start in range(0, len(panel), _SERIES_PER_BLOCK):
        block = range(start, min(start + _SERIES_PER_BLOCK, len(panel)))
        known = told(panel, Windows.ahead(block, horizon), weights.covariates)
        learned = np.stack([answers(_level_name(level), known.features) for level in LEVELS], axis=1)
        grid = on_the_grid(np.maximum.accumulate(learned, axis=1))
        levels = np.column_stack([answers(_MEAN, known.features), grid])
        units[block.start : block.stop] = (levels * known.scale[:, None]).reshape(len(block), horizon, -1)
    return units


def _level_name(level: float) -> str:
    return QUANTILE_COLUMNS[QUANTILE_LEVELS.index(level)]


def on_the_grid(learned: FloatArray) -> FloatArray:
    """The whole grid from the levels that have trees, on straight lines; below the lowest the line goes on.

    >>> on_the_grid(100.0 * np.array([LEVELS]))[0, [0, 2, 10, 20]].round(6).tolist()
    [1.0, 10.0, 50.0, 99.0]

    Args:
        learned: (m, 8) at ``LEVELS``, in order.

    Returns:
        (m, 21) at ``QUANTILE_LEVELS``, possibly negative below the lowest level with trees.
    """
    grid = np.empty((len(learned), len(QUANTILE_LEVELS)))
    for column, level in enumerate(QUANTILE_LEVELS):
        above = max(int(np.searchsorted(LEVELS, level)), 1)
        low, high = LEVELS[above - 1], LEVELS[above]
        share = (level - low) / (high - low)
        grid[:, column] = learned[:, above - 1] * (1.0 - share) + learned[:, above] * share
    return grid


def _forecast(panel: Panel, units: FloatArray) -> Forecast:
    """The forecast of mean and quantile grid (n, h, 1 + 21)."""
    quantiles = demand_grid(units[:, :, 1:])
    forecast = Forecast(
        series_ids=panel.series_ids,
        as_of_date=panel.as_of_date,
        point=quantiles[:, :, MEDIAN_INDEX].copy(),
        mean=units[:, :, 0].copy(),
        quantiles=quantiles,
        reasons=(None,) * len(panel),
        grain=panel.grain,
    )
    return counts_in_whole_units(forecast, panel)
