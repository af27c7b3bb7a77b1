"""The columns of ``ops.clients``, made of the fields of ``registry.Client``.

Belongs here: how a field's type, limits and default are said in SQL. Does not belong here: any field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, Column, Double, Integer, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

from orchestration.fields import choices, may_be_missing, plain_type, setting_of
from orchestration.registry import Client
from orchestration.warehouse.tables.columns import BOOK_QUANTITY

_KEY = "client_id"

_TYPES: Mapping[type, TypeEngine[Any]] = {
    str: Text(),
    int: Integer(),
    float: Double(),
    bool: Boolean(),
    list: ARRAY(Text),
    dict: JSONB(),
}


def registry_columns() -> list[Column[Any]]:
    """One column per field, in the order of the fields."""
    return [_column(name) for name in Client.model_fields]


def registry_checks() -> list[CheckConstraint]:
    """The limits that the database enforces, too: those whose field names a constraint."""
    return [
        CheckConstraint(_limits(name), name=setting.check)
        for name in Client.model_fields
        if (setting := setting_of(Client, name)).check is not None
    ]


def _column(name: str) -> Column[Any]:
    field, setting = Client.model_fields[name], setting_of(Client, name)
    has_default = setting.in_every_row and not field.is_required() and field.default is not None
    return Column(
        name,
        BOOK_QUANTITY if setting.is_exact else _TYPES[plain_type(Client, name)],
        primary_key=name == _KEY,
        nullable=may_be_missing(Client, name) or not setting.in_every_row,
        server_default=text(_literal(field.default)) if has_default else None,
        comment=setting.comment,
    )


def _literal(value: Any) -> str:
    """A default as SQL."""
    match value:
        case str():
            return f"'{value}'"
        case list():
            return f"'{{{','.join(value)}}}'"
        case dict():
            return f"'{json.dumps(value)}'::jsonb"
        case _:
            return str(value).lower()


def _limits(name: str) -> str:
    """The field's limits as a condition."""
    field = Client.model_fields[name]
    limits = {
        limit: getattr(note, limit)
        for note in field.metadata
        for limit in ("pattern", "gt", "lt", "ge", "le")
        if hasattr(note, limit)
    }
    match limits:
        case {"pattern": pattern}:
            return f"{name} ~ '{pattern}'"
        case {"gt": low, "lt": high}:
            return f"{name} > {low} and {name} < {high}"
        case {"ge": low, "le": high}:
            return f"{name} between {low} and {high}"
    words = ", ".join(f"'{choice}'" for choice in choices(Client, name))
    return f"{name} in ({words})"
