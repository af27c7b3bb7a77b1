"""Clients as the tables show them, row by row: one of which nothing is missing, and changes to it.

Belongs here: inserting and removing the rows. Does not belong here: what is said of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import Integer, Numeric

from orchestration.warehouse.client_facts import publish_clients, publish_feeds
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables.analytics import score_totals
from orchestration.warehouse.tenancy import erase_client_rows

TODAY = datetime.now(UTC).date()
LAST_DAY = TODAY - timedelta(days=1)
ITEMS = ("tea", "salt")

File = tuple[str, str | None, str, int]
"""Path, kind, status and rows."""

DELIVERED: tuple[File, ...] = (
    ("sales.csv", "sales", "loaded", 200),
    ("stock_levels.csv", "stock_levels", "loaded", 2),
    ("suppliers.csv", "suppliers", "loaded", 1),
    ("purchase_orders.csv", "purchase_orders", "loaded", 9),
    ("products.csv", "products", "loaded", 2),
    ("locations.csv", "locations", "loaded", 1),
    ("promotions.csv", "promotions", "loaded", 1),
)

Changes = Mapping[str, Any] | None
"""Values of columns; None: there is no such row."""


@dataclass(frozen=True)
class Situation:
    """What is in the tables of a client; without arguments, nothing is missing.

    Attributes:
        client: values of its entry.
        files: what was delivered.
        stock_from: first day of the stock.
        sales_through: last day of the sales.
        rejected: rows rejected of the sales.
        series: of the dimension, both series or with ``salt`` only the second; ``built`` False: no demand.
        metrics: of the plan, likewise.
    """

    client: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[File, ...] = DELIVERED
    stock_from: date = LAST_DAY
    sales_through: date = LAST_DAY
    rejected: int = 0
    demand_through: date = LAST_DAY
    series: Changes = field(default_factory=dict)
    salt: Mapping[str, Any] = field(default_factory=dict)
    item: Mapping[str, Any] = field(default_factory=dict)
    place: Mapping[str, Any] = field(default_factory=dict)
    run: Changes = field(default_factory=dict)
    skipped: bool = False
    held_back: bool = False
    judged: Mapping[str, Any] = field(default_factory=dict)
    plan: Changes = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    salt_metrics: Mapping[str, Any] = field(default_factory=dict)
    line: Changes = None
    is_scored: bool = True

    def write(self, connection: psycopg.Connection[Any], client_id: str) -> None:
        """Insert the rows, without partitions and roles: nothing here needs them."""
        entry = {"client_id": client_id, "name": client_id, "country": "IE", **self.client}
        entry = {"models": ["ma7"], "column_map": Jsonb({}), "max_reject_rate": 0.02, **entry}
        entry = {"max_gap_days": 366, **entry}
        _insert(connection, "ops.clients", entry)
        publish_clients(connection, client_id)
        for path, kind, status, rows in self.files:
            self._deliver(connection, client_id, path, kind, status, rows)
        publish_feeds(connection, client_id)
        if self.series is not None:
            self._build(connection, client_id, self.series)
        if self.run is not None:
            self._forecast(connection, client_id, self.run)

    def _deliver(
        self,
        connection: psycopg.Connection[Any],
        client: str,
        path: str,
        kind: str | None,
        status: str,
        rows: int,
    ) -> None:
        first, last = {
            "sales": (LAST_DAY - timedelta(days=99), self.sales_through),
            "stock_levels": (self.stock_from, max(self.stock_from, LAST_DAY)),
        }.get(kind or "", (None, None))
        is_loaded = status == "loaded"
        _insert(
            connection,
            "ops.landing_files",
            {
                "client_id": client,
                "path": path,
                "sha256": path,
                "size_bytes": 9,
                "kind": kind,
                "status": status,
                "message": None if is_loaded else f"{path}: 3 of 3 rows are bad. Correct the rows.",
                "config_digest": "",
                "rows_read": rows,
                "rows_loaded": rows if is_loaded else 0,
                "rows_rejected": self.rejected if kind == "sales" else 0,
                "first_date": first if is_loaded else None,
                "last_date": last if is_loaded else None,
                "loaded_at": datetime.now(UTC) if is_loaded else None,
            },
        )

    def _build(self, connection: psycopg.Connection[Any], client: str, series: Mapping[str, Any]) -> None:
        first = self.demand_through - timedelta(days=99)
        for item in ITEMS:
            _insert(
                connection,
                "analytics.dim_series",
                {
                    "client_id": client,
                    "item_id": item,
                    "location_id": "main",
                    "listed_date": first,
                    "first_sale_date": first,
                    "last_sale_date": self.demand_through,
                    "history_days": 100,
                    "demand_days": 100,
                    **series,
                    **(self.salt if item == "salt" else {}),
                },
            )
            described = {"name": item, "supplier_id": "acme", "is_described": True, **self.item}
            _insert(connection, "analytics.dim_item", {"client_id": client, "item_id": item, **described})
        place = {"name": "Main", "country": "IE", "is_described": True, **self.place}
        _insert(connection, "analytics.dim_location", {"client_id": client, "location_id": "main", **place})

    def _forecast(self, connection: psycopg.Connection[Any], client: str, run: Mapping[str, Any]) -> None:
        run_id = str(uuid.uuid4())
        shared = {
            "client_id": client,
            "run_id": run_id,
            "as_of_date": self.demand_through,
            "horizon_days": 28,
            "status": "published",
            "is_current": True,
            "code_version": "1",
            "input_digest": "",
            "dagster_run_id": "",
        }
        leads = {"model": "ma7", "is_champion": True, "reason": "Leads.", **run}
        _insert(connection, "analytics.forecast_runs", shared | leads)
        if self.held_back:
            later = {"as_of_date": LAST_DAY, "run_id": str(uuid.uuid4()), "stand_in_run_id": run_id}
            waits = {"model": "champion", "is_current": False, "reason": "Held back.", "bands_hold": False}
            _insert(connection, "analytics.forecast_runs", shared | later | waits)
        if self.skipped:
            skipped = {"model": "chronos2", "status": "skipped", "is_current": False, "reason": "No weights."}
            _insert(connection, "analytics.forecast_runs", shared | skipped)
        for item in ITEMS:
            key = {"client_id": client, "item_id": item, "location_id": "main"}
            judged = {"status": "forecast", "history_days": 100, "observed_days": 100, **self.judged}
            _insert(
                connection, "analytics.forecast_series", {**key, "run_id": run_id, "model": "ma7", **judged}
            )
        if self.is_scored:
            self._score(connection, client, run_id)
        if self.plan is not None:
            self._plan(connection, client, {"forecast_run_id": run_id, **self.plan})

    def _score(self, connection: psycopg.Connection[Any], client: str, run_id: str) -> None:
        key = {"client_id": client, "run_id": run_id, "model": "ma7"}
        _insert(
            connection,
            "analytics.scorings",
            {
                **key,
                "scoring_id": str(uuid.uuid4()),
                "as_of_date": LAST_DAY - timedelta(days=28),
                "scored_at": datetime.now(UTC),
                "actuals_through": LAST_DAY,
                "input_watermark": 0,
                "is_current": True,
            },
        )
        sums = {
            column.name: 0
            for column in score_totals.columns
            if isinstance(column.type, Numeric | Integer) and not column.nullable
        }
        of_all = {"grain": "client", "grain_key": client, "lag_bucket": "all"}
        _insert(connection, "analytics.score_totals", {**sums, **key, **of_all})

    def _plan(self, connection: psycopg.Connection[Any], client: str, plan: Mapping[str, Any]) -> None:
        run_id, as_of = str(uuid.uuid4()), plan.get("as_of_date", self.demand_through)
        _insert(
            connection,
            "analytics.inventory_runs",
            {
                "client_id": client,
                "run_id": run_id,
                "as_of_date": as_of,
                "forecast_model": "ma7",
                "code_version": "1",
                "input_digest": "",
                "status": "published",
                "is_current": True,
                "dagster_run_id": "",
                **plan,
            },
        )
        for item in ITEMS:
            key = {"client_id": client, "run_id": run_id, "item_id": item, "location_id": "main"}
            known = {
                "as_of_date": as_of,
                "snapshot_date": as_of,
                "on_hand_qty": 50,
                "lead_time_days": 5,
                "unit_cost": 2,
                "flags": [],
            }
            changes = {**self.metrics, **(self.salt_metrics if item == "salt" else {})}
            _insert(connection, "analytics.inventory_metrics", {**key, **known, **changes})
        if self.line is not None:
            line = {"line_no": 1, "action": "decide", "order_date": LAST_DAY, "urgency": "stocked_out"}
            line |= {"reason": "stocked out; no lead time known", "priority_rank": 1}
            key = {"client_id": client, "run_id": run_id, "item_id": "tea", "location_id": "main"}
            _insert(connection, "analytics.replenishment_plan", {**key, **line, **self.line})


def erase(warehouse: Warehouse, client_ids: list[str]) -> None:
    """Remove every row of these clients."""
    with warehouse.transaction() as connection:
        for client_id in client_ids:
            erase_client_rows(connection, client_id)


def _insert(connection: psycopg.Connection[Any], table: str, values: Mapping[str, Any]) -> None:
    connection.execute(
        sql.SQL("insert into {} ({}) values ({})").format(
            sql.Identifier(*table.split(".")),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(map(sql.Placeholder, values)),
        ),
        values,
    )
