"""Reads over HTTP, each beside the same statement through the pool without HTTP.

Belongs here: one client with a plan on a server of its own, the API in a process of its own, what is asked of
both and by how many at once. Does not belong here: whether answers are right (``tests.orchestration.api``).
"""

from __future__ import annotations

import http.client
import multiprocessing
import os
import socket
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import psutil
import uvicorn

from forecasting_lib.demo import M5Config, generate_m5_layout
from orchestration.access import page_logins, users
from orchestration.access.keys import create_key
from orchestration.access.security_events import Origin
from orchestration.api.app import build_app
from orchestration.api.limits import Rates
from orchestration.api.pages.series import series_values
from orchestration.api.pages.session import COOKIE
from orchestration.api.pool import Connection, Pool
from orchestration.clients import add_client, sync_partitions, validated
from orchestration.demo.m5_files import m5_deliveries
from orchestration.reading.gaps import planning_state
from orchestration.reporting.catalogue import FORECASTS, ITEMS, WORKLIST
from orchestration.reporting.item_questions import places_of
from orchestration.reporting.listings import Listing, Wish, Worker, read_page
from orchestration.reporting.worklist import read_worklist
from orchestration.reporting.worklist_lines import Wanted
from orchestration.running.instance import open_instance
from orchestration.running.runs import find_job, output_sent_to, run_job
from orchestration.settings import load_settings
from orchestration.stages.dbt import build_views
from orchestration.stages.ingestion import ingest_files
from orchestration.warehouse.embedded import start_embedded, throw_away_folder
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.server import Warehouse, locate_warehouse

CLIENT = "bench"
LAST_DAY = date(2016, 5, 22)
STORES = ("CA_1", "CA_2", "TX_1", "TX_2", "WI_1")
AT_ONCE = (1, 8, 32)
PEOPLE_AT_ONCE = (1, 8)
"""A page asks for more than a program does, and fewer people than programs ask at once."""
LINES = 50
_UNLIMITED = Rates(address=10_000_000, caller=10_000_000, logins=10_000_000)
_START_SECONDS = 60.0


@dataclass(frozen=True)
class Rate:
    """So many answers a second, and the seconds that 95 % of them took at most."""

    per_second: float
    p95: float


@dataclass(frozen=True)
class Serving:
    """The same rows over HTTP and without it, by some who ask at once.

    Attributes:
        what: was asked for.
        at_once: connections.
        served: over HTTP.
        floor: the statement in the pool's transaction.
        errors: answers that were none.
    """

    what: str
    at_once: int
    served: Rate
    floor: Rate
    errors: int


@dataclass(frozen=True)
class Measured:
    """All of it, and the most memory that the API took, bytes."""

    series: int
    serving: list[Serving]
    peak_bytes: int


def measure(items: int, requests: int, report: Callable[[str], None]) -> Measured:
    """Plan for a generated client, then ask for its worklist and for the forecast of an item.

    Args:
        items: in each of five stores.
        requests: of each kind and number of connections.
        report: told what is going on.
    """
    with throw_away_folder() as home:
        warehouse, key, login = _planned(home, items, report)
        with warehouse.transaction() as connection:
            row = connection.execute(
                """
                select item_id, location_id, (select count(*) from analytics.dim_series)
                from analytics.planner_worklist
                where client_id = %s
                order by priority_rank
                limit 1
                """,
                (CLIENT,),
            ).fetchone()
        assert row is not None, "a plan of so many items has a line"
        item, location, series = row
        kinds = _kinds(item, location, {"X-Api-Key": key}, {"Cookie": f"{COOKIE}={login}"})
        pool = Pool(warehouse)
        pool.open()
        found = []
        with _served() as (port, process):
            for kind in kinds:
                for at_once in kind.at_once:
                    report(f"{kind.what}, {at_once} at once")
                    floor, _ = _rate(at_once, requests, partial(_Direct, pool, kind))
                    served, errors = _rate(at_once, requests, partial(_Asker, port, kind))
                    found.append(Serving(kind.what, at_once, served, floor, errors))
            # the kernel's high-water mark
            peak = int(_status(process.pid)["VmHWM"]) * 1024
        pool.close()
    return Measured(series, found, peak)


@dataclass(frozen=True)
class _Kind:
    """Something that is asked for: the queries behind it, and its address with who asks."""

    what: str
    queries: Callable[[Connection], object]
    path: str
    headers: Mapping[str, str]
    at_once: tuple[int, ...] = AT_ONCE


