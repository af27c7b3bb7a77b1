"""Dates that are running numbers: of weeks, months and days, in a column and in the names of columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from forecasting_lib.grain import Grain
from orchestration.clients import Client, get_client
from orchestration.feeds import Feed
from orchestration.landing.records import Outcome
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver, rows

Delivered = Callable[..., tuple[Client, Outcome]]


@pytest.fixture
def delivered(warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path) -> Delivered:
    """Deliver one file of sales of a client whose feed has the given settings."""

    def through(text: str, **feed: object) -> tuple[Client, Outcome]:
        client = new_client(
            grain=None, max_reject_rate=0.5, feeds={"till": Feed.model_validate({"kind": "sales", **feed})}
        )
        return client, deliver(warehouse, client, tmp_path, "sales.csv", text)

    return through


def days(warehouse: Warehouse, client: Client) -> list[str]:
    return [
        day
        for (day,) in rows(
            warehouse,
            "select date::text from staging.sales where client_id = %s order by 1",
            client.client_id,
        )
    ]


@pytest.mark.parametrize(
    ("setting", "first_day", "number", "day"),
    [
        ("weeks_from", "1999-09-16", "1", "1999-09-16"),
        ("weeks_from", "1989-09-14", "40", "1990-06-14"),
        ("weeks_from", "1989-09-14", "W40", "1990-06-14"),
        ("weeks_from", "1989-09-14", "40.0", "1990-06-14"),
        ("weeks_from", "2024-01-01", "0", "2023-12-25"),
        ("months_from", "1998-01-01", "14", "1999-02-01"),
        ("days_from", "2011-01-29", "d_7", "2011-02-04"),
        ("days_from", "1899-12-31", "45000", "2023-03-15"),
        ("days_from", "1899-12-31", "45000.75", "2023-03-15"),
    ],
)
def test_a_number_is_the_day_on_which_its_period_began(
    setting: str, first_day: str, number: str, day: str, warehouse: Warehouse, delivered: Delivered
) -> None:
    client, outcome = delivered(f"date,item_id,units_sold\n{number},a,1\n", **{setting: first_day})
    assert outcome.status == "loaded", outcome.message
    assert days(warehouse, client) == [day]


@pytest.mark.parametrize("text", ["", "x", "40.5", "-3", "1990-06-14", "9999999", "4 0"])
def test_what_is_no_number_of_a_week_is_rejected_and_the_row_says_why(
    text: str, warehouse: Warehouse, delivered: Delivered
) -> None:
    client, outcome = delivered(f"date,item_id,units_sold\n{text},a,1\n40,b,1\n", weeks_from="1989-09-14")
    assert (outcome.rows_loaded, outcome.rows_rejected) == (1, 1)
    [(reason, message)] = rows(
        warehouse, "select reason, message from ops.rejected_rows where client_id = %s", client.client_id
    )
    if text:
        assert reason == "bad_date"
        assert message == f"date '{text}' is not a number of weeks, 1 being that of 1989-09-14."


def test_a_number_of_weeks_to_come_is_refused(delivered: Delivered) -> None:
    _, outcome = delivered("date,item_id,units_sold\n99999,a,1\n1,a,1\n", weeks_from="2024-01-01")
    assert (outcome.rows_loaded, outcome.rows_rejected) == (1, 1)


@pytest.mark.parametrize(
    ("setting", "grain"), [("weeks_from", Grain.WEEK), ("months_from", Grain.MONTH), ("days_from", None)]
)
def test_what_is_numbered_is_what_the_sales_are_totals_of(
    setting: str, grain: Grain | None, warehouse: Warehouse, delivered: Delivered
) -> None:
    client, _ = delivered("date,item_id,units_sold\n1,a,1\n2,a,1\n", **{setting: "2024-01-01"})
    assert get_client(warehouse, client.client_id).grain == grain


def test_the_names_of_columns_may_be_numbered(warehouse: Warehouse, delivered: Delivered) -> None:
    client, outcome = delivered(
        "item_id,W0,W1,W2,Normalized 1,MAX\na,1,,3,0.5,3\n", date_columns="W*", weeks_from="2024-01-08"
    )
    assert outcome.status == "loaded", outcome.message
    assert days(warehouse, client) == ["2024-01-01", "2024-01-15"]
    assert "Columns not used: Normalized 1, MAX." in (outcome.message or "")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"weeks_from": "DATE"}, "'DATE' is not a day such as 2024-01-31"),
        ({"weeks_from": "14.09.1989"}, "is not a day"),
        ({"weeks_from": "2024-01-01", "months_from": "2024-01-01"}, "dates are written in one way"),
        ({"weeks_from": "2024-01-01", "date_format": "%Y"}, "dates are written in one way"),
    ],
)
def test_a_first_day_is_one_day_and_the_only_way_to_read_dates(
    settings: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        Feed.model_validate({"kind": "sales", **settings})
    assert complaint in str(refusal.value)
