"""Whether sales are totals of days, weeks or months: what the dates of a delivery tell.

Belongs here: the decision, made of the dates alone, the sentences that go with it, and what follows for a
delivery. Does not belong here: writing the registry (``clients``), how periods are counted
(``forecasting_lib.grain``).

A weekly feed has its rows on one weekday, whichever it is; a monthly one on the first, the last or another
fixed day of the month, or all rows of a month on one day. The dates of a whole file are looked at together:
one item alone may well sell on Mondays only. Where dates are too few to be sure, nothing is decided.

A shop that opens on Saturdays only looks weekly. Planned by week it gets the same totals.
"""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date

from forecasting_lib.grain import Grain
from orchestration.clients import Client, set_found, stored_grain
from orchestration.errors import UserError
from orchestration.landing.delivery import Delivery
from orchestration.landing.reasons import FileRefusedError, Refusal
from orchestration.warehouse.server import Warehouse

ENOUGH_DATES = 8
"""Dates of a few rows each: eight on one weekday by chance are one case in 800,000."""

ENOUGH_BROAD_DATES = 4
"""Dates of at least ``BROAD_ROWS`` rows each: a whole assortment does not sell on one weekday by chance."""

BROAD_ROWS = 10

ENOUGH_MONTHS = 6
"""Months of totals that are not always booked on the same day of the month."""

REGULAR_SHARE = 0.9
"""Of the dates, that must follow the rhythm; others are typing errors and weeks cut at the end of a year."""

_ORDER = (Grain.DAY, Grain.WEEK, Grain.MONTH)


def judge_grain(delivery: Delivery, totals_of: Grain | None) -> list[str]:
    """Hold a delivery of sales against the client's grain, or find the grain by it; returns remarks.

    Args:
        delivery: its accepted rows.
        totals_of: what the layout says its rows are totals of; None where the dates have to tell.

    Raises:
        FileRefusedError: the rows are totals of longer periods than the client is planned in.
    """
    client_id = delivery.client_id
    known = stored_grain(delivery.connection, client_id)
    if known is None:
        rows = _rows_by_date(delivery, with_staged=True)
        found = totals_of or grain_of(rows)
        if found is not None:
            set_found(
                delivery.connection,
                client_id,
                {"grain": str(found)},
                found_in="the dates of its sales",
                run_id=delivery.identity.run_id,
            )
        return [decision(client_id, found, rows)] if rows else []
    if totals_of is Grain.DAY:
        return []
    rows = _rows_by_date(delivery, with_staged=False)
    found = totals_of or grain_of(rows)
    if found is None or not contradicts(known, found):
        return []
    raise FileRefusedError(
        Refusal.COARSER_GRAIN,
        f"{delivery.identity.path} {contradiction(client_id, known, found, rows)}",
        f"If they are, run 'forecaster client update {client_id} --grain {found}' and ingest the file again; "
        "if they are not, deliver them together with the other days.",
    )


class GrainError(UserError):
    """A client's grain cannot be what it is to be; the message says why."""


def require_grain_fits(warehouse: Warehouse, client_id: str, grain: Grain) -> None:
    """Refuse a grain that what was delivered cannot be cut into.

    Raises:
        GrainError: the client's sales look like totals of longer periods.
    """
    rows = _staged_by_date(warehouse, client_id)
    found = grain_of(rows)
    if found is not None and contradicts(grain, found):
        raise GrainError(
            f"The sales of {client_id} look like {_ADJECTIVE[found]} totals ({_description(found, rows)}); "
            f"they cannot be cut into {grain.periods}. Deliver sales by the {grain} first."
        )


def what_was_found(warehouse: Warehouse, client: Client) -> list[str]:
    """What a run has to say of a client whose grain was not known before it, where that is news.

    Daily sales are what everybody expects, and are not mentioned.

    Args:
        warehouse: with the run's deliveries.
        client: its entry as it was before them.
    """
    if client.grain is not None:
        return []
    with warehouse.transaction() as connection:
        grain = stored_grain(connection, client.client_id)
    if grain is Grain.DAY:
        return []
    rows = _staged_by_date(warehouse, client.client_id)
    return [decision(client.client_id, grain, rows)] if rows else []


def _staged_by_date(warehouse: Warehouse, client_id: str) -> dict[date, int]:
    with warehouse.transaction() as connection:
        return dict(
            connection.execute(
                "select date, count(*) from staging.sales where client_id = %s group by date", (client_id,)
            ).fetchall()
        )


