"""M5's wide layout: days, subsets of days, descriptions, and the genuine files."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from orchestration.clients import Client
from orchestration.landing.m5 import day_dates
from orchestration.landing.reasons import FileRefusedError
from orchestration.landing.records import last_delivered_day
from orchestration.stages.ingestion import ingest_files
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver, rows

WIDE = (
    "id,item_id,dept_id,cat_id,store_id,state_id,d_3,d_1\n"
    "x,FOODS_1_001,FOODS_1,FOODS,CA_1,CA,4,0\n"
    "y,FOODS_1_002,FOODS_1,FOODS,CA_1,CA,,7\n"
)
CALENDAR = (
    "date,wm_yr_wk,weekday,wday,month,year,d,event_name_1,event_type_1,event_name_2,event_type_2,"
    "snap_CA,snap_TX,snap_WI\n"
    "2020-05-01,11101,Friday,7,5,2020,d_1,,,,,0,1,0\n"
    "2020-05-03,11102,Sunday,2,5,2020,d_3,Easter,Cultural,,,1,0,0\n"
)


def staged(warehouse: Warehouse, client: Client) -> list[tuple[object, ...]]:
    return rows(
        warehouse,
        "select item_id, date::text, units_sold::int from staging.sales where client_id = %s order by 1, 2",
        client.client_id,
    )


def test_zeros_become_rows_and_empty_cells_do_not(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client()
    outcome = deliver(warehouse, client, tmp_path, "sales_train_evaluation.csv", WIDE)

    assert (outcome.rows_read, outcome.rows_loaded, outcome.units_loaded) == (2, 3, Decimal(11))
    assert staged(warehouse, client) == [
        ("FOODS_1_001", "2011-01-29", 0),
        ("FOODS_1_001", "2011-01-31", 4),
        ("FOODS_1_002", "2011-01-29", 7),
    ]


def test_the_clients_own_calendar_gives_the_dates(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client()
    (tmp_path / "sales_train_x.csv").write_text(WIDE)
    (tmp_path / "calendar.csv").write_text(CALENDAR)

    ingest_files(warehouse, client, [tmp_path / "sales_train_x.csv", tmp_path / "calendar.csv"])

    assert [row[1] for row in staged(warehouse, client)] == ["2020-05-01", "2020-05-03", "2020-05-01"]
    assert rows(
        warehouse,
        "select d, snap_ca, event_name_1 from staging.calendar where client_id = %s order by d",
        client.client_id,
    ) == [("d_1", False, None), ("d_3", True, "Easter")]


def test_a_day_the_calendar_lacks_refuses_the_file(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client()
    deliver(warehouse, client, tmp_path, "calendar.csv", CALENDAR)
    outcome = deliver(warehouse, client, tmp_path, "sales_train_x.csv", WIDE.replace("d_3", "d_2"))

    assert outcome.status == "rejected"
    assert "the client's calendar does not know d_2 (1 days)" in (outcome.message or "")


def test_items_and_stores_are_described_unless_a_file_did(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client()
    deliver(warehouse, client, tmp_path, "products.csv", "item_id,category\nFOODS_1_001,mine\n")
    deliver(warehouse, client, tmp_path, "sales_train_x.csv", WIDE)

    assert rows(
        warehouse,
        "select item_id, category, department from staging.products where client_id = %s order by 1",
        client.client_id,
    ) == [("FOODS_1_001", "mine", None), ("FOODS_1_002", "FOODS", "FOODS_1")]
    assert rows(
        warehouse,
        "select location_id, region, country from staging.locations where client_id = %s",
        client.client_id,
    ) == [("CA_1", "CA", "US")]


def test_a_later_wide_file_restates_days(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client()
    deliver(warehouse, client, tmp_path, "sales_train_x.csv", WIDE)
    outcome = deliver(warehouse, client, tmp_path, "sales_train_y.csv", WIDE.replace("CA,4,0", "CA,5,0"))

    assert (outcome.rows_loaded, outcome.rows_restated) == (1, 1)
    assert ("FOODS_1_001", "2011-01-31", 5) in staged(warehouse, client)


def test_rejected_lines_carry_the_units_that_could_be_read(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(max_reject_rate=1)
    content = "item_id,store_id,d_1,d_2,d_3\na,s,1,2,3\na,s,4,5,6\nb,s,7,?,8\n,s,1,1,1\n"
    deliver(warehouse, client, tmp_path, "sales_train_x.csv", content)

    assert rows(
        warehouse,
        "select reason, units::int from ops.rejected_rows where client_id = %s order by line_number",
        client.client_id,
    ) == [("duplicate_key_in_file", 15), ("bad_number", 15), ("missing_key", 3)]


def test_published_days_start_on_29_january_2011() -> None:
    assert day_dates(["d_1", "d_1941"], {}, "x") == {"d_1": date(2011, 1, 29), "d_1941": date(2016, 5, 22)}
    with pytest.raises(FileRefusedError, match="does not know d_2"):
        day_dates(["d_1", "d_2"], {"d_1": date(2020, 1, 1)}, "x")


@pytest.mark.shared_data
@pytest.mark.parametrize(("folder", "series"), [("m5_280x1941", 280), ("m5_ca1_3049x447", 3_049)])
def test_the_genuine_files_arrive_unit_for_unit(
    warehouse: Warehouse, new_client: Callable[..., Client], shared_data: Path, folder: str, series: int
) -> None:
    client = new_client()
    source = shared_data / folder / "sales_train_evaluation.csv.gz"
    with gzip.open(source) as content:
        wide = pl.read_csv(content.read())
    units = wide.select(pl.col(r"^d_\d+$")).sum_horizontal().sum()
    days = sum(name.startswith("d_") for name in wide.columns)

    outcomes = ingest_files(warehouse, client, sorted((shared_data / folder).glob("*.csv*")))

    assert {outcome.status for outcome in outcomes} == {"loaded"}
    [loaded] = [outcome for outcome in outcomes if outcome.kind == "m5_sales"]
    assert (loaded.rows_read, loaded.rows_loaded) == (series, series * days)
    assert loaded.units_loaded == units
    assert last_delivered_day(warehouse, client.client_id) == date(2016, 5, 22)
    [(staged_units, staged_rows)] = rows(
        warehouse,
        "select sum(units_sold), count(*) from staging.sales where client_id = %s",
        client.client_id,
    )
    assert (staged_units, staged_rows) == (units, series * days)
