"""What a new series will sell, from its own few periods and from what its relatives sell.

Belongs here: the level of a new series, the shape of its periods, and how sure they are. Does not belong
here: how the profile joins a model's forecast (``layer``).

A period's demand is expected to be level x index x promotion. The index of a period is that of the mature
series of the category at the location: their demand by then over their levels, and ahead the model's own
forecast of them over their levels. The level is gamma distributed beforehand, and own periods are counts of
which each tells ``1 / dispersion`` of a Poisson's (``docs/methods.md#new-items``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting_lib.new_items.kin import NEW_BELOW, IntArray, Kin, new_series
from forecasting_lib.new_items.launches import launched, run_in
from forecasting_lib.new_items.levels import Groups, Levels
from forecasting_lib.new_items.window import BoolArray, Window, side_by_side
from forecasting_lib.panel import FloatArray, Panel

LEAST_MATURE = 10
"""Fewer mature series make no profile."""

_FEW_SERIES = 2.0
"""Average series from which the index of a category at a location is believed half."""

_DISPERSION_PERIODS = 8.0
"""Own periods from which a series' own dispersion is believed half."""

_LEAST_DISPERSION = 0.7
_SUCCESSION = 0.15
"""Variance of the logarithm of a successor's level around its predecessor's: a factor of 1.5."""

_DRIFT = 0.15
"""Standard deviation, of the logarithm, by which a level moves from its own periods to those ahead."""

_WIDEST = 3.0
"""Largest variance of the logarithm of a level beforehand."""

_ROUNDS = 3


@dataclass(frozen=True)
class Profile:
    """The profiles of k new series.

    Attributes:
        rows: (k,) their positions in the panel.
        mean: (k, h) units expected.
        variance: (k, h) units squared, at least that of a Poisson times 0.7.
        follows: (k,) whether a predecessor is part of it.
    """

    rows: IntArray
    mean: FloatArray
    variance: FloatArray
    follows: BoolArray


def profiles(
    panel: Panel, expected: FloatArray, kin: Kin, shut_ahead: npt.NDArray[np.bool_] | None = None
) -> Profile | None:
    """The profiles of a panel's new series that have sold; None where there are none, or no relatives.

    Args:
        panel: n histories, with the covariate ``promotion`` where it is known.
        expected: (n, h) mean demand ahead by the model that is to be joined.
        kin: of the panel's series.
        shut_ahead: (n, h) periods in which a series is expected not to sell.
    """
    candidates = new_series(panel)
    if not len(candidates):
        return None
    window = Window.of(panel, expected.shape[1])
    rows = candidates[window.demand[candidates].sum(axis=1) > 0.0]
    bench = _Bench.of(panel, window, kin)
    if not len(rows) or len(bench.mature) < LEAST_MATURE:
        return None
    below = NEW_BELOW[panel.grain]
    curve = run_in(panel.history, launched(window.ages, below), below)
    return bench.profiles(rows, expected, shut_ahead, kin, curve)


