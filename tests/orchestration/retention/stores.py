"""A client whose runs the product made and people decided on, as old as a test wants them.

Belongs here: making runs, ageing them, reading what is there. Does not belong here: what becomes of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString

from psycopg import sql

from orchestration.clients import Client, add_client, get_client, update_client, validated
from orchestration.planning.decisions import Choice, decide
from orchestration.planning.orders import export
from orchestration.stages.forecasting import forecasts
from orchestration.stages.inventory import inventory
from orchestration.stages.quality import forecast_quality
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics
from tests.orchestration.api.shops import LAST_DAY, add_history, as_writer, materialize

ITEMS = ("tea", "salt", "rice", "soap")
HORIZON = 3

RUN_TABLES = (
    "analytics.forecast_results",
    "analytics.forecast_series",
    "analytics.stock_projection",
    "analytics.replenishment_plan",
    "analytics.lead_time_demand",
    "analytics.inventory_metrics",
    "analytics.plan_inputs",
    "analytics.score_sums",
)

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Store:
    """A client of a test.

    Attributes:
        warehouse: where.
        client_id: whose.
    """

    warehouse: Warehouse
    client_id: str

    def rows(self, query: LiteralString, *values: Any) -> Rows:
        with self.warehouse.transaction() as connection:
            return connection.execute(query, values).fetchall()

    def run(self, as_of: date) -> None:
        """Score, forecast and plan as of a day, with the product's stages."""
        materialize(self.client_id, as_of, forecast_quality, forecasts, inventory)

    def decide(self, item: str, decision: str, **chosen: Any) -> None:
        """Decide about the first line of an item in the latest plan."""
        with as_writer(self.warehouse, self.client_id) as connection:
            found = connection.execute(
                """
                select run_id, item_id, location_id, line_no from analytics.planner_worklist
                where item_id = %s order by line_no limit 1
                """,
                (item,),
            ).fetchone()
            assert found is not None
            run_id, item_id, location_id, line_no = found
            choice = Choice(run_id, item_id, location_id, line_no, decision, **chosen)
            decide(connection, self.client_id, [choice], "anna")

    def export(self) -> None:
        with as_writer(self.warehouse, self.client_id) as connection:
            assert export(connection, self.client_id, "anna")

    def age(self, days: int) -> None:
        """Let everything have been published so many days earlier."""
        with self.warehouse.transaction() as connection:
            for table in ("forecast_runs", "inventory_runs"):
                connection.execute(
                    sql.SQL(
                        "update {} set published_at = published_at - make_interval(days => {}) "
                        "where client_id = {}"
                    ).format(
                        sql.Identifier("analytics", table), sql.Literal(days), sql.Literal(self.client_id)
                    )
                )

    def counts(self) -> dict[str, int]:
        """Rows of every table of runs."""
        with self.warehouse.transaction() as connection:
            return {
                table: connection.execute(
                    sql.SQL("select count(*) from {} where client_id = {}").format(
                        sql.Identifier(*table.split(".")), sql.Literal(self.client_id)
                    )
                ).fetchall()[0][0]
                for table in RUN_TABLES
            }

    def everything(self) -> Mapping[str, Rows]:
        """All rows of the client in the tables of runs and scores, and its entries in the audit log."""
        names = (*RUN_TABLES, *map(str, (analytics.forecast_runs, analytics.inventory_runs)))
        names = (*names, *map(str, (analytics.scorings, analytics.score_totals)), "ops.audit_log")
        with self.warehouse.transaction() as connection:
            return {
                name: connection.execute(
                    sql.SQL("select found::text from {} as found where client_id = {} order by 1").format(
                        sql.Identifier(*name.split(".")), sql.Literal(self.client_id)
                    )
                ).fetchall()
                for name in names
            }

    def accuracy(self) -> Rows:
        """Every figure of accuracy, by whatever people read it."""
        return self.rows(
            "select 'quality', quality::text from analytics.forecast_quality as quality where client_id = %s "
            "union all "
            "select 'model', model::text from analytics.model_accuracy as model where client_id = %s "
            "union all "
            "select 'accuracy', (to_jsonb(one) - 'thinned_at')::text from analytics.forecast_accuracy as one "
            "where client_id = %s order by 1, 2",
            *[self.client_id] * 3,
        )

    def record_behind(self, item: str) -> Rows:
        """Everything computed for an item in plans that were decided on, the forecast beneath, too."""
        query: LiteralString = """
            with decided as (
                select plan.run_id, plan.forecast_run_id, plan.forecast_model
                from analytics.inventory_runs as plan
                inner join analytics.plan_decisions as decision using (client_id, run_id)
                where client_id = %(c)s and decision.item_id = %(i)s
            )

            select 'forecast', one::text from analytics.forecast_results as one
            inner join decided on decided.forecast_run_id = one.run_id and decided.forecast_model = one.model
            where client_id = %(c)s and item_id = %(i)s
            union all
            select 'series', one::text from analytics.forecast_series as one
            inner join decided on decided.forecast_run_id = one.run_id and decided.forecast_model = one.model
            where client_id = %(c)s and item_id = %(i)s
            union all
            select 'metrics', one::text from analytics.inventory_metrics as one
            inner join decided using (run_id) where client_id = %(c)s and item_id = %(i)s
            union all
            select 'plan', one::text from analytics.replenishment_plan as one
            inner join decided using (run_id) where client_id = %(c)s and item_id = %(i)s
            union all
            select 'demand', one::text from analytics.lead_time_demand as one
            inner join decided using (run_id) where client_id = %(c)s and item_id = %(i)s
            union all
            select 'projection', one::text from analytics.stock_projection as one
            inner join decided using (run_id) where client_id = %(c)s and item_id = %(i)s
            order by 1, 2
            """
        with self.warehouse.transaction() as connection:
            return connection.execute(query, {"c": self.client_id, "i": item}).fetchall()

    @property
    def client(self) -> Client:
        return get_client(self.warehouse, self.client_id)


