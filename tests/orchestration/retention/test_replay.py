"""A year of nights of a small client at once: what it takes stays what it was, and no figure changes.

Runs are copies of one that the product made, each a day later; scores, decisions and retention are the
product's own.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import Table

from orchestration.clients import add_client, validated
from orchestration.retention.retain import make_reusable, retain
from orchestration.stages.forecasting import forecasts
from orchestration.stages.inventory import inventory
from orchestration.stages.scoring import score_due_runs
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics
from orchestration.warehouse.tables.analytics import PARTITIONED
from orchestration.warehouse.tenancy import partition_name
from tests.orchestration.api.shops import LAST_DAY, add_history, materialize
from tests.orchestration.retention.stores import HORIZON, ITEMS, RUN_TABLES, Rows, Store

DECIDED = "salt"
"""The item that somebody decides about now and then."""


@dataclass(frozen=True)
class Scale:
    """How long a replay is.

    Attributes:
        nights: in all.
        between_looks: nights from one look to the next, a multiple of ``TWICE``.
        kept_days: the client's policies.
    """

    nights: int
    between_looks: int
    kept_days: dict[str, int]

    @property
    def steady_after(self) -> int:
        """Nights after which whatever goes has begun to go."""
        return max(self.kept_days.values()) + HORIZON + 2


def kept(short: int, long: int) -> dict[str, int]:
    """Policies: of what goes early, and of what goes late."""
    late = ("keep_plans_days", "keep_item_scores_days", "keep_delivery_details_days", "keep_requests_days")
    return {
        "keep_forecasts_days": short + 2,
        "keep_superseded_days": short + 1,
        "keep_projections_days": short,
        **dict.fromkeys(late, long),
    }


A_MONTH = Scale(nights=28, between_looks=4, kept_days=kept(short=1, long=6))
OVER_A_YEAR = Scale(nights=400, between_looks=20, kept_days=kept(short=5, long=30))

TWICE = 4
"""Every so many nights the runs are made a second time."""

DETAILS = ("ops.rejected_rows", "ops.run_requests")
OF_FORECASTS = (analytics.forecast_runs, analytics.forecast_series, analytics.forecast_results)
OF_PLANS = (
    analytics.inventory_runs,
    analytics.inventory_metrics,
    analytics.replenishment_plan,
    analytics.lead_time_demand,
    analytics.stock_projection,
    analytics.plan_inputs,
)


@dataclass
class Replay:
    """A client night after night.

    Attributes:
        store: the client.
        made: by table the rows of a forecast and a plan of the product, of which the others are copies.
        night: nights so far.
    """

    store: Store
    made: Mapping[Table, Rows]
    night: int = 0

    @property
    def last_day(self) -> date:
        return LAST_DAY + timedelta(days=self.night)

    def step(self) -> None:
        """A night: a day of demand, a file, a forecast and a plan; then scores."""
        self.night += 1
        with self.store.warehouse.transaction() as connection:
            self._deliver(connection)
            for number in range(2 if self.night % TWICE == 0 else 1):
                self._publish(connection, number)
        score_due_runs(self.store.warehouse, self.store.client_id, "replay")

    def rows(self) -> dict[str, int]:
        """Rows of what is thinned, but for the item that is decided about."""
        with self.store.warehouse.transaction() as connection:
            counted = {
                table: connection.execute(
                    sql.SQL("select count(*) from {} where client_id = %s and item_id <> %s").format(
                        sql.Identifier(*table.split("."))
                    ),
                    (self.store.client_id, DECIDED),
                ).fetchall()[0][0]
                for table in RUN_TABLES
            }
            for table in DETAILS:
                [(counted[table],)] = connection.execute(
                    sql.SQL("select count(*) from {} where client_id = %s").format(
                        sql.Identifier(*table.split("."))
                    ),
                    (self.store.client_id,),
                ).fetchall()
        return counted

    def size_bytes(self) -> int:
        """Of the client's own partitions of tables that are thinned, with their indexes."""
        partitions = [
            f"{table.schema}.{partition_name(table.name, self.store.client_id)}" for table in PARTITIONED[1:]
        ]
        [(size,)] = self.store.rows(
            "select sum(pg_total_relation_size(name::regclass))::bigint from unnest(%s::text[]) as name",
            partitions,
        )
        return int(size)

    def _deliver(self, connection: psycopg.Connection[Any]) -> None:
        values = {"c": self.store.client_id, "day": self.last_day}
        connection.execute(
            """
            insert into analytics.ts_demand_daily (
                client_id, item_id, location_id, date, demand_qty, net_sold_qty, clipped_qty, is_promotion,
                is_holiday, is_closed, is_stocked_out, is_masked
            )
            select
                client_id, item_id, location_id, %(day)s::date, sold.qty, sold.qty, 0, false, false, false,
                false, false
            from analytics.dim_series
            cross join lateral (select 3 + mod(abs(hashtext(item_id || %(day)s::date)), 7) as qty) as sold
            where client_id = %(c)s
            """,
            values,
        )
        connection.execute(
            "update analytics.dim_series set history_days = history_days + 1 where client_id = %(c)s", values
        )
        connection.execute(
            """
            with file as (
                insert into ops.landing_files (
                    client_id, path, sha256, size_bytes, kind, status, config_digest, rows_read,
                    rows_rejected, first_date, last_date, received_at
                )
                values (%(c)s, %(day)s::date || '.csv', %(day)s::date::text, 9, 'sales', 'loaded', 'none', 9,
                    3, %(day)s, %(day)s, %(day)s::date + 1)
                returning client_id, file_id
            )
            insert into ops.rejected_rows (client_id, file_id, line_number, reason, message)
            select client_id, file_id, line, 'bad_number', 'It is no number.'
            from file cross join generate_series(2, 4) as line
            """,
            values,
        )
        connection.execute(
            """
            insert into ops.run_requests (client_id, job, asked_by, asked_at, state, ended_at)
            values (%(c)s, 'forecast', 'anna', %(day)s::date + 1, 'succeeded', %(day)s::date + 1)
            """,
            values,
        )

    def _publish(self, connection: psycopg.Connection[Any], number: int) -> None:
        """Copy the product's runs; the second of a night takes the place of the first."""
        for table in (analytics.forecast_runs, analytics.inventory_runs):
            connection.execute(
                sql.SQL("update {} set is_current = false where client_id = %s and as_of_date = %s").format(
                    sql.Identifier("analytics", table.name)
                ),
                (self.store.client_id, self.last_day),
            )
        forecast_run, plan_run = str(uuid.uuid4()), str(uuid.uuid4())
        at = {
            "as_of_date": str(self.last_day),
            "published_at": f"{self.last_day + timedelta(days=1)} 0{number}:00Z",
            "is_current": True,
        }
        for table in OF_FORECASTS:
            self._insert(connection, table, {"run_id": forecast_run, **at})
        # the decisions of the first night are no news to any later plan
        changes = {
            "run_id": plan_run,
            "forecast_run_id": forecast_run,
            "decisions_read_at": "2100-01-01",
            **at,
        }
        for table in OF_PLANS:
            self._insert(connection, table, changes)

    def _insert(self, connection: psycopg.Connection[Any], table: Table, changes: Mapping[str, Any]) -> None:
        """The product's rows of a table again, with other values, and so many nights later."""
        columns = sql.SQL(", ").join(
            sql.Identifier(column.name) for column in table.columns if column.computed is None
        )
        rows = [
            {**row, **changes, **({"date": self._shifted(row["date"])} if "date" in row else {})}
            for (row,) in self.made[table]
        ]
        connection.execute(
            sql.SQL(
                "insert into {table} ({columns}) "
                "select {columns} from jsonb_populate_recordset(null::{table}, %s)"
            ).format(table=sql.Identifier("analytics", table.name), columns=columns),
            (Jsonb(rows),),
        )

    def _shifted(self, day: str) -> str:
        return str(date.fromisoformat(day) + timedelta(days=self.night))


