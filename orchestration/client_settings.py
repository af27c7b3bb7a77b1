"""What a client may know of its entry in the registry, and what its managers may change themselves.

Belongs here: which fields, reading and changing them as a role of the client. Does not belong here: what is
valid (``registry``), changing anything else, which the operator does (``clients``), who may (``access``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from pydantic import ValidationError

from orchestration.errors import UserError
from orchestration.fields import may_be_missing, option_name, setting_of
from orchestration.registry import Client
from orchestration.registry_problems import clauses
from orchestration.retention_policy import PERIODS

Connection = psycopg.Connection[Any]

OWN = ("service_level", "review_days", "default_lead_time_days")
"""What a client's managers change themselves: it holds from the next run on, and undoing it is as easy."""

SHOWN = (
    *OWN,
    *("horizon_days", "grain", "models", "timezone", "cron", "country", "currency"),
    *("service_metric", "order_cost", "holding_rate", "shortage_cost_rate", "supplier_minimum"),
    *("returns_policy", "unmet_demand", "negative_stock", "outlier_handling", "max_reject_rate"),
    *PERIODS,
)


class SettingError(UserError):
    """A value that is not valid; the message says what is."""


@dataclass(frozen=True)
class ShownSetting:
    """One field of a client's entry, for people.

    Attributes:
        field: its name.
        value: None where there is none.
        sentence: what it means.
        empty: what no value means; None where the sentence says it.
        is_own: whether the client's managers may change it.
        option: by which the operator changes it with 'forecaster client update'.
    """

    field: str
    value: Any
    sentence: str
    empty: str | None
    is_own: bool
    option: str


def shown_settings(connection: Connection, client_id: str) -> list[ShownSetting]:
    """The fields that a client is told of.

    Args:
        connection: a transaction of the client's writer.
        client_id: whose.
    """
    row = _stored(connection, client_id, SHOWN)
    return [
        ShownSetting(
            field=field,
            value=row[field],
            sentence=setting_of(Client, field).sentence.rstrip("."),
            empty=setting_of(Client, field).empty,
            is_own=field in OWN,
            option=option_name(Client, field),
        )
        for field in SHOWN
        if field in row
    ]


def change_settings(
    connection: Connection, client_id: str, wanted: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Change what a client changes itself.

    Args:
        connection: a transaction of the client's writer, which may change these columns and no others.
        client_id: whose.
        wanted: field -> the new value as typed; empty takes it away.

    Returns:
        ``before`` and ``after`` of what has changed; empty where nothing has.

    Raises:
        SettingError: a value is not valid.
    """
    given = {field: text or None for field, text in wanted.items() if field in OWN}
    if missing := [
        field for field, text in given.items() if text is None and not may_be_missing(Client, field)
    ]:
        raise SettingError(f"Write a value for {missing[0]}.")
    try:
        after = Client.model_validate({"client_id": client_id, "name": client_id, **given})
    except ValidationError as error:
        raise SettingError(f"Not changed: {clauses(error)}.") from error
    stored = _stored(connection, client_id, OWN, locked=True)
    changed = {field: getattr(after, field) for field in given if getattr(after, field) != stored[field]}
    if not changed:
        return {}
    columns = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(field), sql.Literal(value))
        for field, value in changed.items()
    )
    connection.execute(
        sql.SQL("update ops.clients set {}, updated_at = now() where client_id = {}").format(
            columns, sql.Literal(client_id)
        )
    )
    if "default_lead_time_days" in changed:
        connection.execute(
            "update analytics.dim_client set default_lead_time_days = %s where client_id = %s",
            (changed["default_lead_time_days"], client_id),
        )
    return {"before": {field: stored[field] for field in changed}, "after": changed}


def _stored(
    connection: Connection, client_id: str, fields: tuple[str, ...], *, locked: bool = False
) -> dict[str, Any]:
    query = sql.SQL("select {} from ops.clients where client_id = {} {}").format(
        sql.SQL(", ").join(map(sql.Identifier, fields)),
        sql.Literal(client_id),
        sql.SQL("for no key update" if locked else ""),
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query).fetchone()
    return {
        name: float(value) if isinstance(value, Decimal) else value for name, value in (row or {}).items()
    }
