"""The worklist as a person works through it: the lines that are wanted, and how many there are of each kind.

Belongs here: the queries. Does not belong here: what is asked and answered (``worklist_lines``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import class_row, dict_row

from orchestration.reporting.questions import latest_worklist
from orchestration.reporting.worklist_lines import (
    LINES_OF_A_PAGE,
    NOT_NAMED,
    Change,
    Choices,
    Line,
    Proposed,
    Totals,
    Wanted,
)

Connection = psycopg.Connection[Any]

_JUDGED: LiteralString = """
    judged as materialized (
        select
            priority_rank,
            supplier_id,
            location_id,
            location_name,
            abc_xyz_class,
            urgency,
            state,
            case
                when is_new then 'new'
                when array_position(urgencies, urgency) < array_position(urgencies, earlier_urgency)
                    then 'more_urgent'
                when is_new is not null and order_qty is distinct from earlier_order_qty then 'quantity'
            end as change,
            is_new is not null as is_compared,
            action in ('order', 'decide') as is_order,
            coalesce(decided_qty, order_qty) as line_qty,
            coalesce(decided_qty * unit_cost, order_value) as line_value,
            value_at_risk,
            %(text)s = ''
            or strpos(lower(item_id), lower(%(text)s)) > 0
            or strpos(lower(coalesce(item_name, '')), lower(%(text)s)) > 0 as is_named
        from analytics.planner_worklist
        cross join (
            select array['stocked_out', 'late', 'today', 'this_week', 'planned'] as urgencies
        ) as vocabulary
        where client_id = %(client)s
    )
"""

_FILTERS: LiteralString = """
    is_named and (not %(only_changed)s or change is not null) as is_sought,
    %(supplier)s::text is null or coalesce(supplier_id, %(not_named)s) = %(supplier)s as of_supplier,
    %(location)s::text is null or location_id = %(location)s as of_location,
    %(abc_xyz)s::text is null
    or starts_with(coalesce(abc_xyz_class, %(not_named)s), %(abc_xyz)s) as of_class,
    %(urgencies)s::text[] = '{}' or urgency = any(%(urgencies)s) as of_urgency,
    %(state)s::text is null or state = %(state)s as of_state
"""

_WANTED: LiteralString = "is_sought and of_supplier and of_location and of_class and of_urgency and of_state"

_COUNTED: LiteralString = f"""
    -- lines that no filter tells apart, and there are few kinds of them, are added up first
    alike as (
        select
            supplier_id,
            location_id,
            max(location_name) as location_name,
            abc_xyz_class,
            urgency,
            state,
            is_named,
            change,
            count(*) as lines,
            count(*) filter (where is_order and line_value is null) as unpriced_lines,
            sum(line_qty) filter (where is_order) as units,
            sum(line_value) filter (where is_order) as value,
            sum(value_at_risk) as value_at_risk,
            bool_or(is_compared) as is_compared
        from judged
        group by supplier_id, location_id, abc_xyz_class, urgency, state, is_named, change
    ),

    filtered as (select alike.*, {_FILTERS} from alike),

    counted as (
        select
            grouping(supplier_id, location_id, abc_xyz_class, urgency, state) as kind,
            supplier_id,
            location_id,
            max(location_name) as location_name,
            abc_xyz_class,
            urgency,
            state,
            coalesce(sum(lines), 0) as all_lines,
            coalesce(sum(lines) filter (
                where is_sought and of_location and of_class and of_urgency and of_state
            ), 0) as but_supplier,
            coalesce(sum(lines) filter (
                where is_sought and of_supplier and of_class and of_urgency and of_state
            ), 0) as but_location,
            coalesce(sum(lines) filter (
                where is_sought and of_supplier and of_location and of_urgency and of_state
            ), 0) as but_class,
            coalesce(sum(lines) filter (
                where is_sought and of_supplier and of_location and of_class and of_state
            ), 0) as but_urgency,
            coalesce(sum(lines) filter (
                where is_sought and of_supplier and of_location and of_class and of_urgency
            ), 0) as but_state,
            coalesce(sum(lines) filter (where {_WANTED}), 0) as lines,
            coalesce(sum(lines) filter (where {_WANTED} and change is not null), 0) as changed,
            coalesce(sum(unpriced_lines) filter (where {_WANTED}), 0) as unpriced_lines,
            (sum(units) filter (where {_WANTED}))::float8 as units,
            (sum(value) filter (where {_WANTED}))::float8 as value,
            sum(value_at_risk) filter (where {_WANTED}) as value_at_risk,
            coalesce(bool_or(is_compared), false) as has_earlier
        from filtered
        group by grouping sets ((supplier_id), (location_id), (abc_xyz_class), (urgency), (state), ())
    )
"""

_COLUMNS: LiteralString = """
    run_id, as_of_date, priority_rank, line_no, urgency, action, item_id, item_name, location_id,
    location_name, supplier_id, po_ref, order_qty, order_date, receipt_date, order_value, unit_cost, moq_qty,
    order_multiple_qty, on_hand_qty, on_order_qty, lead_time_days, dir_days, stockout_date, reorder_point_qty,
    stockout_prob_lt, days_late, value_at_risk, abc_xyz_class, reason, flags, state, decision_id, decided_qty,
    decided_order_date, decided_receipt_date, decided_reason, decided_by, decided_at, snoozed_until,
    earlier_urgency, earlier_order_qty
