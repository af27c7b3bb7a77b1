"""What a forecasting model is to the rest of the system. One protocol, nothing that computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

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


@runtime_checkable
class Learner(Protocol):
    """A model that learns from a panel before it forecasts, and does so anew for each as-of date."""

    @property
    def digest(self) -> str | None:
        """SHA-256 of what was learned; None before that."""
        ...

    def learned(self, panel: Panel, horizon: int) -> Forecaster:
        """The model with what this panel's past teaches, to forecast up to ``horizon`` periods ahead.

        Nothing after the panel's as-of date is looked at. A panel with too little past teaches nothing, and
        the model answers with NaN.
        """
        ...
