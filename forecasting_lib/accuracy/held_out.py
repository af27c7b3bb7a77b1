"""Histories and what came after them: the pair that every judgement of a forecast needs.

Belongs here: the container. Does not belong here: where histories come from, and any score.
"""

from __future__ import annotations

from dataclasses import dataclass

from forecasting_lib.panel import FloatArray, Panel


@dataclass(frozen=True)
class HeldOut:
    """Histories up to a cut and the periods after it.

    Attributes:
        panel: n histories up to the cut, in units a period, with what was known of the periods ahead.
        actual: (n, h) units of the periods after it; NaN is masked.
    """

    panel: Panel
    actual: FloatArray

    @property
    def horizon(self) -> int:
        return int(self.actual.shape[1])
