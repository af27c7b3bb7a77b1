"""What a year of daily runs of one store takes under the default policies, from one night that is measured.

Belongs here: a store's night by the product's jobs, the bytes of its rows, the nights that a year leaves.
Does not belong here: that these are what stays (``tests/orchestration/retention``).

The year itself is computed. Rows are counted in the night's tables; their bytes are those of the rewritten
table and of the indexes as the work left them, after 28 days of scores that came one by one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, LiteralString

import dagster as dg
import numpy as np
import polars as pl
import psycopg
from psycopg import sql
from sqlalchemy import Table as SqlTable

from orchestration.clients import Client, add_client, sync_partitions, validated
from orchestration.running.instance import open_instance
from orchestration.running.runs import find_job, output_sent_to, run_job
from orchestration.settings import load_settings
from orchestration.stages.scoring import score_due_runs
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics, metadata, staging
from tests.bench.installation import land, thrown_away
from tests.bench.m5_files import LAST_DAY, files_of_m5

YEAR = 365
HORIZON = 28
DECIDED_A_DAY = 100
"""Lines about which people decide every day; the record behind each is kept."""

VACUUMED_AT = 0.05
"""Share of dead rows in a table that loses rows every night (``orchestration.retention.retain``)."""

AUTOVACUUMED_AT = 0.2 / 1.2
"""The same of the other tables: PostgreSQL waits for a fifth of the live rows."""

_AS_OF = LAST_DAY - timedelta(days=HORIZON)
_CLIENT = "bench"


@dataclass(frozen=True)
class Rule:
    """What a year leaves of a table.

    Attributes:
        nights: of how many nights rows are there.
        decided: nights as which the rows of decided series count beside these.
        dead: share of dead rows at most.
        unthinned_nights: of how many nights rows would be there without retention.
    """

    nights: float
    decided: float = 0
    dead: float = 0
    unthinned_nights: float = YEAR


@dataclass(frozen=True)
class Kept:
    """A table at the end of the year.

    Attributes:
        table: its name.
        rows_a_night: rows that a night adds.
        bytes_a_row: measured, indexes included.
        rule: which nights are there.
    """

    table: str
    rows_a_night: float
    bytes_a_row: float
    rule: Rule

    @property
    def rows(self) -> float:
        return self.rows_a_night * (self.rule.nights + self.rule.decided)

    @property
    def gigabytes(self) -> float:
        return self.rows * self.bytes_a_row / (1 - self.rule.dead) / 1e9

    @property
    def unthinned_gigabytes(self) -> float:
        return self.rows_a_night * self.rule.unthinned_nights * self.bytes_a_row / 1e9


def measure(data: Path | None, series: int, days: int, report: Callable[[str], None]) -> list[Kept]:
    """Run one night of a store and work out what a year of them leaves.

    Args:
        data: folder with a ``sales_train*`` of M5 and its ``calendar.csv``; None generates them.
        series: to generate.
        days: to generate.
        report: told what is going on.

    Returns:
        A table each, the largest first; Dagster's tables are one.
    """
    with thrown_away(report) as installation:
        home, warehouse = installation.home, installation.warehouse
        os.environ.update({"DAGSTER_HOME": str(home / "dagster"), "HF_HUB_OFFLINE": "1"})
        os.environ.pop("DAGSTER_DATABASE_URL", None)
        client = validated(client_id=_CLIENT, name="Bench", country="US", default_lead_time_days=7)
        add_client(warehouse, client)
        with open_instance(load_settings(), warehouse) as instance, output_sent_to(home / "runs.log"):
            sync_partitions(instance, [_CLIENT])
            before = _size_of_dagster(warehouse)
            _night(warehouse, instance, client, files_of_m5(home, data, series, days), home, report)
            dagster = _size_of_dagster(warehouse) - before
        _score(warehouse, report)
        report("measuring")
        found = _kept(warehouse, client)
        runs = Kept("Dagster's tables, by night", 1, dagster, Rule(load_settings().keep_dagster_runs_days))
        return sorted([*found, runs], key=lambda one: -one.gigabytes)


def _night(
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    client: Client,
    data: Path,
    home: Path,
    report: Callable[[str], None],
) -> None:
    """Land the store, with the stock of one day; then demand, a forecast and a plan."""
    sales, stock = next(data.glob("sales_train*")), home / "stock_levels.csv"
    items = pl.read_csv(sales, columns=["item_id", "store_id"]).rename({"store_id": "location_id"})
    drawn = np.random.default_rng(5)
    items.with_columns(
        pl.lit(_AS_OF).alias("date"), pl.Series("on_hand_qty", drawn.integers(0, 60, items.height))
    ).write_csv(stock)
    report("landing")
    land(warehouse, client, [data / "calendar.csv", *data.glob("sell_prices*"), sales, stock])
    for job, as_of in (("quality_only", None), ("forecast_only", _AS_OF), ("inventory_only", _AS_OF)):
        report(job)
        outcome = run_job(warehouse, instance, find_job(job), client.client_id, as_of=as_of)
        if not outcome.succeeded:
            raise RuntimeError("; ".join(outcome.problems))


def _score(warehouse: Warehouse, report: Callable[[str], None]) -> None:
    """Score the forecast as if the days after its as-of date landed one by one."""
    with warehouse.connect_admin() as connection:
        connection.execute(
            """
            create table public.set_aside as
            with taken as (
                delete from analytics.ts_demand_daily where client_id = %s and date > %s returning *
            )

            select * from taken
            """,
            (_CLIENT, _AS_OF),
        )
    for day in range(1, HORIZON + 1):
        report(f"scoring day {day}")
        with warehouse.connect_admin() as connection:
            connection.execute(
                "insert into analytics.ts_demand_daily select * from public.set_aside where date = %s",
                (_AS_OF + timedelta(days=day),),
            )
        score_due_runs(warehouse, _CLIENT, "bench")


def _kept(warehouse: Warehouse, client: Client) -> list[Kept]:
    with warehouse.connect_admin(autocommit=True) as connection:
        connection.execute("drop table public.set_aside")
        ((history,),) = connection.execute(
            "select max(date) - min(date) + 1 from analytics.ts_demand_daily"
        ).fetchall()
        ((series, models),) = connection.execute(
            "select count(*), (select count(*) from analytics.forecast_runs) from analytics.dim_series"
        ).fetchall()
        rules = _rules(client, series, models)
        found = []
        for table in metadata.sorted_tables:
            rows, size = _measured(connection, table)
            if not rows:
                continue
            if str(table) in rules:
                found.append(Kept(str(table), rows, size / rows, rules[str(table)]))
            elif "date" in table.columns:
                # the days before are there, too
                rule = Rule(history + YEAR, unthinned_nights=history + YEAR)
                found.append(Kept(str(table), rows / history, size / rows, rule))
            else:
                found.append(Kept(str(table), rows, size / rows, Rule(1, unthinned_nights=1)))
        return found


def _rules(client: Client, series: int, models: int) -> Mapping[str, Rule]:
    """Of the tables to which a night adds; of the others each day adds to those that have a date."""
    decided = YEAR * DECIDED_A_DAY / series
    forecasts = HORIZON + client.keep_forecasts_days + 1
    projections = HORIZON + client.keep_projections_days + 1
    scores = min(YEAR, HORIZON + client.keep_item_scores_days + 1)
    plans = min(YEAR, HORIZON + client.keep_plans_days + 1)
    by_night = (analytics.forecast_runs, analytics.inventory_runs, staging.stock_levels)
    of_a_plan = (analytics.inventory_metrics, analytics.lead_time_demand, analytics.replenishment_plan)
    return {
        **{str(table): Rule(YEAR) for table in metadata.sorted_tables if table.schema == "ops"},
        **{str(table): Rule(YEAR) for table in by_night},
        **{str(table): Rule(plans, decided, VACUUMED_AT) for table in of_a_plan},
        str(analytics.forecast_results): Rule(forecasts, decided / models, VACUUMED_AT),
        str(analytics.forecast_series): Rule(forecasts, decided / models, VACUUMED_AT),
        str(analytics.stock_projection): Rule(projections, decided, VACUUMED_AT),
        str(analytics.score_sums): Rule(scores, dead=VACUUMED_AT),
        str(analytics.score_totals): Rule(YEAR, dead=AUTOVACUUMED_AT),
        str(analytics.scorings): Rule(YEAR, dead=AUTOVACUUMED_AT),
    }


def _measured(connection: psycopg.Connection[Any], table: SqlTable) -> tuple[int, int]:
    """Rows of a table, and its bytes: rewritten, and of its indexes as they were left."""
    name = sql.Identifier(str(table.schema), table.name)
    indexes = _bytes(connection, table, "pg_indexes_size")
    connection.execute(sql.SQL("vacuum full {}").format(name))
    ((rows,),) = connection.execute(sql.SQL("select count(*) from {}").format(name)).fetchall()
    return rows, indexes + _bytes(connection, table, "pg_table_size")


def _bytes(connection: psycopg.Connection[Any], table: SqlTable, function: LiteralString) -> int:
    """What a function of sizes says of a table and its partitions."""
    ((size,),) = connection.execute(
        f"select sum({function}(part))::bigint from ("
        "select relid as part from pg_partition_tree(%(table)s::regclass) union select %(table)s::regclass"
        ") as parts",
        {"table": str(table)},
    ).fetchall()
    return int(size)


def _size_of_dagster(warehouse: Warehouse) -> int:
    """Bytes of Dagster's own tables."""
    with psycopg.connect(warehouse.instance_url) as connection:
        ((size,),) = connection.execute("select pg_database_size(current_database())").fetchall()
    return int(size)
