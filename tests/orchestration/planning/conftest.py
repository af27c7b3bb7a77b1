"""A client with a plan, whose lines people decide about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from orchestration.clients import Client, add_client, validated
from orchestration.planning.decisions import Choice, decide
from orchestration.stages.forecasting import forecasts
from orchestration.stages.inventory import inventory
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.shops import LAST_DAY, add_history, as_writer, materialize

ITEMS = 40
WEEK_BEFORE = LAST_DAY - timedelta(days=7)

Row = dict[str, Any]


@dataclass(frozen=True)
class Desk:
    """What a planner of one client has before them.

    Attributes:
        warehouse: of the installation.
        client: whose plan it is.
    """

    warehouse: Warehouse
    client: Client
    _items: Iterator[int] = field(default_factory=count)

    @property
    def client_id(self) -> str:
        return self.client.client_id

    def new_item(self) -> str:
        """An item that no other test decides about."""
        number = next(self._items)
        assert number < ITEMS
        return f"item-{number}"

    @contextmanager
    def writing(self) -> Iterator[psycopg.Connection[Any]]:
        """A transaction of the API, as the client's writer."""
        with as_writer(self.warehouse, self.client_id) as connection:
            yield connection

    def rows(self, query: LiteralString, *parameters: Any) -> list[Row]:
        """Rows that the writer sees."""
        with self.writing() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, parameters).fetchall()

    def lines(self, item: str) -> list[Row]:
        """The item's lines of the worklist, the first order first."""
        return self.rows("select * from analytics.planner_worklist where item_id = %s order by line_no", item)

    def choice(self, item: str, decision: str = "approve", line: int = 0, **chosen: Any) -> Choice:
        """A choice about one of the item's lines."""
        found = self.lines(item)[line]
        key = {name: found[name] for name in ("run_id", "item_id", "location_id", "line_no")}
        return Choice(**key, decision=decision, **chosen)

    def decide(self, *choices: Choice, by: str = "anna") -> list[UUID]:
        """Decide in one transaction."""
        with self.writing() as connection:
            return decide(connection, self.client_id, choices, by)

    def approve(self, item: str, **chosen: Any) -> UUID:
        """Approve the first line of an item."""
        return self.decide(self.choice(item, **chosen))[0]

    def plan(self, as_of: date | None = None) -> None:
        """Run the inventory stage again."""
        materialize(self.client_id, as_of, inventory)

    def on_order(self, item: str) -> Any:
        """Units on order in the latest plan."""
        (row,) = self.rows(
            """
            select metrics.on_order_qty
            from analytics.inventory_metrics as metrics
            inner join analytics.inventory_runs as runs using (client_id, run_id)
            where runs.is_current and item_id = %s
            order by runs.as_of_date desc limit 1
            """,
            item,
        )
        return row["on_order_qty"]

    def deliver_order(self, number: str, item: str, **values: Any) -> None:
        """A purchase order line as a delivered file would stage it."""
        row = {
            **{"client_id": self.client_id, "po_id": number, "item_id": item, "location_id": "main"},
            **{"ordered_qty": 10, "order_date": LAST_DAY, "file_id": 1, **values},
        }
        with self.warehouse.transaction() as connection:
            connection.execute(
                sql.SQL("insert into staging.purchase_orders ({}) values ({})").format(
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join(map(sql.Placeholder, row)),
                ),
                row,
            )


def open_desk(warehouse: Warehouse, client_id: str) -> Desk:
    """A client with demand, stock at two counts a week apart, and forecasts as of both."""
    client = validated(
        client_id=client_id,
        name=client_id,
        models=["ma7"],
        default_lead_time_days=5,
        review_days=7,
        grain="day",
    )
    add_client(warehouse, client)
    add_history(warehouse, client_id, tuple(f"item-{number}" for number in range(ITEMS)))
    with warehouse.transaction() as connection:
        connection.execute(
            """
            insert into staging.stock_levels (client_id, item_id, location_id, date, on_hand_qty, file_id)
            select client_id, item_id, location_id, %s, on_hand_qty, file_id
            from staging.stock_levels where client_id = %s
            """,
            (WEEK_BEFORE, client_id),
        )
        connection.execute(
            "update analytics.dim_item set unit_cost = 2.5, supplier_id = 'S1' where client_id = %s",
            (client_id,),
        )
    return Desk(warehouse, client)


@pytest.fixture(scope="module")
def desk(request: pytest.FixtureRequest, warehouse: Warehouse) -> Desk:
    """A client of the module's own, with a plan of its last day."""
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_")
    found = open_desk(warehouse, f"desk_{name}")
    materialize(found.client_id, None, forecasts, inventory)
    return found
