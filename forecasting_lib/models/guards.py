"""The guards around every model: what no model may see, and what no model may publish.

Belongs here: cleaning of histories and covariates, the series no model is asked about, the checks on what a
model returns, the fallback and the reason codes. Does not belong here: any forecast of its own beyond the
fallback.

The fallback of a series without a positive period is zero demand; of a series with one observed period that
period's demand, for every period and every level; of a series whose model failed, a moving average.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from forecasting_lib.grain import Grain
from forecasting_lib.models.interface import Forecaster, Learner
from forecasting_lib.models.naive import MovingAverage
from forecasting_lib.models.tails import Supported, supported, within_reach
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray, Forecast, Panel
from forecasting_lib.quantile_grid import demand_grid
from forecasting_lib.ragged import Derived, Ragged, joined, lengths_of

IntArray = npt.NDArray[np.int64]

CAP_FACTOR = 10.0
"""A forecast above this multiple of the highest period ever seen is an error of the model, not news."""

MIN_HISTORY_PERIODS: Mapping[Grain, int] = {Grain.DAY: 14, Grain.WEEK: 8, Grain.MONTH: 6}
"""Fewer periods since the first sale make a cold start."""

FALLBACK_WINDOWS: Mapping[Grain, int] = {Grain.DAY: 7, Grain.WEEK: 8, Grain.MONTH: 12}
"""Periods of the moving average that stands in for a model."""

LARGEST_DEMAND = float(np.finfo(np.float32).max)
"""Models work in single precision; a larger number is not demand and is masked like an infinity."""


_SERIES_PER_BLOCK = 1024
"""Looked at together: 16 MB of histories of five years."""


class Reason(StrEnum):
    """Why a guard replaced the model's numbers for a series."""

    NO_HISTORY = "NO_HISTORY"
    """The history is empty: zero demand."""
    ALL_MASKED = "ALL_MASKED"
    """No period of the history was observed: zero demand."""
    ALL_ZERO = "ALL_ZERO"
    """Nothing was ever sold: zero demand."""
    SINGLE_POINT = "SINGLE_POINT"
    """One observed period since the first sale: its demand, without spread."""
    NOT_FINITE = "NOT_FINITE"
    """The model returned NaN or infinity: moving average."""
    CAPPED = "CAPPED"
    """The model's mean or median exceeds ``CAP_FACTOR`` times the highest period seen: moving average."""


class Note(StrEnum):
    """What a reader should know about a series whose numbers stand."""

    COLD_START = "COLD_START"
    """Fewer than ``MIN_HISTORY_PERIODS`` since the first sale."""
    TAIL_SHRUNK = "TAIL_SHRUNK"
    """A period of the history, or the answer's upper tail, is beyond what the year around it supports."""
    NEW_ITEM = "NEW_ITEM"
    """New, and joined with the profile of its category at the location (``new_items``)."""
    SUCCESSOR = "SUCCESSOR"
    """New, and joined with what the item sold that it replaces."""


def guarded_predict(model: Forecaster, panel: Panel, horizon: int) -> Forecast:
    """Forecast every series of a panel: by the model where it can, by the documented fallback elsewhere.

    The model sees histories that begin with their first positive period (zeros before the first sale are not
    demand, and move the scale of a normalising model), infinities masked, negative periods at 0 and periods
    that nothing supports at the level of their year (``tails``). About a series with such a period it is
    asked once more with the period as it was, for ``raw_mean`` alone. It is not called when no series is left
    for it.

    Args:
        model: any model of the interface.
        panel: any panel; nothing about its numbers is assumed.
        horizon: periods ahead, at least 1.

    Returns:
        One forecast per series in the panel's order. ``point``, ``mean`` and ``quantiles`` are finite, at
        least 0 and at most ``CAP_FACTOR`` times the highest period of the series; quantiles do not cross.
        ``reasons`` holds a :class:`Reason` for every series whose numbers are not the model's, ``notes`` a
        :class:`Note` for every series whose numbers are, with the tail shrunk.

    Raises:
        ValueError: the horizon is below 1, or the model answered for other series or periods than asked.
    """
    if horizon < 1:
        raise ValueError(f"horizon is {horizon} {panel.grain.periods}; it must be at least 1")
    histories = _Histories.of(panel)
    reasons: list[Reason | None] = histories.reasons()
    point = np.repeat(histories.highest[:, None], horizon, axis=1)
    mean = point.copy()
    quantiles = np.repeat(point[:, :, None], len(QUANTILE_LEVELS), axis=2)

    notes: list[Note | None] = [None] * len(panel)
    raw_mean = np.full((len(panel), horizon), np.nan)
    limit = CAP_FACTOR * histories.highest

    asked = np.array([i for i, reason in enumerate(reasons) if reason is None], dtype=np.int64)
    if len(asked):
        visible = _visible(panel, histories, asked)
        support = supported(visible)
        answer, unguarded = _ask_both(model, visible, support, horizon)
        finite = _all_finite(answer)
        limit[asked] = CAP_FACTOR * np.array([np.nanmax(h) for h in support.panel.history])
        with np.errstate(invalid="ignore"):
            beyond = np.maximum(answer.point.max(axis=1), answer.mean.max(axis=1)) > limit[asked]
        stands = finite & ~beyond
        answer = replace(answer, quantiles=demand_grid(answer.quantiles))
        reached, lowered = within_reach(answer, np.where(stands, support.ceiling, np.inf))
        point[asked], mean[asked], quantiles[asked] = reached.point, reached.mean, reached.quantiles
        for i in np.flatnonzero(stands & (support.clipped | lowered)):
            notes[asked[i]] = Note.TAIL_SHRUNK
            raw_mean[asked[i]] = unguarded[i]
        failed = np.flatnonzero(~stands)
        if len(failed):
            average = MovingAverage(FALLBACK_WINDOWS[panel.grain])
            fallback = average.predict(support.panel.select(failed.tolist()), horizon)
            rows = asked[failed]
            point[rows], mean[rows], quantiles[rows] = fallback.point, fallback.mean, fallback.quantiles
            for row, is_finite in zip(rows, finite[failed], strict=True):
                reasons[row] = Reason.CAPPED if is_finite else Reason.NOT_FINITE

    return Forecast(
        series_ids=panel.series_ids,
        as_of_date=panel.as_of_date,
        point=np.maximum(point, 0.0) + 0.0,
        mean=np.maximum(mean, 0.0) + 0.0,
        quantiles=np.minimum(demand_grid(quantiles), limit[:, None, None]),
        reasons=tuple(reasons),
        notes=tuple(notes),
        raw_mean=raw_mean if any(notes) else None,
        grain=panel.grain,
    )


