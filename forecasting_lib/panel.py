"""The panel that every model reads and the forecast that every model returns.

Time runs in periods of one grain (``forecasting_lib.grain``); where nothing else is said, a day.

Belongs here: the two containers, their conversion from and to long frames, the quantile grid.
Does not belong here: anything that changes a number (models), or that refuses one (guards).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting_lib.grain import Grain
from forecasting_lib.ragged import Numbers, Ragged, lengths_of, selected, smallest

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
IntArray32 = npt.NDArray[np.int32]

QUANTILE_LEVELS: tuple[float, ...] = (0.01, *(round(0.05 * i, 2) for i in range(1, 20)), 0.99)
"""Chronos-2's own 21 levels; every model publishes the same grid."""

QUANTILE_COLUMNS: tuple[str, ...] = tuple(f"q{round(level * 100):02d}" for level in QUANTILE_LEVELS)
"""Column names of the grid in frames and tables: ``q01, q05, q10 ... q95, q99``."""

MEDIAN_INDEX = QUANTILE_LEVELS.index(0.5)


@dataclass(frozen=True)
class Panel:
    """Demand histories by period that all end on the same day.

    Attributes:
        series_ids: one identifier per series, unique.
        as_of_date: the last day of the last period of every history.
        history: one float64 array per series, in units a period, oldest first; NaN marks a masked period
            (stocked out or closed). Lengths differ; a history may be empty. A tuple, or what is smaller
            (``forecasting_lib.ragged``).
        past_covariates: name -> one array per series, aligned with ``history`` element by element.
        future_covariates: name -> one array per series of at least the horizon's length, period 1 first.
            Its names are a subset of the names in ``past_covariates``.
        grain: what a period is.

    Raises:
        ValueError: series ids repeat, the parts do not fit together, or no period ends on the as-of date.
    """

    series_ids: tuple[str, ...]
    as_of_date: date
    history: Sequence[FloatArray]
    past_covariates: Mapping[str, Sequence[FloatArray]] = field(default_factory=dict)
    future_covariates: Mapping[str, Sequence[FloatArray]] = field(default_factory=dict)
    grain: Grain = Grain.DAY

    def __post_init__(self) -> None:
        _require_period_end(self.as_of_date, self.grain)
        if len(self.series_ids) != len(self.history):
            raise ValueError(f"{len(self.series_ids)} series ids for {len(self.history)} histories")
        if len(set(self.series_ids)) != len(self.series_ids):
            raise ValueError("series ids repeat; a panel holds each series once")
        unknown = set(self.future_covariates) - set(self.past_covariates)
        if unknown:
            raise ValueError(f"future covariates without a past: {sorted(unknown)}")
        lengths = lengths_of(self.history)
        for name, arrays in self.past_covariates.items():
            if not np.array_equal(lengths_of(arrays), lengths):
                raise ValueError(f"covariate {name!r} is not aligned with the histories")
        for name, arrays in self.future_covariates.items():
            if len(arrays) != len(lengths):
                raise ValueError(f"{len(arrays)} futures of covariate {name!r} for {len(lengths)} series")

    def __len__(self) -> int:
        return len(self.series_ids)

    def select(self, positions: Sequence[int]) -> Panel:
        """The panel of the series at these positions, in this order."""
        return Panel(
            series_ids=tuple(self.series_ids[i] for i in positions),
            as_of_date=self.as_of_date,
            history=selected(self.history, positions),
            past_covariates={k: selected(v, positions) for k, v in self.past_covariates.items()},
            future_covariates={k: selected(v, positions) for k, v in self.future_covariates.items()},
            grain=self.grain,
        )

    @classmethod
    def from_frame(
        cls,
        frame: pl.DataFrame,
        as_of_date: date,
        *,
        future: pl.DataFrame | None = None,
        covariates: Sequence[str] = (),
        grain: Grain = Grain.DAY,
    ) -> Panel:
        """Build a panel from a long frame without gaps.

        Args:
            frame: columns ``series_id, date, target`` and the named covariates, one row per series and
                period, dated by the period's first day, every series contiguous up to ``as_of_date``. A
                null target is a masked period.
            as_of_date: the last day of every series; rows after it are refused, never dropped silently.
            future: columns ``series_id, date`` and those covariates that are known ahead, contiguous
                from the period after ``as_of_date``; every series of ``frame`` has the same periods.
            covariates: names of the covariate columns to take.
            grain: what a period is.

        Raises:
            ValueError: a row lies after ``as_of_date`` or is not dated by its period's first day, a series
                has a gap, a period twice, or ends before that day; or ``future`` does not hold the same
                periods for every series from the next one on.
        """
        _require_period_end(as_of_date, grain)
        _require_none_after(frame, as_of_date)
        ordered = frame.sort("series_id", "date")
        spans = _spans(ordered, grain)
        broken = spans.filter(pl.col("broken") | (pl.col("last") != grain.period_start(as_of_date)))
        if broken.height:
            raise _gaps(broken["series_id"].to_list(), as_of_date, grain)
        rows_ahead = ordered.clear()
        ahead: list[str] = []
        if future is not None:
            ahead = [c for c in covariates if c in future.columns]
            rows_ahead = future.join(spans, on="series_id", how="semi").sort("series_id", "date")
            _require_same_periods_ahead(rows_ahead, spans.height, as_of_date, grain)
        past = spans["periods"].to_numpy()
        future_periods = np.full(spans.height, rows_ahead.height // max(spans.height, 1))
        return cls(
            series_ids=tuple(spans["series_id"].to_list()),
            as_of_date=as_of_date,
            history=_split(ordered, "target", past),
            past_covariates={c: _split(ordered, c, past) for c in covariates},
            future_covariates={c: _split(rows_ahead, c, future_periods) for c in ahead},
            grain=grain,
        )

    @classmethod
    def from_parts(
        cls,
        parts: Iterable[pl.DataFrame],
        series_ids: Sequence[str],
        as_of_date: date,
        *,
        covariates: Sequence[str] = (),
        grain: Grain = Grain.DAY,
    ) -> Panel:
        """Build a panel from rows that come in parts, in any order, and are never there as one long frame.

        Beside the panel's own numbers it takes 12 to 16 bytes a row, and 8 for each covariate.

        Args:
            parts: columns ``series_number, date, target`` and the named covariates; the rest is as for
                :meth:`from_frame`. A null covariate is NaN.
            series_ids: the series that are numbered from 0 on; one without a row has an empty history.
            as_of_date: the last day of every series.
            covariates: names of the covariate columns to take, of the past.
            grain: what a period is.

        Raises:
            ValueError: as :meth:`from_frame`.
        """
        _require_period_end(as_of_date, grain)
        rows = _Rows(len(series_ids), covariates)
        last = pl.select(grain.number_of(pl.lit(as_of_date))).item()
        for part in parts:
            _require_none_after(part, as_of_date)
            _require_first_days(part, grain)
            rows.add(part, last - part.select(grain.number_of(pl.col("date"))).to_series().to_numpy())
        broken = rows.broken()
        if len(broken):
            raise _gaps([series_ids[i] for i in broken], as_of_date, grain)
        history, *others = rows.laid_out()
        return cls(
            series_ids=tuple(series_ids),
            as_of_date=as_of_date,
            history=history,
            past_covariates=dict(zip(covariates, others, strict=True)),
            grain=grain,
        )


class _Rows:
    """Rows of a panel as they come, kept in as few bytes as they need."""

    def __init__(self, series: int, covariates: Sequence[str]) -> None:
        self._columns = ("target", *covariates)
        self._kept: list[tuple[IntArray32, IntArray32]] = []
        self._numbers: dict[str, list[Numbers]] = {name: [] for name in self._columns}
        self._counts = np.zeros(series, dtype=np.int64)

    def add(self, part: pl.DataFrame, age: npt.NDArray[np.integer]) -> None:
        """Keep the rows of a part; ``age`` is the number of periods from each to the last one."""
        series = part["series_number"].to_numpy().astype(np.int32)
        self._counts += np.bincount(series, minlength=len(self._counts))
        self._kept.append((series, age.astype(np.int32)))
        for name in self._columns:
            self._numbers[name].append(smallest(_floats(part[name])))

    def broken(self) -> IntArray:
        """The series of which a period lacks or repeats, or the last one is not there."""
        there = np.zeros(int(self._counts.sum()), dtype=np.bool_)
        for series, age in self._kept:
            inside = age < self._counts[series]
            there[self._places(series[inside], age[inside])] = True
        missing = np.flatnonzero(~there)
        return np.unique(np.searchsorted(np.cumsum(self._counts), missing, side="right"))

    def laid_out(self) -> Iterator[Ragged]:
        """Each column by series, oldest period first; its rows as they came are forgotten."""
        for parts in self._numbers.values():
            kind = np.result_type(np.float32, *{part.dtype for part in parts})
            numbers = np.empty(int(self._counts.sum()), dtype=kind)
            for place, (series, age) in enumerate(self._kept):
                numbers[self._places(series, age)] = parts[place]
                parts[place] = np.empty(0, dtype=np.float32)
            yield Ragged(numbers, self._counts)

    def _places(self, series: IntArray32, age: IntArray32) -> IntArray:
        return np.cumsum(self._counts)[series] - 1 - age


def _gaps(series_ids: Sequence[str], as_of_date: date, grain: Grain) -> ValueError:
    return ValueError(
        f"{len(series_ids)} series have missing or repeated {grain.periods} or end before "
        f"{as_of_date}, for example {series_ids[0]!r}; fill the calendar first"
    )


def _require_none_after(frame: pl.DataFrame, as_of_date: date) -> None:
    if frame.height and frame["date"].max() > as_of_date:  # type: ignore[operator]
        raise ValueError(f"rows after the as-of date {as_of_date}: a model must not see them")


def _require_period_end(as_of_date: date, grain: Grain) -> None:
    """Refuse an as-of date within a period, whose total would be a part of it.

    Raises:
        ValueError: naming the last day before it on which a period ended.
    """
    if not grain.is_period_end(as_of_date):
        ended = grain.period_start(as_of_date) - timedelta(days=1)
        raise ValueError(f"no {grain} ends on {as_of_date}; the last one before it ended on {ended}")


def _spans(ordered: pl.DataFrame, grain: Grain) -> pl.DataFrame:
    """One row per series of a sorted frame: first and last date, periods, and ``broken``.

    A series is broken where a period lacks or repeats.

    Raises:
        ValueError: a date is not the first day of its period.
    """
    _require_first_days(ordered, grain)
    return ordered.group_by("series_id", maintain_order=True).agg(
        pl.col("date").first().alias("first"),
        pl.col("date").last().alias("last"),
        pl.len().alias("periods"),
        (grain.number_of(pl.col("date")).diff().drop_nulls() != 1).any().alias("broken"),
    )


def _require_first_days(frame: pl.DataFrame, grain: Grain) -> None:
    # A day is its own first day: the longest frames are spared the comparison.
    if grain is Grain.DAY:
        return
    inside = frame.filter(grain.period_start_of(pl.col("date")) != pl.col("date"))
    if inside.height:
        raise ValueError(
            f"{inside['date'][0]} is not the first day of a {grain}; date each row by its period's first day"
        )


def _require_same_periods_ahead(
    rows_ahead: pl.DataFrame, n_series: int, as_of_date: date, grain: Grain
) -> None:
    """Refuse futures that start with another period, have gaps, or differ between series.

    Raises:
        ValueError: with an example of a series that does not fit.
    """
    spans = _spans(rows_ahead, grain)
    first = grain.shift(as_of_date, 1)
    if spans.height != n_series:
        raise ValueError(
            f"future covariates for {spans.height} of {n_series} series; every series needs them"
        )
    wrong = spans.filter(
        pl.col("broken") | (pl.col("first") != first) | (pl.col("periods") != pl.col("periods").first())
    )
    if wrong.height:
        raise ValueError(
            f"future covariates must cover the same {grain.periods} for every series, without gaps, from "
            f"{first} on; {wrong['series_id'][0]!r} does not"
        )


def _split(frame: pl.DataFrame, column: str, periods: npt.NDArray[np.integer]) -> tuple[FloatArray, ...]:
    """One column as one array per series: consecutive runs of ``periods[i]`` rows, null as NaN."""
    return tuple(np.split(_floats(frame[column]), np.cumsum(periods)[:-1])) if len(periods) else ()


def _floats(column: pl.Series) -> FloatArray:
    """The numbers of a column, null as NaN."""
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


@dataclass(frozen=True)
class Forecast:
    """The distribution of the demand of each period of ``n`` series over ``h`` periods, in units a period.

    Attributes:
        series_ids: the panel's identifiers, in the panel's order.
        as_of_date: period 1 of the forecast begins on the day after it.
        point: (n, h); the number to judge by absolute error: the median where the model has a
            distribution of its own, else its one number.
        mean: (n, h); the expected value, the only one that may be added up.
        quantiles: (n, h, 21) at ``QUANTILE_LEVELS``.
        reasons: one per series: None where the model's own numbers stand, else the reason code of the
            guard that replaced them.
        grain: what a period is.
        notes: one per series: what the guards say of numbers that are the model's; None where nothing, and
            None for all where no guard was there.
        raw_mean: (n, h); the mean without the guard of the tail, NaN where it changed nothing or nothing is
            known; None where it changed no series.

    Raises:
        ValueError: the arrays' shapes do not agree with the ids, the horizon and the grid, or no period
            ends on the as-of date.
    """

    series_ids: tuple[str, ...]
    as_of_date: date
    point: FloatArray
    mean: FloatArray
    quantiles: FloatArray
    reasons: tuple[str | None, ...]
    grain: Grain = Grain.DAY
    notes: tuple[str | None, ...] | None = None
    raw_mean: FloatArray | None = None

    def __post_init__(self) -> None:
        _require_period_end(self.as_of_date, self.grain)
        n, h = len(self.series_ids), self.horizon
        expected = ((n, h), (n, h), (n, h, len(QUANTILE_LEVELS)), n)
        found = (self.point.shape, self.mean.shape, self.quantiles.shape, len(self.reasons))
        if found != expected:
            raise ValueError(f"point, mean, quantiles and reasons have shapes {found}, expected {expected}")
        if self.notes is not None and len(self.notes) != n:
            raise ValueError(f"{len(self.notes)} notes for {n} series")
        if self.raw_mean is not None and self.raw_mean.shape != (n, h):
            raise ValueError(f"raw_mean has the shape {self.raw_mean.shape}, expected {(n, h)}")

    @property
    def horizon(self) -> int:
        return int(self.mean.shape[1])

    def to_frame(self, series: slice = slice(None)) -> pl.DataFrame:
        """One row per series and period: ``series_id, date, lag_days, point_qty, mean_qty, q01 ... q99``.

        ``date`` is the period's first day, ``lag_days`` the days from the as-of date to its last one.

        Args:
            series: of which series, all of them where nothing is said.
        """
        ids, mean, quantiles = self.series_ids[series], self.mean[series], self.quantiles[series]
        n, h = mean.shape
        lags = np.array(self.grain.lag_days(self.as_of_date, h) * n, dtype=np.int32)
        starts = self.grain.starts_after(self.as_of_date, h)
        return pl.DataFrame(
            {
                "series_id": pl.Series(ids, dtype=pl.String).gather(np.repeat(np.arange(n), h)),
                "date": pl.Series(starts, dtype=pl.Date).gather(np.tile(np.arange(h), n)),
                "lag_days": lags,
                "point_qty": self.point[series].ravel(),
                "mean_qty": mean.ravel(),
                **{column: quantiles[:, :, i].ravel() for i, column in enumerate(QUANTILE_COLUMNS)},
            }
        )
