"""Models of demand that comes now and then: Croston's as Syntetos and Boylan correct it, TSB, ADIDA, IMAPA.

Belongs here: how statsforecast's intermittent models are asked. Does not belong here: models with a season or
a trend.

None of them has a season, so a masked period is cut out and the periods around it become neighbours: the
interval between two sales counts the periods in which something could have been sold.

statsforecast is imported when a model is first asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np

from forecasting_lib.models.interface import Progress
from forecasting_lib.models.one_by_one import Answer, forecast_one_by_one
from forecasting_lib.models.past_errors import shaped_like
from forecasting_lib.panel import FloatArray, Forecast, Panel

TSB_SMOOTHING = 0.1
"""Of sizes and of probabilities, as Croston's own; other pairs did not do better on both synthetic demand and
a retailer's weeks."""


class Method(StrEnum):
    """A model of this family by its name in the registry."""

    CROSTON_SBA = "croston_sba"
    TSB = "tsb"
    ADIDA = "adida"
    IMAPA = "imapa"


@dataclass(frozen=True)
class IntermittentDemand:
    """A level forecast by one of the methods, the same for every period of the horizon.

    The methods give one number. Its distribution has the shape of recent demand, stretched to that number, so
    that the share of periods without demand stays what it was (``docs/methods.md#intermittent-demand``).

    Args:
        method: which one.
        progress: told from time to time how far the forecast is.
    """

    method: Method
    progress: Progress | None = None
    uses_covariates: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return str(self.method)

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        """See :meth:`forecasting_lib.models.interface.Forecaster.predict`."""
        model = _statsforecast_model(self.method)

        def answer(history: FloatArray) -> Answer:
            demand = history[~np.isnan(history)]
            level = float(model.forecast(demand, h=1)["mean"][0])
            grid = shaped_like(level, demand, panel.grain)
            return Answer(np.full(horizon, level), np.tile(grid, (horizon, 1)))

        return forecast_one_by_one(panel, horizon, answer, self.progress)


def _statsforecast_model(method: Method) -> Any:
    from statsforecast.models import ADIDA, IMAPA, TSB, CrostonSBA

    made: dict[Method, Callable[[], Any]] = {
        Method.CROSTON_SBA: CrostonSBA,
        Method.TSB: lambda: TSB(alpha_d=TSB_SMOOTHING, alpha_p=TSB_SMOOTHING),
        Method.ADIDA: ADIDA,
        Method.IMAPA: IMAPA,
    }
    return made[method]()
