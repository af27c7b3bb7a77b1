"""The forecasts that a model has to beat: averages, empirical quantiles, two classics of statsforecast.

Belongs here: what is computed from the last days of a history, as the benchmark defines it. Does not belong
here: models that the pipeline runs (``forecasting_lib.models``), which carry guards and a full grid.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from forecasting_lib.accuracy.metrics import DECILES, WQL_LEVELS
from forecasting_lib.models.naive import MovingAverage, SeasonalNaive
from forecasting_lib.panel import FloatArray, Forecast, Panel
from forecasting_lib.quantile_grid import empirical_quantiles

MEDIAN = WQL_LEVELS.index(0.5)

CLASSICS = ("AutoETS", "Theta")
"""The models of statsforecast: automatic exponential smoothing, and the dynamic optimised Theta."""

CLASSIC_DAYS = 365
"""What they are shown."""

WEEK = 7


@dataclass(frozen=True)
class Answer:
    """A forecast as the benchmark judges it.

    Attributes:
        point: (n, h) units a day, judged by absolute error: the median where there are quantiles.
        mean: (n, h) units a day, judged by squared error, bias and totals.
        deciles: (n, h, 9) at 0.1 ... 0.9; None of a model that has one number a day.
    """

    point: FloatArray
    mean: FloatArray
    deciles: FloatArray | None = None

    @classmethod
    def of(cls, forecast: Forecast) -> Answer:
        """The answer of a model of the interface, quantiles included."""
        return cls(forecast.point, forecast.mean, forecast.quantiles[:, :, DECILES])


def simple_baselines(panel: Panel, horizon: int) -> dict[str, Answer]:
    """Every baseline that is an average or a repetition of recent days, by name.

    Args:
        panel: histories of at least eight weeks, or all there is, without masked days.
        horizon: days ahead.
    """
    ma7, ma28 = MovingAverage(7).predict(panel, horizon), MovingAverage(28).predict(panel, horizon)
    naive = SeasonalNaive(WEEK).predict(panel, horizon)
    return {
        "MA7": Answer(ma7.point, ma7.mean),
        "MA28": Answer(ma28.point, ma28.mean),
        "seasonal naive": Answer(naive.point, naive.mean),
        "HistQ56": recent_quantiles(panel, horizon, season=1, seasons=56),
        "HistQ-DoW8": recent_quantiles(panel, horizon, season=WEEK, seasons=8),
    }


def recent_quantiles(panel: Panel, horizon: int, *, season: int, seasons: int) -> Answer:
    """Empirical quantiles and mean of the last ``seasons`` days of the same phase of a season.

    Args:
        panel: histories; of a shorter one all days are taken.
        horizon: days ahead.
        season: days in a season; 1 makes all days alike.
        seasons: days of each phase.
    """
    days = season * seasons
    recent = np.full((len(panel), days), np.nan)
    for row, history in zip(recent, panel.history, strict=True):
        known = history[-days:]
        row[days - len(known) :] = known
    by_phase = recent.reshape(len(panel), seasons, season)
    phases = np.arange(horizon) % season
    samples = by_phase.transpose(0, 2, 1).reshape(-1, seasons)
    deciles = empirical_quantiles(samples)[:, DECILES].reshape(len(panel), season, len(DECILES))[:, phases]
    mean = np.nanmean(by_phase, axis=1)[:, phases]
    return Answer(deciles[:, :, MEDIAN], mean, deciles)


def classic_baselines(panel: Panel, horizon: int) -> dict[str, Answer]:
    """AutoETS and the dynamic optimised Theta of statsforecast, with Gaussian levels clipped at 0.

    Args:
        panel: histories without masked days; the last ``CLASSIC_DAYS`` are shown.
        horizon: days ahead.

    Raises:
        ModuleNotFoundError: statsforecast is not installed; the message says how to get it.
    """
    try:
        from statsforecast import StatsForecast
        from statsforecast.models import AutoETS, DynamicOptimizedTheta
        from statsforecast.models import SeasonalNaive as Fallback
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "AutoETS and Theta need statsforecast: pip install -c constraints.txt statsforecast; "
            "or leave them out."
        ) from error
    recent = [history[-CLASSIC_DAYS:] for history in panel.history]
    lengths = [len(history) for history in recent]
    frame = pl.DataFrame(
        {
            "unique_id": np.repeat(np.arange(len(recent)), lengths),
            "ds": np.concatenate([np.arange(CLASSIC_DAYS - n, CLASSIC_DAYS) for n in lengths]),
            "y": np.concatenate(recent),
        }
    )
    models = [
        AutoETS(season_length=WEEK, alias="AutoETS"),
        DynamicOptimizedTheta(season_length=WEEK, alias="Theta"),
    ]
    levels = sorted({round(100 * abs(2 * level - 1)) for level in WQL_LEVELS if level != 0.5})
    engine = StatsForecast(models=models, freq=1, fallback_model=Fallback(season_length=WEEK))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # constant histories have no autocorrelation
        answered: Any = engine.forecast(df=frame, h=horizon, level=levels)
    forecast: pl.DataFrame = answered.sort("unique_id", "ds")

    def matrix(column: str) -> FloatArray:
        values = forecast[column].to_numpy().reshape(len(recent), horizon)
        return np.maximum(values.astype(np.float64), 0.0)

    def deciles(name: str) -> FloatArray:
        columns = [
            name
            if level == 0.5
            else f"{name}-{'lo' if level < 0.5 else 'hi'}-{round(100 * abs(2 * level - 1))}"
            for level in WQL_LEVELS
        ]
        return np.stack([matrix(column) for column in columns], axis=2)

    return {name: Answer(matrix(name), matrix(name), deciles(name)) for name in CLASSICS}
