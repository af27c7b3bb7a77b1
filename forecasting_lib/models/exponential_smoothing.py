"""Exponential smoothing whose form is chosen for each series.

Belongs here: how statsforecast's AutoETS is asked. Does not belong here: other models.

statsforecast is imported when the model is first asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from forecasting_lib.grain import Grain
from forecasting_lib.models.interface import Progress
from forecasting_lib.models.one_by_one import Answer, filled, forecast_one_by_one
from forecasting_lib.models.past_errors import around
from forecasting_lib.panel import FloatArray, Forecast, Panel

SEASONS: Mapping[Grain, int] = {Grain.DAY: 7, Grain.WEEK: 1, Grain.MONTH: 12}
"""A season has a state for each of its periods; 52 of them cannot be learned from three years."""

LEVEL = 68
"""A central interval in per cent, about a standard deviation to each side; only its growth is used."""


@dataclass(frozen=True)
class AutoEts:
    """The exponential smoothing of least AICc: error, trend and season additive, multiplicative or none.

    A trend is damped. Forms with one that goes on for ever take as long again and forecast no better.

    The distribution is the number and the model's own past one-step errors, which widen with the horizon as
    the chosen form says (``docs/methods.md#exponential-smoothing``). A series of fewer than seven periods is
    answered with NaN.

    Args:
        progress: told from time to time how far the forecast is.
    """

    progress: Progress | None = None
    name: ClassVar[str] = "auto_ets"
    uses_covariates: ClassVar[bool] = False

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        """See :meth:`forecasting_lib.models.interface.Forecaster.predict`."""
        from statsforecast.models import AutoETS

        def answer(history: FloatArray) -> Answer:
            season = SEASONS[panel.grain] if len(history) >= 2 * SEASONS[panel.grain] else 1
            fitted = AutoETS(season_length=season, damped=True).fit(filled(history, panel.grain))
            found = fitted.predict(h=horizon, level=[LEVEL])
            mean, width = found["mean"], found[f"hi-{LEVEL}"] - found["mean"]
            # Errors of a multiplicative form are shares of what was forecast.
            unit = mean[0] if fitted.model_["components"].startswith("M") else 1.0
            errors = np.where(np.isnan(history), np.nan, fitted.model_["residuals"]) * unit
            growth = width / width[0] if width[0] > 0 else np.ones(horizon)
            return Answer(mean, around(mean, errors, growth, panel.grain))

        return forecast_one_by_one(panel, horizon, answer, self.progress)
