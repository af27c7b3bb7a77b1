"""The dynamic optimised Theta method, series by series.

Belongs here: how statsforecast's Theta is asked, its own past errors. Does not belong here: other models.

statsforecast is imported when the model is first asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from forecasting_lib.grain import Grain
from forecasting_lib.models.interface import Progress
from forecasting_lib.models.one_by_one import Answer, filled, forecast_one_by_one
from forecasting_lib.models.past_errors import around
from forecasting_lib.panel import FloatArray, Forecast, Panel

SEASONS: Mapping[Grain, int] = {Grain.DAY: 7, Grain.WEEK: 1, Grain.MONTH: 12}
"""Three years of weeks are too few to average away their chance: 52 factors made the forecast worse."""

BURN_IN = 3
"""First errors, made before the level is found; statsforecast leaves them out of its own spread, too."""


@dataclass(frozen=True)
class Theta:
    """Fiorucci's dynamic optimised Theta, on the seasonally adjusted history where it has a season.

    The distribution is the number and the model's own past one-step errors, which widen with the horizon as
    those of simple exponential smoothing with the same parameter do (``docs/methods.md#theta``).

    Args:
        progress: told from time to time how far the forecast is.
    """

    progress: Progress | None = None
    name: ClassVar[str] = "theta"
    uses_covariates: ClassVar[bool] = False

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        """See :meth:`forecasting_lib.models.interface.Forecaster.predict`."""
        from statsforecast.models import DynamicOptimizedTheta

        def answer(history: FloatArray) -> Answer:
            model = DynamicOptimizedTheta(season_length=SEASONS[panel.grain])
            fitted = model.fit(filled(history, panel.grain))
            mean = fitted.predict(h=horizon)["mean"]
            errors = (history - one_step_answers(fitted.model_))[BURN_IN:]
            growth = np.sqrt(1.0 + np.arange(horizon) * fitted.model_["par"]["alpha"] ** 2)
            return Answer(mean, around(mean, errors, growth, panel.grain))

        return forecast_one_by_one(panel, horizon, answer, self.progress)


def one_step_answers(model: Mapping[str, Any]) -> FloatArray:
    """(t,) what a fitted model answered for each period from the ones before it.

    Taken from its states, since the residuals of an additive season hold the season a second time
    (statsforecast 2.1.1).

    Args:
        model: ``model_`` of a fitted Theta.
    """
    adjusted = np.asarray(model["states"][:, 4], dtype=np.float64)
    if not model.get("decompose", False):
        return adjusted
    season = model["seas_forecast"]["mean"]
    of_past = season[np.arange(-len(adjusted), 0) % len(season)]
    is_factor = model["decomposition_type"] == "multiplicative"
    return np.asarray(adjusted * of_past if is_factor else adjusted + of_past, dtype=np.float64)
