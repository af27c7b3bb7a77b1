"""What the profile of new series is worth: their forecasts at past origins with it and without.

Belongs here: joining replays with profiles, and the sums of both. Does not belong here: the profile itself
(``forecasting_lib.new_items``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from forecasting_lib.accuracy.metrics import DECILES, quantile_loss
from forecasting_lib.new_items.kin import Kin
from forecasting_lib.new_items.layer import joined
from forecasting_lib.origins import Origin
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray, Forecast

_BANDS = {
    percent: tuple(
        QUANTILE_LEVELS.index(round(level, 2)) for level in ((100 - percent) / 200, (100 + percent) / 200)
    )
    for percent in (80, 90)
}

NO_NEWCOMERS = pl.DataFrame(
    schema={
        "origin": pl.Int64,
        "is_profiled": pl.Boolean,
        "n_series": pl.Int64,
        "n_actuals": pl.Int64,
        "sum_actual_qty": pl.Float64,
        "sum_forecast_qty": pl.Float64,
        "sum_abs_total_error_qty": pl.Float64,
        "sum_quantile_loss_qty": pl.Float64,
        "n_inside_80": pl.Int64,
        "n_inside_90": pl.Int64,
    }
)
"""Sums over the new series of an origin, none of them.

``sum_abs_total_error_qty`` is of each series' total over its known periods, ``sum_quantile_loss_qty`` twice
the quantile loss, averaged over 0.1 ... 0.9.
"""


@dataclass(frozen=True)
class Worth:
    """How far some forecasts of new series were off.

    Attributes:
        n_series: series and origins.
        total_error: absolute errors of the series' totals over the sum of these.
        wql: weighted quantile loss of the periods.
        inside_80, inside_90: share of the periods inside the central bands, their bounds included.
    """

    n_series: int
    total_error: float
    wql: float
    inside_80: float
    inside_90: float


def with_newcomers(
    forecasts: Sequence[Forecast], origins: Sequence[Origin], kin: Sequence[Kin | None]
) -> tuple[list[Forecast], pl.DataFrame]:
    """Replays of one model whose new series are joined with their profiles, and the sums of both.

    Args:
        forecasts: one per origin, without profiles; their quantiles are written into, for they may be larger
            than what fits beside them.
        origins: with the covariate ``promotion`` where it is known.
        kin: of each origin's series; None where none is new.

    Returns:
        The forecasts, and rows as ``NO_NEWCOMERS`` has them.
    """
    found, rows = [], [NO_NEWCOMERS]
    for number, (forecast, origin, of_origin) in enumerate(zip(forecasts, origins, kin, strict=True)):
        shut = None if origin.shut_ahead is None else origin.shut_ahead[:, : forecast.horizon]
        parts = None if of_origin is None else joined(forecast, origin.panel, of_origin, shut)
        if parts is None:
            found.append(forecast)
            continue
        actual = origin.actual[parts.rows]
        own = np.asarray(forecast.quantiles[parts.rows], dtype=np.float64)
        rows.append(_sums(number, False, forecast.mean[parts.rows], own, actual))
        rows.append(_sums(number, True, parts.mean, parts.quantiles, actual))
        forecast.quantiles[parts.rows] = parts.quantiles
        point, mean, reasons = forecast.point.copy(), forecast.mean.copy(), list(forecast.reasons)
        point[parts.rows], mean[parts.rows] = parts.point, parts.mean
        for row in parts.rows.tolist():
            reasons[row] = None
        found.append(replace(forecast, point=point, mean=mean, reasons=tuple(reasons)))
    return found, pl.concat(rows)


def worth(sums: pl.DataFrame) -> dict[bool, Worth]:
    """What rows as ``NO_NEWCOMERS`` has them come to: without a profile and with it.

    Nothing where there are no rows, or no demand.
    """
    found = {}
    for (is_profiled,), of in sums.group_by("is_profiled"):
        total = of.sum().row(0, named=True)
        if total["sum_actual_qty"] > 0.0:
            found[bool(is_profiled)] = Worth(
                total["n_series"],
                total["sum_abs_total_error_qty"] / total["sum_actual_qty"],
                total["sum_quantile_loss_qty"] / total["sum_actual_qty"],
                total["n_inside_80"] / total["n_actuals"],
                total["n_inside_90"] / total["n_actuals"],
            )
    return found


def _sums(
    origin: int, is_profiled: bool, mean: FloatArray, quantiles: FloatArray, actual: FloatArray
) -> pl.DataFrame:
    horizon = actual.shape[1]
    known = ~np.isnan(actual)
    units = np.where(known, actual, 0.0)
    expected = np.where(known, mean[:, :horizon], 0.0)
    quantiles = quantiles[:, :horizon]
    loss = quantile_loss(units, quantiles[..., DECILES])
    inside = {
        percent: known & (units >= quantiles[..., low]) & (units <= quantiles[..., high])
        for percent, (low, high) in _BANDS.items()
    }
    return pl.DataFrame(
        {
            "origin": origin,
            "is_profiled": is_profiled,
            "n_series": int(known.any(axis=1).sum()),
            "n_actuals": int(known.sum()),
            "sum_actual_qty": float(units.sum()),
            "sum_forecast_qty": float(expected.sum()),
            "sum_abs_total_error_qty": float(np.abs(expected.sum(axis=1) - units.sum(axis=1)).sum()),
            "sum_quantile_loss_qty": float(loss[known].sum()),
            "n_inside_80": int(inside[80].sum()),
            "n_inside_90": int(inside[90].sum()),
        },
        schema=NO_NEWCOMERS.schema,
    )
