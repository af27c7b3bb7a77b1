"""Which series are judged together: by demand class, by value, by category.

Belongs here: the classes of a panel's series and the segments made of them. Does not belong here: what is
decided for a segment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from forecasting_lib.inventory.classification import abc_classes, adi_and_cv2, demand_class
from forecasting_lib.models.tails import YEARS
from forecasting_lib.panel import FloatArray, Panel

NO_DEMAND = "none"
"""The class of a series without demand."""

LEAST_SERIES = 50
"""A finer segment with fewer is part of the coarser one."""


def demand_classes(panel: Panel) -> tuple[str, ...]:
    """The demand class of each series by its whole history: smooth, erratic, intermittent, lumpy or none."""
    statistics = (adi_and_cv2(history) for history in panel.history)
    return tuple(NO_DEMAND if found is None else str(demand_class(*found)) for found in statistics)


def segments(
    panel: Panel,
    classes: Sequence[str],
    unit_values: FloatArray,
    categories: Sequence[str | None],
) -> tuple[str, ...]:
    """The segment of each series: class, ABC and category, as fine as ``LEAST_SERIES`` allow.

    Args:
        panel: of n series; ABC is by the units of the last year's periods.
        classes: (n,) of :func:`demand_classes`.
        unit_values: (n,) money per unit; NaN where unknown, which leaves the series without ABC.
        categories: (n,) None where unknown.
    """
    year = YEARS[panel.grain].length
    units = np.array([np.nansum(history[-year:]) for history in panel.history])
    abc = abc_classes(units * unit_values, panel.series_ids)
    fine = [" ".join(filter(None, names)) for names in zip(classes, abc, categories, strict=True)]
    middle = [" ".join(filter(None, names)) for names in zip(classes, abc, strict=True)]
    by_fine, by_middle = Counter(fine), Counter(middle)
    return tuple(
        finest
        if by_fine[finest] >= LEAST_SERIES
        else between
        if by_middle[between] >= LEAST_SERIES
        else coarsest
        for finest, between, coarsest in zip(fine, middle, classes, strict=True)
    )
