"""What the gradient-boosted model is told of a period ahead: numbers from the history up to an origin.

Belongs here: windows (a series, an origin, a lag), their features, scales and targets. Does not belong here:
the trees (``gbm``).

Nothing is dated: every position is counted back from the end of a history, so panels of several as-of dates
may be joined, and weights fitted at one date apply at another. Features of a window read no period after its
origin but the covariates that are known ahead, of the period it is about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting_lib.grain import Grain
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray, Panel
from forecasting_lib.quantile_grid import empirical_quantiles
from forecasting_lib.ragged import lengths_of

IntArray = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Looks:
    """How far back the features of a grain look, in periods.

    Attributes:
        lags: last periods that are features themselves.
        means: lengths of the windows that are averaged, the shortest first.
        scale: length of the window whose mean is the series' unit.
        phase: season of which the same phase is averaged; None where the year is the only one.
        year: periods in a year.
        around: periods before and after that are averaged with the same one a year ago.
        samples: length of the window whose quantiles are features.
    """

    lags: int
    means: tuple[int, ...]
    scale: int
    phase: int | None
    year: int
    around: int
    samples: int

    @property
    def reach(self) -> int:
        """Periods that a window needs before its origin."""
        return max(self.means[-1], self.year + max(self.means[1], self.around)) + 1


LOOKS: Mapping[Grain, Looks] = {
    Grain.DAY: Looks(lags=7, means=(7, 28, 91, 364), scale=91, phase=7, year=364, around=3, samples=56),
    Grain.WEEK: Looks(lags=4, means=(4, 13, 26, 52), scale=26, phase=None, year=52, around=1, samples=26),
    Grain.MONTH: Looks(lags=3, means=(3, 6, 12, 24), scale=12, phase=None, year=12, around=0, samples=12),
}

PHASE_REPEATS = 8
"""Periods of one phase that are averaged."""

_SAMPLE_LEVELS = [QUANTILE_LEVELS.index(level) for level in (0.1, 0.25, 0.5, 0.75, 0.9)]

_SERIES_PER_BLOCK = 1024
"""Bounds the padded matrices: of three years of days 9 MB each."""


@dataclass(frozen=True)
class Windows:
    """Questions that the model answers: the demand ``lag`` periods after an origin.

    Attributes:
        series: (m,) position in the panel, ascending.
        back: (m,) periods from the origin to the end of the history; 0 asks about the future.
        lag: (m,) periods from the origin to the one that is asked about, at least 1.
    """

    series: IntArray
    back: IntArray
    lag: IntArray

    def __len__(self) -> int:
        return len(self.series)

    def where(self, kept: npt.NDArray[np.bool_]) -> Windows:
        """Those windows alone."""
        return Windows(self.series[kept], self.back[kept], self.lag[kept])

    @classmethod
    def ahead(cls, series: range, horizon: int) -> Windows:
        """All periods of the horizon of these series, series by series."""
        lag = np.tile(np.arange(1, horizon + 1), len(series))
        return cls(np.repeat(np.asarray(series, dtype=np.int64), horizon), np.zeros_like(lag), lag)


@dataclass(frozen=True)
class Told:
    """What is known of m windows.

    Attributes:
        features: (m, f) scaled where they are demand, NaN where there is none.
        scale: (m,) units a period of the series at the origin; NaN where nothing was sold before.
        target: (m,) units, NaN where masked or ahead.
    """

    features: Features
    scale: FloatArray
    target: FloatArray


def feature_names(grain: Grain, covariates: Sequence[str]) -> list[str]:
    """Names of the columns of :class:`Told`'s features."""
    looks = LOOKS[grain]
    return [
        "lag",
        "log_scale",
        "age",
        "since_last_sale",
        *(f"last_{j}" for j in range(1, looks.lags + 1)),
        *(f"mean_{w}" for w in looks.means),
        *(f"zeros_{w}" for w in looks.means),
        "deviation",
        *(f"sample_{round(100 * QUANTILE_LEVELS[i])}" for i in _SAMPLE_LEVELS),
        *(("phase_last", "phase_mean", "phase_zeros") if looks.phase else ()),
        "year_ago",
        "year_ago_level",
        *(f"{name}_{what}" for name in covariates for what in ("then", "recent", "on", "off")),
    ]


