"""Every query of the cookbook runs as a client's own role, says what its text speaks of, and finds rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from orchestration.clients import Client
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tenancy import set_client_password
from tests.docs.pages import ROOT, code_blocks, inline_code, prose

pytestmark = pytest.mark.starts_first

MAY_BE_EMPTY = "<!-- may be empty -->"


@dataclass(frozen=True)
class Recipe:
    """One question: how its answer reads, and the query."""

    question: str
    reading: str
    query: str
    may_be_empty: bool


def recipes() -> list[Recipe]:
    page = (ROOT / "docs" / "sql-cookbook.md").read_text(encoding="utf-8")
    found = []
    for section in re.split(r"^### ", page, flags=re.MULTILINE)[1:]:
        question, _, rest = section.partition("\n")
        rest = re.split(r"^## ", rest, flags=re.MULTILINE)[0]
        blocks = code_blocks(rest)
        assert [block.language for block in blocks] == ["sql"], question
        found.append(Recipe(question, prose(rest).strip(), blocks[0].code, MAY_BE_EMPTY in rest))
    return found


RECIPES = recipes()

each_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.question)


Connection = psycopg.Connection[Any]

PASSWORD = "a planner's own"


def logged_in(warehouse: Warehouse, client: Client) -> Connection:
    """A session as the client itself would open it."""
    set_client_password(warehouse, client.client_id, PASSWORD)
    role = warehouse.roles.client(client.client_id)
    return psycopg.connect(warehouse.libpq_url(), user=role, password=PASSWORD, autocommit=True)


@pytest.fixture(scope="module")
def planner(warehouse: Warehouse, pipeline_client: Client) -> Iterator[Connection]:
    """A session of the client whose pipeline ran."""
    with logged_in(warehouse, pipeline_client) as connection:
        yield connection


def ask(connection: Connection, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Columns and rows of a query."""
    cursor = connection.execute(query.encode())
    return [column.name for column in cursor.description or ()], cursor.fetchall()


def answer(connection: Connection, question: str) -> list[dict[str, Any]]:
    recipe = next(recipe for recipe in RECIPES if recipe.question == question)
    columns, rows = ask(connection, recipe.query)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def test_there_are_at_least_twenty_questions_and_none_is_asked_twice() -> None:
    assert len({recipe.question for recipe in RECIPES}) == len(RECIPES) >= 20


@each_recipe
def test_the_answer_has_the_columns_its_text_speaks_of(recipe: Recipe, planner: Connection) -> None:
    columns, _ = ask(planner, recipe.query)
    spoken_of = set(inline_code(recipe.reading))
    assert spoken_of, "the text does not say how to read the answer"
    assert spoken_of <= set(columns)
    assert len(set(columns)) == len(columns)


@each_recipe
def test_the_answer_has_rows_where_the_pipeline_ran(recipe: Recipe, planner: Connection) -> None:
    _, rows = ask(planner, recipe.query)
    assert rows or recipe.may_be_empty


@each_recipe
def test_the_text_is_one_sentence_and_the_query_names_its_schema(recipe: Recipe) -> None:
    sentence = recipe.reading.replace("\n", " ")
    assert re.fullmatch(r"[^.]*(\.\d[^.]*)*\.", re.sub(r"\([^)]*\)", "", sentence)), sentence
    relations = re.findall(r"\b(?:from|join)\s+(?!lateral\b)([a-z_.]+)", recipe.query)
    queried = {relation for relation in relations if "." in relation}
    assert queried
    assert {relation.split(".")[0] for relation in queried} == {"analytics"}


def test_an_order_placed_now_is_the_gap_to_the_order_up_to_level_rounded_up(planner: Connection) -> None:
    lines = answer(planner, "Why this quantity?")
    assert lines
    for line in lines:
        gap = line["order_up_to_qty"] - float(line["inventory_position_qty"])
        assert float(line["net_need_qty"]) == pytest.approx(gap, abs=1e-3)
        assert line["order_qty"] == line["net_need_qty"] + line["rounding_qty"]
        assert line["order_qty"] % (line["order_multiple_qty"] or Decimal(1)) == 0
        assert line["order_qty"] >= (line["moq_qty"] or 0)


def test_categories_add_up_to_the_accuracy_of_the_client(planner: Connection) -> None:
    overall = {row["model"]: row for row in answer(planner, "How accurate is each model?")}
    categories = answer(planner, "Which categories are hard, and which model suits them?")
    assert sorted(overall) == ["hist_q", "ma7", "seasonal_naive"]
    for model, row in overall.items():
        rows = [category for category in categories if category["model"] == model]
        assert sum(category["n_rows"] for category in rows) == row["n_rows"]
        errors = sum((category["wape"] or 0) * category["actual_qty"] for category in rows)
        assert errors / sum(category["actual_qty"] for category in rows) == pytest.approx(row["wape"])


def test_a_client_without_data_gets_empty_answers_and_no_one_elses(
    warehouse: Warehouse, planner: Connection, new_client: Callable[..., Client]
) -> None:
    with logged_in(warehouse, new_client(prefix="cookbook")) as stranger:
        for recipe in RECIPES:
            _, rows = ask(stranger, recipe.query)
            assert rows == [], recipe.question


@pytest.mark.slow
def test_what_empty_shelves_cost_is_found_without_reading_every_day(
    warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    """Among a million days of which one in fifty was stocked out."""
    client = new_client()
    with warehouse.transaction() as connection:
        connection.execute(
            """
            insert into analytics.ts_demand_daily (
                client_id, item_id, location_id, date, demand_qty, net_sold_qty, clipped_qty,
                is_promotion, is_holiday, is_closed, is_stocked_out, is_masked, lost_sales_qty
            )
            select
                %(client)s, 'item ' || item, 'main', date '2024-01-01' + day, item %% 7, item %% 7, 0,
                false, false, false, is_stocked_out, is_stocked_out, case when is_stocked_out then 2 end
            from generate_series(1, 2500) as item
            cross join generate_series(0, 399) as day
            cross join lateral (select (item + day) %% 50 = 0 as is_stocked_out) as shelf
            """,
            {"client": client.client_id},
        )
        connection.execute(
            """
            insert into analytics.dim_series (
                client_id, item_id, location_id, listed_date, first_sale_date, history_days, demand_days,
                demand_class
            )
            select
                %s, 'item ' || item, 'main', '2024-01-01', '2024-01-01', 400, 343, 'smooth'
            from generate_series(1, 2500) as item
            """,
            (client.client_id,),
        )
        connection.execute(f"analyze analytics.ts_demand_daily__{client.client_id}".encode())
    recipe = next(recipe for recipe in RECIPES if recipe.question == "What did empty shelves cost?")
    with logged_in(warehouse, client) as connection:
        plan = "\n".join(line for (line,) in connection.execute(f"explain {recipe.query}".encode()))
    assert f"Seq Scan on ts_demand_daily__{client.client_id}" not in plan, plan
    assert "ts_demand_daily__" in plan
