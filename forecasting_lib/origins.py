"""An origin: what a model may see on a day, apart from what came after it.

Belongs here: the container, the dates of rolling origins, and asking a model about several origins at once.
Does not belong here: where histories come from, and any score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt

from forecasting_lib.covariates import without_shut_days
from forecasting_lib.grain import Grain
from forecasting_lib.models.guards import guarded_predict, taught
from forecasting_lib.models.interface import Forecaster, Learner
from forecasting_lib.panel import FloatArray, Forecast, Panel
from forecasting_lib.ragged import Derived, lengths_of

SERIES_PER_BATCH = 8192
"""Asked about together, over all origins: four weeks of their quantiles are 40 MB."""


@dataclass(frozen=True)
class Origin:
    """What a model may see on a day, and what came after it.

    Attributes:
        panel: n histories up to the origin, in units a period, with what was known of the periods ahead.
        actual: (n, h) units of the periods after it; NaN is masked or not known.
        shut_ahead: (n, h) the periods in which a series was expected not to sell; None where nobody asked.

    Raises:
        ValueError: the parts are not of the same series and periods.
    """

    panel: Panel
    actual: FloatArray
    shut_ahead: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if self.actual.ndim != 2 or len(self.actual) != len(self.panel):
            raise ValueError(f"actuals of shape {self.actual.shape} for {len(self.panel)} series")
        if self.shut_ahead is not None and self.shut_ahead.shape != self.actual.shape:
            raise ValueError(f"shut periods of shape {self.shut_ahead.shape} for {self.actual.shape}")

    @property
    def date(self) -> date:
        """The last day that a model sees."""
        return self.panel.as_of_date

    @property
    def horizon(self) -> int:
        return int(self.actual.shape[1])


@dataclass(frozen=True)
class OriginForecast:
    """What a model said at an origin of some of its series.

    Attributes:
        origin: number of the origin among those asked about.
        series: (k,) positions in the origin's panel.
        forecast: of these series, in this order.
    """

    origin: int
    series: npt.NDArray[np.int64]
    forecast: Forecast


def origin_dates(last: date, grain: Grain, *, origins: int, stride: int, horizon: int) -> list[date]:
    """The dates of rolling origins, the latest of which has its whole horizon behind it by ``last``.

    >>> origin_dates(date(2024, 3, 31), Grain.MONTH, origins=2, stride=1, horizon=1)
    [datetime.date(2024, 1, 31), datetime.date(2024, 2, 29)]

    Args:
        last: last day of the last period with actuals.
        grain: what a period is.
        origins: how many, at least 1.
        stride: periods from one to the next, at least 1.
        horizon: periods that each is judged on, at least 1.

    Returns:
        Last days of periods, the earliest first.

    Raises:
        ValueError: a number is below 1, or no period ends on ``last``.
    """
    if min(origins, stride, horizon) < 1:
        raise ValueError("origins, stride and horizon must be at least 1")
    if not grain.is_period_end(last):
        raise ValueError(f"no {grain} ends on {last}")
    back = [-horizon - stride * number for number in range(origins)]
    return [grain.period_end(grain.shift(last, periods)) for periods in reversed(back)]


def cut(panel: Panel, periods: int, horizon: int) -> Origin:
    """The origin that lies ``periods`` before the end of a panel's own histories.

    It shows no covariates: what was known of them that day is more than a panel can tell. A series that began
    later has an empty history and unknown actuals before its first period.

    Args:
        panel: histories that reach past the origin.
        periods: from the origin to the end of the histories, at least ``horizon``.
        horizon: periods of the actuals.

    Raises:
        ValueError: ``periods`` is below the horizon.
    """
    if periods < horizon:
        raise ValueError(f"{periods} {panel.grain.periods} after the origin are not the {horizon} asked for")
    grain = panel.grain
    known = np.maximum(lengths_of(panel.history) - periods, 0)
    actual = np.full((len(panel), periods), np.nan)
    for row, history in zip(actual, panel.history, strict=True):
        later = history[-periods:]
        row[periods - len(later) :] = later
    return Origin(
        Panel(
            panel.series_ids,
            grain.period_end(grain.shift(panel.as_of_date, -periods)),
            Derived(known, lambda i: panel.history[i][: known[i]]),
            grain=grain,
        ),
        actual[:, :horizon],
    )


def forecast_origins(
    model: Forecaster,
    origins: Sequence[Origin],
    horizon: int,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[OriginForecast]:
    """Ask a model about all origins, guarded, the series of several origins in one batch.

    One that learns from the panel learns at each origin from what could be seen then.

    Each answer is what the model says of that origin's panel alone; periods in which a series was expected
    not to sell are without demand, as in a published forecast.

    Args:
        model: any model of the interface.
        origins: of one grain. Those with the same covariates are asked about together: of a calendar that
            ends, some have what others lack.
        horizon: periods ahead.
        progress: called with the series answered and those to answer, over all origins.

    Yields:
        Parts of origins, an origin's own in the order of its series.

    Raises:
        ValueError: the origins differ in grain.
    """
    if not origins:
        return
    panels = [origin.panel for origin in origins]
    if len({panel.grain for panel in panels}) > 1:
        raise ValueError("origins must have one grain")
    done, total = 0, sum(map(len, panels))
    for asked, batch in _batches(model, panels, horizon):
        answer = guarded_predict(asked, _joined(panels, batch), horizon)
        for number in np.unique(batch[:, 0]).tolist():
            rows = np.flatnonzero(batch[:, 0] == number)
            series = batch[rows, 1]
            yield OriginForecast(number, series, _own(answer, rows, origins[number], series))
        done += len(batch)
        if progress is not None:
            progress(done, total)


def _batches(
    model: Forecaster, panels: Sequence[Panel], horizon: int
) -> Iterator[tuple[Forecaster, npt.NDArray[np.int64]]]:
    """The model and the (origin, series) it is asked about together.

    One that learns from a panel learns at each origin anew, and is asked about that one alone.
    """
    alike: dict[object, list[int]] = {}
    for number, panel in enumerate(panels):
        told = (tuple(panel.past_covariates), tuple(panel.future_covariates))
        alike.setdefault(number if isinstance(model, Learner) else told, []).append(number)
    for numbers in alike.values():
        asked = taught(model, panels[numbers[0]], horizon)
        places = [(number, row) for number in numbers for row in range(len(panels[number]))]
        for start in range(0, len(places), SERIES_PER_BATCH):
            yield asked, np.array(places[start : start + SERIES_PER_BATCH], dtype=np.int64)


def _joined(panels: Sequence[Panel], places: npt.NDArray[np.int64]) -> Panel:
    """Series of several origins as one panel, whose date is the last origin's: models count from the end."""
    pairs: list[tuple[int, int]] = [(int(number), int(row)) for number, row in places]

    def of(arrays_of: Callable[[Panel], Sequence[FloatArray]]) -> Derived:
        arrays = {number: arrays_of(panels[number]) for number in {number for number, _ in pairs}}
        lengths = {number: lengths_of(of_panel) for number, of_panel in arrays.items()}
        return Derived(
            np.array([lengths[number][row] for number, row in pairs], dtype=np.int64),
            lambda i: arrays[pairs[i][0]][pairs[i][1]],
        )

    last = panels[max(number for number, _ in pairs)]
    return Panel(
        series_ids=tuple(f"{number}\0{panels[number].series_ids[row]}" for number, row in pairs),
        as_of_date=last.as_of_date,
        history=of(lambda panel: panel.history),
        past_covariates={name: of(_past(name)) for name in last.past_covariates},
        future_covariates={name: of(_future(name)) for name in last.future_covariates},
        grain=last.grain,
    )


def _past(name: str) -> Callable[[Panel], Sequence[FloatArray]]:
    return lambda panel: panel.past_covariates[name]


def _future(name: str) -> Callable[[Panel], Sequence[FloatArray]]:
    return lambda panel: panel.future_covariates[name]


def _own(
    answer: Forecast, rows: npt.NDArray[np.int64], origin: Origin, series: npt.NDArray[np.int64]
) -> Forecast:
    """The rows of an answer that are of one origin, under its own names and date."""
    forecast = replace(
        answer,
        series_ids=tuple(origin.panel.series_ids[row] for row in series),
        as_of_date=origin.date,
        point=answer.point[rows],
        mean=answer.mean[rows],
        quantiles=answer.quantiles[rows],
        reasons=tuple(answer.reasons[row] for row in rows),
        notes=None if answer.notes is None else tuple(answer.notes[row] for row in rows),
        raw_mean=None if answer.raw_mean is None else answer.raw_mean[rows],
    )
    if origin.shut_ahead is None:
        return forecast
    return without_shut_days(forecast, origin.shut_ahead[series][:, : forecast.horizon])
