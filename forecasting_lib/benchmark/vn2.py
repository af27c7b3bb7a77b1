"""Orders by the rules of the VN2 inventory competition, replayed on windows inside its published weeks.

Belongs here: the rules, the simple rule that entries are measured by, a rule fitted on earlier windows.
Does not belong here: the simulator (``forecasting_lib.inventory.simulation``).

An order placed before a week is on the shelf two weeks later; sales that stock does not serve are lost. A
unit held at the end of a week costs 0.2, a unit lost costs 1. A window has eight weeks, of which the first
two were decided before it began and do not count. Stock on hand at its beginning, and what arrives in each of
those two, was not published for these weeks: each is a week's forecast of the simple rule, for every rule the
same. A week out of stock is censored: forecasts leave it out; in a window its recorded sales are the demand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import gammaincinv

from forecasting_lib.inventory.simulation import ProjectedOrderUpTo, simulate
from forecasting_lib.panel import FloatArray, IntArray

HOLDING, SHORTAGE = 0.2, 1.0
WEEKS, UNSCORED = 8, 2
LEAD = 2
"""Weeks from an order to the shelf."""

STRIDE = 6
FIRST_FITTED = 57
"""A window that rules are fitted on begins no earlier: a season has to be behind it."""

_YEAR = 52
_SEASON = 53
_LEAST_INDEX = 0.05


@dataclass(frozen=True)
class Vn2Sales:
    """Weekly sales of n series.

    Attributes:
        units: (n, weeks) units sold.
        known: (n, weeks) the same; NaN in a week out of stock.
        week: (weeks,) week of the year, 1 to 52.
        groups: (n,) what a series shares its season with.
    """

    units: FloatArray
    known: FloatArray
    week: IntArray
    groups: npt.NDArray[np.str_]
    _indices: dict[tuple[int, bool], FloatArray] = field(default_factory=dict, repr=False)

    @cached_property
    def weeks(self) -> int:
        return int(self.units.shape[1])

    def season(self, end: int, *, by_group: bool) -> FloatArray:
        """(n, 53) factor of each week of the year, column 0 unused, of the weeks before ``end``.

        A group's own is weighed by its units of two years against the pooled one's 5,000.
        """
        if (end, by_group) not in self._indices:
            pooled = _index(self.known[:, :end], self.week[:end])
            found = np.tile(pooled, (len(self.units), 1))
            for group in np.unique(self.groups) if by_group else ():
                rows = self.groups == group
                units = np.nansum(self.known[rows, max(end - 2 * _YEAR, 0) : end])
                share = units / (units + 5000.0)
                own = _index(self.known[rows, :end], self.week[:end])
                found[rows] = np.exp(share * np.log(own) + (1.0 - share) * np.log(pooled))
            self._indices[end, by_group] = found
        return self._indices[end, by_group]


def read_vn2(directory: Path) -> Vn2Sales:
    """Read ``sales_wide.csv.gz``, ``in_stock_wide.csv.gz`` and ``master.csv`` of a directory.

    Raises:
        ValueError: the files are not of the same series and weeks.
    """
    key = ["Store", "Product"]
    sales, stock = (pl.read_csv(directory / f"{name}_wide.csv.gz") for name in ("sales", "in_stock"))
    named = pl.read_csv(directory / "master.csv")
    labels = sales.columns[len(key) :]
    if not set(labels) <= set(stock.columns) or not sales.select(key).equals(stock.select(key)):
        raise ValueError(f"the files of {directory} are not of the same series and weeks")
    units = sales.select(labels).cast(pl.Float64).to_numpy()
    in_stock = stock.select(labels).to_numpy().astype(np.bool_)
    week = np.array([min(date.fromisoformat(label).isocalendar().week, _YEAR) for label in labels])
    groups = sales.select(key).join(named, on=key, how="left", maintain_order="left")["Division"]
    return Vn2Sales(units, np.where(in_stock, units, np.nan), week, groups.cast(pl.String).to_numpy())


class Expected(NamedTuple):
    """A forecast before a week: (n, 3) units of it and the two after; (n,) level and variance of a week."""

    units: FloatArray
    level: FloatArray
    variance: FloatArray


Rule = Callable[[Vn2Sales, int], tuple[FloatArray, FloatArray]]
"""Given sales and the number of a week, with those before it known: units expected (n, 2) until the order is
there, and units wanted (n,) on the shelf then."""


def simple_rule(factor: float = 0.6) -> Rule:
    """A 13-week average with the pooled season, and a buffer of so many roots of the forecast."""

    def decide(sales: Vn2Sales, week: int) -> tuple[FloatArray, FloatArray]:
        told = _expected(sales, week, np.ones(13), by_group=False)
        arriving = told.units[:, LEAD]
        return told.units[:, :LEAD], arriving + factor * np.sqrt(arriving)

    return decide


class Choice(NamedTuple):
    """A candidate of the fitted rule: the level of the gamma law, whose season, how far dispersion is own."""

    level: float
    by_group: bool
    own_dispersion: float


CANDIDATES = tuple(
    Choice(*values) for values in product((0.75, 0.8, 0.83, 0.86, 0.9), (False, True), (0.5, 0.8))
)


def law_rule(choice: Choice) -> Rule:
    """Two exponential averages of the level, and the quantile of a gamma law with its dispersion."""
    ages = np.arange(78)[::-1]
    weights = (0.5 ** (ages / 6.0), 0.5 ** (ages / 20.0))

    def decide(sales: Vn2Sales, week: int) -> tuple[FloatArray, FloatArray]:
        fast, slow = (_expected(sales, week, each, by_group=choice.by_group) for each in weights)
        units, level, variance = ((one + other) / 2.0 for one, other in zip(fast, slow, strict=True))
        pooled = variance.sum() / max(level.sum(), 1e-9)
        own = np.maximum(variance / np.maximum(level, 1e-6), 0.5)
        dispersion = own**choice.own_dispersion * pooled ** (1.0 - choice.own_dispersion)
        arriving = units[:, LEAD]
        wanted = gammaincinv(np.maximum(arriving, 1e-6) / dispersion, choice.level) * dispersion
        return units[:, :LEAD], np.where(arriving < 1e-6, 0.0, wanted)

    return decide


def cost(sales: Vn2Sales, rule: Rule, start: int) -> float:
    """What a rule pays over the scored weeks of the window that begins with a week."""
    items = len(sales.units)
    expected, wanted = np.zeros((items, WEEKS, LEAD)), np.zeros((items, WEEKS))
    for week in range(WEEKS):
        expected[:, week], wanted[:, week] = rule(sales, start + week)
    opening = _expected(sales, start, np.ones(13), by_group=False).units
    came = simulate(
        sales.units[:, start : start + WEEKS],
        # the nearest whole unit: the least that covers half a unit less
        ProjectedOrderUpTo(expected, wanted - 0.5, multiple=np.ones(items)),
        np.full((items, WEEKS), LEAD),
        sales_are_lost=True,
        warm_up=UNSCORED,
        net_stock=np.round(opening[:, 0]),
        arriving=np.round(opening[:, :LEAD]).T,
    )
    return float(HOLDING * came.on_hand.sum() + SHORTAGE * came.unserved.sum())


@dataclass(frozen=True)
class Vn2Figures:
    """Costs of two rules over windows, (w,) each, the earliest first, and what was chosen before each."""

    starts: Sequence[int]
    simple: FloatArray
    fitted: FloatArray
    choices: Sequence[Choice]

    def ratio(self) -> float:
        """Cost of the fitted rule over that of the simple one, all windows together."""
        return float(self.fitted.sum() / self.simple.sum())

    def interval(
        self, confidence: float = 0.95, replicates: int = 2000, seed: int = 3
    ) -> tuple[float, float]:
        """Percentile bootstrap of the ratio over windows."""
        rng = np.random.default_rng(seed)
        drawn = rng.integers(0, len(self.simple), (replicates, len(self.simple)))
        ratios = self.fitted[drawn].sum(axis=1) / self.simple[drawn].sum(axis=1)
        low, high = np.quantile(ratios, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
        return float(low), float(high)


def replayed_windows(
    sales: Vn2Sales, windows: int = 10, candidates: Sequence[Choice] = CANDIDATES
) -> Vn2Figures:
    """Both rules on the last windows; the candidate is the cheapest on the windows that end before each.

    Raises:
        ValueError: there are too few weeks to choose on.
    """
    last = sales.weeks - WEEKS
    starts = [last - STRIDE * number for number in range(windows)][::-1]
    if starts[0] - WEEKS < FIRST_FITTED:
        raise ValueError(f"{sales.weeks} weeks are too few for {windows} windows and one before them")
    costs: dict[tuple[int, Choice], float] = {}

    def paid(start: int, choice: Choice) -> float:
        if (start, choice) not in costs:
            costs[start, choice] = cost(sales, law_rule(choice), start)
        return costs[start, choice]

    choices = []
    for start in starts:
        earlier = range(start - WEEKS, FIRST_FITTED - 1, -STRIDE)
        choices.append(min(candidates, key=lambda choice: sum(paid(before, choice) for before in earlier)))
    return Vn2Figures(
        starts,
        np.array([cost(sales, simple_rule(), start) for start in starts]),
        np.array([paid(start, choice) for start, choice in zip(starts, choices, strict=True)]),
        choices,
    )


def _expected(sales: Vn2Sales, week: int, weights: FloatArray, *, by_group: bool) -> Expected:
    """Weighted level and variance of the deseasonalised weeks before, carried forward with the season."""
    season = sales.season(week, by_group=by_group)
    first = max(week - len(weights), 0)
    seen = sales.known[:, first:week] / season[:, sales.week[first:week]]
    weighted = np.where(np.isnan(seen), 0.0, weights[len(weights) - (week - first) :])
    total = np.maximum(weighted.sum(axis=1), 1e-9)
    level = (np.nan_to_num(seen) * weighted).sum(axis=1) / total
    variance = (np.nan_to_num(seen - level[:, None]) ** 2 * weighted).sum(axis=1) / total
    ahead = (sales.week[week - 1] - 1 + np.arange(1, LEAD + 2)) % _YEAR + 1
    return Expected(level[:, None] * season[:, ahead], level, variance)


def _index(known: FloatArray, week: IntArray) -> FloatArray:
    """(53,) mean demand of each week of the year over a centred year's, smoothed over three weeks, mean 1."""
    there = ~np.isnan(known)
    mean = np.where(there, known, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    half = _SEASON // 2
    level = np.convolve(np.pad(mean, half, mode="edge"), np.full(_SEASON, 1.0 / _SEASON), "valid")
    ratio = mean / np.maximum(level, 1e-9)
    count = np.bincount(week, minlength=_SEASON)
    total = np.bincount(week, weights=ratio, minlength=_SEASON)
    index = np.where(count > 0, np.maximum(total / np.maximum(count, 1), _LEAST_INDEX), 1.0)[1:]
    smooth = (np.roll(index, 1) + 2.0 * index + np.roll(index, -1)) / 4.0
    return np.concatenate([[1.0], smooth / smooth.mean()])
