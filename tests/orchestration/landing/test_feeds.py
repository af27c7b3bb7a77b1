"""Feeds: how the files of one source are read, from the file to staging."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from orchestration.clients import Client
from orchestration.feeds import Feed
from orchestration.landing.expressions import ExpressionError, require_computable
from orchestration.landing.feed_rules import FeedError, require_readable
from orchestration.landing.kinds import SALES
from orchestration.landing.records import Outcome
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver, rows, sales

NewClient = Callable[..., Client]


@pytest.fixture
def delivered(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> Callable[..., tuple[Client, Outcome]]:
    """Deliver one file of a client with one feed, whose settings are given."""

    def through(name: str, text: str, *, in_berlin: bool = False, **feed: object) -> tuple[Client, Outcome]:
        timezone = "Europe/Berlin" if in_berlin else "UTC"
        client = new_client(timezone=timezone, feeds={"till": Feed.model_validate({"kind": "sales", **feed})})
        return client, deliver(warehouse, client, tmp_path, name, text)

    return through


Delivered = Callable[..., tuple[Client, Outcome]]


def test_a_feed_names_its_files_and_its_columns(warehouse: Warehouse, delivered: Delivered) -> None:
    client, outcome = delivered(
        "Umsatz_2024.csv",
        "Tag;Artikel;Menge\n01.03.2024;a;1.234,5\n02.03.2024;b;12\n",
        files=["umsatz_*"],
        columns={"date": "Tag", "item_id": "Artikel", "units_sold": "Menge"},
        date_format="%d.%m.%Y",
        thousands="point",
    )
    assert outcome.status == "loaded", outcome.message
    assert sales(warehouse, client) == [
        ("2024-03-01", "a", "main", 1234.5),
        ("2024-03-02", "b", "main", 12.0),
    ]


def test_dates_of_another_format_are_answered_with_the_feeds_command(delivered: Delivered) -> None:
    client, outcome = delivered(
        "sales.csv", "date,item_id,units_sold\n30.03.2024,a,1\n31.03.2024,a,1\n", date_format="%Y-%m"
    )
    assert "which are not %Y-%m" in (outcome.message or "")
    assert f"'forecaster feed set {client.client_id} till --date-format %d.%m.%Y'" in (outcome.message or "")


def test_a_format_of_the_feed_that_gives_no_day_is_said_to_be_the_feeds(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    client = new_client(date_format="%d.%m.%Y", feeds={"my till": Feed(kind="sales", date_format="%d.%m")})
    outcome = deliver(warehouse, client, tmp_path, "sales.csv", "date,item_id,units_sold\n2024-03-01,tea,3\n")
    assert outcome.message == (
        "sales.csv: the feed's date_format '%d.%m' does not give a day. Correct it with "
        f"'forecaster feed set {client.client_id} 'my till' --date-format FORMAT'."
    )


@pytest.mark.parametrize(
    ("row", "command"),
    [
        ("soon,a,1", "--date-format FORMAT'"),
        ("2024-03-01,a,many", "--decimal MARK --thousands MARK --empty TEXT'"),
        ("2024-03-01,b,1", "--lines transactions'"),
        ("2024-03-01,,1", None),
    ],
)
def test_too_many_bad_rows_are_answered_with_the_setting_that_may_be_missing(
    row: str, command: str | None, warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    client = new_client()
    outcome = deliver(
        warehouse, client, tmp_path, "sales.csv", f"date,item_id,units_sold\n2024-03-01,b,1\n{row}\n"
    )
    message = outcome.message or ""
    assert ("Say how the source writes with" in message) is (command is not None)
    assert (f"'forecaster feed set {client.client_id} sales {command or ''}" in message) is (
        command is not None
    )
    assert message.lower().endswith(
        "correct the rows that ops.rejected_rows names and deliver the file again.".lower()
    )


def test_a_command_for_a_kind_whose_feed_reads_other_files_names_a_new_feed(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    client = new_client(feeds={"sales": Feed(kind="sales", files=["till_*"])})
    outcome = deliver(warehouse, client, tmp_path, "sales.csv", "date,item_id\n2024-03-01,tea\n")
    command = f"'forecaster feed set {client.client_id} sales_2 --kind sales --map COLUMN=YOURS'."
    assert (outcome.message or "").endswith(command)


def test_a_feed_without_names_reads_all_files_of_its_kind(warehouse: Warehouse, delivered: Delivered) -> None:
    client, _ = delivered("sales_1.csv", "day,item_id,units_sold\n2024-03-01,a,1\n", columns={"date": "day"})
    assert sales(warehouse, client) == [("2024-03-01", "a", "main", 1.0)]


def test_the_feeds_own_columns_come_before_the_clients(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    client = new_client(
        column_map={"sales": {"item_id": "SKU", "date": "Tag"}},
        date_format="%d.%m.%Y",
        feeds={"till": Feed(kind="sales", columns={"item_id": "code"})},
    )
    outcome = deliver(warehouse, client, tmp_path, "sales.csv", "Tag,code,units_sold\n01.03.2024,a,1\n")
    assert outcome.status == "loaded", outcome.message


@pytest.mark.parametrize(
    ("text", "thousands", "decimal", "number"),
    [
        ("1.234.567,5", "point", "comma", 1234567.5),
        ("1,234,567.5", "comma", "point", 1234567.5),
        ("1'234", "apostrophe", "point", 1234.0),
        ("1 234,5", "space", "comma", 1234.5),
        ("1\u202f234,5", "space", "comma", 1234.5),
        ("-1.234", "point", "comma", -1234.0),
        ("12", "point", "comma", 12.0),
        ("1.5", "point", "comma", None),
        ("1.23.456", "point", "comma", None),
        ("1,5", "comma", "point", None),
        ("1.234", None, "point", 1.234),
    ],
)
def test_marks_between_thousands_are_read_in_whole_groups_only(
    text: str,
    thousands: str | None,
    decimal: str,
    number: float | None,
    warehouse: Warehouse,
    delivered: Delivered,
) -> None:
    client, outcome = delivered(
        "sales.csv",
        f"date\titem_id\tunits_sold\n2024-03-01\ta\t{text}\n2024-03-01\tb\t1\n",
        thousands=thousands,
        decimal=decimal,
    )
    if number is None:
        assert outcome.status == "rejected"
        assert "bad_number" in (outcome.message or "")
    else:
        assert ("2024-03-01", "a", "main", number) in sales(warehouse, client)


def test_constants_and_expressions_give_columns_that_the_source_lacks(
    warehouse: Warehouse, delivered: Delivered
) -> None:
    client, outcome = delivered(
        "sales.csv",
        "date;style;size;cases;Pack Size\n2024-03-01;tee;xl;1,5;4\n",
        constants={"location_id": "web"},
        derived={"item_id": "style || '-' || size", "units_sold": 'cases * "Pack Size"'},
    )
    assert outcome.status == "loaded", outcome.message
    assert sales(warehouse, client) == [("2024-03-01", "tee-xl", "web", 6.0)]
    assert "not used" not in (outcome.message or "")


def test_a_number_may_be_made_of_a_text(warehouse: Warehouse, delivered: Delivered) -> None:
    client, outcome = delivered(
        "sales.csv",
        'date,item_id,units_sold,unit_price\n2024-03-01,a,1.5,"0,90 €"\n',
        derived={"unit_price": "replace(unit_price, ',', '.')"},
    )
    assert outcome.status == "loaded", outcome.message
    assert rows(
        warehouse,
        "select units_sold::float, unit_price::float from staging.sales where client_id = %s",
        client.client_id,
    ) == [(1.5, 0.9)]


@pytest.mark.parametrize("price", ["€ 1.50", "1.50€", "$1.50", "1.50 £"])
def test_a_price_may_have_the_sign_of_its_currency(
    price: str, warehouse: Warehouse, delivered: Delivered
) -> None:
    client, outcome = delivered("sales.csv", f"date,item_id,units_sold,unit_price\n2024-03-01,a,1,{price}\n")
    assert outcome.status == "loaded", outcome.message
    query = "select unit_price::float from staging.sales where client_id = %s"
    assert rows(warehouse, query, client.client_id) == [(1.5,)]


def test_texts_that_stand_for_no_value_are_none(warehouse: Warehouse, delivered: Delivered) -> None:
    client, outcome = delivered(
        "sales.csv", "item_id,2024-01,2024-02\nNA,1,na\nb,NA,2\n", date_columns="%Y-%m", empty_texts=["NA"]
    )
    assert outcome.status == "loaded", outcome.message
    assert sales(warehouse, client) == [("2024-01-01", "NA", "main", 1.0), ("2024-02-01", "b", "main", 2.0)]


def test_a_row_whose_expression_has_no_value_is_rejected_and_the_others_load(
    warehouse: Warehouse, delivered: Delivered
) -> None:
    good = "".join(f"2024-03-01;i{number};2;3\n" for number in range(60))
    client, outcome = delivered(
        "sales.csv", f"date;item_id;a;b\n{good}2024-03-01;bad;2;x\n", derived={"units_sold": "a * b"}
    )
    assert (outcome.rows_loaded, outcome.rows_rejected) == (60, 1)
    assert rows(
        warehouse, "select reason, column_name from ops.rejected_rows where client_id = %s", client.client_id
    ) == [("missing_value", "units_sold")]


def test_a_column_that_an_expression_needs_must_be_there(delivered: Delivered) -> None:
    _, outcome = delivered(
        "sales.csv", "date,item_id,a\n2024-03-01,i,1\n", derived={"units_sold": "a * pack"}
    )
    assert outcome.status == "rejected"
    assert "'pack', which an expression is about, is missing" in (outcome.message or "")


def test_a_column_per_month_becomes_a_row_per_month(warehouse: Warehouse, delivered: Delivered) -> None:
    client, outcome = delivered(
        "sales.csv",
        "part,2024-01,2024-02,2024-03,Total\np1,3,,0,3\np2,1,2,3,6\n",
        columns={"item_id": "part"},
        date_columns="%Y-%m",
    )
    assert outcome.status == "loaded", outcome.message
    assert (outcome.rows_read, outcome.rows_loaded, outcome.units_loaded) == (2, 5, Decimal(9))
    assert sales(warehouse, client) == [
        ("2024-01-01", "p1", "main", 3.0),
        ("2024-01-01", "p2", "main", 1.0),
        ("2024-02-01", "p2", "main", 2.0),
        ("2024-03-01", "p1", "main", 0.0),
        ("2024-03-01", "p2", "main", 3.0),
    ]
    assert "Columns not used: Total." in (outcome.message or "")


def test_a_wide_line_with_a_bad_cell_is_rejected_whole_with_its_units(
    warehouse: Warehouse, delivered: Delivered
) -> None:
    good = "".join(f"i{number},1,1\n" for number in range(60))
    client, outcome = delivered(
        "sales.csv", f"item_id,01/2024,02/2024\n{good}bad,5,x\n", date_columns="%m/%Y"
    )
    assert (outcome.rows_loaded, outcome.rows_rejected) == (120, 1)
    assert rows(
        warehouse,
        "select reason, column_name, units::int, raw from ops.rejected_rows where client_id = %s",
        client.client_id,
    ) == [("bad_number", "02/2024", 5, "bad,5,x")]


def test_stock_may_have_a_column_per_day_too(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    client = new_client(feeds={"stock": Feed(kind="stock_levels", date_columns="%d.%m.%Y")})
    outcome = deliver(
        warehouse, client, tmp_path, "stock_levels.csv", "item_id,01.03.2024,02.03.2024\na,5,4\n"
    )
    assert (outcome.status, outcome.rows_loaded) == ("loaded", 2), outcome.message


@pytest.mark.parametrize(
    ("date_format", "text", "day"),
    [
        ("%Y-%m", "2024-03", "2024-03-01"),
        ("%m/%Y", "03/2024", "2024-03-01"),
        ("%G-W%V", "2024-W10", "2024-03-04"),
    ],
)
def test_a_month_is_dated_by_its_first_day_and_a_week_by_its_monday(
    date_format: str, text: str, day: str, warehouse: Warehouse, delivered: Delivered
) -> None:
    client, outcome = delivered(
        "sales.csv", f"date,item_id,units_sold\n{text},a,1\n", date_format=date_format
    )
    assert outcome.status == "loaded", outcome.message
    assert [day for day, *_ in sales(warehouse, client)] == [day]


@pytest.mark.parametrize(
    ("stamp", "zone", "day"),
    [
        ("2024-03-01T23:30:00Z", None, "2024-03-02"),
        ("2024-03-01T23:30:00+01:00", None, "2024-03-01"),
        ("2024-03-01 23:30:00.123-0500", None, "2024-03-02"),
        ("2024-03-01 23:30", None, "2024-03-01"),
        ("2024-03-01 23:30", "UTC", "2024-03-02"),
        ("2024-03-01T04:59:59", "America/New_York", "2024-03-01"),
        ("2024-03-01", "UTC", "2024-03-01"),
    ],
)
def test_time_stamps_are_brought_to_the_clients_days(
    stamp: str, zone: str | None, day: str, warehouse: Warehouse, delivered: Delivered
) -> None:
    client, outcome = delivered(
        "sales.csv", f"date,item_id,units_sold\n{stamp},a,1\n", in_berlin=True, timezone=zone
    )
    assert outcome.status == "loaded", outcome.message
    assert [day for day, *_ in sales(warehouse, client)] == [day]


def test_items_are_left_out_by_choice_and_counted(warehouse: Warehouse, delivered: Delivered) -> None:
    client, outcome = delivered(
        "sales.csv",
        "date,item_id,units_sold\n2024-03-01,a,1\n2024-03-01,POST,7\n2024-03-01,fee-3,2.5\n2024-03-01,b,2\n",
        leave_out_items=["post", "FEE*"],
    )
    assert [item for _, item, *_ in sales(warehouse, client)] == ["a", "b"]
    assert "2 rows of items that the feed leaves out: POST, fee-3." in (outcome.message or "")
    assert rows(
        warehouse,
        "select rows_read, rows_left_out, units_left_out::float from ops.landing_files where client_id = %s",
        client.client_id,
    ) == [(4, 2, 9.5)]


def test_only_some_items_are_read_by_choice(warehouse: Warehouse, delivered: Delivered) -> None:
    client, _ = delivered(
        "sales.csv",
        "date,item_id,units_sold\n2024-03-01,a1,1\n2024-03-01,b1,7\n2024-03-01,a2,1\n",
        keep_items=["a*"],
        leave_out_items=["a2"],
    )
    assert [item for _, item, *_ in sales(warehouse, client)] == ["a1"]


def test_codes_are_spelt_as_the_feed_says_and_transactions_added_up(
    warehouse: Warehouse, delivered: Delivered
) -> None:
    client, outcome = delivered(
        "sales.csv",
        "date,item_id,units_sold\n2024-03-01,a  1,1\n2024-03-01,A 1,2\n2024-03-01, a 1,-1\n",
        code_case="upper",
        code_spaces="single",
        lines="transactions",
    )
    assert outcome.units_loaded == Decimal(2)
    assert sales(warehouse, client) == [("2024-03-01", "A 1", "main", 2.0)]


def test_totals_that_are_one_only_by_their_spelling_are_not_added(delivered: Delivered) -> None:
    _, outcome = delivered(
        "sales.csv", "date,item_id,units_sold\n2024-03-01,a,1\n2024-03-01,A,2\n", code_case="upper"
    )
    assert outcome.status == "rejected"
    assert "duplicate_key_in_file" in (outcome.message or "")


def test_a_snapshot_feed_takes_out_what_it_lacks(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    client = new_client(feeds={"till": Feed(kind="sales", snapshot=True)})
    header = "date,item_id,units_sold\n"
    deliver(warehouse, client, tmp_path, "sales_1.csv", f"{header}2024-03-01,a,1\n2024-03-01,b,2\n")
    outcome = deliver(warehouse, client, tmp_path, "sales_2.csv", f"{header}2024-03-01,a,1\n")
    assert outcome.rows_removed == 1, outcome.message


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"kind": "hopes"}, "There is no kind 'hopes'; there are products"),
        ({"columns": {"colour": "x"}}, "sales has no column 'colour'; it has date"),
        ({"date_format": "%H:%M"}, "does not give a day"),
        (
            {"kind": "products", "date_columns": "%Y-%m"},
            "Only sales, stock_levels may have a column",
        ),
        ({"kind": "products", "item_columns": "*"}, "Only sales, stock_levels may have a column"),
        ({"date_columns": "W*"}, "say with --days-from or --weeks-from or --months-from since when"),
        ({"date_columns": "%Y", "weeks_from": "2024-01-01"}, "needs one * where the running number stands"),
        ({"kind": "products", "lines": "transactions"}, "Only rows of sales are transactions"),
    ],
)
def test_a_feed_that_could_read_no_file_is_refused(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(FeedError) as refusal:
        require_readable(Feed.model_validate({"kind": "sales", **settings}))
    assert complaint in str(refusal.value)


@pytest.mark.parametrize(
    ("formula", "complaint"),
    [
        ("a *", "is not an SQL expression"),
        ("sum(a)", "one value, not one per row"),
        ("3", "about no column"),
        ("a > 1", "not numbers"),
        ("a + b || 'x' * 2", "cannot be computed"),
        ("read_csv('/etc/passwd')", "is not an SQL expression"),
    ],
)
def test_an_expression_that_gives_no_number_per_row_is_refused(formula: str, complaint: str) -> None:
    with pytest.raises(ExpressionError) as refusal:
        require_computable(formula, SALES.column("units_sold"))
    assert complaint in str(refusal.value)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"encoding": "klingon"}, "is not an encoding"),
        ({"encoding": "base64"}, "does not encode text"),
        ({"timezone": "Mars/Olympus"}, "not an IANA time zone"),
        ({"decimal": "comma", "thousands": "comma"}, "cannot have the same mark"),
        ({"columns": {"date": "x"}, "constants": {"date": "y"}}, "date is given twice"),
    ],
)
def test_a_feed_that_contradicts_itself_is_refused(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Feed.model_validate({"kind": "sales", **settings})
