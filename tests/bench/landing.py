"""Files into staging, beside reading the same files and one COPY into a table without an index.

Belongs here: a shop's invoice lines in the shape of UCI's "Online Retail", the loads, and their floors. Does
not belong here: files of M5's layout (``m5_files``), the stages behind it (``demand``, ``stages``), reading
the processor time (``processor_time``).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from orchestration.clients import add_client, validated
from orchestration.warehouse.server import Warehouse
from tests.bench.figures import middle
from tests.bench.installation import Installation, land, thrown_away
from tests.bench.m5_files import m5_files, m5_rows
from tests.bench.processor_time import Cost, cost_of

COLUMNS = {
    "date": "InvoiceDate",
    "item_id": "StockCode",
    "units_sold": "Quantity",
    "unit_price": "UnitPrice",
    "order_id": "InvoiceNo",
    "location_id": "Country",
}
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
    with thrown_away(report) as installation:
        home, warehouse = installation.home, installation.warehouse
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
        return _measure(installation, cases, till, rounds, report)


def measure_m5(
    data: Path | None, series: int, days: int, rounds: int, report: Callable[[str], None]
) -> list[Landing]:
    """Load files of M5's layout as a client's first delivery, and sales of one day more as its second.

    Args:
        data: folder with a ``sales_train*`` of M5, as CSV or compressed by gzip, and its ``calendar.csv``;
            None generates them.
        series: to generate.
        days: to generate.
        rounds: of which the one with the middle ratio counts.
        report: told what is going on.
    """
    with thrown_away(report) as installation:
        warehouse = installation.warehouse
        report("making files")
        files = m5_files(installation.home, data, series, days)
        floor = partial(_copy_m5, warehouse, files.sales, files.calendar)
        [day] = files.day
        cases: list[Case] = [
            ("M5, first delivery", m5_rows(files.sales, files.calendar).height, files.first, floor),
            ("M5, a day more", pl.read_csv(day).height, files.day, partial(_copy_day, warehouse, day)),
        ]
        return _measure(installation, cases, {}, rounds, report)


def _measure(
    installation: Installation,
    cases: list[Case],
    feeds: Mapping[str, object],
    rounds: int,
    report: Callable[[str], None],
) -> list[Landing]:
    """Each case in turn for a client of its own, in every round."""
    found: dict[str, list[Landing]] = {}
    for number in range(rounds):
        client = validated(client_id=f"bench_{number}", name="Bench", country="US", feeds=feeds)
        add_client(installation.warehouse, client)
        for what, rows, files, floor in cases:
            report(f"round {number + 1} of {rounds}: {what}")
            least = cost_of(installation.server, floor)
            load = cost_of(installation.server, partial(land, installation.warehouse, client, files))
            found.setdefault(what, []).append(Landing(what, rows, load, least))
    return [middle(costs) for costs in found.values()]


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
