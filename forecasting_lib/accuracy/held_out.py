"""Histories and what came after them: the pair that every judgement of a forecast needs.

Belongs here: the container. Does not belong here: where histories come from, and any score.
"""

from __future__ import annotations

from dataclasses import dataclass

from forecasting_lib.panel import FloatArray, Panel


@dataclass(frozen=True)
class HeldOut:
    """Histories up to a cut and the days after it.

    Attributes:
        panel: n histories up to the cut, in units a day, with what was known of the days ahead.
        actual: (n, h) units of the days after it; NaN is masked.
    """

    panel: Panel
    actual: FloatArray

    @property
    def horizon(self) -> int:
        return int(self.actual.shape[1])
