"""Loading files: what arrives in staging, what a second delivery changes, what a killed load leaves."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from orchestration.clients import Client, update_client
from orchestration.landing.load import load_file
from orchestration.landing.records import last_delivered_day
from orchestration.settings import Settings
from orchestration.stages.ingestion import ingest_files, ingest_folder
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import checksum, deliver, reasons, rows, staged_rows

HEADER = "date,item_id,units_sold\n"


def sales(warehouse: Warehouse, client: Client) -> list[tuple[object, ...]]:
    return rows(
        warehouse,
        "select date::text, item_id, location_id, order_id, units_sold::float8 from staging.sales"
        " where client_id = %s order by 1, 2, 3, 4",
        client.client_id,
    )


@pytest.fixture
def client(new_client: Callable[..., Client]) -> Client:
    return new_client()


def test_a_daily_feed_is_staged_as_delivered(warehouse: Warehouse, client: Client, tmp_path: Path) -> None:
    outcome = deliver(
        warehouse,
        client,
        tmp_path,
        "sales 2024 'März' 🙂.csv",
        "\ufeffDate,Item_ID,units_sold,unit_price,comment\n"
        "2024-03-01, tea ,3,1.5,x\n2024-03-01 18:30,jam,-1,,\n",
    )

    assert outcome.status == "loaded"
    assert outcome.units_loaded == Decimal(2)
    assert (outcome.first_date, outcome.last_date) == (date(2024, 3, 1), date(2024, 3, 1))
    assert outcome.message == "Columns not used: comment."
    assert sales(warehouse, client) == [
        ("2024-03-01", "jam", "main", "", -1.0),
        ("2024-03-01", "tea", "main", "", 3.0),
    ]


@pytest.mark.parametrize("name", ["sales.csv", "sales.csv.gz", "sales.parquet"])
def test_the_same_rows_arrive_from_every_format(
    warehouse: Warehouse, client: Client, tmp_path: Path, name: str
) -> None:
    import gzip

    frame = pl.DataFrame(
        {
            "date": [date(2024, 3, 1)] * 2,
            "item_id": [1001, 1002],
            "units_sold": [3.0, 0.25],
            "order_id": ["", "a"],
        }
    )
    buffer = io.BytesIO()
    if name.endswith("parquet"):
        frame.write_parquet(buffer)
    else:
        frame.write_csv(buffer)
    content = gzip.compress(buffer.getvalue()) if name.endswith("gz") else buffer.getvalue()

    assert deliver(warehouse, client, tmp_path, name, content).message is None
    assert sales(warehouse, client) == [
        ("2024-03-01", "1001", "main", "", 3.0),
        ("2024-03-01", "1002", "main", "a", 0.25),
    ]


def test_semicolons_bring_a_decimal_comma_and_a_point_is_refused(
    warehouse: Warehouse, client: Client, tmp_path: Path
) -> None:
    good = "".join(f"2024-03-01;i{number};1,5\n" for number in range(99))
    outcome = deliver(
        warehouse, client, tmp_path, "sales.csv", "date;item_id;units_sold\n" + good + "2024-03-01;a;1.500\n"
    )

    assert outcome.units_loaded == Decimal("148.5")
    assert reasons(warehouse, client) == [(101, "bad_number", "units_sold")]


def test_a_client_delivers_its_own_names_and_dates(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(
        column_map={"sales": {"date": "Datum", "item_id": "Artikel", "units_sold": "Menge"}},
        date_format="%d.%m.%Y",
    )

    outcome = deliver(warehouse, client, tmp_path, "sales.csv", "Datum;Artikel;Menge\n31.12.2023;tee;2\n")
    missing = deliver(warehouse, client, tmp_path, "sales_2.csv", "Datum;Menge;item_id\n31.12.2023;2;a\n")

    assert outcome.status == "loaded"
    assert sales(warehouse, client) == [("2023-12-31", "tee", "main", "", 2.0)]
    assert missing.message == (
        "sales_2.csv: the column 'item_id' (mapped to 'Artikel') is missing; the columns found are "
        "Datum, Menge, item_id. Add the column, or name yours with "
        f"'forecaster feed set {client.client_id} sales --map COLUMN=YOURS'."
    )


@pytest.mark.parametrize("date_format", ["%d.%m", "dd.mm.yyyy", "%Y-%m-%dT%H", "%Q"])
def test_a_date_format_without_a_day_refuses_the_file_instead_of_all_its_rows(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path, date_format: str
) -> None:
    client = new_client(date_format=date_format)
    outcome = deliver(warehouse, client, tmp_path, "sales.csv", HEADER + "2024-03-01,tea,3\n")

    assert f"the client's date_format '{date_format}' does not give a day" in (outcome.message or "")
    assert f"'forecaster client update {client.client_id} --date-format FORMAT'" in (outcome.message or "")


def test_local_times_count_as_their_day(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(date_format="%d.%m.%Y %H:%M")
    deliver(warehouse, client, tmp_path, "sales.csv", HEADER + "01.03.2024 23:59,tea,3\n")

    assert sales(warehouse, client)[0][0] == "2024-03-01"


def test_lines_of_an_order_are_added_up(warehouse: Warehouse, client: Client, tmp_path: Path) -> None:
    content = (
        "date,item_id,units_sold,order_id,unit_price,on_promotion\n"
        "2024-03-01,tea,2,A,3,false\n2024-03-01,tea,1,A,6,true\n2024-03-01,tea,5,B,3,false\n"
    )
    outcome = deliver(warehouse, client, tmp_path, "sales.csv", content)

    assert (outcome.rows_read, outcome.rows_loaded, outcome.rows_rejected) == (3, 2, 0)
    assert outcome.units_loaded == Decimal(8)
    assert rows(
        warehouse,
        "select order_id, units_sold::int, unit_price::float8, on_promotion from staging.sales"
        " where client_id = %s order by 1",
        client.client_id,
    ) == [("A", 3, 4.0, True), ("B", 5, 3.0, False)]


@pytest.mark.parametrize("lines_first", [True, False])
def test_a_day_never_counts_as_a_total_and_as_order_lines(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path, lines_first: bool
) -> None:
    client = new_client(max_reject_rate=1)
    files = [
        ("sales_totals.csv", HEADER + "2024-03-01,tea,7\n2024-03-02,tea,1\n"),
        ("sales_lines.csv", "date,item_id,units_sold,order_id\n2024-03-01,tea,7,A\n2024-03-03,tea,1,B\n"),
    ]
    for name, content in reversed(files) if lines_first else files:
        deliver(warehouse, client, tmp_path, name, content)

    assert [reason for _, reason, _ in reasons(warehouse, client)] == ["mixed_grain"]
    assert sum(float(str(row[4])) for row in sales(warehouse, client)) == 9.0


@pytest.mark.parametrize("reasons_first", [True, False])
def test_a_day_never_counts_with_and_without_reasons(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path, reasons_first: bool
) -> None:
    client = new_client(max_reject_rate=1)
    by_reason = "date,item_id,units_sold,reason\n2024-03-01,tea,{},sale\n2024-03-01,tea,-2,breakage\n"
    files = [
        ("sales_plain.csv", HEADER + "2024-03-01,tea,7\n2024-03-02,tea,1\n"),
        ("sales_reasons.csv", by_reason.format(9)),
    ]
    for name, content in reversed(files) if reasons_first else files:
        deliver(warehouse, client, tmp_path, name, content)

    refused = 1 if reasons_first else 2
    assert [reason for _, reason, _ in reasons(warehouse, client)] == ["mixed_grain"] * refused
    assert sum(float(str(row[4])) for row in sales(warehouse, client)) == 8.0

    deliver(warehouse, client, tmp_path, "sales_corrected.csv", by_reason.format(10))
    total = sum(float(str(row[4])) for row in sales(warehouse, client))
    assert total == (9.0 if reasons_first else 8.0)


def test_a_row_without_a_reason_stands_beside_those_with_one(
    warehouse: Warehouse, client: Client, tmp_path: Path
) -> None:
    header = "date,item_id,units_sold,reason\n"
    deliver(warehouse, client, tmp_path, "sales.csv", HEADER + "2024-03-01,tea,7\n")
    split = header + "2024-03-01,tea,10,\n2024-03-01,tea,-3,breakage\n"
    deliver(warehouse, client, tmp_path, "sales_split.csv", split)
    assert reasons(warehouse, client) == []
    assert sorted(float(str(row[4])) for row in sales(warehouse, client)) == [-3.0, 10.0]


def test_order_lines_delivered_again_replace_themselves(
    warehouse: Warehouse, client: Client, tmp_path: Path
) -> None:
    header = "date,item_id,units_sold,order_id\n"
    deliver(warehouse, client, tmp_path, "sales_1.csv", header + "2024-03-01,tea,2,A\n2024-03-01,tea,1,\n")
    outcome = deliver(
        warehouse, client, tmp_path, "sales_2.csv", header + "2024-03-01,tea,3,A\n2024-03-01,tea,1,\n"
    )

    assert (outcome.rows_rejected, outcome.rows_loaded, outcome.rows_restated) == (0, 1, 1)
    assert [row[3:] for row in sales(warehouse, client)] == [("", 1.0), ("A", 3.0)]


def test_a_restatement_replaces_the_value_and_keeps_the_old_one(
    warehouse: Warehouse, client: Client, tmp_path: Path
) -> None:
    first = deliver(
        warehouse, client, tmp_path, "sales_1.csv", HEADER + "2024-03-01,tea,3\n2024-03-01,jam,1\n"
    )
    second = deliver(
        warehouse, client, tmp_path, "sales_2.csv", HEADER + "2024-03-01,tea,5\n2024-03-01,jam,1\n"
    )

    assert (second.rows_loaded, second.rows_restated, second.units_loaded) == (1, 1, Decimal(5))
    assert second.message == "1 rows were known already and equal."
    assert rows(
        warehouse,
        "select item_id, file_id, replaced_file_id, old_units_sold::int, new_units_sold::int"
        " from ops.restated_sales where client_id = %s",
        client.client_id,
    ) == [("tea", second.file_id, first.file_id, 3, 5)]
    assert rows(
        warehouse,
        "select item_id, file_id from staging.sales where client_id = %s order by 1",
        client.client_id,
    ) == [("jam", first.file_id), ("tea", second.file_id)]
    audited = rows(
        warehouse,
        "select action, row_count from ops.audit_log where client_id = %s and action <> 'registry_change'"
        " order by audit_id",
        client.client_id,
    )
    assert audited == [("load", 2), ("load", 1), ("restate", 1)]


def test_columns_a_file_lacks_keep_what_an_earlier_file_said(
    warehouse: Warehouse, client: Client, tmp_path: Path
) -> None:
    deliver(warehouse, client, tmp_path, "products_1.csv", "item_id,name,unit_cost\ntea,Tea,2\n")
    deliver(warehouse, client, tmp_path, "products_2.csv", "item_id,unit_cost\ntea,3\njam,1\n")

    assert rows(
        warehouse,
        "select item_id, name, unit_cost::int from staging.products where client_id = %s order by 1",
        client.client_id,
    ) == [("jam", None, 1), ("tea", "Tea", 3)]


def test_the_units_of_the_files_are_conserved(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(max_reject_rate=0.5)
    contents = [
        HEADER + "2024-03-01,tea,3\n2024-03-01,jam,1.25\n2999-01-01,tea,40\n2024-03-01,tea,100\n",
        HEADER + "2024-03-01,tea,5\n2024-03-02,jam,-2\n2024-03-03,,7\n",
        "date,item_id,units_sold,order_id\n2024-03-04,tea,2,A\n2024-03-04,tea,2,A\n",
    ]
    for number, content in enumerate(contents):
        deliver(warehouse, client, tmp_path, f"sales_{number}.csv", content)
    delivered = Decimal("3") + Decimal("1.25") + 40 + 100 + 5 - 2 + 7 + 4

    [(staged, loaded, refused, replaced)] = rows(
        warehouse,
        """
        select
            (select sum(units_sold) from staging.sales where client_id = %(c)s),
            (select sum(units_loaded) from ops.landing_files where client_id = %(c)s),
            (select sum(units) from ops.rejected_rows where client_id = %(c)s),
            (select sum(old_units_sold) from ops.restated_sales where client_id = %(c)s)
        """.replace("%(c)s", f"'{client.client_id}'"),
    )
    assert refused == 147
    assert loaded == delivered - refused
    assert staged == loaded - replaced


def test_the_same_bytes_again_change_nothing(
    warehouse: Warehouse, client: Client, settings: Settings
) -> None:
    folder = settings.client_landing_dir(client.client_id)
    deliver(warehouse, client, folder, "products.csv", "item_id,name\ntea,Tea\n")
    deliver(warehouse, client, folder, "sales.csv", HEADER + "2024-03-01,tea,3\n")
    before = checksum(warehouse, client)

    assert ingest_folder(warehouse, client, folder, 0) == []
    assert (
        deliver(warehouse, client, folder, "sales.csv", HEADER + "2024-03-01,tea,3\n").status == "duplicate"
    )
    assert checksum(warehouse, client) == before


def test_a_copy_under_another_name_is_noted_once(
    warehouse: Warehouse, client: Client, settings: Settings
) -> None:
    folder = settings.client_landing_dir(client.client_id)
    for name in ("sales_a.csv", "sales_b.csv"):
        deliver(warehouse, client, folder, name, HEADER + "2024-03-01,tea,3\n")
    before = checksum(warehouse, client)

    assert ingest_folder(warehouse, client, folder, 0) == []
    assert checksum(warehouse, client) == before
    assert rows(
        warehouse,
        "select path, status, message from ops.landing_files where client_id = %s order by file_id",
        client.client_id,
    ) == [
        ("sales_a.csv", "loaded", None),
        (
            "sales_b.csv",
            "duplicate",
            "The same content was loaded before as sales_a.csv; nothing was changed.",
        ),
    ]


def test_a_refused_file_is_tried_again_only_when_the_settings_change(
    warehouse: Warehouse, client: Client, settings: Settings, tmp_path: Path
) -> None:
    folder = settings.client_landing_dir(client.client_id)
    folder.mkdir(parents=True)
    (folder / "sales.csv").write_text(HEADER + "01.03.2024,tea,3\n")

    assert [outcome.status for outcome in ingest_folder(warehouse, client, folder, 0)] == ["rejected"]
    before = checksum(warehouse, client)
    assert ingest_folder(warehouse, client, folder, 0) == []
    assert checksum(warehouse, client) == before

    changed = update_client(warehouse, client.client_id, date_format="%d.%m.%Y")
    assert [outcome.status for outcome in ingest_folder(warehouse, changed, folder, 0)] == ["loaded"]


def test_files_named_by_hand_load_from_anywhere_in_the_right_order(
    warehouse: Warehouse, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "sales.csv").write_text(HEADER + "2024-03-01,tea,3\n")
    (tmp_path / "products.csv").write_text("item_id\ntea\n")

    outcomes = ingest_files(warehouse, client, [tmp_path / "sales.csv", tmp_path / "products.csv"])

    assert [(outcome.path, outcome.status) for outcome in outcomes] == [
        ("products.csv", "loaded"),
        ("sales.csv", "loaded"),
    ]


def test_a_date_far_after_the_last_day_is_rejected(
    warehouse: Warehouse, client: Client, tmp_path: Path
) -> None:
    deliver(warehouse, client, tmp_path, "sales_1.csv", HEADER + "2020-03-01,tea,3\n")
    good = "".join(f"2020-03-02,i{number},1\n" for number in range(60))
    deliver(warehouse, client, tmp_path, "sales_2.csv", HEADER + good + "2022-03-01,tea,3\n")

    assert reasons(warehouse, client) == [(62, "date_after_gap", "date")]


@pytest.mark.parametrize(("is_intraday", "expected"), [(False, date(2024, 3, 5)), (True, date(2024, 3, 4))])
def test_the_last_day_of_an_intraday_feed_is_not_complete(
    warehouse: Warehouse,
    new_client: Callable[..., Client],
    tmp_path: Path,
    is_intraday: bool,
    expected: date,
) -> None:
    client = new_client(intraday_feed=is_intraday)
    assert last_delivered_day(warehouse, client.client_id) is None

    deliver(warehouse, client, tmp_path, "sales.csv", HEADER + "2024-03-01,tea,3\n2024-03-05,tea,3\n")

    assert last_delivered_day(warehouse, client.client_id) == expected


def test_negative_stock_is_kept_for_the_inventory_stage_to_judge(
    warehouse: Warehouse, client: Client, tmp_path: Path
) -> None:
    outcome = deliver(
        warehouse, client, tmp_path, "stock_levels.csv", "date,item_id,on_hand_qty\n2024-03-01,a,-4\n"
    )

    assert outcome.rows_loaded == 1


def test_promotions_name_an_item_or_a_category_and_all_locations_by_default(
    warehouse: Warehouse, client: Client, tmp_path: Path
) -> None:
    content = (
        "item_id,category,start_date,end_date\ntea,hot,2024-01-01,2024-01-07\n,cold,2024-01-01,2024-01-07\n"
    )
    deliver(warehouse, client, tmp_path, "promotions.csv", content)

    assert rows(
        warehouse,
        "select target_type, target_id, location_id from staging.promotions where client_id = %s order by 1",
        client.client_id,
    ) == [("category", "cold", ""), ("item", "tea", "")]


LOADER = """
import sys
from pathlib import Path
from orchestration.clients import get_client
from orchestration.landing.load import load_file
from orchestration.settings import load_settings
from orchestration.warehouse.server import locate_warehouse