def _rows_by_date(delivery: Delivery, *, with_staged: bool) -> dict[date, int]:
    staged = "union all select date, count(*) from staging.sales where client_id = %(client)s group by date"
    return dict(
        delivery.connection.execute(
            f"""
            select date, sum(n_rows)::bigint
            from (
                select date, count(*) as n_rows from delivery group by date
                {staged if with_staged else ""}
            ) as counted
            group by date
            """,
            {"client": delivery.client_id},
        ).fetchall()
    )


def grain_of(rows: Mapping[date, int]) -> Grain | None:
    """What the dates of sales are totals of.

    Args:
        rows: date -> rows of that date, over all items and locations.

    Returns:
        None where the dates are too few to tell.
    """
    if not rows:
        return None
    is_broad = sum(rows.values()) >= BROAD_ROWS * len(rows)
    enough = ENOUGH_BROAD_DATES if is_broad else ENOUGH_DATES
    if _is_monthly(rows, enough, is_broad=is_broad):
        return Grain.MONTH
    if len(rows) >= enough and _share(rows, date.weekday) >= REGULAR_SHARE:
        return Grain.WEEK
    if len(rows) >= ENOUGH_DATES or _most_in(rows, Grain.WEEK) >= 3:
        return Grain.DAY
    return None


def contradicts(grain: Grain, found: Grain | None) -> bool:
    """Whether totals of what was found cannot be cut into periods of the grain."""
    return found is not None and _ORDER.index(found) > _ORDER.index(grain)


def contradiction(client_id: str, grain: Grain, found: Grain, rows: Mapping[date, int]) -> str:
    """What is wrong with a file of coarser totals than the client is planned in, without the full stop."""
    return (
        f"looks like {_ADJECTIVE[found]} totals ({_description(found, rows)}), but {client_id} is planned by "
        f"{grain}, and totals are not spread over shorter periods"
    )


def decision(client_id: str, found: Grain | None, rows: Mapping[date, int]) -> str:
    """What was concluded from a client's first sales, and how to say otherwise, as a sentence."""
    if found is None:
        return (
            f"Taken for daily sales: {len(rows)} dates do not tell days from weeks or months, and more will; "
            f"if they are totals, say so with 'forecaster client update {client_id} --grain week' or month."
        )
    return (
        f"Found to be {_ADJECTIVE[found]} sales ({_description(found, rows)}): {client_id} is planned by "
        f"{found}; 'forecaster client update {client_id} --grain' changes it."
    )


_ADJECTIVE = {Grain.DAY: "daily", Grain.WEEK: "weekly", Grain.MONTH: "monthly"}


def _is_monthly(rows: Mapping[date, int], enough: int, *, is_broad: bool) -> bool:
    """At most one date a month, on a fixed day of it or, where many rows share each, on any."""
    months = {Grain.MONTH.number(day) for day in rows}
    if len(rows) * REGULAR_SHARE > len(months) or len(months) < ENOUGH_BROAD_DATES:
        return False
    fixed = max(_share(rows, lambda day: day.day), _share(rows, _days_to_the_end))
    if fixed >= REGULAR_SHARE:
        return len(rows) >= min(enough, ENOUGH_MONTHS)
    return is_broad and len(months) >= ENOUGH_MONTHS


def _days_to_the_end(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1] - day.day


def _share(rows: Mapping[date, int], feature: Callable[[date], int]) -> float:
    """Share of the dates that have the most frequent value of a feature."""
    return max(Counter(map(feature, rows)).values()) / len(rows)


def _most_in(rows: Mapping[date, int], grain: Grain) -> int:
    """The most dates in one period."""
    return max(Counter(map(grain.number, rows)).values())


def _description(found: Grain, rows: Mapping[date, int]) -> str:
    """What of the dates tells, such as ``157 dates, 156 of them Mondays``."""
    if found is Grain.DAY:
        return f"{len(rows)} dates from {min(rows)} to {max(rows)}"
    if found is Grain.MONTH:
        months = len({Grain.MONTH.number(day) for day in rows})
        return f"{len(rows)} dates in {months} months, such as {max(rows)}"
    weekday, count = Counter(day.weekday() for day in rows).most_common(1)[0]
    return f"{count} of {len(rows)} dates are {calendar.day_name[weekday]}s"
