"""The tenant registry: what a client is, and adding, changing, listing and removing one.

Belongs here: the validated registry entry, its row in ``ops.clients``, the dynamic partitions that follow it.
Does not belong here: what a client delivers (``ingestion``) or may see (``warehouse.tenancy``).
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, LiteralString
from zoneinfo import ZoneInfo, available_timezones

import dagster as dg
import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from forecasting_lib.models.registry import available_models
from orchestration import audit
from orchestration.table_assets import table_spec
from orchestration.warehouse import tenancy
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import ops

CLIENT_PARTITIONS = dg.DynamicPartitionsDefinition(name="clients")
"""One partition per client; its keys are the slugs of ``ops.clients``."""

CLIENT_REGISTRY = table_spec(ops.clients, "registry")
"""The registry in the asset graph: changed by people, read by every stage, materialized by none."""

CLIENT_TAG = "client"
"""Tag of every run of a client; concurrency is limited per value of it."""

SLUG_PATTERN = r"^[a-z][a-z0-9_]{0,31}$"


class ClientError(Exception):
    """A registry operation that cannot be done; the message says what to do instead."""


class Client(BaseModel):
    """One client's registry entry; the fields are the columns of ``ops.clients``."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    client_id: Annotated[str, Field(pattern=SLUG_PATTERN)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    timezone: str = "UTC"
    cron: str | None = None
    horizon_days: Annotated[int, Field(ge=1, le=365)] = 28
    service_level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    review_days: Annotated[int, Field(ge=1, le=60)] = 1
    default_lead_time_days: Annotated[int, Field(ge=0, le=730)] | None = None
    country: str | None = None
    models: Annotated[list[str], Field(min_length=1)] = ["chronos2", "ma7", "seasonal_naive"]
    column_map: dict[str, dict[str, str]] = {}
    date_format: str | None = None
    returns_policy: Literal["net", "drop"] = "net"
    negative_stock: Literal["backorder", "zero"] = "backorder"
    max_reject_rate: Annotated[float, Field(ge=0, le=1)] = 0.02
    max_gap_days: Annotated[int, Field(ge=1, le=3660)] = 366
    intraday_feed: bool = False
    is_active: bool = True

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is not an IANA time zone such as Europe/Berlin")
        return value

    @field_validator("cron")
    @classmethod
    def _valid_cron(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            dg.ScheduleDefinition(name="validation", job_name="validation", cron_schedule=value)
        except dg.DagsterInvalidDefinitionError as error:
            raise ValueError(f"{value!r} is not a cron expression such as '0 5 * * *'") from error
        return value

    @field_validator("models")
    @classmethod
    def _known_models(cls, value: list[str]) -> list[str]:
        unknown = sorted(set(value) - set(available_models()))
        if unknown:
            raise ValueError(f"unknown models {unknown}; known are {sorted(available_models())}")
        if len(set(value)) != len(value):
            raise ValueError("a model is named twice")
        return value

    def today(self) -> datetime:
        """The present moment in the client's time zone."""
        return datetime.now(UTC).astimezone(ZoneInfo(self.timezone))

    def reading_digest(self) -> str:
        """Digest of the settings a file is read with; a refused file is tried again when it changes."""
        relevant = self.model_dump(include={"column_map", "date_format", "max_reject_rate", "max_gap_days"})
        return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()


_COLUMNS = tuple(Client.model_fields)


def validated(**fields: Any) -> Client:
    """Build a client from loose fields.

    Raises:
        ClientError: a field is missing, unknown or out of range, one clause per field.
    """
    try:
        return Client(**fields)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        )
        raise ClientError(f"Not a valid client: {problems}.") from error


def list_clients(warehouse: Warehouse, *, active_only: bool = False) -> list[Client]:
    """All clients, by slug."""
    query = sql.SQL("select {} from ops.clients {} order by client_id").format(
        sql.SQL(", ").join(map(sql.Identifier, _COLUMNS)),
        sql.SQL("where is_active") if active_only else sql.SQL(""),
    )
    with warehouse.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return [Client(**row) for row in cursor.execute(query)]


