"""When something found is new, when it goes on, and when it is over.

An episode is told once, on the day it is first found. It is over when a fortnight has been judged without
it: until then the recent days still hold some of it, and what comes and goes with them is one episode.
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


@dataclass(frozen=True)
class Turns:
    """What becomes of episodes on a day.

    Attributes:
        begun: those that were not going on.
        going_on: those that were, found again.
        over: those that were, and are no longer.
    """

    begun: Mapping[Place, Drift]
    going_on: Collection[Place]
    over: Collection[Place]


def turns(open_since: Mapping[Place, date], found: Mapping[Place, Finding], as_of_date: date) -> Turns:
    """What becomes of the episodes that go on and of what was found.

    Args:
        open_since: the episodes that go on, each with the last day it was found on.
        found: every finding of the day; what is not among them was not judged.
        as_of_date: the day.
    """
    drifting = {place: finding for place, finding in found.items() if isinstance(finding, Drift)}
    return Turns(
        begun={place: finding for place, finding in drifting.items() if place not in open_since},
        going_on=[place for place in drifting if place in open_since],
        over=[
            place
            for place, seen in open_since.items()
            if place in found
            and place not in drifting
            and not isinstance(found[place], Unjudged)
            and as_of_date - seen >= QUIET
        ],
    )
