"""A shop's invoice lines into staging, beside reading the file and one COPY into a table without an index.

Belongs here: the file, in the shape of UCI's "Online Retail", the load, its floor, and the processor time of
both sides. Does not belong here: the stages behind it (``stages``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import psutil

from orchestration.clients import add_client, validated
from orchestration.landing.load import load_file
from orchestration.settings import load_settings
from orchestration.stages.dbt import build_views
from orchestration.warehouse.embedded import start_embedded, throw_away_folder
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.postmaster import read_pid_file
from orchestration.warehouse.server import Warehouse, locate_warehouse

COLUMNS = {
    "date": "InvoiceDate",
    "item_id": "StockCode",
    "units_sold": "Quantity",
    "unit_price": "UnitPrice",
    "order_id": "InvoiceNo",
    "location_id": "Country",
}
_SETTLE_SECONDS = 1.0
"""Until the server's process has ended and its time is its parent's."""


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, and of the processors: this process's and the server's."""

    wall: float
    own: float
    server: float

    @property
    def processor(self) -> float:
        return self.own + self.server


@dataclass(frozen=True)
class Landing:
    """A load and its floor, in the same run."""

    what: str
    lines: int
    load: Cost
    floor: Cost


def invoice_lines(lines: int, seed: int = 7) -> pl.DataFrame:
    """Lines of invoices in the order of their time, some of them cancelled; one name in forty has a comma."""
    rng = np.random.default_rng(seed)
    invoices = max(1, lines // 21)
    of_invoice = np.sort(rng.integers(0, invoices, lines))
    minutes = np.sort(rng.integers(0, 373 * 24 * 60, invoices)).astype("timedelta64[m]")
    moments = (np.datetime64("2010-12-01T08:00") + minutes).astype("datetime64[us]")
    items = (rng.beta(0.6, 2.5, lines) * 4_069).astype(int)
    is_cancelled = rng.random(invoices) < 0.15
    returned = is_cancelled[of_invoice] & (rng.random(lines) < 0.6)
    units = np.maximum(1, rng.lognormal(1.2, 1.2, lines).astype(int))
    countries = np.array(["United Kingdom"] * 9 + ["Germany", "France", "EIRE", "Spain"])
    customers = [None if rng.random() < 0.25 else str(rng.integers(12_346, 18_288)) for _ in range(invoices)]
    return pl.DataFrame(
        {
            "InvoiceNo": [f"{'C' if is_cancelled[i] else ''}{536_365 + i}" for i in of_invoice],
            "StockCode": [f"{10_000 + 3 * i}{'' if i % 3 else 'ABCDE'[i % 5]}" for i in items],
            "Description": [f"ITEM NUMBER {i}{'' if i % 40 else ', SMALL'}" for i in items],
            "Quantity": np.where(returned, -units, units),
            "InvoiceDate": pl.Series(moments[of_invoice]).dt.strftime("%Y-%m-%d %H:%M:%S"),
            "UnitPrice": np.round(rng.lognormal(0.8, 1, lines), 2),
            "CustomerID": pl.Series(customers, dtype=pl.String).gather(of_invoice),
            "Country": countries[rng.integers(0, len(countries), invoices)][of_invoice],
        }
    )


def measure(lines: int, rounds: int, report: Callable[[str], None]) -> list[Landing]:
    """Load the file as a client's first delivery and, with one line more, as its second; each round anew.

    Args:
        lines: of the file.
        rounds: of which that with the least processor time counts.
        report: told what is going on.
    """
    with throw_away_folder() as home:
        os.environ.update({"DATABASE_URL": start_embedded(home / "postgres"), "FORECASTER_HOME": str(home)})
        warehouse = locate_warehouse(load_settings())
        report("making tables")
        migrate(warehouse, lambda: build_views(warehouse))
        report("making files")
        frame = invoice_lines(lines)
        first, again = home / "sales_1.csv", home / "sales_2.csv"
        frame.write_csv(first)
        pl.concat([frame, frame.tail(1)]).write_csv(again)
        server = psutil.Process(_postmaster(home))
        found: dict[str, list[tuple[Cost, Cost]]] = {}
        for number in range(rounds):
            client = validated(
                client_id=f"bench_{number}",
                name="Bench",
                feeds={"till": {"kind": "sales", "columns": COLUMNS, "lines": "transactions"}},
            )
            add_client(warehouse, client)
            for what, path in (("first delivery", first), ("the same again and a line", again)):
                report(f"round {number + 1} of {rounds}: {what}")
                floor = _cost(server, partial(_floor, warehouse, path))
                load = _cost(server, partial(load_file, warehouse, client, path, path.name))
                found.setdefault(what, []).append((load, floor))
    return [
        Landing(what, lines, *min(costs, key=lambda pair: pair[0].processor)) for what, costs in found.items()
    ]


def _floor(warehouse: Warehouse, path: Path) -> None:
    with warehouse.connect_admin() as connection:
        connection.execute("drop table if exists public.bare")
        connection.execute(
            """
            create table public.bare (
                invoice text, item text, name text, quantity numeric(18, 4), moment timestamp,
                price numeric(18, 4), customer text, country text
            )
            """
        )
        with (
            connection.cursor().copy("copy public.bare from stdin (format csv, header)") as copy,
            path.open("rb") as file,
        ):
            while block := file.read(1 << 18):
                copy.write(block)


def _cost(server: psutil.Process, work: Callable[[], object]) -> Cost:
    own, of_server, started = time.process_time(), _processor_time(server), time.perf_counter()
    work()
    wall, own = time.perf_counter() - started, time.process_time() - own
    time.sleep(_SETTLE_SECONDS)
    return Cost(wall, own, _processor_time(server) - of_server)


def _processor_time(server: psutil.Process) -> float:
    """Of a server: of its processes, and of those that have ended."""
    times = server.cpu_times()
    total = times.children_user + times.children_system
    for process in server.children():
        try:
            of_process = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += of_process.user + of_process.system
    return float(total)


def _postmaster(home: Path) -> int:
    said = read_pid_file(home / "postgres")
    if said is None:
        raise RuntimeError("the embedded server does not run")
    return said.pid
