"""How the profile of a new series joins the forecast of a model.

Belongs here: the share of each by age, and the distribution of both together. Does not belong here: the
profile itself (``profile``), any model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from forecasting_lib.models.counts import counted_series
from forecasting_lib.models.guards import Note
from forecasting_lib.moment_law import MomentLaw
from forecasting_lib.new_items.kin import NEW_BELOW, IntArray, Kin
from forecasting_lib.new_items.profile import Profile, profiles
from forecasting_lib.panel import MEDIAN_INDEX, QUANTILE_LEVELS, FloatArray, Forecast, Panel
from forecasting_lib.quantile_grid import whole_units
from forecasting_lib.ragged import lengths_of

_POWER = 2.0
"""Of the share of its 56 days that a series has: so much of its forecast is the model's."""


@dataclass(frozen=True)
class Joined:
    """The forecasts of k new series, of model and profile together.

    Attributes:
        rows: (k,) positions in the panel.
        point: (k, h), mean: (k, h), quantiles: (k, h, 21) as of a forecast.
        notes: (k,) what a reader should know.
    """

    rows: IntArray
    point: FloatArray
    mean: FloatArray
    quantiles: FloatArray
    notes: tuple[Note, ...]


def joined(
    forecast: Forecast, panel: Panel, kin: Kin, shut_ahead: npt.NDArray[np.bool_] | None = None
) -> Joined | None:
    """The new series of a forecast, joined with their profiles; None where there is nothing to join.

    Quantiles are averaged level by level, and are whole numbers where the series' demand is. What a guard put
    in the place of the model's numbers has no part in it.

    Args:
        forecast: of the panel's n series, guarded.
        panel: what it was made from, with the covariate ``promotion`` where it is known.
        kin: of the panel's series.
        shut_ahead: (n, h) periods in which a series is expected not to sell.
    """
    profile = profiles(panel, forecast.mean, kin, shut_ahead)
    if profile is None:
        return None
    rows = profile.rows
    share = (lengths_of(panel.history)[rows] / NEW_BELOW[panel.grain]) ** _POWER
    share = np.where([forecast.reasons[row] is None for row in rows], share, 0.0)
    counted = counted_series(panel.select(rows.tolist()))
    own = np.asarray(forecast.quantiles[rows], dtype=np.float64)
    quantiles = _mixed(share[:, None, None], own, _quantiles(profile, counted))
    quantiles = np.where(counted[:, None, None], whole_units(quantiles), quantiles)
    mean = _mixed(share[:, None], forecast.mean[rows], profile.mean)
    point = _mixed(share[:, None], forecast.point[rows], profile.mean)
    is_median = np.isclose(forecast.point[rows], own[:, :, MEDIAN_INDEX]).all(axis=1) | (share == 0.0)
    point = np.where(is_median[:, None], quantiles[:, :, MEDIAN_INDEX], point)
    notes = tuple(Note.SUCCESSOR if follows else Note.NEW_ITEM for follows in profile.follows)
    return Joined(rows, point, mean, quantiles, notes)


def with_profiles(
    forecast: Forecast, panel: Panel, kin: Kin, shut_ahead: npt.NDArray[np.bool_] | None = None
) -> Forecast:
    """The forecast with its new series joined with their profiles; each of them says so in its note.

    Args:
        forecast, panel, kin, shut_ahead: as for :func:`joined`.
    """
    found = joined(forecast, panel, kin, shut_ahead)
    if found is None:
        return forecast
    point, mean, quantiles = forecast.point.copy(), forecast.mean.copy(), forecast.quantiles.copy()
    point[found.rows], mean[found.rows], quantiles[found.rows] = found.point, found.mean, found.quantiles
    reasons = list(forecast.reasons)
    notes = list(forecast.notes or [None] * len(reasons))
    for row, note in zip(found.rows.tolist(), found.notes, strict=True):
        reasons[row], notes[row] = None, note
    raw_mean = forecast.raw_mean
    if raw_mean is not None:
        raw_mean = raw_mean.copy()
        raw_mean[found.rows] = np.nan
    return replace(
        forecast,
        point=point,
        mean=mean,
        quantiles=quantiles,
        reasons=tuple(reasons),
        notes=tuple(notes),
        raw_mean=raw_mean,
    )


def _quantiles(profile: Profile, counted: npt.NDArray[np.bool_]) -> FloatArray:
    """(k, h, 21) of the profiles, in order."""
    of_counts = np.broadcast_to(counted[:, None], profile.mean.shape)
    found = MomentLaw(profile.mean, profile.variance, of_counts).quantiles(QUANTILE_LEVELS)
    return np.maximum.accumulate(np.maximum(found, 0.0), axis=-1)


def _mixed(share: FloatArray, model: FloatArray, profile: FloatArray) -> FloatArray:
    """``share`` of the model's; one without a share may be NaN."""
    return np.where(share > 0.0, share * model, 0.0) + (1.0 - share) * profile
