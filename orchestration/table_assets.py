"""Tables as Dagster shows them: key, description and columns, all from the table's definition."""

from collections.abc import Iterable
from typing import Any

import dagster as dg
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

OWNERS = ["team:forecaster"]

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def table_key(table: Table) -> dg.AssetKey:
    return dg.AssetKey([str(table.schema), table.name])


def table_metadata(table: Table) -> dict[str, Any]:
    """The table's name and its columns with types and comments, under the keys the UI knows."""
    columns = [
        dg.TableColumn(column.name, str(column.type.compile(dialect=_DIALECT)), description=column.comment)
        for column in table.columns
    ]
    return {
        "dagster/table_name": f"{table.schema}.{table.name}",
        "dagster/column_schema": dg.TableSchema(columns),
    }


def table_spec(table: Table, group: str, *, deps: Iterable[dg.AssetKey] = ()) -> dg.AssetSpec:
    """The asset of a table that Python fills."""
    return dg.AssetSpec(
        table_key(table),
        description=table.comment,
        group_name=group,
        deps=list(deps),
        kinds={"python", "postgres"},
        owners=OWNERS,
        metadata=table_metadata(table),
    )
