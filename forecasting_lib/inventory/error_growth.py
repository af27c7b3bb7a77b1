"""How forecast errors grow with the days they are added up over, and at which level a quantile is then read.

Belongs here: kappa and levels by interval for every series, between and beyond the intervals that a backtest
measured, and what stands where none did. Does not belong here: how they are fitted
(``backtesting.inflation``), where they are stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from forecasting_lib.grain import Grain
from forecasting_lib.moment_law import BoolArray
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray

IntArray = npt.NDArray[np.int64]

NO_DEMAND = "none"
"""The class of a series without demand, as backtests name it."""

_LEVELS = np.array([0.0, *QUANTILE_LEVELS, 1.0])

DEFAULT_DAYS = (1.0, 7.0, 14.0, 28.0)

DEFAULT_KAPPA: Mapping[str, tuple[float, ...]] = {
    "smooth": (1.0, 1.1, 1.8, 3.6),
    "erratic": (1.0, 1.0, 1.7, 3.1),
    "intermittent": (1.4, 1.5, 1.9, 3.0),
    "lumpy": (1.0, 1.5, 2.1, 3.1),
    NO_DEMAND: (1.0, 1.3, 1.9, 3.1),
}
"""By demand class, over so many ``DEFAULT_DAYS`` of daily forecasts, where no backtest says.

