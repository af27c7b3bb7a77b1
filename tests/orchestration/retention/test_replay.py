"""A year of nights of a small client at once: what it takes stays what it was, and no figure changes.

Runs are copies of one that the product made, each a day later; scores, decisions and retention are the
product's own.
"""

from __future__ import annotations

import uuid
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
from tests.orchestration.retention.stores import HORIZON, ITEMS, RUN_TABLES, Store

DECIDED = "salt"
"""The item that somebody decides about now and then; the others are decided about in the first plan alone."""


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
)


@dataclass
class Replay:
    """A client night after night.

    Attributes:
        store: the client.
        forecast_run: the product's forecast, of which the others are copies.
        plan_run: the product's plan.
        night: nights so far.
    """

    store: Store
    forecast_run: uuid.UUID
    plan_run: uuid.UUID
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
        """Rows of what is thinned, but for the first run and the item that is decided about."""
        values = (self.store.client_id, DECIDED, self.forecast_run, self.plan_run)
        with self.store.warehouse.transaction() as connection:
            counted = {
                table: connection.execute(
                    sql.SQL(
                        "select count(*) from {} "
                        "where client_id = %s and item_id <> %s and run_id not in (%s, %s)"
                    ).format(sql.Identifier(*table.split("."))),
                    values,
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
            # those that are copied may have been thinned, but for the rows of the decisions
            "thinned_at": None,
            "projection_thinned_at": None,
        }
        for table in OF_FORECASTS:
            self._copy(connection, table, self.forecast_run, {"run_id": forecast_run, **at})
        # the decisions of the first night are no news to any later plan
        changes = {"run_id": plan_run, "forecast_run_id": forecast_run, **at}
        changes["decisions_read_at"] = "2100-01-01"
        for table in OF_PLANS:
            self._copy(connection, table, self.plan_run, changes)

    def _copy(
        self, connection: psycopg.Connection[Any], table: Table, run: uuid.UUID, changes: dict[str, Any]
    ) -> None:
        columns = [column.name for column in table.columns if column.computed is None]
        shifted = (
            sql.SQL("|| jsonb_build_object('date', original.date + {})").format(sql.Literal(self.night))
            if "date" in columns
            else sql.SQL("")
        )
        connection.execute(
            sql.SQL(
                """
                insert into {table} ({columns})
                select {columns}
                from (
                    select (
                        jsonb_populate_record(null::{table}, to_jsonb(original) || {changes} {shifted})
                    ).*
                    from {table} as original
                    where original.client_id = {client} and original.run_id = {run}
                ) as copied
                """
            ).format(
                table=sql.Identifier("analytics", table.name),
                columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                changes=sql.Literal(Jsonb(changes)),
                shifted=shifted,
                client=sql.Literal(self.store.client_id),
                run=sql.Literal(run),
            )
        )


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
    [(forecast_run, plan_run)] = store.rows(
        "select forecast_run_id, run_id from analytics.inventory_runs where client_id = %s", client_id
    )
    # the rows that are copied must outlive every retention: they are the record of a decision about each item
    for item in ITEMS:
        store.decide(item, "approve")
    store.export()
    return Replay(store, forecast_run, plan_run)


@pytest.mark.parametrize("scale", [A_MONTH, pytest.param(OVER_A_YEAR, marks=pytest.mark.slow)])
def test_what_a_client_takes_stays_what_it_was_and_no_figure_changes(
    scale: Scale, warehouse: Warehouse
) -> None:
    replay = begin(warehouse, f"replay_{scale.nights}", scale.kept_days)
    store = replay.store
    of_first_plan = [row for item in ITEMS for row in store.record_behind(item)]
    rows, sizes, figures = [], [], {}
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
    assert sizes[-1] <= 1.25 * sizes[0], sizes
    assert {*of_first_plan} <= {row for item in ITEMS for row in store.record_behind(item)}
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