def shown(panel: Panel) -> Panel:
    """The panel that a model is shown, without the series that no model is asked about.

    Args:
        panel: any panel; nothing about its numbers is assumed.
    """
    histories = _Histories.of(panel)
    asked = [i for i, reason in enumerate(histories.reasons()) if reason is None]
    return supported(_visible(panel, histories, np.array(asked, dtype=np.int64))).panel


def taught(model: Forecaster, panel: Panel, horizon: int) -> Forecaster:
    """The model with what it learns from a panel, of what the guards let through; any other as it is.

    Args:
        model: any model of the interface.
        panel: any panel.
        horizon: periods ahead.
    """
    return model.learned(shown(panel), horizon) if isinstance(model, Learner) else model


def history_notes(panel: Panel) -> tuple[Note | None, ...]:
    """For each series ``COLD_START`` where its first sale is less than ``MIN_HISTORY_PERIODS`` old.

    A series that never sold has no note: :func:`guarded_predict` gives its reason.
    """
    histories = _Histories.of(panel)
    age = histories.periods - histories.first_sale
    short = (histories.first_sale >= 0) & (age < MIN_HISTORY_PERIODS[panel.grain])
    return tuple(Note.COLD_START if is_short else None for is_short in short)


@dataclass(frozen=True)
class _Histories:
    """What the guards know of each of the n series; arrays have shape (n,).

    Attributes:
        periods: the histories' lengths.
        first_sale: position of the first positive period, -1 where there is none.
        observed: number of observed periods.
        observed_since_sale: number of observed periods from the first positive one on.
        highest: the highest period, in units; 0 where nothing was sold.
    """

    periods: IntArray
    first_sale: IntArray
    observed: IntArray
    observed_since_sale: IntArray
    highest: FloatArray

    @classmethod
    def of(cls, panel: Panel) -> _Histories:
        starts = range(0, max(len(panel), 1), _SERIES_PER_BLOCK)
        blocks = [cls._of_block(panel.history[start : start + _SERIES_PER_BLOCK]) for start in starts]
        return cls(
            **{f.name: np.concatenate([getattr(block, f.name) for block in blocks]) for f in fields(cls)}
        )

    @classmethod
    def _of_block(cls, histories: Sequence[FloatArray]) -> _Histories:
        periods = lengths_of(histories)
        ends = np.cumsum(periods)
        starts = ends - periods
        demand = _cleaned(np.concatenate([np.empty(0), *histories]))

        sales = np.append(np.flatnonzero(demand > 0), len(demand))
        first = sales[np.searchsorted(sales, starts)]
        sold = first < ends
        seen_before = np.append(0, np.cumsum(~np.isnan(demand)))
        highest = np.zeros(len(periods))
        filled = periods > 0
        if filled.any():
            highest[filled] = np.nan_to_num(np.fmax.reduceat(demand, starts[filled]))
        return cls(
            periods=periods,
            first_sale=np.where(sold, first - starts, -1),
            observed=seen_before[ends] - seen_before[starts],
            observed_since_sale=np.where(sold, seen_before[ends] - seen_before[first], 0),
            highest=highest,
        )

    def reasons(self) -> list[Reason | None]:
        """Why a model is not asked about a series; None where it is."""
        found: list[Reason | None] = [None] * len(self.periods)
        for reason, applies in (
            (Reason.SINGLE_POINT, self.observed_since_sale == 1),
            (Reason.ALL_ZERO, self.first_sale < 0),
            (Reason.ALL_MASKED, self.observed == 0),
            (Reason.NO_HISTORY, self.periods == 0),
        ):
            for row in np.flatnonzero(applies):
                found[row] = reason
        return found


