"""What one stage of a run read and the next one needs, kept in the run's process instead of read again.

Belongs here: a history and the leading forecast that was made of it, until the plan of that forecast asks for
them. Does not belong here: anything that could change: a published forecast never does, and neither does what
it was made from.

A run's steps share a process, so that of all forecasts the last is enough. Whoever finds nothing here reads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from forecasting_lib.panel import Forecast
from orchestration.reading.histories import DemandHistory


@dataclass(frozen=True)
class Published:
    """A published forecast and the history it was made from.

    Attributes:
        champion: (run id, model) of the forecast.
        forecast: the numbers as they are in the database.
        history: without covariates.
    """

    champion: tuple[str, str]
    forecast: Forecast
    history: DemandHistory


_latest: list[Published] = []


def hand_on(champion: tuple[str, str], forecast: Forecast, history: DemandHistory) -> None:
    """Keep what a forecast is and was made from, instead of what was kept before."""
    bare = replace(history.panel, past_covariates={}, future_covariates={})
    _latest[:] = [Published(champion, forecast, replace(history, panel=bare, prices=None))]


def taken_over(champion: tuple[str, str]) -> Published | None:
    """What was kept of this forecast; None where it was another, or none. It is kept no longer."""
    kept, _latest[:] = _latest[:], []
    return next((published for published in kept if published.champion == champion), None)
