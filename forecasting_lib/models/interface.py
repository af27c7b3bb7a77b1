"""What a forecasting model is to the rest of the system. One protocol, nothing that computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from forecasting_lib.panel import Forecast, Panel

Progress = Callable[[int, int], None]
"""Called with (series done, series in all) now and then by a model that takes its time."""


class Forecaster(Protocol):
    """A model: a panel and a horizon in, a forecast over the quantile grid out.

    A model may assume what the guards ensure: every history begins with a positive period, has at least two
    observed ones and holds no infinity and nothing negative; covariates hold no infinity (NaN is a value
    not known). A model that has no answer for a series returns NaN for it, and the guards put the fallback
    there. It must not look at anything but the panel.
    """

    @property
    def name(self) -> str:
        """The registry's key and the value of ``model`` in every table."""
        ...

    @property
    def uses_covariates(self) -> bool:
        """False tells the user that promotions, prices and holidays are ignored by this model."""
        ...

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        """Forecast ``horizon`` periods after ``panel.as_of_date`` for every series, in the panel's order."""
        ...
