"""When something found is new, when it goes on, when it is over, and what is part of what.

An episode is told once, on the day it is first found. It is over when a fortnight has been judged without
it: until then the recent days still hold some of it, and what comes and goes with them is one episode.

One cause has many effects: before a feast the errors grow, of one demand class after the other, and the week
loses its pattern. So an effect that begins within a fortnight of an episode that goes on is part of it, and
nobody is told again. What names a fault of the delivery is never part of another: it has to be mended.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeAlias

from forecasting_lib.drift.findings import Drift, DriftKind, Finding, Unjudged
from forecasting_lib.drift.window import RECENT_DAYS

Place: TypeAlias = tuple[DriftKind, str, str]
"""What drifts and where: the kind, the grain of the segment, and its key."""

QUIET = timedelta(days=RECENT_DAYS)

OF_THE_DELIVERY = frozenset({DriftKind.FEED_FROZEN, DriftKind.ITEMS_RENAMED, DriftKind.PRICE_LEVEL})
"""Kinds that name what is to be mended in the files."""


@dataclass(frozen=True)
class Open:
    """An episode that goes on.

    Attributes:
        first_date: the first day concerned.
        seen_date: the last day on which it was found.
    """

    first_date: date
    seen_date: date


@dataclass(frozen=True)
class Begun:
    """An episode that is new.

    Attributes:
        drift: what was found.
        part_of: the episode that it is part of, open or begun the same day; None where it is told.
    """

    drift: Drift
    part_of: Place | None


@dataclass(frozen=True)
class Turns:
    """What becomes of episodes on a day.

    Attributes:
        begun: those that were not going on; what is part of another comes after it.
        going_on: those that were, found again.
        over: those that were, and are no longer.
    """

    begun: Mapping[Place, Begun]
    going_on: Collection[Place]
    over: Collection[Place]


def turns(going_on: Mapping[Place, Open], found: Mapping[Place, Finding], as_of_date: date) -> Turns:
    """What becomes of the episodes that go on and of what was found.

    Args:
        going_on: the episodes that go on, the earliest first.
        found: every finding of the day; what is not among them was not judged.
        as_of_date: the day.
    """
    drifting = {place: finding for place, finding in found.items() if isinstance(finding, Drift)}
    began = {place: episode.first_date for place, episode in going_on.items()}
    begun: dict[Place, Begun] = {}
    fresh = [place for place in drifting if place not in going_on]
    for place in sorted(fresh, key=lambda place: place[0] not in OF_THE_DELIVERY):
        first = drifting[place].first_date
        begun[place] = Begun(drifting[place], _part_of(place[0], first, began))
        began[place] = first
    return Turns(
        begun=begun,
        going_on=[place for place in drifting if place in going_on],
        over=[
            place
            for place, episode in going_on.items()
            if place in found
            and place not in drifting
            and not isinstance(found[place], Unjudged)
            and as_of_date - episode.seen_date >= QUIET
        ],
    )


def _part_of(kind: DriftKind, first: date, began: Mapping[Place, date]) -> Place | None:
    """The episode that began at about the same time, the earliest of several; None of a faulty delivery."""
    if kind in OF_THE_DELIVERY:
        return None
    return next((place for place, day in began.items() if abs(first - day) <= QUIET), None)