def begin(warehouse: Warehouse, client_id: str, kept_days: dict[str, int]) -> Replay:
    """A client with one forecast and one plan of the product's."""
    client = validated(
        client_id=client_id,
        name=client_id,
        grain="day",
        models=["ma7"],
        horizon_days=HORIZON,
        default_lead_time_days=5,
        **kept_days,
    )
    add_client(warehouse, client)
    add_history(warehouse, client_id, ITEMS)
    store = Store(warehouse, client_id)
    materialize(client_id, None, forecasts, inventory)
    with warehouse.transaction() as connection:
        for table in ("forecast_runs", "inventory_runs"):
            connection.execute(
                sql.SQL("update {} set published_at = %s where client_id = %s").format(
                    sql.Identifier("analytics", table)
                ),
                (LAST_DAY + timedelta(days=1), client_id),
            )
        connection.execute(
            "update ops.landing_files set received_at = %s where client_id = %s", (LAST_DAY, client_id)
        )
        made = {
            table: connection.execute(
                sql.SQL("select to_jsonb(made) from {} as made where client_id = %s").format(
                    sql.Identifier("analytics", table.name)
                ),
                (client_id,),
            ).fetchall()
            for table in (*OF_FORECASTS, *OF_PLANS)
        }
    return Replay(store, made)


