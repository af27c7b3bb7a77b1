"""Scores of several windows of the same series: pooled, of one window, of one demand class.

Belongs here: adding windows up. Does not belong here: the scores of a window, what is made of sums by series
(``figures``).

One window flatters or slanders a model by points, and a bias is a property of a window. Windows are pooled by
the sums of each series, so that drawing series draws all their windows together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from forecasting_lib.benchmark.figures import SeriesScores


@dataclass(frozen=True)
class Window:
    """What was held out after one day, and how good each forecast of it was.

    Attributes:
        seen_through: the last day that the models knew.
        scores: by model, of n series, the same in every window.
        classes: (n,) demand class of each series by what was known then.
    """

    seen_through: date
    scores: Mapping[str, SeriesScores]
    classes: tuple[str, ...]

    def of_class(self, name: str) -> npt.NDArray[np.bool_]:
        """(n,) which series were of a demand class."""
        return np.array([own == name for own in self.classes], dtype=np.bool_)


def pooled(windows: Sequence[Window], demand_class: str | None = None) -> dict[str, SeriesScores]:
    """The windows added up by series, for :func:`figures.figures` and :func:`figures.judge`.

    Args:
        windows: at least one, of the same models and series.
        demand_class: only what was of this class when it was forecast; series that never were are left out.

    Raises:
        ValueError: the windows differ in models or number of series, or nothing is of the class.
    """
    models, n = set(windows[0].scores), len(windows[0].classes)
    if any(set(window.scores) != models or len(window.classes) != n for window in windows):
        raise ValueError("windows must be of the same models and the same series")
    counted = np.array(
        [np.ones(n, dtype=np.bool_) if demand_class is None else w.of_class(demand_class) for w in windows]
    )
    kept = np.asarray(counted.any(axis=0), dtype=np.bool_)
    if not kept.any():
        raise ValueError(f"no series is {demand_class} in any window")
    return {
        model: SeriesScores(
            _added([window.scores[model].numerators for window in windows], counted, kept),
            _added([window.scores[model].denominators for window in windows], counted, kept),
        )
        for model in windows[0].scores
    }


def _added(
    sums: Sequence[npt.NDArray[np.float64]],
    counted: npt.NDArray[np.bool_],
    kept: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float64]:
    parts = [np.where(rows[:, None], own, 0.0)[kept] for own, rows in zip(sums, counted, strict=True)]
    return np.asarray(np.sum(parts, axis=0))
