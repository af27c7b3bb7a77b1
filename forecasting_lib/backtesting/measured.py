"""What is known of one model over all origins of a backtest, in the sums that decisions are made on.

Belongs here: adding up ``measures`` by demand class, and what is fitted on such sums. Does not belong here:
the rows that are stored (``evidence``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting_lib.accuracy.metrics import DECILES
from forecasting_lib.backtesting.calibration import Calibration, bias_factor, levels_to_read
from forecasting_lib.backtesting.inflation import Inflation, KnownTotals, fitted
from forecasting_lib.backtesting.measures import DaySums, Totals
from forecasting_lib.panel import FloatArray

IntArray = npt.NDArray[np.int64]

PERIODS_SHARE = 0.75
"""Of the loss of single periods beside that of totals. With a half, models led that lost later."""

BIAS_WEIGHT = 0.1
"""Of the mean error, in scales, beside the quantile loss: enough to tell two alike apart."""


@dataclass(frozen=True)
class ClassSums:
    """Sums over the series of each demand class; o origins, c classes, b lag buckets.

    Attributes:
        classes: names of the c classes.
        buckets: names of the b lag buckets.
        masses: (o, c, b, 22) of the actuals' transforms.
        actual: (o, c, b) units sold.
        forecast: (o, c, b) units expected of the same periods.
        series: (o, c) series with a known actual.
    """

    classes: tuple[str, ...]
    buckets: tuple[str, ...]
    masses: FloatArray
    actual: FloatArray
    forecast: FloatArray
    series: IntArray

    @classmethod
    def of(
        cls, sums: Sequence[DaySums], series_classes: Sequence[Sequence[str]], classes: tuple[str, ...]
    ) -> ClassSums:
        """Add up the series of each class.

        Args:
            sums: of each origin.
            series_classes: of each origin, the class of each of its series.
            classes: all there are.
        """
        buckets = sums[0].buckets
        shape = (len(sums), len(classes), len(buckets))
        masses = np.zeros((*shape, sums[0].masses.shape[-1]))
        actual, forecast = np.zeros(shape), np.zeros(shape)
        series = np.zeros(shape[:2], dtype=np.int64)
        for origin, (own, names) in enumerate(zip(sums, series_classes, strict=True)):
            of_series = np.array(names, dtype=object)
            for number, name in enumerate(classes):
                rows = of_series == name
                masses[origin, number] = own.masses[rows].sum(axis=0)
                actual[origin, number] = own.columns["sum_actual_qty"][rows].sum(axis=0)
                forecast[origin, number] = own.columns["sum_forecast_qty"][rows].sum(axis=0)
                series[origin, number] = int((own.columns["n_rows"][rows].sum(axis=1) > 0).sum())
        return cls(classes, buckets, masses, actual, forecast, series)

    def calibrations(self, origins: Sequence[int]) -> dict[tuple[str, str], Calibration]:
        """By class and bucket, fitted on some origins."""
        chosen = list(origins)
        return {
            (name, bucket): Calibration(
                bias_factor(self.actual[chosen, c].sum(axis=1), self.forecast[chosen, c].sum(axis=1)),
                levels_to_read(self.masses[chosen, c, b].sum(axis=0), float(self.series[chosen, c].sum())),
            )
            for c, name in enumerate(self.classes)
            for b, bucket in enumerate(self.buckets)
            if self.series[chosen, c].sum() > 0
        }


@dataclass(frozen=True)
class KnownOfClass:
    """The totals of one model at one origin, with the class and number of each series.

    Attributes:
        totals: of k series.
        classes: (k,) of each series.
        series: (k,) number of each series, the same at every origin.
    """

    totals: Totals
    classes: npt.NDArray[np.object_]
    series: IntArray

    def known(self, interval: int, name: str | None) -> tuple[KnownTotals, IntArray]:
        """The totals of one interval and class, or of all classes, whose actuals are known."""
        actual = self.totals.actual[:, interval]
        rows = ~np.isnan(actual) & (True if name is None else self.classes == name)
        return (
            KnownTotals(
                actual[rows],
                self.totals.mean[rows, interval],
                self.totals.blended_variance[rows, interval],
                self.totals.counted[rows],
            ),
            self.series[rows],
        )


def joined_totals(
    origins: Sequence[KnownOfClass], interval: int, name: str | None
) -> tuple[KnownTotals, IntArray]:
    """The known totals of several origins, and the number of the series of each."""
    parts = [origin.known(interval, name) for origin in origins]
    totals = [part for part, _ in parts]
    return (
        KnownTotals(
            np.concatenate([part.actual for part in totals]),
            np.concatenate([part.mean for part in totals]),
            np.concatenate([part.variance for part in totals]),
            np.concatenate([part.counted for part in totals]),
        ),
        np.concatenate([series for _, series in parts]),
    )


def inflations(origins: Sequence[KnownOfClass], classes: Sequence[str]) -> dict[tuple[str, int], Inflation]:
    """By class and periods of the interval, fitted on these origins."""
    found: dict[tuple[str, int], Inflation] = {}
    for interval, periods in enumerate(origins[0].totals.periods):
        everybody = fitted(*joined_totals(origins, interval, None), origins=len(origins))
        for name in classes:
            totals, series = joined_totals(origins, interval, name)
            if len(totals):
                found[name, periods] = fitted(totals, series, everybody, origins=len(origins))
    return found


def losses(sums: DaySums, totals: Totals, pinball: FloatArray, scales: FloatArray) -> FloatArray:
    """(k,) the scaled loss that a champion is chosen by; NaN where no period is known or no scale is.

    ``PERIODS_SHARE`` of it is the quantile loss a period over the MASE scale, the rest that of the totals of
    more than one period, each over the scale times the root of its periods, so that each interval weighs
    alike. To it comes the absolute mean error, in scales, times ``BIAS_WEIGHT``.

    Args:
        sums: of k series.
        totals: of the same.
        pinball: (k, t, 21) of the totals, as :meth:`Totals.pinball` returns it.
        scales: (k,) the MASE scale of each history, units; NaN where undefined.
    """
    rows = sums.columns["n_rows"].sum(axis=1)
    judged = (rows > 0) & np.isfinite(scales) & (scales > 0.0)
    scale = np.where(judged, scales, 1.0)
    count = np.maximum(rows, 1.0)
    by_period = sums.columns["sum_decile_losses_qty"].sum(axis=1) / 9.0 / count / scale
    error = sums.columns["sum_forecast_qty"].sum(axis=1) - sums.columns["sum_actual_qty"].sum(axis=1)
    longer = [i for i, periods in enumerate(totals.periods) if periods > 1]
    known = ~np.isnan(totals.actual[:, longer])
    root = np.sqrt(np.array([totals.periods[i] for i in longer]))
    of_totals = 2.0 * pinball[:, longer][:, :, DECILES].mean(axis=2) / root / scale[:, None]
    number = known.sum(axis=1)
    by_total = np.where(known, of_totals, 0.0).sum(axis=1) / np.maximum(number, 1)
    both = PERIODS_SHARE * by_period + (1.0 - PERIODS_SHARE) * by_total
    loss = np.where(number > 0, both, by_period)
    return np.where(judged, loss + BIAS_WEIGHT * np.abs(error) / count / scale, np.nan)
