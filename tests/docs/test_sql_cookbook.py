"""Every query of the cookbook runs as a client's own role, says what its text speaks of, and finds rows."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from forecasting_lib.panel import QUANTILE_COLUMNS
from orchestration.clients import Client, add_client, remove_client, validated
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

DEMAND = """
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
    """

MONTHS = """
    insert into analytics.demand_by_month (
        client_id, item_id, location_id, month, n_periods, n_days, known_periods, demand_periods, demand_qty,
        squared_demand_qty, known_qty, clipped_qty, masked_days, closed_days, stocked_out_days,
        promoted_periods, promoted_qty
    )
    select
        client_id, item_id, location_id, date_trunc('month', date)::date, count(*), count(*), count(*),
        count(*), sum(demand_qty), sum(demand_qty ^ 2), sum(demand_qty), 0, 0, 0, 0, 0, 0
    from analytics.ts_demand_daily
    where client_id = %(client)s
    group by 1, 2, 3, 4
    """

SERIES = """
    insert into analytics.dim_series (
        client_id, item_id, location_id, listed_date, first_sale_date, history_days, demand_days,
        demand_class
    )
    select %(client)s, 'item ' || item, 'main', '2024-01-01', '2024-01-01', 400, 343, 'smooth'
    from generate_series(1, 2500) as item
    """

FORECAST_RUN = """
    insert into analytics.forecast_runs (
        client_id, run_id, model, as_of_date, horizon_days, status, is_current, is_champion, reason,
        code_version, input_digest, n_series, dagster_run_id
    )
    values (
        %(client)s, %(run)s, 'ma7', '2025-01-20', 28, 'published', true, true, '', '', '', 2500, ''
    )
    """

FORECAST = """
    insert into analytics.forecast_results (
        client_id, run_id, model, item_id, location_id, date, lag_days, point_qty, mean_qty, {columns}
    )
    select
        %(client)s, %(run)s, 'ma7', 'item ' || item, 'main', date '2025-01-20' + lag, lag, 1, 1, {grid}
    from generate_series(1, 2500) as item
    cross join generate_series(1, 28) as lag
    """


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


@pytest.fixture(scope="module")
def million_days(warehouse: Warehouse) -> Iterator[tuple[str, Connection]]:
    """A client's session and its partition of a million days, with a forecast of which 14 days are known."""
    client = validated(client_id="cookbook_of_a_million", name="A million")
    add_client(warehouse, client)
    with warehouse.transaction() as connection:
        values = {"client": client.client_id, "run": str(uuid.uuid4())}
        connection.execute(DEMAND.encode(), values)
        connection.execute(MONTHS.encode(), values)
        connection.execute(SERIES.encode(), values)
        connection.execute(FORECAST_RUN.encode(), values)
        grid = ", ".join(["1"] * len(QUANTILE_COLUMNS))
        connection.execute(FORECAST.format(columns=", ".join(QUANTILE_COLUMNS), grid=grid).encode(), values)
    with warehouse.connect_admin(autocommit=True) as connection:
        connection.execute("vacuum analyze")
    with logged_in(warehouse, client) as session:
        yield f"ts_demand_daily__{client.client_id}", session
    remove_client(warehouse, client.client_id)


@pytest.mark.slow
@each_recipe
def test_no_question_reads_every_day(recipe: Recipe, million_days: tuple[str, Connection]) -> None:
    partition, session = million_days
    plan = "\n".join(line for (line,) in session.execute(f"explain {recipe.query}".encode()))
    assert f"Seq Scan on {partition}" not in plan, plan


@pytest.mark.slow
@pytest.mark.parametrize(
    "question",
    [
        "What did empty shelves cost?",
        "Which forecasts got worse this month?",
        "How sure is the forecast of one item?",
        "What did we believe on a past day?",
    ],
)
def test_days_that_a_question_needs_are_looked_up(
    question: str, million_days: tuple[str, Connection]
) -> None:
    partition, session = million_days
    recipe = next(recipe for recipe in RECIPES if recipe.question == question)
    plan = "\n".join(line for (line,) in session.execute(f"explain {recipe.query}".encode()))
    assert re.search(rf"Scan using \S+ on {partition}|Bitmap Heap Scan on {partition}", plan), plan
