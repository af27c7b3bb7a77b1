"""The seam of the laws of demand over an interval: what a reorder level asks of a law, whatever its shape.

Belongs here: the protocol. Does not belong here: the laws (``lead_time_demand``), the levels (``levels``).
"""

from __future__ import annotations

from typing import Protocol

from forecasting_lib.panel import FloatArray


class DemandLaw(Protocol):
    """Demand of n series over an interval; NaN where the interval of a series is unknown."""

    @property
    def method(self) -> str:
        """Name of the law, as ``ltd_method`` publishes it."""

    @property
    def mean(self) -> FloatArray:
        """(n,) units."""

    @property
    def sd(self) -> FloatArray:
        """(n,) units."""

    def quantile(self, level: float) -> FloatArray:
        """(n,) the least quantity that covers demand with a probability strictly between 0 and 1."""

    def exceedance(self, quantity: FloatArray) -> FloatArray:
        """(n,) P(demand > quantity)."""

    def expected_shortage(self, quantity: FloatArray) -> FloatArray:
        """(n,) E[(demand - quantity)+], units."""
