"""Listings over the rows of a client that the pipeline published, and questions put to a client's role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
import psycopg
import pytest
from polars.testing import assert_frame_equal
from psycopg import sql

from orchestration.clients import Client
from orchestration.reading.accuracy import latest_accuracy
from orchestration.reading.gaps import find_gaps, planning_states
from orchestration.reporting import questions
from orchestration.reporting.catalogue import CATALOGUE, DEMAND, FORECASTS, WORKLIST
from orchestration.reporting.listings import Kind, Listing, Wish, read_page
from orchestration.reporting.states import client_states
from orchestration.warehouse.server import Warehouse

TYPES = {
    Kind.TEXT: pl.String,
    Kind.TEXTS: pl.List(pl.String),
    Kind.WHOLE: pl.Int64,
    Kind.NUMBER: pl.Float64,
    Kind.DAY: pl.Date,
    Kind.MOMENT: pl.Datetime("us", "UTC"),
    Kind.TRUTH: pl.Boolean,
    Kind.UUID: pl.String,
}


@contextmanager
def working_as_client(warehouse: Warehouse, client_id: str) -> Iterator[psycopg.Connection[Any]]:
    """A transaction that the login began and that works as a client's role."""
    with psycopg.connect(warehouse.libpq_url()) as connection:
        connection.execute(
            sql.SQL("set local role {}").format(sql.Identifier(warehouse.roles.client(client_id)))
        )
        yield connection


def all_rows(
    connection: psycopg.Connection[Any], listing: Listing, client_id: str, limit: int
) -> pl.DataFrame:
    """A listing read page after page."""
    pages, after = [], ()
    while True:
        page = read_page(connection, listing, client_id, Wish(limit, after=after))
        pages.append(page.rows)
        assert page.rows.height <= limit
        if page.next_key is None:
            return pl.concat(pages)
        after = page.next_key


@pytest.mark.parametrize("listing", CATALOGUE, ids=lambda listing: str(listing.name))
def test_a_listing_has_rows_of_the_types_it_declares(
    warehouse: Warehouse, pipeline_client: Client, listing: Listing
) -> None:
    with warehouse.transaction() as connection:
        page = read_page(connection, listing, pipeline_client.client_id, Wish(5))
    assert dict(page.rows.schema) == {field.name: TYPES[field.kind] for field in listing.fields}
    empty = {"rejected-rows", "runs", "decisions", "orders", "order-lines", "models-judged", "drift"}
    if listing.name not in empty:
        assert page.rows.height > 0


@pytest.mark.parametrize("listing", CATALOGUE, ids=lambda listing: str(listing.name))
def test_the_key_of_a_listing_names_one_row(
    warehouse: Warehouse, pipeline_client: Client, listing: Listing
) -> None:
    with warehouse.transaction() as connection:
        rows = read_page(connection, listing, pipeline_client.client_id, Wish(100_000)).rows
    assert rows.select(listing.key).is_unique().all()
    assert rows.select(pl.col(listing.key).is_null().any()).row(0).count(True) == 0


@pytest.mark.parametrize("listing", CATALOGUE, ids=lambda listing: str(listing.name))
def test_pages_together_are_the_whole(
    warehouse: Warehouse, pipeline_client: Client, listing: Listing
) -> None:
    with warehouse.transaction() as connection:
        whole = read_page(connection, listing, pipeline_client.client_id, Wish(100_000)).rows
        limit = max(1, whole.height // 3)
        assert_frame_equal(all_rows(connection, listing, pipeline_client.client_id, limit), whole)


def test_filters_and_fields_choose(warehouse: Warehouse, pipeline_client: Client) -> None:
    client_id = pipeline_client.client_id
    with warehouse.transaction() as connection:
        demand = read_page(connection, DEMAND, client_id, Wish(100_000)).rows
        item, first = demand["item_id"][0], demand["date"].sort()[-3]
        wish = Wish(
            100_000,
            chosen=("date", "demand_qty"),
            equal={"item_id": [item, "no such item"]},
            first={"date": str(first)},
        )
        chosen = read_page(connection, DEMAND, client_id, wish).rows
    expected = demand.filter(pl.col("item_id") == item, pl.col("date") >= first).select("date", "demand_qty")
    assert chosen.height > 0
    assert_frame_equal(chosen, expected)


def test_a_key_that_is_not_among_the_fields_leads_on_all_the_same(
    warehouse: Warehouse, pipeline_client: Client
) -> None:
    with warehouse.transaction() as connection:
        page = read_page(connection, FORECASTS, pipeline_client.client_id, Wish(2, chosen=("mean_qty",)))
    assert page.rows.columns == ["mean_qty"]
    assert page.next_key is not None
    assert len(page.next_key) == len(FORECASTS.key)


def test_a_clients_role_lists_its_own_rows_and_nobody_elses(
    warehouse: Warehouse, pipeline_client: Client, new_client: Any
) -> None:
    other = new_client()
    mine, theirs = pipeline_client.client_id, other.client_id
    with working_as_client(warehouse, mine) as connection:
        assert read_page(connection, WORKLIST, mine, Wish(5)).rows.height > 0
        assert read_page(connection, WORKLIST, theirs, Wish(5)).rows.is_empty()
    with working_as_client(warehouse, theirs) as connection:
        assert read_page(connection, WORKLIST, mine, Wish(5)).rows.is_empty()


def test_a_clients_role_is_answered_as_the_pipelines_is(
    warehouse: Warehouse, pipeline_client: Client
) -> None:
    client_id = pipeline_client.client_id
    models = questions.latest_models(warehouse, client_id)
    chosen = questions.chosen_series(warehouse, client_id)
    keys = list(chosen.select("item_id", "location_id").iter_rows())
    run_id = models["run_id"][0]
    with working_as_client(warehouse, client_id) as connection:
        assert_frame_equal(questions.latest_models(connection, client_id), models)
        assert_frame_equal(questions.chosen_series(connection, client_id), chosen)
        assert_frame_equal(
            questions.urgent_lines(connection, client_id, 5), questions.urgent_lines(warehouse, client_id, 5)
        )
        assert_frame_equal(
            questions.leading_forecast(connection, client_id, run_id, keys),
            questions.leading_forecast(warehouse, client_id, run_id, keys),
            check_row_order=False,
        )
        assert_frame_equal(
            questions.projection(connection, client_id, keys),
            questions.projection(warehouse, client_id, keys),
            check_row_order=False,
        )
        assert_frame_equal(latest_accuracy(connection, client_id), latest_accuracy(warehouse, client_id))
        assert find_gaps(connection) == find_gaps(warehouse, client_id)
        assert planning_states(connection) == planning_states(warehouse, client_id)
        assert [state.client_id for state in client_states(connection)] == [client_id]


def test_the_first_lines_of_the_worklist_cost_as_much_as_they_are(
    warehouse: Warehouse, pipeline_client: Client
) -> None:
    query = sql.SQL(
        "explain (costs off) select * from {} as listed where client_id = {} order by priority_rank limit 5"
    ).format(sql.SQL(WORKLIST.relation).format(client=pipeline_client.client_id), pipeline_client.client_id)
    with working_as_client(warehouse, pipeline_client.client_id) as connection:
        # a plan of a few lines is sorted, unless that is dear
        connection.execute("set local enable_sort = off")
        plan = [row[0] for row in connection.execute(query).fetchall()]
    assert any("ix_replenishment_plan_priority" in step for step in plan)
    joins = plan[: next(number for number, step in enumerate(plan) if "ix_replenishment_plan" in step)]
    assert not [step for step in joins if step.lstrip(" ->").startswith("Sort")]