@dataclass(frozen=True)
class _Bench:
    """What is known of all series.

    Attributes:
        window: their last periods.
        groups: what they belong to.
        boost: (n, w) what promotions multiplied demand by.
        boost_ahead: (n, h) what those announced will.
        level: (n,) units a period of the recent ones, without promotions.
        mature: (m,) positions of the series that tell about others.
    """

    window: Window
    groups: Groups
    boost: FloatArray
    boost_ahead: FloatArray
    level: FloatArray
    mature: IntArray

    @classmethod
    def of(cls, panel: Panel, window: Window, kin: Kin) -> _Bench:
        groups = Groups(
            _numbers(kin.items), _numbers([name or "" for name in kin.categories]), _numbers(kin.locations)
        )
        seen = window.observed[:, -window.recent :]
        grown_up = (window.ages >= window.recent) & (seen.sum(axis=1) >= window.recent // 2)
        uplift = window.uplift(grown_up, groups.categories)[groups.categories][:, None]
        boost = 1.0 + uplift * window.depth
        exposure = (boost * window.observed)[:, -window.recent :].sum(axis=1)
        sold = window.demand[:, -window.recent :].sum(axis=1)
        level = np.divide(sold, exposure, out=np.zeros(len(panel)), where=exposure > 0.0)
        return cls(
            window,
            groups,
            boost,
            1.0 + uplift * window.depth_ahead,
            level,
            np.flatnonzero(grown_up & (level > 0.0)),
        )

    def profiles(
        self,
        rows: IntArray,
        expected: FloatArray,
        shut_ahead: BoolArray | None,
        kin: Kin,
        curve: FloatArray,
    ) -> Profile:
        window, cells = self.window, self.groups.cells
        open_ahead = np.ones(expected.shape) if shut_ahead is None else (~shut_ahead).astype(np.float64)
        index = self._index(window.demand, self.boost * window.observed)
        index_ahead = self._index(expected * open_ahead, self.boost_ahead * open_ahead)

        exposure = index[cells] * self.boost * window.observed
        log_level = np.log(np.maximum(self.level, 1e-12))
        levels = Levels.of(log_level, self.groups, self.mature)
        dispersion_at = self._dispersion_by_level(exposure, log_level)

        own = exposure[rows] * _at_age(curve, window.ages[rows], np.arange(1 - index.shape[1], 1))
        units, periods, rate = _own_level(window.demand[rows], own, window.ages[rows])
        dispersion = _own_dispersion(window.demand[rows], own, rate, dispersion_at(np.log(rate)))

        says, sure = levels.of_cell[cells[rows]], 1.0 / levels.spread[self.groups.categories[rows]]
        for value, precision in (
            self._elsewhere(rows, log_level, levels, units, rate, dispersion, dispersion_at),
            self._before(rows, index, kin, dispersion),
        ):
            says = (says * sure + value * precision) / (sure + precision)
            sure = sure + precision
        follows = np.isin(rows, list(kin.predecessors))
        variance = np.minimum(1.0 / sure, _WIDEST)
        shape = 1.0 / np.expm1(variance)
        after_shape = shape + units / dispersion
        level = after_shape / (shape / np.exp(says + variance / 2.0) + periods / dispersion)
        shape_ahead = index_ahead[cells[rows]] * self.boost_ahead[rows] * open_ahead[rows]
        ahead = np.arange(1, expected.shape[1] + 1)
        mean = level[:, None] * shape_ahead * _at_age(curve, window.ages[rows], ahead)
        unsure = 1.0 / after_shape + _DRIFT**2
        return Profile(rows, mean, dispersion[:, None] * mean + unsure[:, None] * mean**2, follows)

    def _index(self, units: FloatArray, exposure: FloatArray) -> FloatArray:
        """(c, t) demand of each category at each location over what its levels would have: 1 on average.

        A cell with few series is drawn towards its category's index, at the pace of its location.

        Args:
            units: (n, t); exposure: (n, t), 0 where a period does not count.
        """
        groups, rows = self.groups, self.mature
        above, below = units[rows] * (exposure[rows] > 0.0), self.level[rows, None] * exposure[rows]
        strength = _FEW_SERIES * self.level[rows].mean()
        overall = _quotient(above.sum(axis=0), below.sum(axis=0), np.ones(above.shape[1]))
        of_category = _drawn(above, below, groups.categories[rows], groups.n_categories, strength, overall)
        at_location = _drawn(above, below, groups.locations[rows], groups.n_locations, strength, overall)
        pace = _quotient(at_location, np.broadcast_to(overall, at_location.shape), np.ones(at_location.shape))
        towards = (of_category[:, None, :] * pace[None, :, :]).reshape(-1, above.shape[1])
        return _drawn(above, below, groups.cells[rows], len(towards), strength, towards)

    def _dispersion_by_level(self, exposure: FloatArray, log_level: FloatArray) -> _Dispersion:
        """How variance over mean follows from the level, a line in logarithms over the mature series."""
        rows, recent = self.mature, slice(-self.window.recent, None)
        expected = self.level[rows, None] * exposure[rows][:, recent]
        found, free = _pearson(self.window.demand[rows][:, recent], expected)
        dispersion = np.maximum(found / np.maximum(free, 1.0), _LEAST_DISPERSION)
        design = np.stack([np.ones(len(rows)), log_level[rows]], axis=1)
        (at_one, slope), *_ = np.linalg.lstsq(design, np.log(dispersion), rcond=None)
        low, high = np.log(dispersion).min(), np.log(dispersion).max()
        return _Dispersion(float(at_one), float(slope), float(low), float(high))

    def _elsewhere(
        self,
        rows: IntArray,
        log_level: FloatArray,
        levels: Levels,
        units: FloatArray,
        rate: FloatArray,
        dispersion: FloatArray,
        dispersion_at: _Dispersion,
    ) -> tuple[FloatArray, FloatArray]:
        """(k,) what the same item sells at other locations says of its level here, and how surely."""
        groups, mature = self.groups, self.mature
        sold = np.maximum(self.window.demand[mature, -self.window.recent :].sum(axis=1), 1.0)
        precision, says = np.zeros(len(log_level)), np.zeros(len(log_level))
        precision[mature] = 1.0 / (levels.taste + dispersion_at(log_level[mature]) / sold)
        says[mature] = log_level[mature] - levels.of_location[groups.locations[mature]]
        precision[rows] = 1.0 / (levels.taste + dispersion / np.maximum(units, 0.5))
        says[rows] = np.log(rate) - levels.of_location[groups.locations[rows]]
        total = np.bincount(groups.items, precision, groups.n_items)[groups.items] - precision
        weighted = (
            np.bincount(groups.items, precision * says, groups.n_items)[groups.items] - precision * says
        )
        known = total[rows] > 1e-9
        certain = np.where(known, total[rows], 1.0)
        value = weighted[rows] / certain + levels.of_location[groups.locations[rows]]
        return np.where(known, value, 0.0), np.where(known, 1.0 / (levels.taste + 1.0 / certain), 0.0)

    def _before(
        self, rows: IntArray, index: FloatArray, kin: Kin, dispersion: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """(k,) what the predecessor sold until the new series began says of its level, and how surely."""
        width = index.shape[1]
        none = np.empty(0)
        demand = side_by_side([kin.predecessors.get(int(row), none) for row in rows], width)
        until = np.arange(width) < width - self.window.ages[rows, None]
        observed = ~np.isnan(demand) & until
        units = np.where(observed, np.maximum(np.nan_to_num(demand), 0.0), 0.0).sum(axis=1)
        exposure = (index[self.groups.cells[rows]] * observed).sum(axis=1)
        sold = (units > 0.0) & (exposure > 0.0)
        value = np.log(np.where(sold, units, 1.0) / np.where(sold, exposure, 1.0))
        return value, np.where(sold, 1.0 / (_SUCCESSION + dispersion / np.maximum(units, 1.0)), 0.0)


@dataclass(frozen=True)
class _Dispersion:
    """Logarithm of variance over mean at the logarithm of a level, within what was seen."""

    at_one: float
    slope: float
    low: float
    high: float

    def __call__(self, log_level: FloatArray) -> FloatArray:
        return np.asarray(np.exp(np.clip(self.at_one + self.slope * log_level, self.low, self.high)))


def _at_age(curve: FloatArray, ages: IntArray, lags: IntArray) -> FloatArray:
    """(k, t) the curve at the age that each series has so many periods after the last one; 1 when settled."""
    at = ages[:, None] + lags[None, :] - 1
    inside = (at >= 0) & (at < len(curve))
    return np.where(inside, curve[np.where(inside, at, 0)], 1.0)


def _own_level(
    demand: FloatArray, exposure: FloatArray, ages: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(k,) units sold, periods' worth of exposure, and their ratio.

    A history that begins with a sale began with it: that its first period sold is no news, so the period
    counts for as many as pass, at this rate, for one of them to sell.

    Args:
        demand, exposure: (k, w); ages: (k,) periods since the start.
    """
    series = np.arange(len(ages))
    first = demand.shape[1] - ages
    since = np.arange(demand.shape[1]) >= first[:, None]
    units, periods = (demand * since).sum(axis=1), (exposure * since).sum(axis=1)
    begins_with_sale, of_first = demand[series, first] > 0.0, exposure[series, first]
    counted = periods
    for _ in range(_ROUNDS):
        rate = (units + 0.5) / (counted + 0.5)
        sells = np.maximum(-np.expm1(-rate * of_first), 1e-3)
        counted = periods + np.where(begins_with_sale, of_first * (1.0 / sells - 1.0), 0.0)
    return units, counted, (units + 0.5) / (counted + 0.5)


def _own_dispersion(
    demand: FloatArray, exposure: FloatArray, rate: FloatArray, expected: FloatArray
) -> FloatArray:
    """(k,) variance over mean of own periods, drawn towards what is expected at this level."""
    found, free = _pearson(demand, rate[:, None] * exposure)
    drawn = (_DISPERSION_PERIODS * expected + found) / (_DISPERSION_PERIODS + free)
    return np.asarray(np.maximum(drawn, _LEAST_DISPERSION))


def _pearson(demand: FloatArray, expected: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(k,) Pearson's statistic, and its degrees of freedom."""
    counts = expected > 0.0
    squares = np.divide((demand - expected) ** 2, expected, out=np.zeros(demand.shape), where=counts)
    return squares.sum(axis=1), np.maximum(counts.sum(axis=1) - 1.0, 0.0)


def _drawn(
    above: FloatArray, below: FloatArray, groups: IntArray, count: int, strength: float, towards: FloatArray
) -> FloatArray:
    """(count, t) ratio of the sums of each group, drawn towards another with this much below."""
    sums = np.zeros((2, count, above.shape[1]))
    np.add.at(sums[0], groups, above)
    np.add.at(sums[1], groups, below)
    return np.asarray((sums[0] + strength * towards) / (sums[1] + strength))


def _quotient(above: FloatArray, below: FloatArray, otherwise: FloatArray) -> FloatArray:
    return np.divide(above, below, out=otherwise.copy(), where=below > 0.0)


def _numbers(names: list[str] | object) -> IntArray:
    return np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)[1].astype(np.int64)
