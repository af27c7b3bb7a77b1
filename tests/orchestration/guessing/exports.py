"""Exports of the shapes that companies have, each a few hundred rows of made-up sales.

Belongs here: how a file is written, and what is in it. Does not belong here: what is expected of a guess.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from tests.orchestration.landing.workbooks import Rows, table, xlsx


@dataclass(frozen=True)
class Export:
    """A file as a company's system writes it.

    Attributes:
        name: of the file.
        content: its bytes.
        units: sum of the units in it.
        items: different items.
    """

    name: str
    content: bytes
    units: float
    items: int


def invoice_lines() -> Export:
    """One line per invoice and article, cancellations, American dates with a time, prices, postage."""
    drawn = random.Random(1)
    lines = ["InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"]
    units, moment = 0, datetime(2010, 12, 1, 8, 26)  # noqa: DTZ001
    codes = [str(20_000 + number) for number in range(40)]
    for number in range(3_000):
        moment += timedelta(minutes=drawn.randint(1, 60))
        code = "POST" if number % 200 == 7 else codes[number % 40]
        quantity = drawn.randint(1, 12) * (-1 if number % 50 == 3 else 1)
        units += quantity
        day = f"{moment.month}/{moment.day}/{moment.year} {moment.hour}:{moment.minute:02d}"
        invoice = f"{'C' if quantity < 0 else ''}{536_365 + number // 5}"
        lines.append(
            f'{invoice},{code},"THING, {code}",{quantity},{day},{drawn.random() * 9:.2f},17850,France'
        )
    return Export("online_retail.csv", "\n".join(lines).encode(), units, 41)


def bakery() -> Export:
    """Tickets of a shop that is closed on Wednesdays: a nameless index, prices with comma and currency."""
    drawn = random.Random(2)
    articles = ["BAGUETTE", "CROISSANT", "PAIN AU CHOCOLAT", "TRADITIONAL BAGUETTE"]
    lines, units, ticket = [",date,time,ticket_number,article,Quantity,unit_price"], 0, 150_040
    for day in _days(date(2021, 1, 2), 120):
        if day.weekday() == 2:
            continue
        for _ in range(20):
            ticket += drawn.randint(0, 1)
            quantity = drawn.randint(1, 4)
            units += quantity
            lines.append(
                f'{len(lines)},{day},08:38,{ticket}.0,{drawn.choice(articles)},{quantity}.0,"0,90 €"'
            )
    return Export("bakery.csv", "\n".join(lines).encode(), units, 4)


def weekly_brands() -> Export:
    """Store, brand and week with price and deal."""
    drawn = random.Random(3)
    lines, units = ["store,brand,week,move,price,deal,feat"], 0
    for week in range(60):
        for store in (2, 5, 8):
            for brand in ("tropicana", "dominicks", "minute.maid"):
                move = drawn.randint(0, 300) * 64
                units += move
                day = date(1990, 6, 14) + timedelta(weeks=week)
                lines.append(f"{store},{brand},{day},{move},{1 + drawn.random():.4f},{week % 7 == 0:d},0.25")
    return Export("orange_juice.csv", "\n".join(lines).encode(), units, 3)


def spare_parts() -> Export:
    """A column per month, one line per part, NA before a part was there."""
    drawn = random.Random(4)
    months = [f"{year}-{month:02d}" for year in (1998, 1999, 2000) for month in range(1, 13)]
    lines, units = [",".join(["Part", *months])], 0
    for part in range(60):
        first = drawn.randint(0, 10)
        sold = [drawn.choice([0, 0, 0, 0, 1, 3]) for _ in months]
        units += sum(sold[first:])
        cells = ["NA" if number < first else str(value) for number, value in enumerate(sold)]
        lines.append(",".join([str(21_000_000 + part), *cells]))
    return Export("carparts.csv", "\n".join(lines).encode(), units, 60)


def stock_and_issues() -> Export:
    """Sites and products by year and month: opening stock, receipts, issues, closing stock."""
    drawn = random.Random(5)
    lines = [
        "year,month,region,site_code,product_code,stock_initial,stock_received,stock_distributed,stock_end"
    ]
    units = 0
    for number in range(24):
        for site in ("C4001", "C1399"):
            for product in ("AS27134", "AS27132", "AS17005"):
                issued = drawn.randint(0, 30)
                units += issued
                year, month = 2017 + number // 12, number % 12 + 1
                lines.append(f"{year},{month},NORD,{site},{product},75,20,{issued},{95 - issued}")
    return Export("logistics_data.csv", "\n".join(lines).encode(), units, 3)


def german_export() -> Export:
    """Semicolons, decimal commas, points between thousands, dd.mm.yyyy."""
    drawn = random.Random(6)
    lines, tenths = ["Datum;Filiale;Artikel-Nr.;Bezeichnung;Verkaufte Menge;Preis"], 0
    for day in _days(date(2023, 1, 2), 90):
        for branch in ("01", "02"):
            for article in ("0815", "4711", "4712"):
                sold = drawn.randint(0, 20_000)
                tenths += sold
                whole, rest = divmod(sold, 10)
                amount = f"{whole:,}".replace(",", ".")
                lines.append(f"{day:%d.%m.%Y};{branch};{article};Korn, grob;{amount},{rest};12,50")
    return Export("Artikelbewegungen_2023.csv", "\n".join(lines).encode(), tenths / 10, 3)


def workbook() -> Export:
    """Typed dates and numbers below a title, on the second of three sheets."""
    drawn = random.Random(8)
    rows: list[list[Any]] = []
    for day in _days(date(2023, 5, 1), 70):
        rows += [[day, store, sku, drawn.randint(0, 9), 4.5] for store in ("N", "S") for sku in (1001, 1002)]
    sheets: dict[str, Rows] = {
        "Read me": {1: ["Sales by store and article"]},
        "Data": {1: ["Export of 2023"], **table(["Date", "Store", "SKU", "Units", "Price"], *rows, at=3)},
        "Notes": {1: ["nothing"]},
    }
    return Export("Sales by day.xlsx", xlsx(sheets), sum(row[3] for row in rows), 2)


def old_encoding() -> Export:
    """Windows text of a German shop, with a title and a blank line above the header."""
    drawn = random.Random(9)
    lines, units = ["Umsätze der Filiale Köln", "", "Verkaufsdatum;Artikel;Stückzahl;Größe"], 0
    for day in _days(date(2024, 1, 2), 60):
        for article in ("Brötchen", "Käsekuchen"):
            sold = drawn.randint(0, 40)
            units += sold
            lines.append(f"{day:%d.%m.%Y};{article};{sold};groß")
    return Export("Umsätze.txt", "\r\n".join(lines).encode("cp1252"), units, 2)


def till_without_receipts() -> Export:
    """Single sales without any number of a receipt: many rows of an item and day."""
    drawn = random.Random(7)
    lines, units = ["Day\tSKU\tQty"], 0
    for day in _days(date(2024, 2, 1), 60):
        for _ in range(30):
            quantity = drawn.randint(1, 3)
            units += quantity
            lines.append(f"{day}\t{drawn.choice(['a1', 'b2', 'c3'])}\t{quantity}")
    return Export("till.csv", "\n".join(lines).encode(), units, 3)


def _days(first: date, count: int) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range(count))


EXPORTS: dict[str, Callable[[], Export]] = {
    made.__name__: made
    for made in (
        invoice_lines,
        bakery,
        weekly_brands,
        spare_parts,
        stock_and_issues,
        german_export,
        workbook,
        old_encoding,
        till_without_receipts,
    )
}
