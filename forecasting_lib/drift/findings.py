"""What looking for drift comes to: a finding with its numbers, or why nothing can be said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeAlias


class DriftKind(StrEnum):
    """What may have changed."""

    FORECAST_ERROR = "forecast_error"
    DEMAND_LEVEL = "demand_level"
    ZERO_SHARE = "zero_share"
    NEW_ITEMS = "new_items"
    VANISHED_ITEMS = "vanished_items"
    ITEMS_RENAMED = "items_renamed"
    FEED_FROZEN = "feed_frozen"
    PRICE_LEVEL = "price_level"
    WEEKLY_PATTERN = "weekly_pattern"


@dataclass(frozen=True)
class Drift:
    """Something changed.

    Attributes:
        kind: what.
        first_date: the first day concerned.
        sentence: what it is, for a person.
        evidence: the numbers and the thresholds they were held against.
    """

    kind: DriftKind
    first_date: date
    sentence: str
    evidence: Mapping[str, float | int | str]


@dataclass(frozen=True)
class Steady:
    """It was judged, and nothing was found.

    Attributes:
        kind: what.
        evidence: the numbers, where there are any.
    """

    kind: DriftKind
    evidence: Mapping[str, float | int | str]


@dataclass(frozen=True)
class Unjudged:
    """It cannot be judged, which is no all-clear.

    Attributes:
        kind: what.
        reason: a sentence.
    """

    kind: DriftKind
    reason: str


Finding: TypeAlias = Drift | Steady | Unjudged
