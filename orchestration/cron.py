"""When something starts by itself: what a cron expression may be.

Belongs here: whether one is valid. Does not belong here: what is started (``schedules``).
"""

from __future__ import annotations


def valid_cron(value: str | None) -> str | None:
    """The expression, if Dagster's scheduler accepts it; it has no other public way to ask.

    Raises:
        ValueError: it does not.
    """
    if value is None:
        return None
    import dagster as dg

    try:
        dg.ScheduleDefinition(name="validation", job_name="validation", cron_schedule=value)
    except dg.DagsterInvalidDefinitionError as error:
        raise ValueError(f"{value!r} is not a cron expression such as '0 5 * * *'") from error
    return value
