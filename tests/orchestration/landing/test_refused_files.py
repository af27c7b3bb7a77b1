"""What is said of a refused file, and when nobody has to look at it any more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.clients import Client, update_client
from orchestration.landing.date_formats import possible_formats
from orchestration.landing.records import dismiss
from orchestration.reading.gaps import find_gaps
from orchestration.stages.ingestion import acceptance
from orchestration.warehouse.gap_vocabulary import Gap
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver

HEAD = "date,item_id,units_sold\n"
GOOD = HEAD + "2024-03-01,tea,3\n2024-03-02,tea,4\n"
BAD = HEAD + "2024-03-01,tea,3\n2024-03-02,tea,four\n"
MIXED = "date,item_id,units_sold\n2024-03-01,café,3\n".encode() + "2024-03-02,thé,3\n".encode("latin-1")

NewClient = Callable[..., Client]


def is_warned_of(warehouse: Warehouse, client: Client) -> bool:
    codes = {gap.gap for gap in find_gaps(warehouse, client.client_id)}
    return bool(codes & {Gap.FILES_REFUSED, Gap.EVERYTHING_REFUSED})


@pytest.mark.parametrize(
    ("refused", "content", "then", "correction", "is_settled"),
    [
        ("sales.csv", BAD, "sales.csv", GOOD, True),
        ("sales_old.csv", BAD, "sales_march.csv", GOOD, True),
        ("sales_1.csv", BAD, "sales_2.csv", HEAD + "2024-03-02,tea,4\n", False),
        ("sales.csv", MIXED, "sales_utf8.csv", GOOD, True),
        ("sales.csv", MIXED, "sales (1).csv", GOOD, True),
        ("sales.csv", MIXED, "sales_2024-04.csv", GOOD, False),
        ("sales.csv", MIXED, "products.csv", "item_id\ntea\n", False),
        ("sales.xlsx", b"PK", "sales.csv", GOOD, True),
        ("export.csv", GOOD, "sales_export.csv", GOOD, True),
        ("products_a.csv", "sku\ntea\n", "products_b.csv", "item_id\ntea\n", True),
    ],
    ids=[
        *("the same name", "the same days under another name", "only some of its days"),
        *("its name and utf8", "its name and a number", "another month", "another kind"),
        *("a workbook as text", "its content under a known name", "products anew"),
    ],
)
def test_a_refused_file_is_warned_of_until_it_is_made_good(
    warehouse: Warehouse,
    new_client: NewClient,
    tmp_path: Path,
    refused: str,
    content: str | bytes,
    then: str,
    correction: str,
    is_settled: bool,
) -> None:
    client = new_client()
    assert deliver(warehouse, client, tmp_path, refused, content).status == "rejected"
    assert is_warned_of(warehouse, client)
    assert deliver(warehouse, client, tmp_path, then, correction).status == "loaded"
    assert is_warned_of(warehouse, client) is not is_settled


def test_a_file_that_nobody_needs_is_dismissed(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    client = new_client()
    deliver(warehouse, client, tmp_path, "notes.txt", "call the shop")
    assert dismiss(warehouse, client.client_id, "other.txt") == 0
    assert is_warned_of(warehouse, client)
    assert dismiss(warehouse, client.client_id, "notes.txt") == 1
    assert not is_warned_of(warehouse, client)
    assert dismiss(warehouse, client.client_id, "notes.txt") == 0


@pytest.mark.parametrize(("name", "stops"), [("notes.txt", False), ("sales.xlsx", True), ("sales.csv", True)])
def test_a_stray_file_only_warns_and_a_part_of_the_delivery_stops_the_run(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path, name: str, stops: bool
) -> None:
    outcome = deliver(warehouse, new_client(), tmp_path, name, BAD)
    result = acceptance([outcome])
    assert not result.passed
    assert result.severity.value == ("ERROR" if stops else "WARN")
    assert name in (result.description or "")


def test_dates_of_another_format_are_answered_with_the_command_that_sets_it(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    client = new_client()
    content = HEAD + "30.09.2022,tea,3\n01.10.2022,tea,4\n"
    message = deliver(warehouse, client, tmp_path, "sales.csv", content).message
    assert message == (
        "sales.csv: 2 of 2 rows have dates such as '01.10.2022', which are not YYYY-MM-DD; say how they are "
        f"written: 'forecaster client update {client.client_id} --date-format %d.%m.%Y'. "
        "Then run the client again: the file is tried once more."
    )
    changed = update_client(warehouse, client.client_id, date_format="%d.%m.%Y")
    assert deliver(warehouse, changed, tmp_path, "sales.csv", content).status == "loaded"


@pytest.mark.parametrize(
    ("samples", "formats"),
    [
        (["30.09.2022", "1.10.2022"], ["%d.%m.%Y"]),
        (["03/04/2022"], ["%d/%m/%Y", "%m/%d/%Y"]),
        (["03/31/2022", "03/04/2022"], ["%m/%d/%Y"]),
        (["12/1/2010 8:26", "12/31/2010 8:26"], ["%m/%d/%Y %H:%M"]),
        (["20220930"], ["%Y%m%d"]),
        (["30.09.2022", "soon"], []),
        (["44834"], []),
        ([], []),
    ],
)
def test_a_format_is_proposed_where_every_date_can_be_read_with_it(
    samples: list[str], formats: list[str]
) -> None:
    assert possible_formats(samples) == formats