def told(panel: Panel, windows: Windows, covariates: Sequence[str]) -> Told:
    """Features, scale and target of every window.

    Args:
        panel: any panel.
        windows: no origin lies before the beginning of its history.
        covariates: names to tell of; one the panel lacks is unknown throughout.
    """
    features = np.full((len(windows), len(feature_names(panel.grain, covariates))), np.nan, dtype=np.float32)
    scale, target = np.full(len(windows), np.nan), np.full(len(windows), np.nan)
    for start in range(0, len(panel), _SERIES_PER_BLOCK):
        rows = slice(*np.searchsorted(windows.series, (start, start + _SERIES_PER_BLOCK)))
        if rows.start == rows.stop:
            continue
        of_block = Windows(windows.series[rows] - start, windows.back[rows], windows.lag[rows])
        block = _Block(panel, slice(start, start + _SERIES_PER_BLOCK), of_block)
        scale[rows], target[rows] = block.scale, block.target()
        columns = [*block.of_demand(), *(c for name in covariates for c in block.of_covariate(name))]
        features[rows] = np.stack(columns, axis=1)
    return Told(features, scale, target)


class _Block:
    """The windows of some consecutive series; every matrix ends on the as-of date."""

    def __init__(self, panel: Panel, series: slice, windows: Windows) -> None:
        self._panel, self._series, self._windows = panel, series, windows
        self._looks = LOOKS[panel.grain]
        self._history = self._matrix(panel.history[series])
        self._total = _running(np.nan_to_num(self._history))
        self._observed = _running(~np.isnan(self._history))
        self._sold = _running(self._history > 0)
        self._end = self._history.shape[1] - windows.back
        """(m,) the first column that a window does not see."""
        self.scale = self._scale()

    def _matrix(self, arrays: Sequence[FloatArray]) -> FloatArray:
        """(b, longest): the arrays, with room before them for whatever looks back."""
        longest = int(lengths_of(self._panel.history[self._series]).max(initial=0))
        matrix = np.full((len(arrays), longest + self._looks.reach), np.nan)
        for row, array in zip(matrix, arrays, strict=True):
            row[len(row) - len(array) :] = array
        return matrix

    def _at(self, matrix: FloatArray, column: IntArray) -> FloatArray:
        return np.asarray(matrix[self._windows.series, column], dtype=np.float64)

    def _between(self, running: FloatArray, start: IntArray, end: IntArray) -> FloatArray:
        return self._at(running, end) - self._at(running, start)

    def _mean(self, start: IntArray, end: IntArray) -> FloatArray:
        """(m,) the mean of the observed periods of these columns, NaN where there is none."""
        return _quotient(self._between(self._total, start, end), self._between(self._observed, start, end))

    def _scale(self) -> FloatArray:
        recent = self._mean(self._end - self._looks.scale, self._end)
        ever = self._mean(np.zeros_like(self._end), self._end)
        scale = np.where(recent > 0, recent, ever)
        return np.where(scale > 0, scale, np.nan)

    def target(self) -> FloatArray:
        """(m,) units of the period asked about, NaN where it lies ahead."""
        column = self._end + self._windows.lag - 1
        known = column < self._history.shape[1]
        return np.where(known, self._at(self._history, np.where(known, column, 0)), np.nan)

    def of_demand(self) -> list[FloatArray]:
        """The columns that are there for every panel, in the order of :func:`feature_names`."""
        looks, end, lag = self._looks, self._end, self._windows.lag
        columns = [
            lag.astype(np.float64),
            np.log(self.scale),
            np.minimum(lengths_of(self._panel.history[self._series])[self._windows.series]
                       - self._windows.back, looks.year).astype(np.float64),
            self._since_last_sale(),
        ]  # fmt: skip
        columns += [self._at(self._history, end - j) / self.scale for j in range(1, looks.lags + 1)]
        columns += [self._mean(end - w, end) / self.scale for w in looks.means]
        for w in looks.means:
            observed = self._between(self._observed, end - w, end)
            columns.append(1.0 - _quotient(self._between(self._sold, end - w, end), observed))
        samples = self._history[
            self._windows.series[:, None], end[:, None] - 1 - np.arange(looks.samples)
        ] / self.scale[:, None]  # fmt: skip
        columns.append(_deviation(samples))
        columns += list(empirical_quantiles(samples)[:, _SAMPLE_LEVELS].T)
        if looks.phase:
            columns += self._same_phase(looks.phase)
        columns += self._year_ago()
        return columns

    def _since_last_sale(self) -> FloatArray:
        """(m,) periods since the last one with demand, a year at most."""
        positions = np.arange(self._history.shape[1])
        last = np.maximum.accumulate(np.where(self._history > 0, positions, -1), axis=1)
        since = self._end - 1 - self._at(last, self._end - 1)
        return np.asarray(np.minimum(since, self._looks.year), dtype=np.float64)

    def _same_phase(self, season: int) -> list[FloatArray]:
        """The last of the same phase, the mean of the last eight, and how many of those were zero."""
        nearest = self._end + self._windows.lag - 1 - season * -(-self._windows.lag // season)
        repeats = self._history[
            self._windows.series[:, None],
            nearest[:, None] - season * np.arange(PHASE_REPEATS),
        ]
        observed = np.count_nonzero(~np.isnan(repeats), axis=1)
        mean = _quotient(np.nansum(repeats, axis=1), observed)
        zeros = _quotient(np.count_nonzero(repeats == 0, axis=1), observed)
        return [repeats[:, 0] / self.scale, mean / self.scale, zeros]

    def _year_ago(self) -> list[FloatArray]:
        """Demand around the same period a year ago, and the level at that time; NaN where not known then."""
        looks = self._looks
        same = self._end + self._windows.lag - 1 - looks.year
        first, last = same - looks.around, np.minimum(same + looks.around + 1, self._end)
        begun = first < last
        around = np.where(begun, self._mean(np.where(begun, first, 0), np.where(begun, last, 0)), np.nan)
        origin = self._end - looks.year
        return [around / self.scale, self._mean(origin - looks.means[1], origin) / self.scale]

    def of_covariate(self, name: str) -> list[FloatArray]:
        """Its value then, where known ahead, its recent mean, and demand of a year with and without it."""
        past = self._panel.past_covariates.get(name)
        if past is None:
            return [np.full(len(self._windows), np.nan)] * 4
        values = self._matrix(past[self._series])
        on = (values > 0) & ~np.isnan(self._history)
        known, total = _running(~np.isnan(values)), _running(np.nan_to_num(values))
        start = self._end - self._looks.means[1]
        recent = _quotient(self._between(total, start, self._end), self._between(known, start, self._end))
        year = self._end - self._looks.means[-1]
        with_it = _running(np.where(on, self._history, 0.0)), _running(on)
        sold_on, days_on = (self._between(running, year, self._end) for running in with_it)
        sold, days = (self._between(running, year, self._end) for running in (self._total, self._observed))
        return [
            self._then(name, values),
            recent,
            _quotient(sold_on, days_on) / self.scale,
            _quotient(sold - sold_on, days - days_on) / self.scale,
        ]

    def _then(self, name: str, values: FloatArray) -> FloatArray:
        """(m,) the covariate in the period asked about; NaN where it is not one that is known ahead."""
        future = self._panel.future_covariates.get(name)
        if future is None:
            return np.full(len(self._windows), np.nan)
        most = int((self._windows.lag - self._windows.back).max(initial=0))
        ahead = np.full((len(values), max(most, 0)), np.nan)
        for row, array in zip(ahead, future[self._series], strict=True):
            row[: len(array)] = array[: len(row)]
        return self._at(np.concatenate([values, ahead], axis=1), self._end + self._windows.lag - 1)


def _running(numbers: npt.NDArray[np.generic]) -> FloatArray:
    """(b, t + 1): sums of the columns before each position."""
    sums = np.zeros((numbers.shape[0], numbers.shape[1] + 1))
    np.cumsum(numbers, axis=1, out=sums[:, 1:])
    return sums


def _quotient(numerator: FloatArray | IntArray, denominator: FloatArray | IntArray) -> FloatArray:
    """NaN where there is nothing to divide by."""
    quotient = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


def _deviation(samples: FloatArray) -> FloatArray:
    """(m,): the standard deviation of each row's samples, NaN where there is none."""
    observed = np.count_nonzero(~np.isnan(samples), axis=1)
    mean = _quotient(np.nansum(samples, axis=1), observed)
    return np.sqrt(_quotient(np.nansum((samples - mean[:, None]) ** 2, axis=1), observed))
