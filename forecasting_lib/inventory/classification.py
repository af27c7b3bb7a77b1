"""Classes that planners sort by: ABC by value, XYZ by variability, demand pattern by ADI and CV2.

Belongs here: the classes and the statistics of history they rest on.
Does not belong here: any stock figure; a class never changes a quantity in this package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np
import polars as pl

from forecasting_lib.grain import Grain
from forecasting_lib.history_variance import history_variance
from forecasting_lib.models.counts import is_counted
from forecasting_lib.panel import FloatArray, Panel

ADI_CUT = 1.32
CV2_CUT = 0.49
_WEEK = 7
_SEASON_WINDOWS: Mapping[Grain, int] = {Grain.DAY: 28, Grain.WEEK: 4, Grain.MONTH: 3}
"""Periods of the window that stands for a time of the year: four weeks, or a quarter of months."""
_SAME_TIME_LAST_YEAR: Mapping[Grain, int] = {Grain.DAY: 364, Grain.WEEK: 52, Grain.MONTH: 12}
"""Periods; of days the same weekday."""

PROFILE_SCHEMA: dict[str, pl.DataType] = {
    "series_id": pl.String(),
    "adi": pl.Float64(),
    "cv2": pl.Float64(),
    "demand_class": pl.String(),
    "weekly_cv": pl.Float64(),
    "history_days": pl.Int64(),
    "nonzero_days": pl.Int64(),
    "last_season_mean_qty": pl.Float64(),
    "history_variance": pl.Float64(),
    "is_counted": pl.Boolean(),
}


class DemandClass(StrEnum):
    """Demand patterns by ADI and CV2."""

    SMOOTH = "smooth"
    ERRATIC = "erratic"
    INTERMITTENT = "intermittent"
    LUMPY = "lumpy"


def abc_classes(
    values: FloatArray, ids: Sequence[str], cut_a: float = 0.80, cut_b: float = 0.95
) -> list[str | None]:
    """ABC class by the cumulative share of value *before* the item, so that the largest is always A.

    >>> abc_classes(np.array([4.0, 90.0, 6.0]), ["kettle", "milk", "candle"])
    ['C', 'A', 'B']

    Args:
        values: (n,) annual forecast value, money; NaN: unknown, class None.
        ids: n identifiers; they break ties, ascending.
        cut_a: A while the share before the item is below it.
        cut_b: B while it is below this; C after.

    Returns:
        One class per item in the order given. Where no item has any value all are C.
    """
    known = np.flatnonzero(~np.isnan(values)).tolist()
    order = sorted(known, key=lambda i: (-values[i], ids[i]))
    total = float(values[order].sum())
    classes: list[str | None] = [None] * len(ids)
    before = np.concatenate([[0.0], np.cumsum(values[order])])[:-1]
    for item, value_before in zip(order, before, strict=True):
        share = value_before / total if total > 0.0 else 1.0
        classes[item] = "A" if share < cut_a else "B" if share < cut_b else "C"
    return classes


def xyz_classes(weekly_cv: FloatArray) -> list[str | None]:
    """X up to 0.5, Y up to 1.0, Z above: coefficient of variation of demand, (n,); NaN: None.

    >>> xyz_classes(np.array([0.2, 0.8, 1.4, np.nan]))
    ['X', 'Y', 'Z', None]
    """
    return [None if np.isnan(cv) else "X" if cv <= 0.5 else "Y" if cv <= 1.0 else "Z" for cv in weekly_cv]


def demand_class(adi: float | None, cv2: float | None) -> DemandClass | None:
    """Demand pattern: smooth, erratic, intermittent or lumpy; None where a statistic is unknown.

    >>> [str(demand_class(adi, cv2)) for adi in (1.1, 2.0) for cv2 in (0.2, 0.8)]
    ['smooth', 'erratic', 'intermittent', 'lumpy']

    Args:
        adi: average inter-demand interval, periods per period with demand; 1.32 and above is sparse.
        cv2: squared coefficient of variation of the non-zero demands; 0.49 and above is variable.

    Source: ``docs/methods.md#classes``.
    """
    if adi is None or cv2 is None:
        return None
    if adi < ADI_CUT:
        return DemandClass.SMOOTH if cv2 < CV2_CUT else DemandClass.ERRATIC
    return DemandClass.INTERMITTENT if cv2 < CV2_CUT else DemandClass.LUMPY


def adi_and_cv2(history: FloatArray) -> tuple[float, float] | None:
    """ADI (periods per period with demand) and CV2 (population variance) of a history; None without demand.

    >>> adi_and_cv2(np.array([0.0, 2.0, np.nan, 0.0, 6.0]))
    (2.0, 0.25)

    Args:
        history: (t,) units a period; NaN is masked and does not count as a period.
    """
    seen = history[~np.isnan(history)]
    sizes = seen[seen > 0.0]
    if sizes.size == 0:
        return None
    return seen.size / sizes.size, float((sizes.std() / sizes.mean()) ** 2)


def weekly_coefficient_of_variation(history: FloatArray, grain: Grain = Grain.DAY) -> float | None:
    """Sample CV of whole weeks counted back from the last day; None under two weeks or without demand.

    A week with masked days counts with its mean of the others, a wholly masked week not at all. Weeks
    take the weekday pattern out; a yearly season stays in. Of months it is the CV of the months.

    Args:
        history: (t,) units a period, oldest first; NaN: masked.
        grain: what a period is.
    """
    width = _WEEK if grain is Grain.DAY else 1
    weeks = history[history.size % width :].reshape(-1, width)
    weeks = weeks[~np.isnan(weeks).all(axis=1)]
    totals = np.nanmean(weeks, axis=1) if weeks.size else np.empty(0)
    if totals.size < 2 or totals.mean() <= 0.0:
        return None
    return float(totals.std(ddof=1) / totals.mean())


def last_season_mean(history: FloatArray, horizon: int, grain: Grain = Grain.DAY) -> float | None:
    """Mean daily demand expected after the horizon: last year's same four weeks, else the latest four.

    Of months, the same three of last year, else the latest three.

    Args:
        history: (t,) units a period, oldest first; NaN: masked.
        horizon: periods of the forecast; the four weeks start on the day after it, 364 days earlier.
        grain: what a period is.

    Returns:
        Units a day; None where no unmasked period is there.
    """
    start = history.size + horizon - _SAME_TIME_LAST_YEAR[grain]
    length = _SEASON_WINDOWS[grain]
    for window in (
        history[start : start + length] if start >= 0 else np.empty(0),
        history[-length:],
    ):
        seen = window[~np.isnan(window)]
        if seen.size:
            return float(seen.mean()) / grain.days_per_period
    return None


def demand_profile(panel: Panel, horizon: int) -> pl.DataFrame:
    """The statistics of history that :func:`plan_inventory` takes in ``supply``, one row per series.

    Returns:
        ``series_id, adi, cv2, demand_class, weekly_cv, history_days, nonzero_days,
        last_season_mean_qty, history_variance, is_counted``; null where history cannot say.
        ``history_days`` are the days of the unmasked periods, ``nonzero_days`` the periods with demand.
    """
    rows = []
    grain = panel.grain
    variances = history_variance(panel) / grain.days_per_period
    for series_id, history, variance in zip(panel.series_ids, panel.history, variances, strict=True):
        adi, cv2 = adi_and_cv2(history) or (None, None)
        rows.append(
            (
                series_id,
                adi,
                cv2,
                demand_class(adi, cv2),
                weekly_coefficient_of_variation(history, grain),
                round(int((~np.isnan(history)).sum()) * grain.days_per_period),
                int((history > 0.0).sum()),
                last_season_mean(history, horizon, grain),
                None if np.isnan(variance) else float(variance),
                is_counted(history),
            )
        )
    return pl.DataFrame(rows, schema=PROFILE_SCHEMA, orient="row")
