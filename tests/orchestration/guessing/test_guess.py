"""Guesses about exports: what is found, what is asked, and that carrying the proposal out loses no unit."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from forecasting_lib.grain import Grain
from orchestration.cli import app
from orchestration.clients import Client, get_client, remove_client
from orchestration.guessing import sample
from orchestration.guessing.guess import Guess
from orchestration.guessing.proposal import proposal_of
from orchestration.guessing.settings import guess_file
from orchestration.landing.batches import Table
from orchestration.landing.reader import open_table
from orchestration.warehouse.server import Warehouse
from tests.orchestration.guessing.exports import EXPORTS, Export
from tests.orchestration.landing.deliveries import rows

pytestmark = pytest.mark.starts_first

GRAINS = {
    "invoice_lines": Grain.DAY,
    "bakery": Grain.DAY,
    "weekly_brands": Grain.WEEK,
    "spare_parts": Grain.MONTH,
    "stock_and_issues": Grain.MONTH,
    "german_export": Grain.DAY,
    "workbook": Grain.DAY,
    "old_encoding": Grain.DAY,
    "till_without_receipts": Grain.DAY,
    "running_weeks": Grain.WEEK,
    "parts_across": Grain.MONTH,
    "numbered_weeks_across": Grain.WEEK,
    "french_tickets": Grain.DAY,
    "iso_weeks": Grain.WEEK,
    "compact_weeks": Grain.WEEK,
    "spreadsheet_days": Grain.DAY,
    "short_months": Grain.MONTH,
    "three_columns_of_a_date": Grain.DAY,
    "named_months": Grain.MONTH,
}

ROWS_NOT_LOADED = {"short_months": (1, 48)}
"""Rows that are rejected and left out of an export: its totals."""

MOST_DECISIONS = 2


def written(export: Export, folder: Path) -> Path:
    path = folder / export.name
    path.write_bytes(export.content)
    return path


def guessed(
    folder: Path, text: str, name: str = "export.csv", since: Mapping[Grain, date] | None = None
) -> Guess:
    path = folder / name
    path.write_text(text)
    return guess_file(path, since)


def units_said(guess: Guess) -> float:
    (said,) = [line for line in guess.seen if line.startswith("Units sum to ")]
    return float(said.removeprefix("Units sum to ").rstrip(".").replace(",", ""))


@pytest.mark.parametrize("shape", EXPORTS)
@pytest.mark.slow
def test_an_export_is_loaded_to_the_unit_with_one_command(
    shape: str, warehouse: Warehouse, tmp_path: Path
) -> None:
    export, slug = EXPORTS[shape](), f"guess_{shape}"
    path = written(export, tmp_path)
    guess = guess_file(path)
    assert guess.reading is not None
    assert guess.reading.kind.name == "sales"
    assert guess.grain == GRAINS[shape]
    assert len(guess.decisions) <= MOST_DECISIONS, guess.decisions
    assert units_said(guess) == pytest.approx(export.units)

    done = CliRunner().invoke(app, ["client", "guess", str(path), "--client", slug, *export.told, "--apply"])
    assert done.exit_code == 0, done.output
    assert rows(
        warehouse,
        """
        select sum(units_sold)::float, count(distinct item_id)::int from staging.sales where client_id = %s
        """,
        slug,
    ) == [(pytest.approx(export.units), export.items)]
    assert rows(
        warehouse,
        "select rows_rejected, rows_left_out from ops.landing_files where client_id = %s",
        slug,
    ) == [ROWS_NOT_LOADED.get(shape, (0, 0))]
    assert get_client(warehouse, slug).grain == GRAINS[shape]
    remove_client(warehouse, slug)


def test_a_last_line_with_the_sum_of_all_is_no_sale(tmp_path: Path) -> None:
    lines = [f"R{number},2025-03-{1 + number % 28:02},tea,2" for number in range(400)]
    guess = guessed(tmp_path, "\n".join(["receipt,date,item_id,units_sold", *lines, "Total,,,800"]))
    assert units_said(guess) == 800
    assert "1 items." in guess.seen


@pytest.mark.parametrize("shape", EXPORTS)
def test_the_proposed_lines_are_commands_that_exist(shape: str, tmp_path: Path) -> None:
    guess = guess_file(written(EXPORTS[shape](), tmp_path))
    *lines, last = proposal_of([guess], "acme", "Acme Foods", is_new=True).commands()
    assert last == "forecaster run --client acme"
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "forecaster"
        assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0


def test_nothing_is_changed_unless_asked(warehouse: Warehouse, tmp_path: Path) -> None:
    path = written(EXPORTS["bakery"](), tmp_path)
    shown = CliRunner().invoke(app, ["client", "guess", str(path), "--client", "guess_only"])
    assert shown.exit_code == 0, shown.output
    assert "forecaster feed set guess_only sales" in shown.output.replace("\n", "")
    assert rows(warehouse, "select count(*) from ops.clients where client_id = 'guess_only'") == [(0,)]


def test_days_and_months_that_could_be_swapped_are_asked_about(tmp_path: Path) -> None:
    lines = "".join(f"0{day}/03/2024,a,{day}\n" for day in range(1, 10))
    guess = guessed(tmp_path, f"date,item,qty\n{lines}")
    assert guess.feed["date_format"] == "%d/%m/%Y"
    (decision,) = guess.decisions
    assert decision.option == "--date-format '%m/%d/%Y'"


def test_a_point_that_could_stand_between_thousands_is_asked_about(tmp_path: Path) -> None:
    lines = "".join(f"2024-03-0{day},a,{day}.{day}00\n" for day in range(1, 10))
    guess = guessed(tmp_path, f"date,item,qty\n{lines}")
    assert "thousands" not in guess.feed
    (decision,) = guess.decisions
    assert decision.option == "--thousands point --decimal comma"


def test_two_columns_that_could_be_the_quantity_are_asked_about(tmp_path: Path) -> None:
    lines = "".join(f"2024-03-0{day},a,{day},{day + 1}\n" for day in range(1, 10))
    guess = guessed(tmp_path, f"date,item,quantity shipped,quantity billed\n{lines}")
    (decision,) = guess.decisions
    assert decision.option == "--map units_sold=quantity billed"


def test_codes_that_look_like_no_article_are_asked_about_and_read(tmp_path: Path) -> None:
    guess = guess_file(written(EXPORTS["invoice_lines"](), tmp_path))
    (decision,) = guess.decisions
    assert decision.option == "--leave-out-item POST"
    assert "leave_out_items" not in guess.feed


def test_one_series_without_an_item_is_named_after_its_file(tmp_path: Path) -> None:
    lines = "".join(f"2024-03-0{day},{day},{50 - day}\n" for day in range(1, 10))
    guess = guessed(tmp_path, f"data,venda,estoque\n{lines}", "loja_7.csv")
    assert guess.feed["constants"] == {"item_id": "loja_7"}
    assert guess.feed["columns"] == {"date": "data", "units_sold": "venda", "on_hand_qty": "estoque"}
    assert len(guess.decisions) == 1


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("stock.csv", "Stichtag;Artikel;Bestand\n01.03.2024;a;5\n01.03.2024;b;6\n", "stock_levels"),
        (
            "artikel.csv",
            "Artikel;Bezeichnung;Warengruppe;EK\na;Apfel;Obst;1,20\nb;Birne;Obst;1,30\n",
            "products",
        ),
        ("x.csv", "vendor,lead time,name\nv1,12,Meyer\nv2,30,Smith\n", "suppliers"),
        (
            "orders.csv",
            "PO Number,SKU,Order Date,Quantity Ordered,Due Date\n1,a,2024-03-01,5,2024-03-09\n",
            "purchase_orders",
        ),
        ("sites.csv", "site_code,site_name,region\nC1,Nord 1,NORD\nC2,Nord 2,NORD\n", "locations"),
        ("promo.csv", "sku,start,end,discount\na,2024-03-01,2024-03-09,0.2\n", "promotions"),
    ],
)
def test_other_kinds_are_told_by_their_columns(name: str, text: str, kind: str, tmp_path: Path) -> None:
    guess = guessed(tmp_path, text, name)
    assert guess.feed.get("kind") == kind


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", "Store,Product,Group\n1,x,g\n2,x,g\n", "date,remark\n2024-03-01,closed\n"]
)
def test_what_no_kind_needs_is_said_to_be_none(text: str, tmp_path: Path) -> None:
    guess = guessed(tmp_path, text)
    assert guess.reading is None
    path = str(tmp_path / "export.csv")
    shown = CliRunner().invoke(app, ["client", "guess", path])
    assert shown.exit_code == 1
    assert "Nothing was found that a kind needs" in shown.output


def test_files_of_a_company_share_one_client(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client()
    sales, stock = written(EXPORTS["till_without_receipts"](), tmp_path), tmp_path / "Bestand_2024.csv"
    stock.write_text("Stichtag;Artikel;Bestand\n31.03.2024;a1;5\n31.03.2024;b2;6\n")
    done = CliRunner().invoke(
        app, ["client", "guess", str(sales), str(stock), "--client", client.client_id, "--apply"]
    )
    assert done.exit_code == 0, done.output
    assert get_client(warehouse, client.client_id).feeds.keys() == {"sales", "stock_levels"}
    assert rows(
        warehouse, "select count(*) from staging.stock_levels where client_id = %s", client.client_id
    ) == [(2,)]


def test_files_that_follow_the_contract_need_no_feed(tmp_path: Path) -> None:
    guess = guessed(tmp_path, "date,item_id,units_sold\n2024-03-01,a,1\n", "sales_2024-03.csv")
    assert proposal_of([guess], "acme", "Acme", is_new=False).commands() == [
        f"forecaster ingest {tmp_path / 'sales_2024-03.csv'} --client acme",
        "forecaster run --client acme",
    ]


# --- numbers in the place of dates --------------------------------------------------------------------


def test_since_when_weeks_are_counted_is_asked_and_never_made_up(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = written(EXPORTS["running_weeks"](), tmp_path)
    words = ["client", "guess", str(path), "--client", "guess_weeks"]
    shown = CliRunner().invoke(app, words)
    assert "Decide 1: 'week', 40 to 99, numbers weeks and names no year" in shown.output
    assert "Decide 2" not in shown.output
    assert "--apply and --weeks-from DATE" in shown.output
    [line] = [line for line in shown.output.splitlines() if "feed set" in line]
    assert line.endswith("--weeks-from DATE")

    refused = CliRunner().invoke(app, [*words, "--apply"])
    assert refused.exit_code == 1
    assert "only you know the first day of week 1" in " ".join(refused.output.split())
    assert rows(warehouse, "select count(*) from ops.clients where client_id = 'guess_weeks'") == [(0,)]

    CliRunner().invoke(app, ["client", "add", "guess_weeks", "--name", "Weeks"])
    typed = CliRunner().invoke(app, shlex.split(line)[1:])
    assert "'DATE' is not a day such as 2024-01-31" in " ".join(typed.output.split())
    assert get_client(warehouse, "guess_weeks").feeds == {}
    remove_client(warehouse, "guess_weeks")


@pytest.mark.usefixtures("warehouse")
def test_a_day_that_is_none_is_refused(tmp_path: Path) -> None:
    path = written(EXPORTS["running_weeks"](), tmp_path)
    refused = CliRunner().invoke(app, ["client", "guess", str(path), "--weeks-from", "14.9.1989"])
    assert refused.exit_code == 2
    assert "is not a day such as 2024-01-31" in " ".join(refused.output.replace("│", "").split())


def test_periods_without_a_name_may_be_weeks_months_or_days(tmp_path: Path) -> None:
    lines = "".join(f"{number},a,{number}\n" for number in range(1, 30))
    text = f"period,item,qty\n{lines}"
    [decision] = guessed(tmp_path, text).decisions
    assert "numbers weeks, months or days" in decision.question
    assert "--months-from or --days-from" in decision.option
    told = guessed(tmp_path, text, since={Grain.MONTH: date(2020, 1, 1)})
    assert (told.feed["months_from"], told.grain, told.decisions) == ("2020-01-01", Grain.MONTH, [])


def test_weeks_that_begin_again_without_a_year_are_not_added_up(tmp_path: Path) -> None:
    lines = "".join(f"{week},a,1\n" for week in range(1, 53)) * 3
    guess = guessed(tmp_path, f"week,item,qty\n{lines}", since={Grain.WEEK: date(2022, 1, 3)})
    assert "lines" not in guess.feed
    assert any("export the year, too" in sentence for sentence in guess.seen)


def test_each_numbered_file_is_counted_from_its_own_day(tmp_path: Path) -> None:
    since = {Grain.WEEK: date(2022, 1, 3)}
    lines = "".join(f"{number},a,1\n" for number in range(45_000, 45_030))
    assert guessed(tmp_path, f"date,item,qty\n{lines}", since=since).feed["days_from"] == "1899-12-31"
    lines = "".join(f"{number},a,1\n" for number in range(1, 30))
    assert guessed(tmp_path, f"month,item,qty\n{lines}", since=since).feed["months_from"] == "DATE"


def test_m5s_days_are_not_asked_about(tmp_path: Path) -> None:
    days = ",".join(f"d_{day}" for day in range(1, 30))
    text = f"item_id,store_id,{days}\na,s{',1' * 29}\n"
    assert guessed(tmp_path, text, "sales_train_evaluation.csv").reading is None


def test_periods_up_to_twelve_beside_a_year_are_months(tmp_path: Path) -> None:
    lines = "".join(f"{year},{period},a,1\n" for year in (2022, 2023) for period in range(1, 13))
    guess = guessed(tmp_path, f"Fiscal Year,Period,Material,Qty\n{lines}")
    assert (guess.feed["date_format"], guess.grain, guess.decisions) == ("%Y-%m", Grain.MONTH, [])


def test_numbers_beside_a_year_are_counted_within_it(tmp_path: Path) -> None:
    lines = "".join(f"2024,{week},a,1\n" for week in range(1, 40))
    guess = guessed(tmp_path, f"year,week,item,qty\n{lines}")
    assert guess.feed["date_format"] == "%G-W%V"
    assert guess.decisions == []


# --- logarithms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "formula", "decisions"),
    [
        (math.e, "round(exp(log_sales), 0)", 0),
        (10, "round(pow(10, log_sales), 0)", 0),
        (7, "exp(log_sales)", 1),
    ],
)
def test_units_are_found_behind_their_logarithm(
    base: float, formula: str, decisions: int, tmp_path: Path
) -> None:
    lines = "".join(f"2024-03-{day:02d},a,{math.log(100 + day * 3, base):.10f}\n" for day in range(1, 30))
    guess = guessed(tmp_path, f"date,item,log_sales\n{lines}")
    assert guess.feed["derived"] == {"units_sold": formula}
    assert len(guess.decisions) == decisions


# --- columns that are items ---------------------------------------------------------------------------


def test_a_few_columns_of_numbers_are_taken_for_items_and_asked_about(tmp_path: Path) -> None:
    lines = "".join(f"2024-03-{day:02d},{day},3,4,{day + 7},fine\n" for day in range(1, 30))
    guess = guessed(tmp_path, f"date,Product A,Product B,Product C,Total,remark\n{lines}")
    assert guess.feed["item_columns"] == "*"
    assert guess.feed["leave_out_items"] == ["Total", "remark"]
    [decision] = guess.decisions
    assert "Product A, Product B, Product C is taken for an item" in decision.question


@pytest.mark.parametrize(
    "text",
    [
        "date,item,qty,price,cost\n2024-03-01,a,1,2,3\n2024-03-02,a,2,2,3\n",
        "date,units,temperature,rain,wind\n2024-03-01,5,1,2,3\n2024-03-02,6,2,2,3\n",
    ],
)
def test_rows_of_sales_are_no_table_of_items(text: str, tmp_path: Path) -> None:
    assert "item_columns" not in guessed(tmp_path, text).feed


def test_thousands_of_columns_are_looked_at_in_seconds(tmp_path: Path) -> None:
    names = [f"part {number}" for number in range(2_674)]
    lines = "".join(
        f"{1998 + month // 12}-{month % 12 + 1:02d},{','.join(['NA', *['1'] * 2_673])}\n"
        for month in range(51)
    )
    guess = guessed(tmp_path, f"Month,{','.join(names)}\n{lines}")
    assert "2,674 columns are items, part 0 to part 2673." in guess.seen
    assert (guess.grain, guess.decisions) == (Grain.MONTH, [])


@pytest.mark.parametrize(
    ("header", "units"),
    [
        ("Store,Date,Weekly_Sales,Temperature,Fuel_Price,CPI", "Weekly_Sales"),
        ("Store,Date,Sales,Customers,Open,Promo", "Sales"),
    ],
)
def test_sales_of_a_shop_without_items_beside_the_weather_are_its_sales(
    header: str, units: str, tmp_path: Path
) -> None:
    lines = "".join(
        f"{store},2024-03-{day:02d},{day + 100},{day % 7 + 30},{day % 2},{store % 2}\n"
        for store in (1, 2)
        for day in range(1, 29)
    )
    guess = guessed(tmp_path, f"{header}\n{lines}")
    assert guess.feed["kind"] == "sales"
    assert guess.feed["columns"]["units_sold"] == units
    assert guess.feed["constants"] == {"item_id": "export"}
    assert len(guess.decisions) <= MOST_DECISIONS


def test_months_of_a_language_that_is_read_in_part_are_not_read_in_part(tmp_path: Path) -> None:
    lines = "".join(f"a{number};1;2;3;4;5\n" for number in range(9))
    assert guessed(tmp_path, f"Artikel;Jan 23;Feb 23;Mrz 23;Apr 23;Mai 23\n{lines}").reading is None
    guess = guessed(tmp_path, f"Artikel;Jan 23;Feb 23;Mar 23;Apr 23;May 23\n{lines}")
    assert guess.feed["date_columns"] == "%b %y"


# --- the header ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("above", ["", "Sales of March\n", "Sales of March,north\n\nprinted today\n", "\n\n"])
def test_a_file_is_opened_once_whatever_stands_above_its_header(
    above: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def counted(*arguments: Any) -> Table:
        opened.append(arguments[1])
        return open_table(*arguments)

    monkeypatch.setattr(sample, "open_table", counted)
    guess = guessed(tmp_path, f"{above}date,item,qty\n2024-03-01,a,1\n2024-03-02,a,2\n")
    assert guess.reading is not None
    assert guess.feed.get("header_row") == (above.count("\n") + 1 if "Sales" in above else None)
    assert opened == ["export.csv"]