def _kinds(item: str, location: str, key: Mapping[str, str], cookie: Mapping[str, str]) -> list[_Kind]:
    rows = f"/api/v1/clients/{CLIENT}"
    pages = f"/planner/{CLIENT}"

    def listed(listing: Listing, wish: Wish) -> Callable[[Connection], object]:
        return lambda connection: read_page(connection, listing, CLIENT, wish)

    def worklist(connection: Connection) -> object:
        return read_worklist(connection, CLIENT, Wanted()), planning_state(connection, CLIENT)

    def series(connection: Connection) -> object:
        (about,) = read_page(connection, ITEMS, CLIENT, Wish(1, equal={"item_id": [item]})).rows.to_dicts()
        places = places_of(connection, CLIENT, item).to_dicts()
        (place,) = [place for place in places if place["location_id"] == location]
        return series_values(connection, CLIENT, about, places, place)

    return [
        _Kind(
            f"worklist, {LINES} lines",
            listed(WORKLIST, Wish(limit=LINES)),
            f"{rows}/worklist?limit={LINES}",
            key,
        ),
        _Kind(
            "forecast of an item",
            listed(FORECASTS, Wish(limit=500, equal={"item_id": [item]})),
            f"{rows}/forecasts?limit=500&item_id={item}",
            key,
        ),
        _Kind("page of the worklist", worklist, f"{pages}/worklist", cookie, PEOPLE_AT_ONCE),
        _Kind(
            "page of an item", series, f"{pages}/items/{item}?location_id={location}", cookie, PEOPLE_AT_ONCE
        ),
    ]


class _Direct:
    """Asks the database as a route does, in this process."""

    def __init__(self, pool: Pool, kind: _Kind) -> None:
        self._pool, self._kind = pool, kind

    def ask(self) -> bool:
        with self._pool.as_client(CLIENT, Worker.READER, writes=False) as connection:
            return bool(self._kind.queries(connection))


class _Asker:
    """One connection over HTTP that is kept."""

    def __init__(self, port: int, kind: _Kind) -> None:
        self._kind = kind
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self) -> bool:
        self._connection.request("GET", self._kind.path, headers=dict(self._kind.headers))
        answer = self._connection.getresponse()
        return len(answer.read()) > 0 and answer.status == 200


def _rate(at_once: int, requests: int, make: Callable[[], _Direct | _Asker]) -> tuple[Rate, int]:
    """Ask in turns by so many threads, the first answers of each left out of the count."""
    share = max(2, requests // at_once)

    def work(_: int) -> list[tuple[float, bool]]:
        asker = make()
        asker.ask()
        done = []
        for _ in range(share):
            started = time.perf_counter()
            is_right = asker.ask()
            done.append((time.perf_counter() - started, is_right))
        return done

    with ThreadPoolExecutor(at_once) as threads:
        started = time.perf_counter()
        answers = [one for done in threads.map(work, range(at_once)) for one in done]
        seconds = time.perf_counter() - started
    p95 = statistics.quantiles([taken for taken, _ in answers], n=20)[-1]
    return Rate(len(answers) / seconds, p95), sum(not is_right for _, is_right in answers)


def _serve(port: int) -> None:
    settings = load_settings()
    app = build_app(locate_warehouse(settings), settings, _UNLIMITED)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


@contextmanager
def _served() -> Iterator[tuple[int, psutil.Process]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(port,))
    process.start()
    try:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if time.monotonic() > deadline or not process.is_alive():
                    raise
                time.sleep(0.2)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.join(20)


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return {
        name: value.split()[0] for name, _, value in (line.partition(":") for line in lines) if value.split()
    }


def _planned(home: Path, items: int, report: Callable[[str], None]) -> tuple[Warehouse, str, str]:
    """A client whose plan is published, a key that reads it, and the login of a browser."""
    os.environ.update(
        {
            "DATABASE_URL": start_embedded(home / "postgres"),
            "FORECASTER_HOME": str(home),
            "FORECASTER_LANDING_DIR": str(home / "landing"),
            "DAGSTER_HOME": str(home / "dagster"),
        }
    )
    os.environ.pop("DAGSTER_DATABASE_URL", None)
    settings = load_settings()
    warehouse = locate_warehouse(settings)
    report("making tables")
    migrate(warehouse, lambda: build_views(warehouse))
    client = validated(client_id=CLIENT, name="Bench", models=["ma7"], default_lead_time_days=7)
    add_client(warehouse, client)
    report("making files")
    data = generate_m5_layout(M5Config(end_date=LAST_DAY, days=120, n_items=items, stores=STORES))
    parts = m5_deliveries(data, today=None)
    for number, frames in enumerate(parts):
        folder = home / f"part{number}"
        folder.mkdir()
        for name, frame in frames.items():
            frame.write_csv(folder / f"{name}.csv")
        report(f"ingestion, part {number + 1} of {len(parts)}")
        ingest_files(warehouse, client, sorted(folder.iterdir()))
    with open_instance(settings, warehouse) as instance, output_sent_to(home / "runs.log"):
        sync_partitions(instance, [CLIENT])
        outcome = run_job(
            *(warehouse, instance, find_job("client_pipeline"), CLIENT),
            on_step=lambda update: report(f"{update.step} {update.state}"),
        )
    if not outcome.succeeded:
        raise RuntimeError("; ".join(outcome.problems))
    with warehouse.transaction() as connection:
        origin = Origin(actor="bench")
        key = create_key(connection, CLIENT, "bench", ["read"], 1, origin)
        user_id = users.add_user(connection, "planner@example.com", None, origin)
        users.set_role(connection, "planner@example.com", CLIENT, "planner", origin)
        login = page_logins.begin(connection, user_id)
    assert login is not None, "a user who was just added is active"
    return warehouse, key, login
