"""What the tests of this folder share: writing a delivery, loading it, and looking at what became of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from orchestration.clients import Client
from orchestration.landing.kinds import STAGING_TABLES
from orchestration.landing.load import load_file
from orchestration.landing.records import Outcome
from orchestration.warehouse.server import Warehouse

RECORDED = ("ops.landing_files", "ops.rejected_rows", "ops.restated_sales", "ops.audit_log")


def deliver(warehouse: Warehouse, client: Client, folder: Path, name: str, content: str | bytes) -> Outcome:
    """Write a file and load it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_file(warehouse, client, path, name)


def rows(warehouse: Warehouse, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with warehouse.transaction() as connection:
        return connection.execute(query, parameters).fetchall()


def sales(warehouse: Warehouse, client: Client) -> list[tuple[Any, ...]]:
    """(day, item, location, units) of a client's staged sales."""
    return rows(
        warehouse,
        """
        select date::text, item_id, location_id, units_sold::float from staging.sales
        where client_id = %s order by 1, 2, 3
        """,
        client.client_id,
    )


def staged_rows(warehouse: Warehouse, client: Client) -> int:
    """Rows of a client in all staging tables together."""
    return sum(
        rows(warehouse, f"select count(*) from staging.{table} where client_id = %s", client.client_id)[0][0]
        for table in STAGING_TABLES
    )


def reasons(warehouse: Warehouse, client: Client) -> list[tuple[int, str, str | None]]:
    """(line, reason, column) of a client's rejected rows."""
    return rows(
        warehouse,
        "select line_number, reason, column_name from ops.rejected_rows where client_id = %s order by 1",
        client.client_id,
    )


def checksum(warehouse: Warehouse, client: Client, extra: Iterable[str] = RECORDED) -> dict[str, str]:
    """Digest of a client's rows in each table, whatever their order."""
    tables = [*(f"staging.{table}" for table in STAGING_TABLES), *extra]
    return {
        table: hashlib.sha256(
            "\n".join(
                row[0]
                for row in rows(
                    warehouse,
                    f"select t::text from {table} as t where client_id = %s order by 1",
                    client.client_id,
                )
            ).encode()
        ).hexdigest()
        for table in tables
    }
