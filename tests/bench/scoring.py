"""Scoring one landed day at some number of live runs, beside reading the day's rows and writing as many.

Belongs here: a store made of random numbers, its forecast runs, the day, the floor. Does not belong here: the
stages before it (``stages``), what a processor costs (``landing``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

import psycopg

from forecasting_lib.panel import QUANTILE_COLUMNS
from orchestration.clients import add_client, validated
from orchestration.stages.scoring import score_due_runs
from orchestration.warehouse.server import Warehouse
from tests.bench.figures import middle
from tests.bench.installation import Installation, thrown_away
from tests.bench.processor_time import Cost, cost_of

MODELS = ("chronos2", "ma7", "seasonal_naive")
HORIZON = 28
LAST_DAY = date(2016, 5, 22)
"""The day that lands."""


@dataclass(frozen=True)
class Scored:
    """One landed day of a store with so many live runs, and its floor, in the same round."""

    live_runs: int
    rows: int
    scoring: Cost
    floor: Cost

    @property
    def times(self) -> float:
        return self.scoring.processor / self.floor.processor


def measure(series: int, live_runs: list[int], rounds: int, report: Callable[[str], None]) -> list[Scored]:
    """Score a landed day at each number of live runs; every round has a client of its own.

    Args:
        series: of the store, of three models each.
        live_runs: as-of dates whose 28 days are not over.
        rounds: of each number.
        report: told what is going on.

    Returns:
        The round with the median ratio of each number of live runs.
    """
    with thrown_away(report) as installation:
        found = []
        for runs in live_runs:
            of_these = []
            for number in range(rounds):
                report(f"{runs} live runs, round {number + 1} of {rounds}")
                of_these.append(_round(installation, f"bench_{runs}_{number}", series, runs))
            found.append(middle(of_these))
    return found


def _round(installation: Installation, client_id: str, series: int, runs: int) -> Scored:
    warehouse, server = installation.warehouse, installation.server
    add_client(warehouse, validated(client_id=client_id, name="Bench"))
    with warehouse.connect_admin() as connection:
        _fill(connection, client_id, series, runs)
    score_due_runs(warehouse, client_id, "bench")
    _land(warehouse, client_id, LAST_DAY, series)
    with warehouse.connect_admin(autocommit=True) as connection:
        connection.execute("analyze")
        connection.execute("checkpoint")
    floor = cost_of(server, partial(_floor, warehouse, client_id))
    scoring = cost_of(server, partial(score_due_runs, warehouse, client_id, "bench"))
    return Scored(runs, runs * len(MODELS) * series, scoring, floor)


def _fill(connection: psycopg.Connection, client_id: str, series: int, runs: int) -> None:
    """Dimensions, demand before the day, and one run as of each of the days before it."""
    connection.execute(
        """
        insert into analytics.dim_item (client_id, item_id, name, category, is_described)
        select
            %s::text, 'FOODS_' || mod(n, 3) || '_' || lpad(n::text, 4, '0'), 'item ' || n,
            'FOODS_' || mod(n, 7), true
        from generate_series(1, %s) as n
        """,
        (client_id, series),
    )
    for days_before in range(1, HORIZON + 1):
        _demand(connection, client_id, LAST_DAY - timedelta(days=days_before), series)
    for days_before in range(runs, 0, -1):
        for model in MODELS:
            _forecast(connection, client_id, LAST_DAY - timedelta(days=days_before), model)


def _demand(connection: psycopg.Connection, client_id: str, day: date, series: int) -> None:
    connection.execute(
        """
        insert into analytics.ts_demand_daily (
            client_id, item_id, location_id, date, demand_qty, net_sold_qty, clipped_qty, is_promotion,
            is_holiday, is_closed, is_stocked_out, is_masked
        )
        select
            client_id, item_id, 'CA_1', %s::date, sold.qty, sold.qty, 0, false, false, false, false,
            random() < 0.02
        from analytics.dim_item
        cross join lateral (select floor(-ln(1 - random()) * 1.2 + 0 * length(item_id)) as qty) as sold
        where client_id = %s
        """,
        (day, client_id),
    )


def _land(warehouse: Warehouse, client_id: str, day: date, series: int) -> None:
    with warehouse.connect_admin() as connection:
        _demand(connection, client_id, day, series)
        connection.execute(
            """
            insert into ops.landing_files (
                client_id, path, sha256, size_bytes, kind, status, config_digest, first_date, last_date
            ) values (%s, %s, md5(random()::text), 1, 'sales', 'loaded', '', %s, %s)
            """,
            (client_id, f"{day}.csv", day, day),
        )


def _forecast(connection: psycopg.Connection, client_id: str, as_of: date, model: str) -> None:
    row = connection.execute(
        """
        insert into analytics.forecast_runs (
            client_id, run_id, model, as_of_date, horizon_days, status, is_current, is_champion, reason,
            code_version, input_digest, n_series, dagster_run_id
        )
        select %(client)s::text, md5(%(client)s::text || %(as_of)s::date::text)::uuid, %(model)s::text,
            %(as_of)s::date, %(horizon)s::int, 'published', true, %(model)s::text = 'chronos2', '', '', '',
            count(*), ''
        from analytics.dim_item
        where client_id = %(client)s
        returning run_id
        """,
        {"client": client_id, "model": model, "as_of": as_of, "horizon": HORIZON},
    ).fetchone()
    assert row is not None
    values = {"client": client_id, "run": row[0], "model": model, "as_of": as_of, "horizon": HORIZON}
    connection.execute(
        """
        insert into analytics.forecast_series (
            client_id, run_id, model, item_id, location_id, status, history_days, observed_days, mase_scale,
            rmsse_scale
        )
        select
            client_id, %(run)s::uuid, %(model)s::text, item_id, 'CA_1', 'forecast', 400, 400,
            random() + 0.2, random() + 0.2
        from analytics.dim_item
        where client_id = %(client)s
        """,
        values,
    )
    grid = ", ".join(f"mean * {level}::float8 / 50" for level in range(len(QUANTILE_COLUMNS)))
    connection.execute(
        f"""
        insert into analytics.forecast_results (
            client_id, run_id, model, item_id, location_id, date, lag_days, point_qty, mean_qty,
            {", ".join(QUANTILE_COLUMNS)}
        )
        select
            %(client)s::text, %(run)s::uuid, %(model)s::text, item_id, 'CA_1', %(as_of)s::date + lag, lag,
            mean * 0.9, mean, {grid}
        from (
            select item_id, lag, random() * 3 as mean
            from analytics.dim_item
            cross join generate_series(1, %(horizon)s) as lag
            where client_id = %(client)s
            order by item_id, lag
        ) as drawn
        """,
        values,
    )


def _floor(warehouse: Warehouse, client_id: str) -> None:
    """Read the day's forecasts beside its actuals, and write a row of each into a table with a key."""
    with warehouse.connect_admin() as connection:
        connection.execute("drop table if exists public.bare")
        connection.execute(
            """
            create table public.bare (
                client_id text, run_id uuid, model text, item_id text, location_id text, date date,
                actual_qty float8, mean_qty float8, point_qty float8,
                primary key (client_id, run_id, model, item_id, location_id, date)
            )
            """
        )
        runs = connection.execute(
            "select run_id, model from analytics.forecast_runs where client_id = %s order by 1, 2",
            (client_id,),
        ).fetchall()
        for run_id, model in runs:
            connection.execute(
                """
                insert into public.bare
                select
                    client_id, forecast.run_id, forecast.model, item_id, location_id, date, demand.demand_qty,
                    forecast.mean_qty, forecast.point_qty
                from analytics.forecast_results as forecast
                inner join analytics.ts_demand_daily as demand using (client_id, item_id, location_id, date)
                where client_id = %s and forecast.run_id = %s and forecast.model = %s and date = %s
                """,
                (client_id, run_id, model, LAST_DAY),
            )
