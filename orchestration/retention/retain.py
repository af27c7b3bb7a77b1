"""Retention of one client: everything that is past its use by the client's policies goes.

One thing after the other, each in a transaction of its own: whatever stops it, what went is recorded and
marked, and the next retention goes on with the rest.

Belongs here: the order, what came of it, and making the space reusable. Does not belong here: what goes
(``forecasts``, ``plans``, ``backtests``, ``records``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from psycopg import sql

from orchestration.registry import Client
from orchestration.retention.backtests import backtest_details
from orchestration.retention.forecasts import forecast_runs, item_scores
from orchestration.retention.plans import plans
from orchestration.retention.records import delivery_details, requests
from orchestration.retention.thinning import Connection, Judged, Rows, Thinning, carry_out, foresee
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables.analytics import PARTITIONED
from orchestration.warehouse.tenancy import partition_name

_DEAD_SHARE = 0.05
"""Share of dead rows from which a table's space is made reusable at once; autovacuum waits for a fifth."""


@dataclass
class Went:
    """What went of one kind by one policy, or would.

    Attributes:
        what: which kind of things.
        policy: the client's field.
        days: its value.
        things: how many.
        rows: their rows.
    """

    what: str
    policy: str
    days: int
    things: int = 0
    rows: Rows = field(default_factory=Rows)


@dataclass(frozen=True)
class Retained:
    """What came of a client's retention.

    Attributes:
        client_id: whose.
        went: what went, or would.
        stays: (kind, why) -> how many things stay whole.
    """

    client_id: str
    went: Sequence[Went]
    stays: Mapping[tuple[str, str], int]

    @property
    def rows_by_table(self) -> Counter[str]:
        return sum((one.rows.gone for one in self.went), Counter())


def retain(
    warehouse: Warehouse,
    client: Client,
    *,
    today: date | None = None,
    is_dry: bool = False,
    dagster_run_id: str | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Retained:
    """Thin what is past its use of one client.

    Args:
        warehouse: where.
        client: whose rows, by its policies.
        today: the present day in its time zone where it is another.
        is_dry: change nothing; say what would go.
        dagster_run_id: recorded in the audit log.
        on_progress: told what is thinned.

    Raises:
        NoSuchLockError: the client was removed meanwhile.
        LockedError: a load, a publication or a scoring of the client did not end.
    """
    day = today or client.today().date()
    went: dict[tuple[str, str], Went] = {}
    stays: Counter[tuple[str, str]] = Counter()
    for judge in _KINDS:
        with warehouse.transaction() as connection:
            judged = judge(connection, client, day)
            foreseen = [
                foresee(connection, thinning) if is_dry else None
                for kind in judged
                for thinning in kind.thinnings
            ]
        for thinning, would_go in zip(
            (thinning for kind in judged for thinning in kind.thinnings), foreseen, strict=True
        ):
            on_progress(thinning.subject)
            rows = would_go if would_go is not None else carry_out(warehouse, thinning, dagster_run_id)
            _add(went, thinning, rows)
        stays.update((kind.what, why) for kind in judged for why in kind.stays)
    return Retained(client.client_id, list(went.values()), stays)


def make_reusable(warehouse: Warehouse, outcomes: Iterable[Retained]) -> list[str]:
    """Have the space of rows that went used again by those that come; returns the tables it was worth for.

    PostgreSQL's autovacuum does the same once a fifth of a table is dead, which is weeks of the largest ones.
    """
    partitioned = {str(table): table.name for table in PARTITIONED}
    thinned = sorted(
        {
            f"{table.split('.')[0]}.{partition_name(partitioned[table], outcome.client_id)}"
            if table in partitioned
            else table
            for outcome in outcomes
            for table, rows in outcome.rows_by_table.items()
            if rows
        }
    )
    with warehouse.connect_pipeline() as connection:
        found = connection.execute(
            """
            select schemaname, relname
            from pg_stat_user_tables
            where schemaname || '.' || relname = any(%s) and n_dead_tup >= %s * (n_live_tup + n_dead_tup)
            order by 1, 2
            """,
            (thinned, _DEAD_SHARE),
        ).fetchall()
        for schema, table in found:
            connection.execute(sql.SQL("vacuum {}").format(sql.Identifier(schema, table)))
    return [f"{schema}.{table}" for schema, table in found]


def _add(went: dict[tuple[str, str], Went], thinning: Thinning, rows: Rows) -> None:
    one = went.setdefault(
        (thinning.what, thinning.policy), Went(thinning.what, thinning.policy, thinning.days)
    )
    one.things += 1
    one.rows += rows


def _forecasts(connection: Connection, client: Client, today: date) -> list[Judged]:
    return [forecast_runs(connection, client, today)]


def _records(connection: Connection, client: Client, today: date) -> list[Judged]:
    kinds = (item_scores, backtest_details, delivery_details, requests)
    return [judge(connection, client, today) for judge in kinds]


_KINDS: Sequence[Callable[[Connection, Client, date], list[Judged]]] = (_records, _forecasts, plans)
"""The forecasts after the scores by item, which go once their forecast has: one says so before it does."""