def get_client(warehouse: Warehouse, client_id: str) -> Client:
    """One client.

    Raises:
        ClientError: there is no such client; the message lists those there are.
    """
    clients = {client.client_id: client for client in list_clients(warehouse)}
    if client_id not in clients:
        known = ", ".join(sorted(clients)) or "none yet; add one with 'forecaster client add'"
        raise ClientError(f"There is no client {client_id!r}. Known clients: {known}.")
    return clients[client_id]


def add_client(warehouse: Warehouse, client: Client) -> None:
    """Register a client: its row, its partitions and its login role.

    Raises:
        ClientError: the slug is taken.
    """
    with warehouse.connect_admin() as connection:
        tenancy.create_client_role(connection, warehouse.roles, client.client_id)
    try:
        with warehouse.transaction() as connection:
            _write(connection, client, "insert into ops.clients ({columns}) values ({values})")
            tenancy.add_client_partitions(connection, warehouse.roles, client.client_id)
            audit.record(
                connection,
                "registry_change",
                client.client_id,
                client_id=client.client_id,
                before=None,
                after=client.model_dump(mode="json"),
            )
    except psycopg.errors.UniqueViolation as error:
        raise ClientError(
            f"The client {client.client_id!r} exists already; change it with 'forecaster client update'."
        ) from error


def update_client(warehouse: Warehouse, client_id: str, **changes: Any) -> Client:
    """Change fields of a client; returns the new entry.

    Raises:
        ClientError: no such client, or a value is not valid.
    """
    before = get_client(warehouse, client_id)
    after = validated(**{**before.model_dump(), **changes, "client_id": client_id})
    with warehouse.transaction() as connection:
        _write(
            connection,
            after,
            "update ops.clients set ({columns}) = row({values}), updated_at = now() where client_id = {key}",
        )
        audit.record(
            connection,
            "registry_change",
            client_id,
            client_id=client_id,
            before=before.model_dump(mode="json", include=set(changes)),
            after=after.model_dump(mode="json", include=set(changes)),
        )
    return after


def remove_client(warehouse: Warehouse, client_id: str) -> dict[str, int]:
    """Erase a client: its role, its partitions, its rows. The audit log keeps that it was there.

    Returns:
        Rows erased by table.

    Raises:
        ClientError: no such client.
    """
    get_client(warehouse, client_id)
    with warehouse.transaction() as connection:
        erased = tenancy.erase_client_rows(connection, client_id)
        audit.record(
            connection, "registry_change", client_id, client_id=client_id, removed=True, rows_by_table=erased
        )
    with warehouse.connect_admin() as connection:
        tenancy.drop_client_role(connection, warehouse.roles, client_id)
    return erased


def sync_partitions(instance: dg.DagsterInstance, client_ids: list[str]) -> tuple[list[str], list[str]]:
    """Make the dynamic partitions follow the registry; returns the slugs added and removed."""
    to_add, to_remove = partition_changes(client_ids, list(instance.get_dynamic_partitions("clients")))
    if to_add:
        instance.add_dynamic_partitions("clients", to_add)
    for client_id in to_remove:
        instance.delete_dynamic_partition("clients", client_id)
    return to_add, to_remove


def partition_changes(wanted: list[str], existing: list[str]) -> tuple[list[str], list[str]]:
    """(to add, to remove) so that the partitions are the wanted ones."""
    return sorted(set(wanted) - set(existing)), sorted(set(existing) - set(wanted))


def _write(connection: psycopg.Connection[Any], client: Client, statement: LiteralString) -> None:
    row = {
        name: Jsonb(value) if isinstance(value, dict) else value
        for name, value in client.model_dump().items()
    }
    query = sql.SQL(statement).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, _COLUMNS)),
        values=sql.SQL(", ").join(map(sql.Placeholder, _COLUMNS)),
        key=sql.Literal(client.client_id),
    )
    connection.execute(query, row)
