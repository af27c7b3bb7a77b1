"""What a year of daily runs of one store takes under the default policies, from bytes that are measured.

Belongs here: a store's forecast, plan and scores by the product's stages, the bytes of their rows, the rows
that a year leaves. Does not belong here: that these are what stays (``tests/orchestration/retention``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg
from psycopg import sql

from orchestration.clients import Client, add_client, validated
from orchestration.resources import Installation
from orchestration.settings import load_settings
from orchestration.stages.dbt import build_views
from orchestration.stages.forecasting import forecasts
from orchestration.stages.inventory import inventory
from orchestration.stages.scoring import score_due_runs
from orchestration.warehouse.embedded import start_embedded, throw_away_folder
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.server import Warehouse, locate_warehouse

YEAR = 365
HISTORY = 120
MODELS = ["ma7", "seasonal_naive", "hist_q"]
"""Three, as by default; a row of Chronos-2 is as wide."""

DECIDED_A_DAY = 100
DEAD_SHARE = 0.05
"""Of a table that is thinned every night, at most, before its room is used again."""

_AS_OF = date(2026, 3, 1)
_CLIENT = "bench"


@dataclass(frozen=True)
class Kept:
    """A table at the end of the year.

    Attributes:
        table: its name.
        rows_a_day: rows that a day adds.
        days: of how many days rows are there.
        decided: rows of decided series beside these.
        bytes_a_row: measured, indexes included.
        is_thinned: whether rows go, and room is dead for a while.
    """

    table: str
    rows_a_day: float
    days: int
    decided: float
    bytes_a_row: float
    is_thinned: bool

    @property
    def rows(self) -> float:
        return self.rows_a_day * self.days + self.decided

    @property
    def gigabytes(self) -> float:
        dead = 1 / (1 - DEAD_SHARE) if self.is_thinned else 1.0
        return self.rows * self.bytes_a_row * dead / 1e9

    @property
    def unthinned_gigabytes(self) -> float:
        return self.rows_a_day * YEAR * self.bytes_a_row / 1e9


def measure(series: int, report: Callable[[str], None]) -> list[Kept]:
    """Make a store's forecast, plan and scores, and work out what a year of them leaves.

    Args:
        series: of the store.
        report: told what is going on.

    Returns:
        A table each, the largest first.
    """
    with throw_away_folder() as home:
        os.environ.update(
            {
                "DATABASE_URL": start_embedded(home / "postgres"),
                "FORECASTER_HOME": str(home),
                "DAGSTER_HOME": str(home / "dagster"),
            }
        )
        warehouse = locate_warehouse(load_settings())
        report("making tables")
        migrate(warehouse, lambda: build_views(warehouse))
        client = validated(
            client_id=_CLIENT, name="Bench", grain="day", models=MODELS, default_lead_time_days=7
        )
        add_client(warehouse, client)
        report("making demand")
        _fill(warehouse, series)
        report("forecasting and planning")
        _materialize()
        # a landed day adds to the sums of a run, and what it replaces takes room, too
        for through in (1, 7, 14, 28):
            report(f"scoring {through} days")
            _demand(warehouse, _AS_OF + timedelta(days=through))
            score_due_runs(warehouse, _CLIENT, "bench")
        return sorted(_kept(warehouse, client), key=lambda one: -one.gigabytes)


def _kept(warehouse: Warehouse, client: Client) -> list[Kept]:
    horizon = 28
    forecast_days = horizon + client.keep_forecasts_days + 1
    projection_days = horizon + client.keep_projections_days + 1
    decided_days = YEAR * DECIDED_A_DAY
    days_and_decided = {
        "analytics.forecast_results": (forecast_days, decided_days * horizon),
        "analytics.forecast_series": (forecast_days, decided_days),
        "analytics.stock_projection": (projection_days, decided_days * horizon),
        "analytics.score_sums": (min(YEAR, horizon + client.keep_item_scores_days), 0),
        "analytics.inventory_metrics": (min(YEAR, client.keep_plans_days), 0),
        "analytics.lead_time_demand": (min(YEAR, client.keep_plans_days), 0),
        "analytics.replenishment_plan": (min(YEAR, client.keep_plans_days), 0),
        **dict.fromkeys(
            (
                *("analytics.score_totals", "analytics.scorings"),
                *("analytics.forecast_runs", "analytics.inventory_runs"),
            ),
            (YEAR, 0),
        ),
    }
    found = []
    for table, (days, decided) in days_and_decided.items():
        rows, size = _measured(warehouse, table)
        found.append(Kept(table, rows, days, decided, size / rows, is_thinned=days < YEAR))
    for table in ("analytics.ts_demand_daily", "staging.stock_levels"):
        rows, size = _measured(warehouse, table)
        of_a_day = rows / (HISTORY + 28 if table == "analytics.ts_demand_daily" else 1)
        found.append(Kept(table, of_a_day, YEAR, 0, size / rows, is_thinned=False))
    return found


def _measured(warehouse: Warehouse, table: str) -> tuple[int, int]:
    """Rows of a table, and its bytes with those of its indexes and partitions."""
    with warehouse.transaction() as connection:
        ((rows,),) = connection.execute(
            sql.SQL("select count(*) from {}").format(sql.Identifier(*table.split(".")))
        ).fetchall()
        ((size,),) = connection.execute(
            "select coalesce(sum(pg_total_relation_size(relid)), pg_total_relation_size(%(table)s::regclass))"
            "::bigint from pg_partition_tree(%(table)s::regclass)",
            {"table": table},
        ).fetchall()
    return rows, size


def _fill(warehouse: Warehouse, series: int) -> None:
    """The dimensions, stock and a history of a store of random demand."""
    with warehouse.transaction() as connection:
        connection.execute(
            """
            insert into analytics.dim_item (client_id, item_id, name, category, is_described, supplier_id)
            select %s, 'FOODS_' || mod(n, 3) || '_' || lpad(n::text, 5, '0'), 'item ' || n,
                'FOODS_' || mod(n, 7), true, 'supplier ' || mod(n, 9)
            from generate_series(1, %s) as n
            """,
            (_CLIENT, series),
        )
        connection.execute(
            "insert into analytics.dim_location (client_id, location_id, name, is_described) "
            "values (%s, 'CA_1', 'CA_1', true)",
            (_CLIENT,),
        )
        first = _AS_OF - timedelta(days=HISTORY - 1)
        connection.execute(
            """
            insert into analytics.dim_series (
                client_id, item_id, location_id, listed_date, first_sale_date, history_days, demand_days
            )
            select client_id, item_id, 'CA_1', %(first)s::date, %(first)s::date, %(days)s, %(days)s
            from analytics.dim_item where client_id = %(client)s
            """,
            {"first": first, "days": HISTORY, "client": _CLIENT},
        )
        connection.execute(
            """
            insert into staging.stock_levels (client_id, item_id, location_id, date, on_hand_qty, file_id)
            select client_id, item_id, 'CA_1', %s::date, floor(random() * 12), 1
            from analytics.dim_item where client_id = %s
            """,
            (_AS_OF, _CLIENT),
        )
    _demand(warehouse, _AS_OF)


def _demand(warehouse: Warehouse, through: date) -> None:
    """The demand of every day that is not there yet, up to a day."""
    with warehouse.transaction() as connection:
        connection.execute(
            """
            insert into analytics.ts_demand_daily (
                client_id, item_id, location_id, date, demand_qty, net_sold_qty, clipped_qty, sold_qty,
                unit_price, is_promotion, is_holiday, is_closed, is_stocked_out, is_masked
            )
            select
                client_id, item_id, location_id, day::date, sold.qty, sold.qty, 0, sold.qty, 3.97, false,
                false, false, false, false
            from analytics.dim_series
            cross join generate_series(
                coalesce(
                    (select max(date) + 1 from analytics.ts_demand_daily where client_id = %(client)s),
                    listed_date
                ),
                %(through)s::date,
                interval '1 day'
            ) as day
            cross join lateral (
                select floor(-ln(1 - random()) * 1.2 + 0 * length(item_id) + 0 * extract(day from day)) as qty
            ) as sold
            where client_id = %(client)s
            """,
            {"client": _CLIENT, "through": through},
        )


def _materialize() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("clients", [_CLIENT])
        result = dg.materialize(
            [forecasts, inventory],
            instance=instance,
            partition_key=_CLIENT,
            resources={"installation": Installation()},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    if not result.success:
        raise RuntimeError("the forecast or the plan was not made")
