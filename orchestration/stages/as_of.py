"""The as-of date of a run: the last day that its stages may see."""

from __future__ import annotations

from datetime import date, timedelta

import dagster as dg

from orchestration.reading.gaps import find_gaps, of_severity
from orchestration.reading.histories import demand_grain, last_demand_day
from orchestration.warehouse.server import Warehouse


class AsOf(dg.Config):
    """What a planner may choose for one run."""

    as_of_date: str | None = None
    """Last day the models may see, ISO, the end of a period; unset means that of the last complete one."""


def chosen_as_of(warehouse: Warehouse, client_id: str, wanted: str | None) -> date:
    """The as-of date of a run.

    Raises:
        dagster.Failure: no demand yet, not a date, inside a week or month, or after the last complete day.
    """
    last = last_demand_day(warehouse, client_id)
    if last is None:
        gaps = of_severity(find_gaps(warehouse, client_id), "error")
        why = gaps[0].advice if gaps else "Deliver a sales file first."
        raise dg.Failure(f"{client_id} has no demand yet. {why}", allow_retries=False)
    if wanted is None:
        return last
    try:
        chosen = date.fromisoformat(wanted)
    except ValueError as error:
        raise dg.Failure(
            f"as_of_date {wanted!r} is not an ISO date such as 2026-03-31.", allow_retries=False
        ) from error
    grain = demand_grain(warehouse, client_id)
    if not grain.is_period_end(chosen):
        ended = grain.period_start(chosen) - timedelta(days=1)
        raise dg.Failure(
            f"as_of_date {chosen} lies inside a {grain}, and {client_id} is planned by {grain}: name the "
            f"end of one, such as {ended}.",
            allow_retries=False,
        )
    if chosen > last:
        raise dg.Failure(
            f"as_of_date {chosen} lies after the last complete day of demand, {last}.", allow_retries=False
        )
    return chosen
