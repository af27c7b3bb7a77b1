"""One client's pipeline beside another client that asks for little, and beside one that does its worst.

Belongs here: two clients on a server of their own, what the other one does meanwhile, and the pairs of runs.
Does not belong here: what a client can do to others at all (``tests.orchestration.warehouse.attacks``).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import psycopg

from forecasting_lib.demo import RetailerConfig, generate_retailer
from forecasting_lib.pretraining.architecture import Architecture
from orchestration.clients import add_client, sync_partitions, validated
from orchestration.running.instance import open_instance
from orchestration.running.runs import find_job, output_sent_to, run_job
from orchestration.settings import load_settings
from orchestration.stages.dbt import build_views
from orchestration.stages.ingestion import ingest_files
from orchestration.warehouse.embedded import throw_away_folder
from orchestration.warehouse.limits import client_roles
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.server import Warehouse, locate_warehouse
from orchestration.warehouse.tenancy import set_client_password
from tests.bench.forecasting import save_random
from tests.tcp_postgres import tcp_postgres

SUBJECT, NEIGHBOUR = "subject", "neighbour"
_PASSWORD = "of a client that may do what it likes"

HONEST = (
    "select * from analytics.planner_worklist limit 100",
    "select item_id, sum(demand_qty) from analytics.ts_demand_daily group by item_id",
    "select count(*) from analytics.forecast_results",
)
"""What a planner's screen asks for, every second."""

_UNBOUND = "set statement_timeout = 0; set lock_timeout = 0"
_PARALLEL = (
    "set max_parallel_workers_per_gather = 8; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; "
    "set min_parallel_table_scan_size = 0"
)

WORST = (
    (_UNBOUND, "select count(*) from (select md5(i::text) from generate_series(1, 8000000) i order by 1) s"),
    (
        f"{_UNBOUND}; {_PARALLEL}",
        "select count(*) from analytics.ts_demand_daily a, analytics.ts_demand_daily b",
    ),
    (_UNBOUND, "select count(*) from generate_series(1, 100000000) i"),
    (
        f"{_UNBOUND}; set work_mem = '256MB'",
        "select count(*) from generate_series(1, 5000000) i join generate_series(1, 5000000) j on i = j",
    ),
    (
        _UNBOUND,
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < 20000000) "
        "select count(*) from n",
    ),
    (_UNBOUND, "do $$ begin for i in 1..100000000 loop perform i; end loop; end $$"),
    (
        _UNBOUND,
        "select count(*) from analytics.forecast_results a, analytics.ts_demand_daily b "
        "where a.mean_qty < b.demand_qty",
    ),
    (
        f"{_UNBOUND}; {_PARALLEL}; set enable_hashjoin = off",
        "select count(*) from analytics.ts_demand_daily a join analytics.ts_demand_daily b using (date)",
    ),
    (_UNBOUND, "select sum(length(repeat(md5(i::text), 10000))) from generate_series(1, 1000000) i"),
)
"""Settings of a session, and what it asks for again and again; one more connects, works and leaves."""


@dataclass(frozen=True)
class Pair:
    """Seconds of the subject's pipeline in two runs that follow each other."""

    beside_honest: float
    beside_worst: float

    @property
    def ratio(self) -> float:
        return self.beside_worst / self.beside_honest


def measure(pairs: int, items: int, report: Callable[[str], None], *, by_url: bool) -> list[Pair]:
    """Run the subject's pipeline in pairs, with either neighbour first in turn.

    Args:
        pairs: of runs.
        items: of each client's three locations.
        report: told what is going on.
        by_url: on a server that is named by ``DATABASE_URL`` and whose login is no superuser.
    """
    with throw_away_folder() as home:
        if by_url:
            with tcp_postgres(home / "tcp" / "data") as url:
                return _measure(home, f"{url.rpartition('/')[0]}/warehouse", pairs, items, report)
        return _measure(home, None, pairs, items, report)


