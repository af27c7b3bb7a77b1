"""Currencies and units of measure: what is carried, and what is never added."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.clients import Client, get_client, update_client
from orchestration.landing import batches
from orchestration.landing.records import Outcome
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver, reasons, rows

Load = Callable[[str, str], Outcome]


@pytest.fixture
def client(warehouse: Warehouse, new_client: Callable[..., Client]) -> Client:
    return new_client(max_reject_rate=1)


@pytest.fixture
def load(warehouse: Warehouse, client: Client, tmp_path: Path) -> Load:
    def loaded(name: str, text: str) -> Outcome:
        return deliver(warehouse, get_client(warehouse, client.client_id), tmp_path, name, text)

    return loaded


def test_the_first_currency_is_the_clients_and_others_are_refused(
    warehouse: Warehouse, client: Client, load: Load
) -> None:
    header = "date,item_id,units_sold,unit_price,currency\n"
    load("sales_1.csv", f"{header}2024-03-01,a,1,2.5,eur\n2024-03-01,b,1,2.5,GBP\n2024-03-01,c,1,2.5,\n")
    assert get_client(warehouse, client.client_id).currency == "EUR"
    assert reasons(warehouse, client) == [(3, "other_currency", "currency")]
    assert load("sales_2.csv", f"{header}2024-03-02,a,1,2.5,USD\n").rows_rejected == 1
    assert rows(
        warehouse,
        "select item_id, currency from staging.sales where client_id = %s order by 1",
        client.client_id,
    ) == [("a", "EUR"), ("c", None)]


def test_a_text_that_is_no_code_of_a_currency_never_becomes_the_clients(
    warehouse: Warehouse, client: Client, load: Load
) -> None:
    header = "date,item_id,units_sold,unit_price,currency\n"
    load("sales_1.csv", f"{header}2024-03-01,a,1,2.5,euro\n2024-03-01,b,1,2.5,\n")
    assert get_client(warehouse, client.client_id).currency is None
    assert reasons(warehouse, client) == [(2, "other_currency", "currency")]
    load("sales_2.csv", f"{header}2024-03-02,a,1,2.5,euro\n2024-03-02,b,1,2.5,chf\n")
    assert get_client(warehouse, client.client_id).currency == "CHF"


def test_a_currency_that_somebody_named_counts(warehouse: Warehouse, client: Client, load: Load) -> None:
    update_client(warehouse, client.client_id, currency="CHF")
    assert load("products.csv", "item_id,unit_cost,currency\na,5,EUR\n").rows_rejected == 1
    assert load("suppliers.csv", "supplier_id,min_order_value,currency\nv,5,CHF\n").rows_loaded == 1


@pytest.mark.parametrize(
    ("of_client", "amount", "is_read"),
    [
        (None, "$5", True),
        ("CAD", "$5", True),
        ("EUR", "5 €", True),
        ("EUR", "£5", False),
        ("EUR", "$5", False),
        ("EUR", "5", True),
    ],
)
def test_the_sign_of_a_currency_says_which(
    of_client: str | None, amount: str, is_read: bool, warehouse: Warehouse, client: Client, load: Load
) -> None:
    update_client(warehouse, client.client_id, currency=of_client)
    outcome = load("sales.csv", f"date,item_id,units_sold,unit_price\n2024-03-01,a,1,{amount}\n")
    assert (outcome.rows_loaded, outcome.rows_rejected) == ((1, 0) if is_read else (0, 1))


def test_a_sign_may_come_late_in_a_file(
    warehouse: Warehouse, client: Client, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_BATCH_ROWS", 1)
    outcome = load(
        "sales.csv",
        "date,item_id,units_sold,unit_price\n2024-03-01,a,1,5\n2024-03-01,b,1,5 €\n2024-03-01,c,1,5\n",
    )
    assert outcome.rows_loaded == 3, outcome.message
    assert rows(
        warehouse,
        "select item_id, currency from staging.sales where client_id = %s order by 1",
        client.client_id,
    ) == [("a", None), ("b", "EUR"), ("c", None)]


def test_lines_of_an_order_keep_their_currency(warehouse: Warehouse, client: Client, load: Load) -> None:
    line = "2024-03-01,a,1,2,EUR,kg,o1\n"
    load("sales.csv", f"date,item_id,units_sold,unit_price,currency,uom,order_id\n{line}{line}")
    assert rows(
        warehouse,
        "select units_sold::int, currency, uom from staging.sales where client_id = %s",
        client.client_id,
    ) == [(2, "EUR", "kg")]


def test_an_item_has_one_unit_of_measure_in_all_that_is_counted(
    warehouse: Warehouse, client: Client, load: Load
) -> None:
    header = "date,item_id,units_sold,uom\n"
    load("sales_1.csv", f"{header}2024-03-01,a,1,kg\n2024-03-02,a,1,pcs\n2024-03-01,b,1,pcs\n")
    assert reasons(warehouse, client) == [(3, "other_unit", "uom")]
    assert load("sales_2.csv", f"{header}2024-03-03,a,5,pcs\n").rows_rejected == 1
    assert load("sales_3.csv", f"{header}2024-03-03,a,5,KG\n").rows_rejected == 0
    assert load("stock_levels.csv", "date,item_id,on_hand_qty,uom\n2024-03-03,a,5,pcs\n").rows_rejected == 1
    assert rows(
        warehouse,
        "select item_id, uom from staging.products where client_id = %s order by 1",
        client.client_id,
    ) == [("a", "kg"), ("b", "pcs")]


def test_the_unit_of_a_product_counts_and_one_without_is_told(
    warehouse: Warehouse, client: Client, load: Load
) -> None:
    load("products.csv", "item_id,name,uom\na,Apple,kg\nb,Pear,\n")
    outcome = load("sales.csv", "date,item_id,units_sold,uom\n2024-03-01,a,1,pcs\n2024-03-01,b,1,pcs\n")
    assert (outcome.rows_loaded, outcome.rows_rejected) == (1, 1)
    assert rows(
        warehouse,
        "select item_id, name, uom from staging.products where client_id = %s order by 1",
        client.client_id,
    ) == [("a", "Apple", "kg"), ("b", "Pear", "pcs")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sales.csv", "date,item_id,units_sold\n2024-03-01,a,1\n"),
        ("stock_levels.csv", "date,item_id,on_hand_qty\n2024-03-01,a,1\n"),
        ("purchase_orders.csv", "po_id,item_id,ordered_qty,order_date\n1,a,5,2024-03-01\n"),
    ],
)
def test_a_product_keeps_the_unit_in_which_its_quantities_were_delivered(
    name: str, text: str, warehouse: Warehouse, client: Client, load: Load
) -> None:
    header = "item_id,name,uom\n"
    load("products_1.csv", f"{header}a,Apple,kg\nb,Pear,kg\n")
    load(name, text)
    outcome = load("products_2.csv", f"{header}a,Apple,pcs\nb,Pear,pcs\n")
    assert (outcome.rows_loaded, outcome.rows_rejected) == (1, 1)
    assert reasons(warehouse, client) == [(2, "other_unit", "uom")]
    assert load("products_3.csv", f"{header}a,Red apple,KG\n").rows_rejected == 0
    assert rows(
        warehouse,
        "select item_id, name, uom from staging.products where client_id = %s order by 1",
        client.client_id,
    ) == [("a", "Red apple", "KG"), ("b", "Pear", "pcs")]
