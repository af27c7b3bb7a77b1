"""What a covariate is worth to a model: what it would have said at past origins with it, and with none.

Belongs here: asking with and without, the gain with its standard error, and the verdict. Does not belong
here: what a covariate's numbers are (``forecasting_lib.covariates``), when it is judged anew, storage.

Each covariate is given to the model alone, beside a forecast that was given none. That costs two rows a
series and covariate, where leaving one out of all would cost as many rows as there are, and of two that say
the same it drops neither. What is found holds for a sample of series, drawn alike whoever asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt

from forecasting_lib.accuracy.metrics import DECILES, quantile_loss
from forecasting_lib.backtesting.evidence import JUDGED
from forecasting_lib.backtesting.gains import LEAST_WINDOWS, Gain, Losses, mean_gain
from forecasting_lib.covariates import COVARIATES, Use
from forecasting_lib.models.interface import Forecaster
from forecasting_lib.origins import Origin, forecast_origins
from forecasting_lib.panel import FloatArray

SAMPLE = 300
"""Series that are asked about. Of a store of 3,000 a tenth, which bounds what judging costs."""

LEAST_OWN_ACTUALS = 100
"""Actuals on a covariate's own days, over all windows, without which they are not judged by themselves."""

_SEED = 20261201


@dataclass(frozen=True)
class Window:
    """One origin of a covariate.

    Attributes:
        origin_date: last day seen.
        all_days: of every day after it.
        own_days: of the covariate's own days; None of one without days of its own, or where there was none.
        decides: whether the verdict rests on it; a later window only tells how the verdict did.
    """

    origin_date: date
    all_days: Losses
    own_days: Losses | None
    decides: bool


@dataclass(frozen=True)
class Worth:
    """What a covariate is worth to a model.

    Attributes:
        covariate: its name.
        verdict: whether the model is told of it.
        gain: over all days; None where no window could tell.
        own_gain: on its own days; None where there were too few.
        n_series: series asked about.
        windows: the origins, the earliest first.
    """

    covariate: str
    verdict: Use
    gain: Gain | None
    own_gain: Gain | None
    n_series: int
    windows: tuple[Window, ...]


def judged(covariate: str, windows: Sequence[Window], n_series: int) -> Worth:
    """The verdict on one covariate.

    It is used where the gain over all days is clear, or where that on its own days is and all days together
    do not clearly lose: a promotion's days are few, and what they gain drowns in the others.
    """
    deciding = [window for window in windows if window.decides]
    gain = mean_gain([window.all_days for window in deciding])
    own = [window.own_days for window in deciding if window.own_days is not None]
    enough = sum(found.n_actuals for found in own) >= LEAST_OWN_ACTUALS
    own_gain = mean_gain(own) if enough else None
    if gain is None or gain.n_windows < LEAST_WINDOWS:
        verdict = Use.TOO_FEW_WINDOWS
    elif gain.is_clear or (own_gain is not None and own_gain.is_clear and not gain.is_clear_loss):
        verdict = Use.USED
    else:
        verdict = Use.NOT_USED
    return Worth(covariate, verdict, gain, own_gain, n_series, tuple(windows))


def deciding_windows(origins: int) -> int:
    """How many of the first origins a verdict rests on: those that other choices rest on, at least three."""
    return min(origins, max(origins - JUDGED, LEAST_WINDOWS))


