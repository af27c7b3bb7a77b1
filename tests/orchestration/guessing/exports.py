"""Exports of the shapes that companies have, each a few hundred rows of made-up sales.

Belongs here: how a file is written, and what is in it. Does not belong here: what is expected of a guess.
"""

from __future__ import annotations

import math
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
        told: what only a person knows of it, as options of 'forecaster client guess'.
    """

    name: str
    content: bytes
    units: float
    items: int
    told: tuple[str, ...] = ()


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


def running_weeks() -> Export:
    """Store, brand and the number of a week, units as their logarithm, deals and features, more columns."""
    drawn = random.Random(10)
    lines, units = ['"","store","brand","week","logmove","feat","price","AGE60"'], 0
    for store in (2, 5, 8):
        for brand in ("tropicana", "dominicks", "minute.maid"):
            for week in range(40, 100):
                move = drawn.randint(1, 300) * 64
                units += move
                lines.append(
                    f'"{len(lines)}",{store},"{brand}",{week},{math.log(move):.9g},{week % 7 == 0:d},'
                    f"{1 + drawn.random():.4f},0.232864734"
                )
    return Export("oj.csv", "\n".join(lines).encode(), units, 3, ("--weeks-from", "1989-09-14"))


def parts_across() -> Export:
    """A line per month and a column per part, NA before a part was there."""
    drawn = random.Random(11)
    parts = [f"1-{100 + number // 4}-{'ABCD'[number % 4]}" for number in range(60)]
    lines, units = [",".join(["Month", *parts])], 0
    for month in range(36):
        sold = [drawn.choice([0, 0, 0, 0, 1, 3]) for _ in parts]
        cells = ["NA" if month < number % 10 else str(value) for number, value in enumerate(sold)]
        units += sum(int(cell) for cell in cells if cell != "NA")
        lines.append(",".join([f"{1998 + month // 12}-{month % 12 + 1:02d}", *cells]))
    return Export("carparts.csv", "\n".join(lines).encode(), units, 60)


def numbered_weeks_across() -> Export:
    """A line per product and a column per week, W0 the first, and normalized values beside them."""
    drawn = random.Random(12)
    weeks = range(52)
    names = ["Product_Code", *(f"W{week}" for week in weeks), "MIN", "MAX"]
    lines, units = [",".join([*names, *(f"Normalized {week}" for week in weeks)])], 0
    for number in range(30):
        sold = [drawn.randint(0, 40) for _ in weeks]
        units += sum(sold)
        normal = [f"{value / 40:.2f}" for value in sold]
        lines.append(",".join([f"P{number}", *map(str, [*sold, min(sold), max(sold)]), *normal]))
    return Export(
        "Sales_Transactions_Dataset_Weekly.csv",
        "\n".join(lines).encode(),
        units,
        30,
        ("--weeks-from", "2015-01-12"),
    )


def french_tickets() -> Export:
    """Tickets of a bakery: semicolons, dd/mm/yyyy, prices like 0,90 €."""
    drawn = random.Random(13)
    lines, units = [";date;time;ticket_number;article;Quantity;unit_price"], 0
    for day in _days(date(2021, 1, 2), 90):
        for _ in range(10):
            quantity = drawn.randint(1, 4)
            units += quantity
            article = drawn.choice(["BAGUETTE", "CROISSANT", "PAIN AU CHOCOLAT"])
            lines.append(
                f"{len(lines)};{day:%d/%m/%Y};08:38;{150_040 + len(lines) // 3};{article};{quantity};0,90 €"
            )
    return Export("boulangerie.csv", "\n".join(lines).encode(), units, 3)


def iso_weeks() -> Export:
    """Weeks such as 2023-W05, thousands with a space."""
    drawn = random.Random(14)
    lines, units = ["Woche;Artikel;Menge"], 0
    for number in range(60):
        week = (date(2023, 1, 2) + timedelta(weeks=number)).isocalendar()
        for article in ("A-1", "A-2"):
            sold = drawn.randint(900, 9_000)
            units += sold
            lines.append(f"{week.year}-W{week.week:02d};{article};{sold:,}".replace(",", " "))
    return Export("absatz_wochen.csv", "\n".join(lines).encode(), units, 2)


def compact_weeks() -> Export:
    """Weeks such as 202305, in a column that says so."""
    drawn = random.Random(15)
    lines, units = ["Week,SKU,Qty"], 0
    for number in range(60):
        week = (date(2023, 1, 2) + timedelta(weeks=number)).isocalendar()
        for article in ("A1", "A2"):
            sold = drawn.randint(0, 90)
            units += sold
            lines.append(f"{week.year}{week.week:02d},{article},{sold}")
    return Export("weekly.csv", "\n".join(lines).encode(), units, 2)


def spreadsheet_days() -> Export:
    """Days as the numbers that a spreadsheet keeps them as."""
    drawn = random.Random(16)
    lines, units = ["Date,SKU,Units"], 0
    for day in _days(date(2023, 3, 1), 60):
        for sku in ("a1", "b2"):
            sold = drawn.randint(0, 9)
            units += sold
            lines.append(f"{(day - date(1899, 12, 30)).days},{sku},{sold}")
    return Export("serials.csv", "\n".join(lines).encode(), units, 2)


def short_months() -> Export:
    """Months such as Jan-98, and totals: an item of each month and a line at the end."""
    drawn = random.Random(17)
    lines, units = ["Period,Part No,Demand"], 0
    for number in range(48):
        month = date(1998 + number // 12, number % 12 + 1, 1)
        sold = {f"P-{part}": drawn.randint(0, 9) for part in range(10)}
        units += sum(sold.values())
        lines += [f"{month:%b-%y},{part},{quantity}" for part, quantity in sold.items()]
        lines.append(f"{month:%b-%y},Total,{sum(sold.values())}")
    lines.append(f"Total,,{units}")
    return Export("parts.csv", "\n".join(lines).encode(), units, 10)


def three_columns_of_a_date() -> Export:
    """Year, month and day apart, in UTF-16 with tabs."""
    drawn = random.Random(18)
    lines, units = ["Year\tMonth\tDay\tStore\tItem\tQty"], 0
    for day in _days(date(2023, 5, 1), 70):
        for item in ("a1", "b2"):
            sold = drawn.randint(0, 9)
            units += sold
            lines.append(f"{day.year}\t{day.month}\t{day.day}\tS1\t{item}\t{sold}")
    return Export("out.txt", "\r\n".join(lines).encode("utf-16"), units, 2)


def named_months() -> Export:
    """A year and the name of a month, an index without a meaning."""
    drawn = random.Random(19)
    lines, units = ["Unnamed: 0,Year,Month,Depot,Product,Volume"], 0
    for number in range(36):
        month = date(2020 + number // 12, number % 12 + 1, 1)
        for depot in ("N", "S"):
            sold = drawn.randint(0, 900)
            units += sold
            lines.append(f"{len(lines) - 1},{month:%Y},{month:%B},{depot},beer,{sold}")
    return Export("volumes.csv", "\n".join(lines).encode(), units, 1)


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
        running_weeks,
        parts_across,
        numbered_weeks_across,
        french_tickets,
        iso_weeks,
        compact_weeks,
        spreadsheet_days,
        short_months,
        three_columns_of_a_date,
        named_months,
    )
}