warehouse = locate_warehouse(load_settings())
path = Path(sys.argv[2])

def wait_in_the_middle(name, rows_read):
    print(rows_read, flush=True)
    if rows_read > 100_000:
        sys.stdin.readline()

load_file(warehouse, get_client(warehouse, sys.argv[1]), path, path.name, on_progress=wait_in_the_middle)
"""


def test_a_load_killed_in_the_middle_leaves_nothing_and_the_next_run_finishes_it(
    warehouse: Warehouse, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "sales.csv"
    days = pl.date_range(date(2024, 1, 1), date(2024, 12, 31), eager=True)
    items = pl.DataFrame({"item_id": [f"i{number}" for number in range(300)]})
    items.join(days.alias("date").to_frame(), how="cross").with_columns(units_sold=2).write_csv(path)
    before = checksum(warehouse, client)

    with subprocess.Popen(
        [sys.executable, "-c", LOADER, client.client_id, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as loader:
        assert loader.stdout is not None
        assert [int(loader.stdout.readline()), int(loader.stdout.readline())] == [100_000, 109_800]
        loader.send_signal(signal.SIGKILL)
    assert checksum(warehouse, client) == before

    outcome = load_file(warehouse, client, path, path.name)
    assert outcome.units_loaded == 2 * 300 * 366
    assert staged_rows(warehouse, client) == 300 * 366
