"""What is kept of a forecast once its actuals are known: sums by lag, totals over intervals, transforms.

Belongs here: from a forecast and its actuals to numbers that can be added up. Does not belong here: what is
decided on them (``champions``, ``calibration``, ``inflation``), and where they are stored.

The sums by series and lag bucket are those of every published forecast's scores
(``dbt_project/macros/accuracy.sql``), so that a backtest and a score read alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting_lib.accuracy.lag_buckets import lag_bucket
from forecasting_lib.accuracy.metrics import DECILES, pinball_loss, quantile_loss
from forecasting_lib.backtesting.reliability import cell_masses, transform
from forecasting_lib.grain import Grain
from forecasting_lib.history_variance import blended
from forecasting_lib.moment_law import MomentLaw
from forecasting_lib.panel import QUANTILE_COLUMNS, QUANTILE_LEVELS, FloatArray, Forecast
from forecasting_lib.quantile_grid import grid_variance

TOTALS: Mapping[Grain, tuple[int, ...]] = {
    Grain.DAY: (1, 7, 14, 21, 28),
    Grain.WEEK: (1, 2, 4, 8),
    Grain.MONTH: (1, 2, 3, 6),
}
"""Lengths, in periods, of the intervals from the origin on whose demand is judged as one number."""


@dataclass(frozen=True)
class DaySums:
    """Sums over the periods of each lag bucket, of k series and b buckets.

    Attributes:
        buckets: names of the b lag buckets, in the order of their lags.
        columns: (k, b) of each sum, by the name it is stored under.
        masses: (k, b, 22) how much of the actuals' transforms lies in each cell of ``reliability.EDGES``.
    """

    buckets: tuple[str, ...]
    columns: Mapping[str, FloatArray]
    masses: FloatArray

    INTERVALS: ClassVar[tuple[int, ...]] = (50, 80, 90, 98)

    @classmethod
    def of(cls, forecast: Forecast, actual: FloatArray) -> DaySums:
        """Add up a forecast's errors.

        Args:
            forecast: of k series over h periods.
            actual: (k, h) units; NaN is masked.
        """
        names = [lag_bucket(forecast.grain, lag) for lag in range(1, forecast.horizon + 1)]
        buckets = tuple(dict.fromkeys(names))
        starts = [names.index(name) for name in buckets]

        def added(values: npt.NDArray[np.float64 | np.bool_]) -> FloatArray:
            return np.add.reduceat(values.astype(np.float64), starts, axis=1)

        known = ~np.isnan(actual)
        y = np.where(known, actual, 0.0)
        error = np.where(known, forecast.mean - y, 0.0)
        absolute = np.where(known, np.abs(forecast.point - y), 0.0)
        share = np.zeros_like(y)
        np.divide(absolute, y, out=share, where=y > 0.0)
        columns = {
            "n_rows": added(known),
            "n_masked": added(~known),
            "n_positive": added(y > 0.0),
            **{
                f"n_inside_{percent}": added(_inside(forecast.quantiles, actual, percent))
                for percent in cls.INTERVALS
            },
            "n_on_bound_90": added(_on_bound(forecast.quantiles, actual, 90)),
            "sum_actual_qty": added(y),
            "sum_forecast_qty": added(np.where(known, forecast.mean, 0.0)),
            "sum_abs_error_qty": added(absolute),
            "sum_squared_error": added(np.square(error)),
            "sum_abs_pct_error": added(share),
            "sum_decile_losses_qty": added(9.0 * quantile_loss(actual, forecast.quantiles[:, :, DECILES])),
        }
        masses = cell_masses(*transform(actual, forecast.quantiles))
        return cls(buckets, columns, np.add.reduceat(masses, starts, axis=1))

    def to_frame(self, series_ids: Sequence[str]) -> pl.DataFrame:
        """One row per series and bucket: ``series_id, lag_bucket`` and the sums."""
        return pl.DataFrame(
            {
                "series_id": np.repeat(np.array(series_ids, dtype=object), len(self.buckets)).tolist(),
                "lag_bucket": list(self.buckets) * len(series_ids),
                **{
                    name: values.ravel().astype(np.int64 if name.startswith("n_") else np.float64)
                    for name, values in self.columns.items()
                },
            },
            schema_overrides={"series_id": pl.String, "lag_bucket": pl.String},
        )


@dataclass(frozen=True)
class Totals:
    """The demand of whole intervals from the origin on, of k series and t intervals.

    The forecast of a total adds up the periods' means and variances, as if errors of different periods were
    independent; how far they are not is what ``inflation`` measures on these numbers.

    Attributes:
        periods: lengths of the t intervals.
        actual: (k, t) units; NaN where a period of the interval is masked or not known.
        mean, variance: (k, t) of the forecast, in units and units squared.
        counted: (k,) whether the series' demand comes in whole units.
        history_variance: (k,) units squared a period, of the history; NaN where unknown.
    """

    periods: tuple[int, ...]
    actual: FloatArray
    mean: FloatArray
    variance: FloatArray
    counted: npt.NDArray[np.bool_]
    history_variance: FloatArray

    @classmethod
    def of(
        cls,
        forecast: Forecast,
        actual: FloatArray,
        counted: npt.NDArray[np.bool_],
        history_variance: FloatArray | None = None,
    ) -> Totals:
        """Add up a forecast and its actuals over the intervals of the grain that lie inside the horizon.

        Args:
            forecast: of k series over h periods.
            actual: (k, h) units; NaN is masked.
            counted: (k,) as the attribute.
            history_variance: (k,) as the attribute; absent: unknown.
        """
        periods = tuple(length for length in TOTALS[forecast.grain] if length <= forecast.horizon)
        last = np.array(periods, dtype=np.int64) - 1
        return cls(
            periods,
            np.cumsum(actual, axis=1)[:, last],
            np.cumsum(forecast.mean, axis=1)[:, last],
            np.cumsum(grid_variance(forecast.quantiles), axis=1)[:, last],
            counted,
            np.full(len(actual), np.nan) if history_variance is None else history_variance,
        )

    @property
    def blended_variance(self) -> FloatArray:
        """(k, t) units squared: the forecast's variance, blended with the history's."""
        return blended(self.variance, self.history_variance[:, None] * np.array(self.periods))

    @property
    def law(self) -> MomentLaw:
        """The law of each total, (k, t)."""
        return MomentLaw(
            self.mean, self.variance, np.broadcast_to(self.counted[:, None], self.mean.shape).copy()
        )

    def pinball(self) -> FloatArray:
        """(k, t, 21) units: each total's quantile loss at each level; 0 where the actual is not known."""
        losses = pinball_loss(self.actual, self.law.quantiles(QUANTILE_LEVELS), QUANTILE_LEVELS)
        return np.where(np.isnan(losses), 0.0, losses)

    def to_frame(self, series_ids: Sequence[str], losses: FloatArray) -> pl.DataFrame:
        """One row per series and interval whose actual is known.

        Args:
            series_ids: k identifiers.
            losses: as :meth:`pinball` returns them.

        Returns:
            ``series_id, periods, actual_qty, mean_qty, variance, pit_low, pit_high`` and the losses
            ``pinball_q01 ... pinball_q99``.
        """
        low, high = self.law.transform(self.actual)
        rows = pl.DataFrame(
            {
                "series_id": np.repeat(np.array(series_ids, dtype=object), len(self.periods)).tolist(),
                "periods": list(self.periods) * len(series_ids),
                "actual_qty": self.actual.ravel(),
                "mean_qty": self.mean.ravel(),
                "variance": self.variance.ravel(),
                "pit_low": _single(low),
                "pit_high": _single(high),
                **{f"pinball_{c}": _single(losses[:, :, i]) for i, c in enumerate(QUANTILE_COLUMNS)},
            },
            schema_overrides={"series_id": pl.String, "periods": pl.Int64},
        )
        return rows.filter(pl.col("actual_qty").is_not_nan())


def _single(values: FloatArray) -> npt.NDArray[np.float32]:
    """The numbers in single precision, zero where it would not hold all its digits."""
    return np.where(np.abs(values) < np.finfo(np.float32).tiny, 0.0, values).astype(np.float32).ravel()


def _band(quantiles: FloatArray, percent: int) -> tuple[FloatArray, FloatArray]:
    tail = (100 - percent) / 200
    lower = QUANTILE_LEVELS.index(round(tail, 2))
    return quantiles[..., lower], quantiles[..., len(QUANTILE_LEVELS) - 1 - lower]


def _inside(quantiles: FloatArray, actual: FloatArray, percent: int) -> npt.NDArray[np.bool_]:
    lower, upper = _band(quantiles, percent)
    return np.asarray((lower <= actual) & (actual <= upper))


def _on_bound(quantiles: FloatArray, actual: FloatArray, percent: int) -> npt.NDArray[np.bool_]:
    lower, upper = _band(quantiles, percent)
    return np.asarray((lower == actual) | (actual == upper))
