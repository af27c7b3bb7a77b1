"""What is said of a registry field once reaches the model, the table and the command line alike."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from forecasting_lib.grain import Grain
from orchestration.clients import get_client
from orchestration.fields import choices, option_name, setting_of
from orchestration.registry import Client
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import ops
from orchestration.warehouse.tenancy import add_client_partitions, create_client_role

NewClient = Callable[..., Client]

REFUSED_BY_THE_DATABASE = {
    "client_id": "Not A Slug",
    "grain": "year",
    "horizon_days": 0,
    "service_level": 1,
    "service_metric": "hope",
    "supplier_minimum": "hope",
    "returns_policy": "ignore",
    "negative_stock": "hope",
    "unmet_demand": "hope",
    "outlier_handling": "hope",
    "when_bands_fail": "hope",
}


def test_the_columns_of_the_registry_are_the_fields() -> None:
    made_by_the_table = {"created_at", "updated_at"}
    assert [c.name for c in ops.clients.columns if c.name not in made_by_the_table] == list(
        Client.model_fields
    )


@pytest.mark.parametrize("field", Client.model_fields)
def test_a_field_is_explained_in_one_sentence(field: str) -> None:
    for sentence in (setting_of(Client, field).help, setting_of(Client, field).comment):
        assert sentence.endswith(".")
    assert ops.clients.columns[field].comment == setting_of(Client, field).comment


def test_a_field_of_few_words_names_each_in_its_sentence() -> None:
    few = {name: choices(Client, name) for name in Client.model_fields if setting_of(Client, name).check}
    named = {name: words for name, words in few.items() if words}
    assert set(named) == {
        *("grain", "service_metric", "supplier_minimum", "returns_policy", "negative_stock", "unmet_demand"),
        *("outlier_handling", "when_bands_fail"),
    }
    for name, words in named.items():
        assert {word for word in words if word not in setting_of(Client, name).comment} == set()


def test_what_an_empty_value_means_is_said_for_both_who_read_it() -> None:
    assert setting_of(Client, "country").help.endswith("; '' for none.")
    assert setting_of(Client, "country").comment.endswith("; NULL for none.")


def test_a_switch_is_named_by_the_option_that_sets_it() -> None:
    assert option_name(Client, "is_active") == "--active"
    assert option_name(Client, "models") == "--model"
    assert option_name(Client, "horizon_days") == "--horizon-days"


@pytest.mark.parametrize(("field", "value"), REFUSED_BY_THE_DATABASE.items())
def test_the_database_refuses_what_the_field_refuses(
    field: str, value: object, warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    change = sql.SQL("update ops.clients set {} = {} where client_id = {}").format(
        sql.Identifier(field), sql.Literal(value), sql.Literal(client_id)
    )
    with pytest.raises(psycopg.errors.CheckViolation) as refusal, warehouse.transaction() as connection:
        connection.execute(change)
    assert refusal.value.diag.constraint_name == f"ck_clients_{setting_of(Client, field).check}"


def test_every_limit_the_database_enforces_is_tried_here() -> None:
    assert set(REFUSED_BY_THE_DATABASE) == {
        field for field in Client.model_fields if setting_of(Client, field).check
    }


def test_a_row_the_database_fills_in_is_the_client_the_model_fills_in(warehouse: Warehouse) -> None:
    client = Client(client_id="by_hand", name="By Hand")
    with warehouse.connect_admin() as connection:
        create_client_role(connection, warehouse.roles, client.client_id)
    with warehouse.transaction() as connection:
        connection.execute(
            "insert into ops.clients (client_id, name, max_reject_rate) values (%s, %s, %s)",
            (client.client_id, client.name, client.max_reject_rate),
        )
        add_client_partitions(connection, warehouse.roles, client.client_id)
    assert get_client(warehouse, client.client_id) == client


@pytest.mark.parametrize(
    ("said", "meant"), [("daily", "day"), ("weekly", "week"), ("monthly", "month"), ("week", "week")]
)
def test_a_grain_may_be_said_as_an_adverb(said: str, meant: str) -> None:
    assert Client(client_id="acme", name="Acme", grain=said).grain == meant


def test_a_horizon_is_counted_in_whole_periods_of_the_grain() -> None:
    unnamed = Client(client_id="acme", name="Acme")
    assert [unnamed.horizon(grain) for grain in Grain] == [28, 13, 6]
    ninety = Client(client_id="acme", name="Acme", horizon_days=90)
    assert [ninety.horizon(grain) for grain in Grain] == [90, 13, 3]