@pytest.mark.parametrize(
    "scale",
    [
        pytest.param(A_MONTH, id="a month"),
        pytest.param(OVER_A_YEAR, id="over a year", marks=pytest.mark.slow),
    ],
)
def test_what_a_client_takes_stays_what_it_was_and_no_figure_changes(
    scale: Scale, warehouse: Warehouse
) -> None:
    replay = begin(warehouse, f"replay_{scale.nights}", scale.kept_days)
    store = replay.store
    store.decide(DECIDED, "approve")
    store.export()
    ordered = store.record_behind(DECIDED)
    rows, sizes = [], []
    figures: dict[Any, Any] = {}
    for night in range(1, scale.nights + 1):
        replay.step()
        is_looked_at = night % scale.between_looks == 0
        if is_looked_at:
            store.decide(DECIDED, "reject", reason="not now")
            record, totals = store.record_behind(DECIDED), totals_of(store)
            assert figures.items() <= totals.items()
        done = retain(warehouse, store.client, today=replay.last_day + timedelta(days=1))
        make_reusable(warehouse, [done])
        if is_looked_at:
            figures = totals_of(store)
            assert figures == totals
            assert store.record_behind(DECIDED) == record
            if night > scale.steady_after:
                rows.append(replay.rows())
                sizes.append(replay.size_bytes())

    assert len(rows) > 2
    assert [counted for counted in rows if counted != rows[0]] == []
    assert all(rows[0].values()), rows[0]
    # the records of decisions are in these, and stay; without retention it would be near to twice as much
    assert sizes[-1] <= 1.2 * sizes[len(sizes) // 2], sizes
    assert {*ordered} <= {*store.record_behind(DECIDED)}
    assert len({run for run, *_ in figures}) > scale.nights - HORIZON
    runs = store.rows(
        "select count(distinct run_id) from analytics.forecast_runs where client_id = %s", store.client_id
    )
    assert runs == [(1 + scale.nights + scale.nights // TWICE,)]


def totals_of(store: Store) -> dict[Any, Any]:
    """The figures of whole horizons, which are kept for ever: (run, ...) -> the sums."""
    return {
        tuple(key): total
        for *key, total in store.rows(
            "select run_id, model, grain, grain_key, lag_bucket, total::text "
            "from analytics.score_totals as total "
            "inner join analytics.scorings as scoring using (client_id, run_id, model) "
            "where client_id = %s and scoring.actuals_through >= scoring.as_of_date + %s",
            *(store.client_id, HORIZON),
        )
    }
