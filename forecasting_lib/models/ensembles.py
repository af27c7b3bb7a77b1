"""Several forecasts in one: the average of their quantiles.

Belongs here: how forecasts of the same periods are averaged. Does not belong here: which of them, and with
which weights (whoever judges them).

Quantiles are averaged level by level (Vincentisation), which keeps the shape that the members share, where an
average of their probabilities would be wider than they are (``docs/methods.md#ensembles``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from forecasting_lib.panel import MEDIAN_INDEX, FloatArray, Forecast


def averaged(forecasts: Sequence[Forecast], weights: npt.ArrayLike | None = None) -> Forecast:
    """The weighted average of forecasts, over quantiles and means; ``point`` is the median of the average.

    What was in whole units lies between them afterwards; ``counts.counts_in_whole_units`` brings it back.

    >>> from datetime import date
    >>> def always(units: float) -> Forecast:
    ...     numbers = np.full((1, 2), units)
    ...     return Forecast(("a",), date(2024, 3, 31), numbers, numbers, np.full((1, 2, 21), units), (None,))
    >>> averaged([always(2.0), always(6.0)], weights=[3.0, 1.0]).mean
    array([[3., 3.]])

    Args:
        forecasts: k forecasts, at least one, of the same n series and periods.
        weights: (k,) of the forecasts, or (n, k) of the forecasts for each series; at least 0, and brought to
            a sum of 1. None weighs all alike.

    Returns:
        A forecast without weight for a series has no part in it, be it NaN. A series has a ``reason`` where
        all forecasts that have a part in it have one, and then the first; ``notes`` has the first note among
        them, and ``raw_mean`` the average of theirs, of a forecast without one of its mean.

    Raises:
        ValueError: there is no forecast, they differ in series, periods or grain, or the weights do not fit.
    """
    _require_alike(forecasts)
    shares = _shares(weights, len(forecasts[0].series_ids), len(forecasts))
    quantiles = _average([forecast.quantiles for forecast in forecasts], shares)
    notes = _notes(forecasts, shares)
    return Forecast(
        series_ids=forecasts[0].series_ids,
        as_of_date=forecasts[0].as_of_date,
        point=quantiles[:, :, MEDIAN_INDEX].copy(),
        mean=_average([forecast.mean for forecast in forecasts], shares),
        quantiles=quantiles,
        reasons=_reasons(forecasts, shares),
        grain=forecasts[0].grain,
        notes=notes,
        raw_mean=_raw_mean(forecasts, shares),
    )


def _require_alike(forecasts: Sequence[Forecast]) -> None:
    if not forecasts:
        raise ValueError("there is no forecast to average")
    first = forecasts[0]
    for number, other in enumerate(forecasts[1:], start=2):
        for what in ("series_ids", "as_of_date", "horizon", "grain"):
            if getattr(first, what) != getattr(other, what):
                told = "" if what == "series_ids" else f": {getattr(first, what)} and {getattr(other, what)}"
                raise ValueError(f"forecasts 1 and {number} differ in {what}{told}; they cannot be averaged")


def _shares(weights: npt.ArrayLike | None, n: int, k: int) -> FloatArray:
    """(n, k): the share of each forecast in each series; rows add up to 1."""
    if weights is None:
        return np.full((n, k), 1.0 / k)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape not in ((k,), (n, k)):
        raise ValueError(f"weights have the shape {given.shape}; {(k,)} or {(n, k)} is needed")
    given = np.broadcast_to(given, (n, k))
    if not (np.isfinite(given).all() and (given >= 0).all()):
        raise ValueError("weights must be finite and at least 0")
    total = given.sum(axis=1, keepdims=True)
    if not (total > 0).all():
        raise ValueError("every series needs a forecast with a weight above 0")
    return np.asarray(given / total, dtype=np.float64)


def _average(parts: Sequence[FloatArray], shares: FloatArray) -> FloatArray:
    """The weighted sum of arrays (n, ...), one after the other; what has no weight adds nothing, not NaN."""
    average = np.zeros_like(parts[0])
    for part, share in zip(parts, shares.T, strict=True):
        column = share.reshape(-1, *(1,) * (part.ndim - 1))
        average += np.where(column > 0, part, 0.0) * column
    return average


def _reasons(forecasts: Sequence[Forecast], shares: FloatArray) -> tuple[str | None, ...]:
    found = [_of_members([f.reasons for f in forecasts], shares, row) for row in range(len(shares))]
    return tuple(reasons[0] if all(reasons) else None for reasons in found)


def _notes(forecasts: Sequence[Forecast], shares: FloatArray) -> tuple[str | None, ...] | None:
    notes = [f.notes if f.notes is not None else (None,) * len(shares) for f in forecasts]
    found = [_of_members(notes, shares, row) for row in range(len(shares))]
    first = tuple(next((note for note in of_row if note is not None), None) for of_row in found)
    return first if any(forecast.notes is not None for forecast in forecasts) else None


def _of_members(texts: Sequence[Sequence[str | None]], shares: FloatArray, row: int) -> list[str | None]:
    """What the forecasts that have a part in a series say of it."""
    return [of_forecast[row] for of_forecast, share in zip(texts, shares[row], strict=True) if share > 0]


def _raw_mean(forecasts: Sequence[Forecast], shares: FloatArray) -> FloatArray | None:
    """NaN for a series of which no forecast with a part in it has a raw mean."""
    if all(forecast.raw_mean is None for forecast in forecasts):
        return None
    raw, known = [], np.zeros(forecasts[0].mean.shape, dtype=np.bool_)
    for forecast, share in zip(forecasts, shares.T, strict=True):
        own = np.full_like(forecast.mean, np.nan) if forecast.raw_mean is None else forecast.raw_mean
        known |= ~np.isnan(own) & (share > 0)[:, None]
        raw.append(np.where(np.isnan(own), forecast.mean, own))
    return np.where(known, _average(raw, shares), np.nan)
