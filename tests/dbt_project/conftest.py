"""Staging rows by hand, and the real dbt against the real warehouse."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from psycopg import sql

from orchestration.stages.dbt import DBT_EXECUTABLE, PROJECT_DIR
from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.server import Warehouse
from tests.sales_partition import make_room_for_sales

Dbt = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def start_dbt(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    """Start dbt with some arguments; its artefacts go to a folder of its own."""

    def start(*arguments: str) -> subprocess.Popen[str]:
        target = tmp_path_factory.mktemp("dbt")
        paths = [
            *("--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)),
            *("--target-path", str(target), "--log-path", str(target)),
        ]
        return subprocess.Popen(
            [str(DBT_EXECUTABLE), "--no-use-colors", *arguments, *paths],
            env={**os.environ, **warehouse.dbt_environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for dbt and return what it printed; the test fails with that where dbt failed."""
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


def stage(warehouse: Warehouse, client_id: str, table: str, rows: pl.DataFrame) -> None:
    """Append rows to one staging table of one client."""
    delivery = [] if table == "holidays" else [pl.lit(1).alias("file_id")]
    with warehouse.transaction() as connection:
        if table == "sales":
            make_room_for_sales(connection, client_id)
        insert_frame(
            connection,
            f"staging.{table}",
            rows.select(pl.lit(client_id).alias("client_id"), pl.all(), *delivery),
        )


def digest(warehouse: Warehouse, table: str, client_id: str) -> str:
    """Digest of one client's rows of a table of ``analytics``."""
    query = sql.SQL("select t::text from {} as t where client_id = %s order by 1").format(
        sql.Identifier("analytics", table)
    )
    with warehouse.transaction() as connection:
        lines = [row[0] for row in connection.execute(query, (client_id,))]
    return f"{len(lines)} rows {hashlib.sha256(repr(lines).encode()).hexdigest()}"


def fetch(warehouse: Warehouse, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with warehouse.transaction() as connection:
        return connection.execute(query.encode(), parameters).fetchall()


def m5_folder(shared_data: Path, name: str) -> Path:
    """One of the genuine M5 data sets beside the project."""
    folder = shared_data / name
    if not folder.is_dir():
        pytest.skip(f"{name} is not among the genuine data sets")
    return folder
