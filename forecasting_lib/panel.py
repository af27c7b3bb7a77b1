"""The panel that every model reads and the forecast that every model returns.

Belongs here: the two containers, their conversion from and to long frames, the quantile grid.
Does not belong here: anything that changes a number (models), or that refuses one (guards).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

FloatArray = npt.NDArray[np.float64]

QUANTILE_LEVELS: tuple[float, ...] = (0.01, *(round(0.05 * i, 2) for i in range(1, 20)), 0.99)
"""Chronos-2's own 21 levels; every model publishes the same grid."""

QUANTILE_COLUMNS: tuple[str, ...] = tuple(f"q{round(level * 100):02d}" for level in QUANTILE_LEVELS)
"""Column names of the grid in frames and tables: ``q01, q05, q10 ... q95, q99``."""

MEDIAN_INDEX = QUANTILE_LEVELS.index(0.5)


@dataclass(frozen=True)
class Panel:
    """Daily demand histories that all end on the same day.

    Attributes:
        series_ids: one identifier per series, unique.
        as_of_date: the day of the last element of every history.
        history: one float64 array per series, in units a day, oldest first; NaN marks a masked day
            (stocked out or closed). Lengths differ; a history may be empty.
        past_covariates: name -> one array per series, aligned with ``history`` element by element.
        future_covariates: name -> one array per series of at least the horizon's length, day 1 first.
            Its names are a subset of the names in ``past_covariates``.

    Raises:
        ValueError: series ids repeat, or the parts do not fit together.
    """

    series_ids: tuple[str, ...]
    as_of_date: date
    history: tuple[FloatArray, ...]
    past_covariates: Mapping[str, tuple[FloatArray, ...]] = field(default_factory=dict)
    future_covariates: Mapping[str, tuple[FloatArray, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.series_ids) != len(self.history):
            raise ValueError(f"{len(self.series_ids)} series ids for {len(self.history)} histories")
        if len(set(self.series_ids)) != len(self.series_ids):
            raise ValueError("series ids repeat; a panel holds each series once")
        unknown = set(self.future_covariates) - set(self.past_covariates)
        if unknown:
            raise ValueError(f"future covariates without a past: {sorted(unknown)}")
        lengths = [len(h) for h in self.history]
        for name, arrays in self.past_covariates.items():
            if [len(a) for a in arrays] != lengths:
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
            history=tuple(self.history[i] for i in positions),
            past_covariates={k: tuple(v[i] for i in positions) for k, v in self.past_covariates.items()},
            future_covariates={k: tuple(v[i] for i in positions) for k, v in self.future_covariates.items()},
        )

    @classmethod
    def from_frame(
        cls,
        frame: pl.DataFrame,
        as_of_date: date,
        *,
        future: pl.DataFrame | None = None,
        covariates: Sequence[str] = (),
    ) -> Panel:
        """Build a panel from a long frame without gaps.

        Args:
            frame: columns ``series_id, date, target`` and the named covariates, one row per series and
                day, every series contiguous up to ``as_of_date``. A null target is a masked day.
            as_of_date: the last day of every series; rows after it are refused, never dropped silently.
            future: columns ``series_id, date`` and those covariates that are known ahead, contiguous
                from the day after ``as_of_date``; every series of ``frame`` has the same days.
            covariates: names of the covariate columns to take.

        Raises:
            ValueError: a row lies after ``as_of_date``, a series has a gap, a day twice, or ends before
                that day; or ``future`` does not hold the same days for every series from the next day on.
        """
        if frame.height and frame["date"].max() > as_of_date:  # type: ignore[operator]
            raise ValueError(f"rows after the as-of date {as_of_date}: a model must not see them")
        ordered = frame.sort("series_id", "date")
        spans = _spans(ordered)
        broken = spans.filter(pl.col("broken") | (pl.col("last") != as_of_date))
        if broken.height:
            raise ValueError(
                f"{broken.height} series have missing or repeated days or end before {as_of_date}, "
                f"for example {broken['series_id'][0]!r}; fill the calendar first"
            )
        days_ahead = ordered.clear()
        ahead: list[str] = []
        if future is not None:
            ahead = [c for c in covariates if c in future.columns]
            days_ahead = future.join(spans, on="series_id", how="semi").sort("series_id", "date")
            _require_same_days_ahead(days_ahead, spans.height, as_of_date)
        past_days = spans["days"].to_numpy()
        future_days = np.full(spans.height, days_ahead.height // max(spans.height, 1))
        return cls(
            series_ids=tuple(spans["series_id"].to_list()),
            as_of_date=as_of_date,
            history=_split(ordered, "target", past_days),
            past_covariates={c: _split(ordered, c, past_days) for c in covariates},
            future_covariates={c: _split(days_ahead, c, future_days) for c in ahead},
        )


def _spans(ordered: pl.DataFrame) -> pl.DataFrame:
    """One row per series of a sorted frame: first and last day, days, and whether a day lacks or repeats."""
    return ordered.group_by("series_id", maintain_order=True).agg(
        pl.col("date").first().alias("first"),
        pl.col("date").last().alias("last"),
        pl.len().alias("days"),
        (pl.col("date").diff().drop_nulls() != pl.duration(days=1)).any().alias("broken"),
    )


def _require_same_days_ahead(days_ahead: pl.DataFrame, n_series: int, as_of_date: date) -> None:
    """Refuse futures that start on another day, have gaps, or differ between series.

    Raises:
        ValueError: with an example of a series that does not fit.
    """
    spans = _spans(days_ahead)
    if spans.height != n_series:
        raise ValueError(
            f"future covariates for {spans.height} of {n_series} series; every series needs them"
        )
    wrong = spans.filter(
        pl.col("broken")
        | (pl.col("first") != as_of_date + timedelta(days=1))
        | (pl.col("days") != pl.col("days").first())
    )
    if wrong.height:
        raise ValueError(
            "future covariates must cover the same days for every series, without gaps, from "
            f"{as_of_date + timedelta(days=1)} on; {wrong['series_id'][0]!r} does not"
        )


def _split(frame: pl.DataFrame, column: str, days: npt.NDArray[np.integer]) -> tuple[FloatArray, ...]:
    """One column as one array per series: consecutive runs of ``days[i]`` rows, null as NaN."""
    values = frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return tuple(np.split(values, np.cumsum(days)[:-1])) if len(days) else ()


@dataclass(frozen=True)
class Forecast:
    """The distribution of daily demand of ``n`` series over ``h`` days, in units a day.

    Attributes:
        series_ids: the panel's identifiers, in the panel's order.
        as_of_date: day 1 of the forecast is the day after it.
        point: (n, h); the number to judge by absolute error: the median where the model has a
            distribution of its own, else its one number.
        mean: (n, h); the expected value, the only one that may be added up.
        quantiles: (n, h, 21) at ``QUANTILE_LEVELS``.
        reasons: one per series: None where the model's own numbers stand, else the reason code of the
            guard that replaced them.
        notes: one per series: what the guards say of numbers that are the model's; None where nothing, and
            None for all where no guard was there.
        raw_mean: (n, h); the mean without the guard of the tail, NaN where it changed nothing or nothing is
            known; None where it changed no series.

    Raises:
        ValueError: the arrays' shapes do not agree with the ids, the horizon and the grid.
    """

    series_ids: tuple[str, ...]
    as_of_date: date
    point: FloatArray
    mean: FloatArray
    quantiles: FloatArray
    reasons: tuple[str | None, ...]
    notes: tuple[str | None, ...] | None = None
    raw_mean: FloatArray | None = None

    def __post_init__(self) -> None:
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

    def to_frame(self) -> pl.DataFrame:
        """One row per series and day: ``series_id, date, lag_days, point_qty, mean_qty, q01 ... q99``."""
        n, h = self.mean.shape
        lags = np.tile(np.arange(1, h + 1, dtype=np.int32), n)
        days = [self.as_of_date + timedelta(days=lag) for lag in range(1, h + 1)]
        return pl.DataFrame(
            {
                "series_id": np.repeat(np.asarray(self.series_ids, dtype=object), h).tolist(),
                "date": pl.Series(days * n, dtype=pl.Date),
                "lag_days": lags,
                "point_qty": self.point.ravel(),
                "mean_qty": self.mean.ravel(),
                **{column: self.quantiles[:, :, i].ravel() for i, column in enumerate(QUANTILE_COLUMNS)},
            },
            schema_overrides={"series_id": pl.String},
        )
