"""Files into staging, beside reading the same files and one COPY into a table without an index.

Belongs here: a shop's invoice lines in the shape of UCI's "Online Retail", stores in M5's layout, the loads,
and their floors. Does not belong here: the stages behind it (``stages``), reading the processor time
(``processor_time``).
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import psutil

from forecasting_lib.demo import M5Config, generate_m5_layout
from orchestration.clients import Client, add_client, validated
from orchestration.settings import load_settings
from orchestration.stages.dbt import build_views
from orchestration.stages.ingestion import ingest_files
from orchestration.warehouse.embedded import start_embedded, throw_away_folder
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.server import Warehouse, locate_warehouse
from tests.bench.processor_time import Cost, cost_of, server_of

COLUMNS = {
    "date": "InvoiceDate",
    "item_id": "StockCode",
    "units_sold": "Quantity",
    "unit_price": "UnitPrice",
    "order_id": "InvoiceNo",
    "location_id": "Country",
}
M5_ITEMS = 610
"""Items of a generated store; five such stores have the series of one of M5's."""

LAST_DAY = date(2016, 5, 22)

_SLICE_ROWS = 200_000


@dataclass(frozen=True)
class Landing:
    """A load and its floor, in the same run."""

    what: str
    rows: int
    load: Cost
    floor: Cost

    @property
    def times(self) -> float:
        """The load's processor time over the floor's."""
        return self.load.processor / self.floor.processor


Case = tuple[str, int, list[Path], Callable[[], None]]
"""What it is, its rows, the files to load, the floor."""


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


def measure_invoices(lines: int, rounds: int, report: Callable[[str], None]) -> list[Landing]:
    """Load invoice lines as a client's first delivery and, with one line more, as its second.

    Args:
        lines: of the file.
        rounds: of which the one with the middle ratio counts.
        report: told what is going on.
    """
    with _installation(report) as (home, warehouse, server):
        report("making files")
        frame = invoice_lines(lines)
        first, again = home / "sales_1.csv", home / "sales_2.csv"
        frame.write_csv(first)
        pl.concat([frame, frame.tail(1)]).write_csv(again)
        cases: list[Case] = [
            ("invoice lines, first delivery", lines, [first], partial(_copy_invoices, warehouse, first)),
            ("the same again and a line", lines + 1, [again], partial(_copy_invoices, warehouse, again)),
        ]
        till = {"till": {"kind": "sales", "columns": COLUMNS, "lines": "transactions"}}
        return _measure(warehouse, server, cases, till, rounds, report)


def measure_m5(
    data: Path | None, stores: int, days: int, rounds: int, report: Callable[[str], None]
) -> list[Landing]:
    """Load files of M5's layout as a client's first delivery, and sales of one day more as its second.

    Args:
        data: folder with a ``sales_train*`` of M5, as CSV or compressed by gzip, and its ``calendar.csv``;
            None generates them.
        stores: to generate, of ``M5_ITEMS`` items each.
        days: to generate.
        rounds: of which the one with the middle ratio counts.
        report: told what is going on.
    """
    with _installation(report) as (home, warehouse, server):
        report("making files")
        if data is None:
            data = home / "m5"
            data.mkdir()
            config = M5Config(LAST_DAY, days, M5_ITEMS, tuple(f"CA_{n + 1}" for n in range(stores)))
            for name, frame in generate_m5_layout(config).deliveries().items():
                frame.write_csv(data / f"{name}.csv")
        sales, calendar, day = next(data.glob("sales_train*")), data / "calendar.csv", home / "sales_day.csv"
        of_last = m5_rows(sales, calendar).filter(pl.col("date") == pl.col("date").max())
        of_last.with_columns(pl.col("date") + timedelta(days=1)).write_csv(day)
        rows = m5_rows(sales, calendar).height
        cases: list[Case] = [
            ("M5, first delivery", rows, [calendar, sales], partial(_copy_m5, warehouse, sales, calendar)),
            ("M5, a day more", of_last.height, [day], partial(_copy_day, warehouse, day)),
        ]
        return _measure(warehouse, server, cases, {}, rounds, report)


@contextmanager
def _installation(report: Callable[[str], None]) -> Iterator[tuple[Path, Warehouse, psutil.Process]]:
    """A folder, a warehouse with its tables on a server of its own, and that server's process."""
    with throw_away_folder() as home:
        os.environ.update({"DATABASE_URL": start_embedded(home / "postgres"), "FORECASTER_HOME": str(home)})
        warehouse = locate_warehouse(load_settings())
        report("making tables")
        migrate(warehouse, lambda: build_views(warehouse))
        yield home, warehouse, server_of(home)


def _measure(
    warehouse: Warehouse,
    server: psutil.Process,
    cases: list[Case],
    feeds: Mapping[str, object],
    rounds: int,
    report: Callable[[str], None],
) -> list[Landing]:
    """Each case in turn for a client of its own, in every round."""
    found: dict[str, list[Landing]] = {}
    for number in range(rounds):
        client = validated(client_id=f"bench_{number}", name="Bench", country="US", feeds=feeds)
        add_client(warehouse, client)
        for what, rows, files, floor in cases:
            report(f"round {number + 1} of {rounds}: {what}")
            least = cost_of(server, floor)
            load = cost_of(server, partial(_load, warehouse, client, files))
            found.setdefault(what, []).append(Landing(what, rows, load, least))
    return [sorted(costs, key=lambda one: one.times)[len(costs) // 2] for costs in found.values()]


def _load(warehouse: Warehouse, client: Client, files: list[Path]) -> None:
    for outcome in ingest_files(warehouse, client, files):
        if outcome.status != "loaded":
            raise RuntimeError(f"{outcome.path} was not loaded: {outcome.message}")


def m5_rows(sales: Path, calendar: Path) -> pl.DataFrame:
    """M5's wide sales as rows of staging, one for each line and day."""
    wide = pl.read_csv(sales)
    dates = pl.read_csv(calendar, try_parse_dates=True).select("d", "date")
    return (
        wide.unpivot(
            on=[name for name in wide.columns if name.startswith("d_")],
            index=["item_id", "store_id"],
            variable_name="d",
            value_name="units_sold",
        )
        .join(dates, on="d", how="left", maintain_order="left")
        .select("item_id", "date", "units_sold", location_id="store_id")
    )


def _copy_invoices(warehouse: Warehouse, path: Path) -> None:
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


def _copy_m5(warehouse: Warehouse, sales: Path, calendar: Path) -> None:
    _copy_rows(warehouse, m5_rows(sales, calendar))


def _copy_day(warehouse: Warehouse, path: Path) -> None:
    _copy_rows(warehouse, pl.read_csv(path))


def _copy_rows(warehouse: Warehouse, rows: pl.DataFrame) -> None:
    """Rows of sales into a table with the columns of staging, all of them filled that staging fills."""
    whole = rows.with_columns(
        client_id=pl.lit("bench"), order_id=pl.lit(""), reason=pl.lit(""), file_id=pl.lit(1)
    )
    with warehouse.connect_admin() as connection:
        connection.execute("drop table if exists public.bare")
        connection.execute("create table public.bare (like staging.sales)")
        statement = f"copy public.bare ({', '.join(whole.columns)}) from stdin (format csv)"
        with connection.cursor().copy(statement.encode()) as copy:
            for part in whole.iter_slices(_SLICE_ROWS):
                buffer = io.BytesIO()
                part.write_csv(buffer, include_header=False, quote_style="non_numeric")
                copy.write(buffer.getvalue())
