"""Lag buckets: how far ahead a forecast period lies, in the few classes that accuracy is shown by.

Belongs here: the buckets of each grain. Does not belong here: any score.
"""

from __future__ import annotations

from collections.abc import Mapping

from forecasting_lib.grain import Grain

LAST_OF_BUCKET: Mapping[Grain, Mapping[int, str]] = {
    Grain.DAY: {1: "1", 7: "2-7", 14: "8-14", 28: "15-28"},
    Grain.WEEK: {1: "1", 4: "2-4", 13: "5-13"},
    Grain.MONTH: {1: "1", 3: "2-3", 6: "4-6"},
}
"""The last lag of each bucket, in periods."""

BEYOND = "beyond"
"""The bucket of what lies further ahead."""


def lag_bucket(grain: Grain, lag: int) -> str:
    """The bucket of the period that is ``lag`` periods after the as-of date, the first being 1.

    >>> lag_bucket(Grain.DAY, 8), lag_bucket(Grain.MONTH, 7)
    ('8-14', 'beyond')
    """
    return next((name for last, name in LAST_OF_BUCKET[grain].items() if lag <= last), BEYOND)
