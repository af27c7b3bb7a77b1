"""A delivery is an event: a value is set back, a file is taken back, a snapshot replaces its days."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from orchestration.clients import Client
from orchestration.landing import snapshots
from orchestration.landing.withdrawal import Delivered, WithdrawalError, lifted_with, withdraw
from orchestration.settings import Settings
from orchestration.stages.ingestion import ingest_folder
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import checksum, deliver, rows

HEADER = "date,item_id,units_sold\n"
STAGING_ONLY: tuple[str, ...] = ()


@pytest.fixture
def client(new_client: Callable[..., Client]) -> Client:
    return new_client(max_reject_rate=0.5)


@pytest.fixture
def folder(client: Client, settings: Settings) -> Path:
    folder = settings.client_landing_dir(client.client_id)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def units(warehouse: Warehouse, client: Client) -> list[tuple[str, str, float]]:
    return rows(
        warehouse,
        "select date::text, item_id, units_sold::float8 from staging.sales where client_id = %s"
        " order by 1, 2, order_id",
        client.client_id,
    )


def statuses(warehouse: Warehouse, client: Client) -> list[tuple[str, str]]:
    return rows(
        warehouse,
        "select path, status from ops.landing_files where client_id = %s order by file_id",
        client.client_id,
    )


def units_add_up(warehouse: Warehouse, client: Client) -> bool:
    """Whether staged units are those of the standing files less those that were replaced."""
    [(staged, loaded, replaced)] = rows(
        warehouse,
        """
        select
            (select coalesce(sum(units_sold), 0) from staging.sales where client_id = {c}),
            (select coalesce(sum(units_loaded), 0) from ops.landing_files
                where client_id = {c} and status = 'loaded'),
            (select coalesce(sum(old_units_sold), 0) from ops.restated_sales where client_id = {c})
        """.replace("{c}", f"'{client.client_id}'"),
    )
    return bool(staged == loaded - replaced)


def test_a_value_is_set_back_by_the_first_files_bytes(
    warehouse: Warehouse, client: Client, folder: Path
) -> None:
    first, second = HEADER + "2024-03-01,tea,5\n", HEADER + "2024-03-01,tea,50\n"
    for name, content in (("sales_1.csv", first), ("sales_2.csv", second), ("sales_3.csv", first)):
        (folder / name).write_text(content)
        ingest_folder(warehouse, client, folder, 0)

    assert units(warehouse, client) == [("2024-03-01", "tea", 5.0)]
    assert [status for _, status in statuses(warehouse, client)] == ["loaded"] * 3
    assert ingest_folder(warehouse, client, folder, 0) == []
    assert units_add_up(warehouse, client)


def test_a_file_that_goes_back_to_its_first_content_is_a_delivery(
    warehouse: Warehouse, client: Client, folder: Path
) -> None:
    for number in (5, 50, 5):
        (folder / "sales.csv").write_text(HEADER + f"2024-03-01,tea,{number}\n")
        [outcome] = ingest_folder(warehouse, client, folder, 0)
        assert outcome.status == "loaded"
        assert units(warehouse, client) == [("2024-03-01", "tea", float(number))]
        assert ingest_folder(warehouse, client, folder, 0) == []


def test_the_same_content_again_after_others_is_a_duplicate_where_it_changes_nothing(
    warehouse: Warehouse, client: Client, folder: Path
) -> None:
    deliver(warehouse, client, folder, "sales_1.csv", HEADER + "2024-03-01,tea,5\n")
    deliver(warehouse, client, folder, "sales_2.csv", HEADER + "2024-03-02,tea,7\n")
    before = checksum(warehouse, client, STAGING_ONLY)

    again = deliver(warehouse, client, folder, "sales_3.csv", HEADER + "2024-03-01,tea,5\n")

    assert again.status == "duplicate"
    assert again.message == "The same content was loaded before as sales_1.csv; nothing was changed."
    assert checksum(warehouse, client, STAGING_ONLY) == before
    assert ingest_folder(warehouse, client, folder, 0) == []


def test_the_same_bytes_serve_as_two_kinds(warehouse: Warehouse, client: Client, folder: Path) -> None:
    content = "item_id,date,units_sold,name\ntea,2024-03-01,3,Tea\n"
    assert deliver(warehouse, client, folder, "products.csv", content).status == "loaded"
    assert deliver(warehouse, client, folder, "sales.csv", content).status == "loaded"
    assert units(warehouse, client) == [("2024-03-01", "tea", 3.0)]


def test_a_withdrawn_file_leaves_what_was_there_before_it(
    warehouse: Warehouse, client: Client, folder: Path
) -> None:
    deliver(
        *(warehouse, client, folder, "sales_1.csv"),
        "date,item_id,units_sold,unit_price\n2024-03-01,tea,5,2.5\n2024-03-01,jam,1,3\n",
    )
    before = checksum(warehouse, client, STAGING_ONLY)
    bad = deliver(warehouse, client, folder, "sales_2.csv", HEADER + "2024-03-01,tea,50\n2024-03-02,tea,70\n")

    done = withdraw(warehouse, client, str(bad.file_id), folder)

    assert checksum(warehouse, client, STAGING_ONLY) == before
    assert (done.taken_back.path, done.loaded_again) == ("sales_2.csv", [])
    assert statuses(warehouse, client) == [
        ("sales_1.csv", "loaded"),
        ("sales_2.csv", "withdrawn"),
        ("sales_2.csv", "withdrawal"),
    ]
    assert ingest_folder(warehouse, client, folder, 0) == []
    assert units_add_up(warehouse, client)
    assert rows(
        warehouse,
        "select object, details ->> 'file_id' from ops.audit_log"
        " where client_id = %s and action = 'withdraw'",
        client.client_id,
    ) == [("sales_2.csv", str(bad.file_id))]


def test_a_withdrawn_content_may_come_again_under_a_new_name(
    warehouse: Warehouse, client: Client, folder: Path
) -> None:
    content = HEADER + "2024-03-01,tea,5\n"
    deliver(warehouse, client, folder, "sales_1.csv", content)
    withdraw(warehouse, client, "sales_1.csv", folder)
    assert units(warehouse, client) == []

    assert deliver(warehouse, client, folder, "sales_2.csv", content).status == "loaded"
    assert units(warehouse, client) == [("2024-03-01", "tea", 5.0)]


def test_later_files_about_the_same_days_are_loaded_again(
    warehouse: Warehouse, client: Client, folder: Path
) -> None:
    """The later file repeats a row of the withdrawn one, which is therefore not its own."""
    deliver(warehouse, client, folder, "sales_1.csv", HEADER + "2024-03-01,tea,5\n")
    deliver(warehouse, client, folder, "sales_2.csv", HEADER + "2024-03-01,tea,50\n2024-03-02,tea,7\n")
    deliver(warehouse, client, folder, "sales_3.csv", HEADER + "2024-03-02,tea,7\n2024-03-03,tea,8\n")
    deliver(warehouse, client, folder, "sales_4.csv", HEADER + "2024-03-09,tea,1\n")

    done = withdraw(warehouse, client, "sales_2.csv", folder)

    assert [outcome.path for outcome in done.loaded_again] == ["sales_3.csv"]
    assert units(warehouse, client) == [
        ("2024-03-01", "tea", 5.0),
        ("2024-03-02", "tea", 7.0),
        ("2024-03-03", "tea", 8.0),
        ("2024-03-09", "tea", 1.0),
    ]
    assert ingest_folder(warehouse, client, folder, 0) == []
    assert units_add_up(warehouse, client)


def test_a_later_file_that_is_gone_stops_the_withdrawal_whole(
    warehouse: Warehouse, client: Client, folder: Path
) -> None:
    deliver(warehouse, client, folder, "sales_1.csv", HEADER + "2024-03-01,tea,5\n")
    deliver(warehouse, client, folder, "sales_2.csv", HEADER + "2024-03-01,tea,6\n")
    (folder / "sales_2.csv").unlink()
    before = checksum(warehouse, client)

    with pytest.raises(WithdrawalError, match=r"sales_2.csv .* put it back into"):
        withdraw(warehouse, client, "sales_1.csv", folder)
    assert checksum(warehouse, client) == before


def test_a_delivery_that_does_not_stand_cannot_be_withdrawn(
    warehouse: Warehouse, client: Client, folder: Path
) -> None:
    deliver(warehouse, client, folder, "sales_1.csv", HEADER + "2024-03-01,tea,5\n")
    withdraw(warehouse, client, "sales_1.csv", folder)
    for name in ("sales_1.csv", "sales_2.csv", "0"):
        with pytest.raises(WithdrawalError, match="delivery list"):
            withdraw(warehouse, client, name, folder)


def test_what_an_earlier_version_did_not_keep_is_not_made_up(
    warehouse: Warehouse, client: Client, folder: Path
) -> None:
    deliver(warehouse, client, folder, "sales_1.csv", HEADER + "2024-03-01,tea,5\n")
    deliver(warehouse, client, folder, "sales_2.csv", HEADER + "2024-03-01,tea,6\n")
    rows(
        warehouse,
        "delete from ops.replaced_rows where client_id = %s returning 1",
        client.client_id,
    )
    with pytest.raises(WithdrawalError, match="earlier version"):
        withdraw(warehouse, client, "sales_2.csv", folder)
    assert units(warehouse, client) == [("2024-03-01", "tea", 6.0)]


def test_products_are_taken_back_with_all_their_columns(
    warehouse: Warehouse, client: Client, folder: Path
) -> None:
    deliver(warehouse, client, folder, "products_1.csv", "item_id,name,unit_cost\ntea,Tea,2\n")
    before = checksum(warehouse, client, STAGING_ONLY)
    deliver(warehouse, client, folder, "products_2.csv", "item_id,unit_cost\ntea,3\njam,1\n")
    withdraw(warehouse, client, "products_2.csv", folder)
    assert checksum(warehouse, client, STAGING_ONLY) == before


def test_a_snapshot_takes_out_what_it_lacks_of_its_days(
    warehouse: Warehouse, client: Client, folder: Path
) -> None:
    days = [f"2024-03-0{day},{item},{day}\n" for day in range(1, 7) for item in ("jam", "tea")]
    deliver(warehouse, client, folder, "sales.csv", HEADER + "".join(days))
    before = checksum(warehouse, client, STAGING_ONLY)

    outcome = deliver(
        *(warehouse, client, folder, "sales_snapshot_march.csv"),
        HEADER + "2024-03-02,tea,2\n2024-03-02,jam,20\n2024-03-03,tea,3\n",
    )

    assert (outcome.rows_loaded, outcome.rows_restated, outcome.rows_removed) == (1, 1, 1)
    assert outcome.message == (
        "1 rows of its days were taken out, which the snapshot lacks. 2 rows were known already and equal."
    )
    march = [row for row in units(warehouse, client) if "2024-03-02" <= row[0] <= "2024-03-03"]
    assert march == [("2024-03-02", "jam", 20.0), ("2024-03-02", "tea", 2.0), ("2024-03-03", "tea", 3.0)]
    assert len(units(warehouse, client)) == len(days) - 1
    assert units_add_up(warehouse, client)

    withdraw(warehouse, client, "sales_snapshot_march.csv", folder)
    assert checksum(warehouse, client, STAGING_ONLY) == before


def test_a_snapshot_that_lacks_most_of_its_days_is_refused(
    warehouse: Warehouse, client: Client, folder: Path
) -> None:
    days = [f"2024-03-01,item_{number},1\n" for number in range(5)]
    deliver(warehouse, client, folder, "sales.csv", HEADER + "".join(days))
    before = checksum(warehouse, client, STAGING_ONLY)

    outcome = deliver(warehouse, client, folder, "sales_snapshot.csv", HEADER + "2024-03-01,item_0,1\n")

    assert outcome.status == "rejected"
    assert "would take out 4 of the 5 known days" in str(outcome.message)
    assert checksum(warehouse, client, STAGING_ONLY) == before


def test_a_snapshot_of_order_lines_replaces_daily_totals(
    warehouse: Warehouse, client: Client, folder: Path
) -> None:
    deliver(warehouse, client, folder, "sales.csv", HEADER + "2024-03-01,tea,5\n")
    outcome = deliver(
        *(warehouse, client, folder, "sales_snapshot.csv"),
        "date,item_id,units_sold,order_id\n2024-03-01,tea,2,A\n2024-03-01,tea,4,B\n",
    )
    assert (outcome.status, outcome.rows_removed, outcome.units_loaded) == ("loaded", 1, Decimal(6))
    assert units(warehouse, client) == [("2024-03-01", "tea", 2.0), ("2024-03-01", "tea", 4.0)]


@pytest.mark.parametrize("case", range(6))
def test_withdrawing_any_delivery_equals_never_having_had_it(
    case: int,
    warehouse: Warehouse,
    new_client: Callable[..., Client],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Random deliveries of few keys, so that they replace and repeat each other, snapshots among them."""
    monkeypatch.setattr(snapshots, "MOST_REMOVED", 1.0)
    chance = random.Random(case)
    contents = []
    for number in range(6):
        first = date(2024, 3, 1) + timedelta(days=chance.randrange(4))
        lines = {
            (first + timedelta(days=chance.randrange(3)), item): chance.randrange(1, 4)
            for item in ("tea", "jam", "oil")
            for _ in range(2)
        }
        text = HEADER + "".join(f"{day},{item},{sold}\n" for (day, item), sold in lines.items())
        name = f"sales_{'snapshot_' if chance.random() < 0.3 else ''}{number}.csv"
        contents.append((name, text))
    left_out = chance.randrange(len(contents))

    def client_with(deliveries: list[tuple[str, str]]) -> tuple[Client, Path]:
        client = new_client()
        folder = settings.client_landing_dir(client.client_id)
        for name, text in deliveries:
            deliver(warehouse, client, folder, name, text)
        return client, folder

    corrected, folder = client_with(contents)
    never, _ = client_with([entry for i, entry in enumerate(contents) if i != left_out])
    withdraw(warehouse, corrected, contents[left_out][0], folder)
    assert units(warehouse, corrected) == units(warehouse, never)
    assert units_add_up(warehouse, corrected)
    assert ingest_folder(warehouse, corrected, folder, 0) == []


def delivered(file_id: int, first: int | None, last: int | None, kind: str = "sales") -> Delivered:
    days = [None if day is None else date(2024, 3, day) for day in (first, last)]
    return Delivered(file_id, f"{file_id}.csv", "", 0, kind, days[0], days[1], 0, None)


def test_what_is_lifted_with_a_delivery_reaches_as_far_as_the_days_touch() -> None:
    target = delivered(2, 5, 8)
    standing = [
        delivered(1, 1, 30),
        target,
        delivered(3, 9, 12),
        delivered(4, 8, 10),
        delivered(5, 10, 11),
        delivered(6, 6, 6, kind="stock_levels"),
    ]
    assert [entry.file_id for entry in lifted_with(target, standing, ["sales", "m5_sales"])] == [4, 5]


def test_of_kinds_without_days_all_that_came_later_are_lifted() -> None:
    standing = [delivered(n, None, None, kind="products") for n in (1, 2, 3)]
    assert [entry.file_id for entry in lifted_with(standing[0], standing, ["products"])] == [2, 3]