"""


def read_worklist(connection: Connection, client_id: str, wanted: Wanted) -> tuple[list[Line], Choices]:
    """The lines of one page, in the order of the worklist, and what there is to filter by.

    The whole worklist is read once, for the counts and for the order, and only of the lines of the page more
    than that. The count of a choice heeds all filters but its own.
    """
    with connection.cursor() as cursor:
        changes, counted = cursor.execute(
            f"""
            with {_JUDGED},

            {_COUNTED},

            ranked as (
                select
                    filtered.*,
                    case when %(by_supplier)s then min(priority_rank) over (partition by supplier_id) end
                        as supplier_rank
                from (select judged.*, {_FILTERS} from judged) as filtered
                where {_WANTED}
            ),

            page as (
                select priority_rank, supplier_rank, change from ranked
                order by supplier_rank, priority_rank
                limit %(limit)s offset %(offset)s
            )

            select
                (
                    select coalesce(jsonb_agg(jsonb_build_array(priority_rank, change)
                        order by supplier_rank, priority_rank), '[]')
                    from page
                ),
                (select jsonb_agg(counted) from counted)
            """,
            {
                "client": client_id,
                "not_named": NOT_NAMED,
                "text": wanted.text,
                "supplier": wanted.supplier,
                "location": wanted.location,
                "abc_xyz": wanted.abc_xyz,
                "urgencies": list(wanted.urgencies),
                "state": wanted.state,
                "only_changed": wanted.only_changed,
                "by_supplier": wanted.by_supplier,
                "limit": LINES_OF_A_PAGE,
                "offset": (wanted.page - 1) * LINES_OF_A_PAGE,
            },
        ).fetchall()[0]
    return _lines(connection, client_id, dict(changes)), _as_choices(counted)


def _lines(connection: Connection, client_id: str, change_of: Mapping[int, Change | None]) -> list[Line]:
    """The lines of some ranks of the plan in use, in the order in which the ranks are given."""
    if not change_of:
        return []
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            f"""
            select {_COLUMNS}
            from ({latest_worklist("%(client)s")}) as latest
            where priority_rank = any(%(ranks)s)
            """,
            {"client": client_id, "ranks": list(change_of)},
        ).fetchall()
    found = {row["priority_rank"]: row for row in rows}
    return [Line(**found[rank], change=change) for rank, change in change_of.items()]


def proposed_in(
    connection: Connection, client_id: str, run_id: UUID, ranks: Sequence[int]
) -> dict[int, Proposed]:
    """The lines of some ranks of a plan, whether it is the one in use or not; those that it has."""
    with connection.cursor(row_factory=class_row(Proposed)) as cursor:
        rows = cursor.execute(
            """
            select priority_rank, item_id, location_id, line_no, action
            from analytics.replenishment_plan
            where client_id = %s and run_id = %s and priority_rank = any(%s)
            """,
            (client_id, run_id, list(ranks)),
        ).fetchall()
    return {row.priority_rank: row for row in rows}


def _totals(row: dict[str, Any]) -> Totals:
    return Totals(row["lines"], row["units"], row["value"], row["unpriced_lines"], row["value_at_risk"])


def _as_choices(rows: list[dict[str, Any]]) -> Choices:
    """The grouping sets apart."""
    rows = sorted(rows, key=_most_lines_first)
    by = {name: [row for row in rows if row["kind"] == kind] for name, kind in _KINDS.items()}
    whole = by["whole"][0] if by["whole"] else None
    return Choices(
        lines=whole["all_lines"] if whole else 0,
        wanted=_totals(whole) if whole else Totals(),
        suppliers={row["supplier_id"]: _totals(row) for row in by["supplier"] if row["lines"]},
        of_suppliers={row["supplier_id"]: row["but_supplier"] for row in by["supplier"]},
        of_locations={row["location_id"]: row["but_location"] for row in by["location"]},
        names_of_locations={row["location_id"]: row["location_name"] for row in by["location"]},
        of_classes={row["abc_xyz_class"] or NOT_NAMED: row["but_class"] for row in by["class"]},
        of_urgencies={row["urgency"]: row["but_urgency"] for row in by["urgency"]},
        of_states={row["state"]: row["but_state"] for row in by["state"]},
        changed=whole["changed"] if whole else 0,
        has_earlier=bool(whole and whole["has_earlier"]),
    )


_KINDS = {
    "supplier": 0b01111,
    "location": 0b10111,
    "class": 0b11011,
    "urgency": 0b11101,
    "state": 0b11110,
    "whole": 0b11111,
}
"""``grouping(...)`` of each set: a bit is 0 where the rows are of one value of that column."""


def _most_lines_first(row: dict[str, Any]) -> tuple[int, str, str]:
    return -row["all_lines"], row["supplier_id"] or "", row["location_name"] or ""
