"""A client with more lines than a page holds: suppliers, hostile texts, a plan and the one before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from orchestration.access import users
from orchestration.clients import add_client, validated
from orchestration.settings import Settings
from orchestration.stages.forecasting import forecasts
from orchestration.stages.inventory import inventory
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.shops import LAST_DAY, ORIGIN, PASSWORD, add_history, materialize

HOSTILE = """<script>alert(1)</script>"><img src=x onerror=alert(1)>'&"""
FORMULA = '=HYPERLINK("http://evil.example","tea")'
ITEMS = tuple(f"M{number:03}" for number in range(40))
ACME, BOLT, EVIL = "acme", "bolt", '"><b>evil</b>/..?&#'
SUPPLIERS = (ACME, BOLT, EVIL, None)
COST = 12.5
MINIMA = {ACME: COST, BOLT: 10_000_000.0}
"""What a supplier accepts at least: one unit, and more than anybody orders."""


@dataclass(frozen=True)
class Market:
    """A client of the tests.

    Attributes:
        client_id: its slug.
        people: role -> the address of a user with that role.
    """

    client_id: str
    people: dict[str, str]

    def path(self, rest: str = "/worklist") -> str:
        return f"/planner/{self.client_id}{rest}"


def open_market(settings: Settings, warehouse: Warehouse, client_id: str) -> Market:
    """A client whose items are all to be ordered; one is new to the latest plan, one has no known cost."""
    add_client(
        warehouse,
        validated(
            client_id=client_id,
            name=f"{client_id.title()} Ltd",
            models=["ma7", "seasonal_naive"],
            default_lead_time_days=5,
            grain="day",
        ),
    )
    add_history(warehouse, client_id, ITEMS)
    with warehouse.transaction() as connection:
        connection.execute(
            """
            update analytics.dim_item as item set
                supplier_id = (%(suppliers)s::text[])[1 + right(item_id, 2)::int %% 4],
                unit_cost = case when item_id <> 'M004' then %(cost)s end,
                unit_price = case when item_id <> 'M004' then 2 * %(cost)s end,
                order_multiple_qty = 2,
                name = case item_id when 'M002' then %(hostile)s when 'M006' then %(formula)s
                    else 'Item ' || item_id end
            where client_id = %(client)s
            """,
            {
                "client": client_id,
                "suppliers": list(SUPPLIERS),
                "cost": COST,
                "hostile": HOSTILE,
                "formula": FORMULA,
            },
        )
        for supplier_id, least in MINIMA.items():
            connection.execute(
                """
                insert into staging.suppliers (client_id, supplier_id, name, min_order_value, file_id)
                values (%s, %s, %s, %s, 1)
                """,
                (client_id, supplier_id, f"{supplier_id.title()} & Sons", least),
            )
        # stock of the day before, so that its plan knows a position, of all items but one
        connection.execute(
            """
            insert into staging.stock_levels (client_id, item_id, location_id, date, on_hand_qty, file_id)
            select client_id, item_id, location_id, date - 1, 16, file_id from staging.stock_levels
            where client_id = %s and item_id <> 'M000'
            """,
            (client_id,),
        )
    materialize(client_id, LAST_DAY - timedelta(days=1), forecasts, inventory)
    materialize(client_id, None, forecasts, inventory)
    people = {}
    with warehouse.transaction() as connection:
        for role in ("viewer", "planner", "manager"):
            people[role] = f"{role}@{client_id.replace('_', '-')}.example.com"
            users.add_user(connection, people[role], PASSWORD, ORIGIN)
            users.set_role(connection, people[role], client_id, role, ORIGIN)
    return Market(client_id, people)


def open_lines(warehouse: Warehouse, market: Market, count: int, **equal: Any) -> list[dict[str, Any]]:
    """Lines of orders that nobody decided about, of as many items; each test takes others."""
    conditions = "".join(f" and {name} is not distinct from %({name})s" for name in equal)
    with warehouse.transaction() as connection:
        cursor = connection.execute(
            f"""
            select distinct on (item_id)
                run_id, priority_rank, item_id, location_id, line_no, supplier_id, order_qty, order_date,
                receipt_date, as_of_date
            from analytics.planner_worklist
            where client_id = %(client)s and state = 'open' and action = 'order'
                and item_id not in ('M000', 'M002', 'M004', 'M006') {conditions}
            order by item_id, priority_rank
            limit %(count)s
            """,
            {"client": market.client_id, "count": count, **equal},
        )
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    assert len(rows) == count
    return rows


def decided(warehouse: Warehouse, market: Market, lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What stands of the decisions about lines, in their order."""
    found = []
    with warehouse.transaction() as connection:
        for line in lines:
            found += connection.execute(
                """
                select decision, order_qty, order_date, receipt_date, reason, until
                from analytics.plan_decisions
                left join analytics.decision_ends using (client_id, decision_id)
                where client_id = %s and run_id = %s and item_id = %s and location_id = %s and line_no = %s
                    and ending is distinct from 'withdrawn'
                """,
                (
                    *(market.client_id, line["run_id"], line["item_id"]),
                    *(line["location_id"], line["line_no"]),
                ),
            ).fetchall()
    return found