def open_store(warehouse: Warehouse, client_id: str, **fields: Any) -> Store:
    """A client with forecasts and plans as of five days, the first of them decided on.

    As of three weeks ago: an order for tea left and salt was rejected. As of two weeks ago: two, of which one
    took the place of the other. Of the last week: one as of each end of it.
    """
    chosen = {"keep_forecasts_days": 28, "keep_plans_days": 60, "keep_item_scores_days": 40, **fields}
    client = validated(
        client_id=client_id,
        name=client_id,
        grain="day",
        models=["ma7", "seasonal_naive"],
        horizon_days=HORIZON,
        default_lead_time_days=5,
        review_days=7,
        **chosen,
    )
    add_client(warehouse, client)
    add_history(warehouse, client_id, ITEMS)
    store = Store(warehouse, client_id)
    with warehouse.transaction() as connection:
        connection.execute(
            """
            insert into staging.stock_levels (client_id, item_id, location_id, date, on_hand_qty, file_id)
            select client_id, item_id, location_id, date - 60, on_hand_qty, file_id
            from staging.stock_levels where client_id = %s
            """,
            (client_id,),
        )
    store.run(LAST_DAY - timedelta(days=21))
    store.decide("tea", "approve")
    store.export()
    store.decide("salt", "reject", reason="not in season")
    store.run(LAST_DAY - timedelta(days=14))
    update_client(warehouse, client_id, models=["seasonal_naive", "ma7"])
    store.run(LAST_DAY - timedelta(days=14))
    store.run(LAST_DAY - timedelta(days=7))
    store.run(LAST_DAY)
    return store


def copied_store(made: Store, client_id: str) -> Store:
    """Another client with the same rows, the record of deeds apart."""
    add_client(made.warehouse, made.client.model_copy(update={"client_id": client_id, "name": client_id}))
    with made.warehouse.transaction() as connection:
        for schema, name, columns in connection.execute(_COPIED_TABLES).fetchall():
            table = sql.Identifier(schema, name)
            others = sql.SQL(", ").join(map(sql.Identifier, columns))
            connection.execute(sql.SQL("delete from {} where client_id = %s").format(table), (client_id,))
            connection.execute(
                sql.SQL(
                    "insert into {0} (client_id, {1}) overriding system value "
                    "select %s, {1} from {0} where client_id = %s"
                ).format(table, others),
                (client_id, made.client_id),
            )
    return Store(made.warehouse, client_id)


_COPIED_TABLES: LiteralString = """
    select
        namespace.nspname,
        one.relname,
        (
            select array_agg(attname::text order by attnum)
            from pg_attribute
            where
                attrelid = one.oid and attnum > 0 and not attisdropped
                and attgenerated = '' and attname <> 'client_id'
        )
    from pg_class as one
    inner join pg_namespace as namespace on namespace.oid = one.relnamespace
    inner join pg_attribute as owner on owner.attrelid = one.oid and owner.attname = 'client_id'
    where
        namespace.nspname in ('ops', 'staging', 'analytics')
        and one.relkind in ('r', 'p')
        and not one.relispartition
        and not (namespace.nspname, one.relname) in (
            ('ops', 'clients'), ('ops', 'audit_log'), ('ops', 'security_events'), ('analytics', 'dim_client')
        )
    order by 1, 2
"""


def today() -> date:
    return datetime.now(UTC).date()
