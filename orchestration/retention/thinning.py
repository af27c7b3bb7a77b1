"""One thing that is thinned: its rows go, it is marked, and the deed is recorded, all in one transaction.

Belongs here: the transaction, and what it would do where nothing is to be done. Does not belong here: what is
thinned and why (``forecasts``, ``plans``, ``records``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from sqlalchemy import Table

from orchestration import audit
from orchestration.warehouse.locks import OF_A_CLIENT, Purpose, lock_transaction
from orchestration.warehouse.server import Warehouse

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Part:
    """Rows of one table that belong to the thing.

    Attributes:
        table: where they are.
        which: condition that all of them meet, over ``thinned``, the table.
        but: condition of those that stay; None where none does.
    """

    table: Table
    which: LiteralString
    but: LiteralString | None = None


@dataclass(frozen=True)
class Thinning:
    """One thing to thin.

    Attributes:
        client_id: whose it is.
        what: what kind of thing, as people call several of it.
        subject: which one, as in the audit log.
        policy: the client's field by which it goes.
        days: that field's value.
        parts: its rows.
        mark: statement that marks it as thinned and changes no row where it was already; None where nothing
            is left of the thing.
        values: of ``mark`` and of the conditions.
        purposes: what nobody else may do meanwhile.
        details: recorded with it.
    """

    client_id: str
    what: str
    subject: str
    policy: str
    days: int
    parts: Sequence[Part]
    mark: LiteralString | None
    values: Mapping[str, Any]
    purposes: Sequence[Purpose]
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """What becomes of the runs of one kind.

    Attributes:
        what: what they are, in the plural.
        thinnings: what goes.
        stays: why each that stays does.
    """

    what: str
    thinnings: Sequence[Thinning]
    stays: Sequence[str]


@dataclass(frozen=True)
class Rows:
    """Rows by table.

    Attributes:
        gone: rows that went, or would.
        stay: rows of the same things that stay, since something was decided about them.
    """

    gone: Counter[str] = field(default_factory=Counter)
    stay: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Rows) -> Rows:
        return Rows(self.gone + other.gone, self.stay + other.stay)


def foresee(connection: Connection, thinning: Thinning) -> Rows:
    """What :func:`carry_out` would do."""
    rows = Rows()
    for part in thinning.parts:
        name = str(part.table)
        rows.gone[name] = _counted(connection, part, thinning, _going(part))
        rows.stay[name] = _stay(connection, part, thinning)
    return rows


def carry_out(warehouse: Warehouse, thinning: Thinning, dagster_run_id: str | None) -> Rows:
    """Thin one thing in a transaction of its own; nothing where it was thinned meanwhile.

    Raises:
        NoSuchLockError: the client was removed meanwhile.
        LockedError: something that must not go on beside it does, and did not end.
    """
    with warehouse.transaction() as connection:
        # in the order in which a client's removal takes them: two never wait for each other
        for purpose in sorted(thinning.purposes, key=OF_A_CLIENT.index):
            lock_transaction(connection, purpose, thinning.client_id)
        if thinning.mark is not None and not connection.execute(thinning.mark, thinning.values).rowcount:
            return Rows()
        rows = Rows()
        for part in thinning.parts:
            rows.gone[str(part.table)] = connection.execute(
                sql.SQL("delete from {} as thinned where {}").format(_name(part), _going(part)),
                thinning.values,
            ).rowcount
            rows.stay[str(part.table)] = _stay(connection, part, thinning)
        gone = sum(rows.gone.values())
        if thinning.mark is None and not gone:
            return Rows()
        audit.record(
            connection,
            "thin",
            thinning.subject,
            client_id=thinning.client_id,
            run_id=dagster_run_id,
            row_count=gone,
            policy=thinning.policy,
            days=thinning.days,
            rows_by_table=dict(+rows.gone),
            rows_kept_by_table=dict(+rows.stay),
            **thinning.details,
        )
        return rows


def _going(part: Part) -> sql.Composable:
    if part.but is None:
        return sql.SQL(part.which)
    return sql.SQL("({}) and not ({})").format(sql.SQL(part.which), sql.SQL(part.but))


def _stay(connection: Connection, part: Part, thinning: Thinning) -> int:
    if part.but is None:
        return 0
    condition = sql.SQL("({}) and ({})").format(sql.SQL(part.which), sql.SQL(part.but))
    return _counted(connection, part, thinning, condition)


def _counted(connection: Connection, part: Part, thinning: Thinning, condition: sql.Composable) -> int:
    row = connection.execute(
        sql.SQL("select count(*) from {} as thinned where {}").format(_name(part), condition),
        thinning.values,
    ).fetchone()
    return int(row[0]) if row else 0


def _name(part: Part) -> sql.Identifier:
    return sql.Identifier(str(part.table.schema), part.table.name)