def _visible(panel: Panel, histories: _Histories, rows: IntArray) -> Panel:
    """The panel a model is shown: these series from their first sale on, covariates without infinities."""
    periods = histories.periods[rows] - histories.first_sale[rows]
    row: list[int] = rows.tolist()
    first: list[int] = histories.first_sale[rows].tolist()

    def since_sale(arrays: Sequence[FloatArray]) -> Derived:
        return Derived(periods, lambda i: _masked(arrays[row[i]])[first[i] :])

    def ahead(arrays: Sequence[FloatArray]) -> Derived:
        return Derived(lengths_of(arrays)[rows], lambda i: _masked(arrays[row[i]]))

    return Panel(
        series_ids=tuple(panel.series_ids[i] for i in row),
        as_of_date=panel.as_of_date,
        history=Ragged.of(
            (_cleaned(panel.history[i])[start:] for i, start in zip(row, first, strict=True)), periods
        ),
        past_covariates={name: since_sale(arrays) for name, arrays in panel.past_covariates.items()},
        future_covariates={name: ahead(arrays) for name, arrays in panel.future_covariates.items()},
        grain=panel.grain,
    )


def _ask_both(
    model: Forecaster, visible: Panel, support: Supported, horizon: int
) -> tuple[Forecast, FloatArray]:
    """The model's answer to the supported histories, and the mean it would have for those as they are.

    One call answers both, so that a model reports its progress once: the series that have an unsupported day
    follow a second time, as they are, behind the others.

    Returns:
        The forecast of the visible series, and the other mean (n, h), at least 0 and NaN where not finite;
        it is the forecast's own where no day was clipped.
    """
    struck = np.flatnonzero(support.clipped)
    answer = _ask(model, _followed_by(support.panel, visible.select(struck.tolist())), horizon)
    n = len(visible)
    mean = answer.mean[:n].copy()
    mean[struck] = answer.mean[n:]
    mean = np.where(np.isfinite(mean), np.maximum(mean, 0.0) + 0.0, np.nan)
    own = replace(
        answer,
        series_ids=visible.series_ids,
        point=answer.point[:n],
        mean=answer.mean[:n],
        quantiles=answer.quantiles[:n],
        reasons=answer.reasons[:n],
    )
    return own, mean


def _followed_by(panel: Panel, again: Panel) -> Panel:
    """Both panels in one, the series of the second under ids of their own."""
    if not len(again):
        return panel
    return replace(
        panel,
        series_ids=(*panel.series_ids, *(f"{series_id}\0unguarded" for series_id in again.series_ids)),
        history=joined(panel.history, again.history),
        past_covariates={k: joined(v, again.past_covariates[k]) for k, v in panel.past_covariates.items()},
        future_covariates={
            k: joined(v, again.future_covariates[k]) for k, v in panel.future_covariates.items()
        },
    )


def _ask(model: Forecaster, panel: Panel, horizon: int) -> Forecast:
    """The model's answer.

    Raises:
        ValueError: it is for other series, another horizon or another grain than asked.
    """
    answer = model.predict(panel, horizon)
    if (answer.series_ids, answer.horizon, answer.grain) != (panel.series_ids, horizon, panel.grain):
        raise ValueError(
            f"model {model.name!r} was asked for {len(panel)} series over {horizon} {panel.grain.periods} "
            f"and answered for {len(answer.series_ids)} series over {answer.horizon} {answer.grain.periods}, "
            "or in another order"
        )
    return answer


def _all_finite(forecast: Forecast) -> npt.NDArray[np.bool_]:
    """(n,): whether every number of the series is finite."""
    finite = np.isfinite(forecast.point) & np.isfinite(forecast.mean)
    return np.asarray(finite.all(axis=1) & np.isfinite(forecast.quantiles).all(axis=(1, 2)))


def _cleaned(history: FloatArray) -> FloatArray:
    """A history with infinities masked and negative periods at 0."""
    return np.maximum(_masked(history), 0.0)


def _masked(numbers: FloatArray) -> FloatArray:
    """The numbers, with NaN in the place of what single precision cannot hold."""
    return np.where(np.abs(numbers) > LARGEST_DEMAND, np.nan, numbers)
