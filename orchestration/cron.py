"""When something starts by itself: what a cron expression may be.

Belongs here: whether one is valid. Does not belong here: what is started (``schedules``).
"""

from __future__ import annotations

_LAST = (59, 23, 28, 12, 6)
"""Of minute, hour, day, month and weekday, the last that there always is; each begins with its first."""

_FIRST = (0, 0, 1, 1, 0)
_NUMBERS = frozenset(map(str, range(60)))


def valid_cron(value: str | None) -> str | None:
    """The expression, if Dagster's scheduler accepts it; it has no other public way to ask.

    Raises:
        ValueError: it does not.
    """
    if value is None or is_plain(value):
        return value
    import dagster as dg

    try:
        dg.ScheduleDefinition(name="validation", job_name="validation", cron_schedule=value)
    except dg.DagsterInvalidDefinitionError as error:
        raise ValueError(f"{value!r} is not a cron expression such as '0 5 * * *'") from error
    return value


def is_plain(expression: str) -> bool:
    """Whether an expression is five numbers or stars, which is known to be valid without Dagster.

    Most are, and a registry is read by commands that have no other use for Dagster.
    """
    fields = expression.split(" ")
    return len(fields) == len(_LAST) and all(
        field == "*" or (field in _NUMBERS and first <= int(field) <= last)
        for field, first, last in zip(fields, _FIRST, _LAST, strict=True)
    )
