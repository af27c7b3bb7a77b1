"""Demand of a client's first delivery and of a day more, beside reading the same rows and writing them.

Belongs here: the builds, the landings before them, and their floors. Does not belong here: what landing
costs beside its own floor (``landing``), scores (``scoring``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from orchestration.clients import Client, add_client, validated
from orchestration.stages.dbt import build_client
from orchestration.stages.demand import refresh_holidays
from orchestration.stages.demand_builds import begin_build, record_build
from orchestration.warehouse.server import Warehouse
from tests.bench.figures import middle
from tests.bench.installation import Installation, land, thrown_away
from tests.bench.m5_files import M5Files, m5_files
from tests.bench.processor_time import Cost, cost_of


@dataclass(frozen=True)
class Built:
    """A delivery's landing, the demand built from it, and the floor of that demand, in the same round.

    Attributes:
        what: the delivery.
        rows: of demand that are new.
        landing: of its files.
        demand: public holidays and dbt's models and data tests.
        floor: to read the new rows of demand and to write them again with their key.
    """

    what: str
    rows: int
    landing: Cost
    demand: Cost
    floor: Cost

    @property
    def times(self) -> float:
        """The demand's processor time over the floor's."""
        return self.demand.processor / self.floor.processor

    @property
    def processor(self) -> float:
        """Seconds of landing and demand."""
        return self.landing.processor + self.demand.processor


def measure(
    data: Path | None, series: int, days: int, rounds: int, report: Callable[[str], None]
) -> list[Built]:
    """Land and build files of M5's layout, then a day more; every round has a client of its own.

    Args:
        data: folder with a ``sales_train*`` of M5, as CSV or compressed by gzip, and its ``calendar.csv``;
            None generates them.
        series: to generate.
        days: to generate.
        rounds: of which the one with the middle ratio counts.
        report: told what is going on.
    """
    found: dict[str, list[Built]] = {}
    with thrown_away(report) as installation:
        report("making files")
        files = m5_files(installation.home, data, series, days)
        for number in range(rounds):
            client = validated(client_id=f"bench_{number}", name="Bench", country="US")
            add_client(installation.warehouse, client)
            for built in _round(installation, client, files, partial(_said, report, number, rounds)):
                found.setdefault(built.what, []).append(built)
    return [middle(costs) for costs in found.values()]


def _said(report: Callable[[str], None], number: int, rounds: int, what: str) -> None:
    report(f"round {number + 1} of {rounds}: {what}")


def _round(
    installation: Installation, client: Client, files: M5Files, report: Callable[[str], None]
) -> list[Built]:
    warehouse, server = installation.warehouse, installation.server
    found = []
    for what, paths in (("first delivery", files.first), ("a day more", files.day)):
        known_until = _last_day(warehouse, client)
        report(f"{what}: landing")
        landing = cost_of(server, partial(land, warehouse, client, paths))
        report(f"{what}: demand")
        before = _rows(warehouse, client)
        demand = cost_of(server, partial(_build, warehouse, client))
        floor = cost_of(server, partial(_floor, warehouse, client, known_until))
        found.append(Built(what, _rows(warehouse, client) - before, landing, demand, floor))
    return found


def _build(warehouse: Warehouse, client: Client) -> None:
    refresh_holidays(warehouse, client)
    build = begin_build(warehouse, client.client_id, "bench")
    for _ in build_client(
        warehouse, client.client_id, standing_until=build.standing_until, build_id=build.build_id
    ):
        pass
    record_build(warehouse, build)


def _floor(warehouse: Warehouse, client: Client, known_until: date | None) -> None:
    with warehouse.connect_admin() as connection:
        connection.execute("drop table if exists public.bare")
        connection.execute(
            """
            create table public.bare (
                like analytics.ts_demand_daily, primary key (client_id, item_id, location_id, date)
            )
            """
        )
        connection.execute(
            """
            insert into public.bare
            select * from analytics.ts_demand_daily
            where client_id = %s and date > coalesce(%s, '-infinity'::date)
            """,
            (client.client_id, known_until),
        )


def _rows(warehouse: Warehouse, client: Client) -> int:
    with warehouse.transaction() as connection:
        row = connection.execute(
            "select count(*) from analytics.ts_demand_daily where client_id = %s", (client.client_id,)
        ).fetchone()
    return int(row[0]) if row else 0


def _last_day(warehouse: Warehouse, client: Client) -> date | None:
    with warehouse.transaction() as connection:
        row = connection.execute(
            "select max(date) from staging.sales where client_id = %s", (client.client_id,)
        ).fetchone()
    return row[0] if row else None