Of held-out synthetic demand: ``docs/service.md#without-a-backtest``.
"""


class Inflation(Protocol):
    """What a backtest fits for a segment and interval: ``backtesting.inflation.Inflation``."""

    @property
    def kappa(self) -> float: ...

    @property
    def read_at(self) -> FloatArray: ...


@dataclass(frozen=True)
class ErrorGrowth:
    """Kappa and the levels to read, by segment and length of the interval; n series of g segments.

    Attributes:
        days: (k,) lengths, increasing.
        kappa: (g, k) variance of the total over that of independent errors, blended with the history's.
        read_at: (g, k, 21) the level at which each of the grid's is read.
        measured: (g,) whether a backtest measured them.
        segment: (n,) number of each series' segment.
    """

    days: FloatArray
    kappa: FloatArray
    read_at: FloatArray
    measured: BoolArray
    segment: IntArray

    @classmethod
    def of(
        cls,
        segments: Sequence[tuple[str, str]],
        inflations: Mapping[tuple[str, str], Mapping[int, Inflation]],
        grain: Grain,
    ) -> ErrorGrowth:
        """Give every series what a backtest measured of its model and class, or what stands instead.

        Args:
            segments: (model, demand class) of each series; ``none`` where there is no demand.
            inflations: (model, class) -> periods of the interval -> what was fitted; all of the same
                intervals.
            grain: of the periods.
        """
        lengths = sorted({periods for found in inflations.values() for periods in found})
        whole = {key: found for key, found in inflations.items() if len(found) == len(lengths)}
        days = np.array([periods * grain.days_per_period for periods in lengths] or DEFAULT_DAYS)
        names = list(dict.fromkeys(segments))
        number = {name: place for place, name in enumerate(names)}
        kappa = np.array([_kappa(whole.get(name), lengths, days, name[1], grain) for name in names])
        read_at = np.array([_read_at(whole.get(name), lengths, len(days)) for name in names])
        return cls(
            days,
            kappa.reshape(len(names), len(days)),
            read_at.reshape(len(names), len(days), len(QUANTILE_LEVELS)),
            np.array([name in whole for name in names], dtype=np.bool_),
            np.array([number[name] for name in segments], dtype=np.int64),
        )

    @classmethod
    def unmeasured(cls, classes: Sequence[str], grain: Grain) -> ErrorGrowth:
        """What stands where no backtest was made."""
        return cls.of([("", name) for name in classes], {}, grain)

    @property
    def is_measured(self) -> BoolArray:
        """(n,) whether a backtest measured the series' segment."""
        return np.asarray(self.measured[self.segment])

    def kappa_at(self, days: FloatArray, rows: IntArray | None = None) -> FloatArray:
        """(m,) kappa of intervals of so many days, each of one series; a power of the days in between.

        Shorter intervals than measured have the shortest's, longer ones go on as the last two grew, and no
        faster than the days: errors cannot go together more than wholly.

        Args:
            days: (m,); NaN gives NaN.
            rows: (m,) positions of the series; absent: all of them in order.
        """
        segment = self.segment if rows is None else self.segment[rows]
        if len(self.days) == 1:
            return np.where(np.isnan(days), np.nan, self.kappa[segment, 0])
        known = np.maximum(np.where(np.isnan(days), self.days[0], days), self.days[0])
        after = np.clip(np.searchsorted(self.days, known, side="left"), 1, len(self.days) - 1)
        log_days, log_kappa = np.log(self.days), np.log(self.kappa)
        low, high = log_kappa[segment, after - 1], log_kappa[segment, after]
        slope = (high - low) / (log_days[after] - log_days[after - 1])
        beyond = known > self.days[-1]
        inside = low + slope * (np.log(known) - log_days[after - 1])
        outside = high + np.clip(slope, 0.0, 1.0) * (np.log(known) - log_days[after])
        return np.where(np.isnan(days), np.nan, np.exp(np.where(beyond, outside, inside)))

    def level_to_read(self, target: float, days: FloatArray) -> FloatArray:
        """(n,) the level at which a quantile of each series' interval is read to hold the target."""
        read = np.pad(self.read_at, ((0, 0), (0, 0), (1, 1)), constant_values=((0, 0), (0, 0), (0.0, 1.0)))
        above = int(np.clip(np.searchsorted(_LEVELS, target), 1, len(_LEVELS) - 1))
        share = (target - _LEVELS[above - 1]) / (_LEVELS[above] - _LEVELS[above - 1])
        of_segment = (1.0 - share) * read[:, :, above - 1] + share * read[:, :, above]
        return self._between(of_segment[:, :, None], days)[:, 0]

    def held(self, level: FloatArray, days: FloatArray) -> FloatArray:
        """(n,) what share of totals a quantile at these levels of the law holds: the way back.

        Args:
            level: (n,) between 0 and 1; NaN gives NaN.
            days: (n,) of the intervals.
        """
        read = np.pad(self.read_at, ((0, 0), (0, 0), (1, 1)), constant_values=((0, 0), (0, 0), (0.0, 1.0)))
        nodes = self._between(read, days)
        known = np.where(np.isnan(level), 0.5, level)
        above = np.clip((nodes <= known[:, None]).sum(axis=1), 1, len(_LEVELS) - 1)
        at = np.arange(len(nodes))
        low, high = nodes[at, above - 1], nodes[at, above]
        share = np.clip((known - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
        found = _LEVELS[above - 1] + share * (_LEVELS[above] - _LEVELS[above - 1])
        return np.where(np.isnan(level), np.nan, found)

    def _between(self, values: FloatArray, days: FloatArray) -> FloatArray:
        """(n, v) of values (g, k, v) by interval, linear in the days between; the ends beyond."""
        known = np.clip(np.where(np.isnan(days), self.days[0], days), self.days[0], self.days[-1])
        if len(self.days) == 1:
            return np.asarray(values[self.segment, 0])
        after = np.clip(np.searchsorted(self.days, known), 1, len(self.days) - 1)
        share = (known - self.days[after - 1]) / (self.days[after] - self.days[after - 1])
        low, high = values[self.segment, after - 1], values[self.segment, after]
        return np.asarray(low + share[:, None] * (high - low))


def _kappa(
    found: Mapping[int, Inflation] | None, lengths: Sequence[int], days: FloatArray, name: str, grain: Grain
) -> FloatArray:
    if found is not None:
        return np.array([found[periods].kappa for periods in lengths])
    logs = np.log(DEFAULT_KAPPA.get(name, DEFAULT_KAPPA[NO_DEMAND]))
    usual = np.interp(np.log(days), np.log(DEFAULT_DAYS), logs)
    # a week's variance has what its days have in common
    of_period = (
        0.0 if grain is Grain.DAY else np.interp(np.log(grain.days_per_period), np.log(DEFAULT_DAYS), logs)
    )
    return np.asarray(np.exp(np.maximum(usual - of_period, 0.0)))


def _read_at(found: Mapping[int, Inflation] | None, lengths: Sequence[int], count: int) -> FloatArray:
    if found is None:
        return np.tile(np.array(QUANTILE_LEVELS), (count, 1))
    return np.array([found[periods].read_at for periods in lengths])
