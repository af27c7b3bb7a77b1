"""The last periods of all series side by side, and what is left of them without promotions.

Belongs here: one matrix of recent demand and how it is cleaned. Does not belong here: levels and profiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting_lib.new_items.kin import NEW_BELOW, IntArray
from forecasting_lib.panel import FloatArray, Panel
from forecasting_lib.ragged import lengths_of

BoolArray = npt.NDArray[np.bool_]

LARGEST = 5.0
"""A period counts up to this multiple of the third-largest of its window, as the guards of models have it."""

_PROMOTION = "promotion"
_LEAST_PLAIN = 14
"""Periods outside promotions from which a series tells what promotions do to it."""

_UPLIFT_PRIOR = 30.0
"""Promoted units of an average series, at full depth, that a category needs to be believed half."""


@dataclass(frozen=True)
class Window:
    """The last w = 2 ``NEW_BELOW`` periods of n series.

    Attributes:
        demand: (n, w) units, at least 0; 0 where not observed.
        observed: (n, w) whether a period was observed.
        depth: (n, w) of promotions, as the covariate has it; 0 without.
        depth_ahead: (n, h) of those announced.
        ages: (n,) periods since each series began, through the last one.
        recent: periods of the younger half.
    """

    demand: FloatArray
    observed: BoolArray
    depth: FloatArray
    depth_ahead: FloatArray
    ages: IntArray
    recent: int

    @classmethod
    def of(cls, panel: Panel, horizon: int) -> Window:
        """The window of a panel.

        Args:
            panel: its covariate ``promotion`` is looked at, where it has one.
            horizon: periods ahead.
        """
        recent = NEW_BELOW[panel.grain]
        demand = side_by_side(panel.history, 2 * recent)
        demand[np.isinf(demand)] = np.nan
        observed = ~np.isnan(demand)
        demand = np.where(observed, np.maximum(demand, 0.0), 0.0)
        third = np.partition(demand, -3, axis=1)[:, -3, None]
        demand = np.where(third > 0.0, np.minimum(demand, LARGEST * third), demand)
        past = panel.past_covariates.get(_PROMOTION)
        ahead = panel.future_covariates.get(_PROMOTION)
        none_ahead = np.zeros((len(panel), horizon))
        return cls(
            demand,
            observed,
            np.zeros_like(demand) if past is None else np.nan_to_num(side_by_side(past, 2 * recent)),
            none_ahead if ahead is None else np.stack([depths[:horizon] for depths in ahead]),
            lengths_of(panel.history),
            recent,
        )

    def uplift(self, told_by: BoolArray, groups: IntArray) -> FloatArray:
        """(g,) what a promotion of depth 1 adds in each group, as a multiple of demand without one.

        Args:
            told_by: (n,) the series that are looked at.
            groups: (n,) numbers of groups from 0 on; each is drawn towards all together where it has little.
        """
        count = int(groups.max()) + 1
        promoted = self.depth > 0.0
        plain = self.observed & ~promoted
        enough = told_by & (plain.sum(axis=1) >= _LEAST_PLAIN)
        level = _ratio((self.demand * plain).sum(axis=1), plain.sum(axis=1))
        on = promoted & self.observed & enough[:, None]
        gained = ((self.demand - level[:, None]) * on).sum(axis=1)
        weight = (level[:, None] * self.depth * on).sum(axis=1)
        if not weight.sum() > 0.0:
            return np.zeros(count)
        strength = _UPLIFT_PRIOR * weight.sum() / np.count_nonzero(enough)
        overall = gained.sum() / weight.sum()
        own = np.bincount(groups, gained, count) + strength * overall
        return np.asarray(np.maximum(own / (np.bincount(groups, weight, count) + strength), 0.0))


def side_by_side(arrays: Sequence[FloatArray], width: int) -> FloatArray:
    """(n, width) the last numbers of each array, NaN before its first."""
    matrix = np.full((len(arrays), width), np.nan)
    for row, array in zip(matrix, arrays, strict=True):
        if len(array):
            kept = array[-width:]
            row[width - len(kept) :] = kept
    return matrix


def _ratio(above: FloatArray, below: FloatArray | IntArray) -> FloatArray:
    """Zero where there is nothing below."""
    return np.divide(above, below, out=np.zeros(np.shape(above)), where=below > 0)
