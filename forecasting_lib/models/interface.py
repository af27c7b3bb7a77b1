"""What a forecasting model is to the rest of the system. One protocol, nothing that computes."""

from __future__ import annotations

from typing import ClassVar, Protocol

from forecasting_lib.panel import Forecast, Panel


class Forecaster(Protocol):
    """A model: a panel and a horizon in, a forecast over the quantile grid out.

    A model may assume what the guards ensure: every history has at least one positive and two
    observed days, and covariates are finite. It must not look at anything but the panel.
    """

    name: ClassVar[str]
    """The registry's key and the value of ``model`` in every table."""

    uses_covariates: ClassVar[bool]
    """False tells the user that promotions, prices and holidays are ignored by this model."""

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        """Forecast ``horizon`` days after ``panel.as_of_date`` for every series, in the panel's order."""
        ...