def covariate_worths(model: Forecaster, origins: Sequence[Origin], horizon: int) -> tuple[Worth, ...]:
    """Ask a model with each covariate and with none, and judge each.

    All origins go through the model in common batches. A model that learns from the panel learns from the
    sample alone.

    Args:
        model: one that uses covariates.
        origins: the earliest first, with the covariates that were known.
        horizon: periods ahead.

    Returns:
        One verdict per covariate of any origin, in the order of ``COVARIATES``.
    """
    told = {name for origin in origins for name in origin.panel.past_covariates}
    names = [name for name in COVARIATES if name in told]
    if len(origins) < LEAST_WINDOWS:
        return tuple(Worth(name, Use.TOO_FEW_WINDOWS, None, None, 0, ()) for name in names)
    if not names:
        return ()
    sample = sampled_origins(origins)
    deciding = deciding_windows(len(sample))
    actuals = [origin.actual[:, :horizon] for origin in sample]
    without = _losses(model, [shown_only(origin, ()) for origin in sample], horizon)
    worths = []
    for name in names:
        of_name = [k for k, origin in enumerate(sample) if name in origin.panel.past_covariates]
        losses = _losses(model, [shown_only(sample[k], (name,)) for k in of_name], horizon)
        windows = []
        for k, with_it in zip(of_name, losses, strict=True):
            own = _own_days(name, sample[k], horizon)
            known = ~np.isnan(actuals[k])
            own_days = None if own is None else _summed(with_it, without[k], actuals[k], known & own)
            windows.append(
                Window(
                    sample[k].date,
                    _summed(with_it, without[k], actuals[k], known),
                    None if own_days is None or own_days.n_actuals == 0 else own_days,
                    decides=k < deciding,
                )
            )
        n_series = len({series_id for origin in sample for series_id in origin.panel.series_ids})
        worths.append(judged(name, windows, n_series))
    return tuple(worths)


def sampled_origins(origins: Sequence[Origin]) -> list[Origin]:
    """The origins with at most ``SAMPLE`` series, the same at each.

    They are drawn at random, always alike: series in order of items and locations, evenly spaced, could all
    be of one location.
    """
    universe = tuple(dict.fromkeys(i for origin in origins for i in origin.panel.series_ids))
    if len(universe) <= SAMPLE:
        return list(origins)
    drawn = np.random.default_rng(_SEED).permutation(len(universe))[:SAMPLE]
    chosen = {universe[number] for number in drawn.tolist()}
    return [_of_series(origin, chosen) for origin in origins]


def shown_only(origin: Origin, names: Sequence[str]) -> Origin:
    """The origin with these covariates and no other."""
    panel = origin.panel
    return replace(
        origin,
        panel=replace(
            panel,
            past_covariates={name: rows for name, rows in panel.past_covariates.items() if name in names},
            future_covariates={name: rows for name, rows in panel.future_covariates.items() if name in names},
        ),
    )


def _of_series(origin: Origin, chosen: set[str]) -> Origin:
    rows = [row for row, series_id in enumerate(origin.panel.series_ids) if series_id in chosen]
    shut = None if origin.shut_ahead is None else origin.shut_ahead[rows]
    return Origin(origin.panel.select(rows), origin.actual[rows], shut)


def _losses(model: Forecaster, origins: Sequence[Origin], horizon: int) -> list[FloatArray]:
    """Of each origin (n, h) units, 0 where the actual is not known."""
    found = [np.zeros(origin.actual[:, :horizon].shape) for origin in origins]
    for part in forecast_origins(model, origins, horizon):
        actual = origins[part.origin].actual[part.series, :horizon]
        deciles = part.forecast.quantiles[:, : actual.shape[1], DECILES]
        found[part.origin][part.series] = quantile_loss(actual, deciles)
    return found


def _own_days(name: str, origin: Origin, horizon: int) -> npt.NDArray[np.bool_] | None:
    """(n, h) the days ahead on which a covariate says something; None of one without days of its own."""
    ahead = origin.panel.future_covariates.get(name)
    if ahead is None or not COVARIATES[name].has_own_days:
        return None
    return np.stack([values[:horizon] != 0.0 for values in ahead])[:, : origin.horizon]


def _summed(
    with_it: FloatArray, without: FloatArray, actual: FloatArray, known: npt.NDArray[np.bool_]
) -> Losses:
    return Losses(
        np.where(known, with_it, 0.0).sum(axis=1),
        np.where(known, without, 0.0).sum(axis=1),
        float(actual[known].sum()),
        int(known.sum()),
    )
