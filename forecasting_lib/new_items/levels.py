"""How much the series of a category sell at a location: the levels that a new one may have beforehand.

Belongs here: levels of mature series as a law by category and location, and by item across locations. Does
not belong here: demand by period (``window``), the new series themselves (``profile``).

All levels are natural logarithms of units a period.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting_lib.new_items.kin import IntArray
from forecasting_lib.panel import FloatArray

_FEW = 5.0
"""Series from which a category, or a category at a location, is believed half."""

_FEW_SPREADS = 10.0
_FEW_OF_A_LOCATION = 3.0
_LEAST_PAIRS = 10
_UNKNOWN_TASTE = 0.25
"""Variance of the same item between locations where too few are sold at several to tell: a factor of 1.6."""

_LEAST_VARIANCE = 0.01
"""No relative says more of a level than within a tenth."""

_ROUNDS = 3


@dataclass(frozen=True)
class Groups:
    """Numbers from 0 on of what each of n series belongs to.

    Attributes:
        items, categories, locations: (n,) each.
    """

    items: IntArray
    categories: IntArray
    locations: IntArray

    @property
    def cells(self) -> IntArray:
        """(n,) number of the category at the location."""
        return self.categories * self.n_locations + self.locations

    @property
    def n_categories(self) -> int:
        return int(self.categories.max()) + 1

    @property
    def n_locations(self) -> int:
        return int(self.locations.max()) + 1

    @property
    def n_items(self) -> int:
        return int(self.items.max()) + 1


@dataclass(frozen=True)
class Levels:
    """What the levels of mature series say of those of others.

    Attributes:
        of_cell: (c,) mean level of each category at each location.
        spread: (k,) variance of the levels around it, by category.
        of_location: (l,) how much more the same item sells at a location than elsewhere.
        taste: variance of an item's level at a location around what it has elsewhere and ``of_location`` say.
    """

    of_cell: FloatArray
    spread: FloatArray
    of_location: FloatArray
    taste: float

    @classmethod
    def of(cls, level: FloatArray, groups: Groups, rows: IntArray) -> Levels:
        """The levels of some series.

        Args:
            level: (n,) of all series; only those of ``rows`` are looked at.
            groups: of all series.
            rows: (m,) positions of the mature ones, at least one.
        """
        own = level[rows]
        items, locations = groups.items[rows], groups.locations[rows]
        categories, cells = groups.categories[rows], groups.cells[rows]
        sold_at = np.bincount(items, minlength=groups.n_items)
        several = sold_at[items] > 1
        of_location = np.zeros(groups.n_locations)
        of_item = own
        for _ in range(_ROUNDS if several.any() else 0):
            at_home = np.bincount(items, own - of_location[locations], groups.n_items)
            of_item = (at_home / np.maximum(sold_at, 1))[items]
            of_location = _drawn_to_zero(
                (own - of_item)[several], locations[several], groups.n_locations, _FEW_OF_A_LOCATION
            )
        rest = (own - of_item - of_location[locations])[several]
        free = int(np.count_nonzero(several)) - len(np.unique(items[several]))
        middle = own.mean()
        of_category = middle + _drawn_to_zero(
            own - of_location[locations] - middle, categories, groups.n_categories, _FEW
        )
        expected = (of_category[:, None] + of_location[None, :]).reshape(-1)
        of_cell = expected + _drawn_to_zero(own - expected[cells], cells, len(expected), _FEW)
        squares = (own - of_cell[cells]) ** 2
        counts = np.bincount(categories, minlength=groups.n_categories)
        spread = np.bincount(categories, squares, groups.n_categories) + _FEW_SPREADS * squares.mean()
        taste = float((rest**2).sum() / free) if free >= _LEAST_PAIRS else _UNKNOWN_TASTE
        return cls(
            of_cell,
            np.maximum(spread / (counts + _FEW_SPREADS), _LEAST_VARIANCE),
            of_location,
            max(taste, _LEAST_VARIANCE),
        )


def _drawn_to_zero(values: FloatArray, groups: IntArray, count: int, few: float) -> FloatArray:
    """(count,) the mean of each group, half of it where the group has ``few`` members."""
    total = np.bincount(groups, values, count)
    return np.asarray(total / (np.bincount(groups, minlength=count) + few))