def _measure(
    home: Path, url: str | None, pairs: int, items: int, report: Callable[[str], None]
) -> list[Pair]:
    save_random(Architecture(), home / "weights")
    os.environ.update(
        {
            "FORECASTER_HOME": str(home),
            "FORECASTER_LANDING_DIR": str(home / "landing"),
            "FORECASTER_LANDING_QUIET_SECONDS": "0",
            "DAGSTER_HOME": str(home / "dagster"),
            "CHRONOS_MODEL_ID": str(home / "weights"),
            "HF_HUB_OFFLINE": "1",
        }
    )
    for name in ("DATABASE_URL", "DAGSTER_DATABASE_URL"):
        os.environ.pop(name, None)
    if url:
        os.environ["DATABASE_URL"] = url
    settings = load_settings()
    warehouse = locate_warehouse(settings)
    report("making tables")
    migrate(warehouse, lambda: build_views(warehouse))
    report("making files")
    config = RetailerConfig(end_date=date(2026, 6, 30), days=500, n_items=items, n_locations=3)
    files = []
    for name, frame in generate_retailer(config).deliveries().items():
        files.append(home / f"{name}.csv")
        frame.write_csv(files[-1])
    for client_id in (SUBJECT, NEIGHBOUR):
        client = validated(client_id=client_id, name=client_id, country="IE", models=["chronos2", "ma7"])
        add_client(warehouse, client)
        set_client_password(warehouse, client_id, _PASSWORD)
        ingest_files(warehouse, client, files)
    with open_instance(settings, warehouse) as instance, output_sent_to(home / "runs.log"):
        sync_partitions(instance, [SUBJECT, NEIGHBOUR])
        for client_id in (NEIGHBOUR, SUBJECT):
            report(f"the first run of {client_id}")
            _run(warehouse, instance, client_id)
        found = []
        for number in range(pairs):
            seconds: dict[str, float] = {}
            order = [_honest, _worst] if number % 2 == 0 else [_worst, _honest]
            for neighbour in order:
                report(f"pair {number + 1} of {pairs}, beside{neighbour.__name__.replace('_', ' ')}")
                os.sync()
                with neighbour(warehouse):
                    time.sleep(3)
                    seconds[neighbour.__name__] = _run(warehouse, instance, SUBJECT)
            found.append(Pair(seconds["_honest"], seconds["_worst"]))
        return found


def _run(warehouse: Warehouse, instance: dg.DagsterInstance, client_id: str) -> float:
    outcome = run_job(warehouse, instance, find_job("client_pipeline"), client_id)
    if not outcome.succeeded:
        raise RuntimeError("; ".join(outcome.problems))
    return outcome.seconds


@contextmanager
def _honest(warehouse: Warehouse) -> Iterator[None]:
    def work(ended: threading.Event) -> None:
        with _login(warehouse) as connection:
            while not ended.wait(1):
                for query in HONEST:
                    connection.execute(query.encode())

    with _threads(warehouse, [work]):
        yield


@contextmanager
def _worst(warehouse: Warehouse) -> Iterator[None]:
    """Every connection that the client may have: busy, and one of them always a new one."""

    def keep_busy(setup: str, query: str) -> Callable[[threading.Event], None]:
        def work(ended: threading.Event) -> None:
            while not ended.is_set():
                with suppress(psycopg.Error), _login(warehouse) as connection:
                    connection.execute(setup.encode())
                    while not ended.is_set():
                        connection.execute(query.encode())

        return work

    def come_and_go(ended: threading.Event) -> None:
        while not ended.is_set():
            with suppress(psycopg.Error), _login(warehouse) as connection:
                connection.execute("set statement_timeout = '100ms'")
                connection.execute("select count(*) from generate_series(1, 100000000)")

    with warehouse.connect_admin() as connection:
        role = warehouse.roles.client(NEIGHBOUR)
        (allowed,) = [
            found.connections for found in client_roles(connection, warehouse.roles) if found.name == role
        ]
    busy = [keep_busy(*WORST[number % len(WORST)]) for number in range(allowed - 1)]
    with _threads(warehouse, [*busy, come_and_go]):
        yield


@contextmanager
def _threads(warehouse: Warehouse, works: list[Callable[[threading.Event], None]]) -> Iterator[None]:
    ended = threading.Event()

    def guarded(work: Callable[[threading.Event], None]) -> None:
        with suppress(psycopg.Error):
            work(ended)

    threads = [threading.Thread(target=guarded, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        while any(thread.is_alive() for thread in threads):
            with warehouse.connect_admin(autocommit=True) as connection:
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s",
                    (warehouse.roles.client(NEIGHBOUR),),
                )
            time.sleep(0.2)


def _login(warehouse: Warehouse) -> psycopg.Connection:
    role = warehouse.roles.client(NEIGHBOUR)
    return psycopg.connect(warehouse.libpq_url(), user=role, password=_PASSWORD, autocommit=True)
