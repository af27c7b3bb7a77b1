"""The tenant registry: adding, changing, listing and removing clients.

Belongs here: the rows of ``ops.clients`` and the dynamic partitions that follow them. Does not belong here:
what a client is (``registry``), how an entry is mended (``registry_problems``), what it delivers
(``landing``) or may see (``warehouse.tenancy``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, LiteralString

import dagster as dg
import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from forecasting_lib.grain import Grain
from orchestration import audit
from orchestration.errors import UserError
from orchestration.registry import Client as Client  # noqa: PLC0414 - offered with what is done to one
from orchestration.registry_problems import RegistryProblem, checked, clauses
from orchestration.retention_policy import MAKES_THEM, contradictions
from orchestration.table_assets import table_spec
from orchestration.warehouse import tenancy
from orchestration.warehouse.client_facts import publish_clients
from orchestration.warehouse.ddl import change_structure
from orchestration.warehouse.locks import OF_A_CLIENT, ignore, lock_transaction, provide
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import ops

CLIENT_PARTITIONS = dg.DynamicPartitionsDefinition(name="clients")
"""One partition per client; its keys are the slugs of ``ops.clients``."""

CLIENT_REGISTRY = table_spec(ops.clients, "registry")
"""The registry in the asset graph: changed by people, read by every stage, materialized by none."""

CLIENT_TAG = "client"
"""Tag of every run of a client; concurrency is limited per value of it."""

_COLUMNS = tuple(Client.model_fields)

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class ClientError(UserError):
    """A registry operation that cannot be done; the message says what to do instead."""


@dataclass(frozen=True)
class Registry:
    """The registered clients, by slug. One whose row is not valid is a problem, and the others go on."""

    clients: list[Client]
    problems: list[RegistryProblem]


def validated(**fields: Any) -> Client:
    """Build a client from loose fields.

    Raises:
        ClientError: a field is missing, unknown or out of range, one clause per field.
    """
    try:
        return Client(**fields)
    except ValidationError as error:
        raise ClientError(f"Not a valid client: {clauses(error)}.") from error


def read_registry(warehouse: Warehouse, *, active_only: bool = False) -> Registry:
    """All clients, by slug; raises nothing for a row that is not valid."""
    wanted = sql.SQL("where is_active") if active_only else sql.SQL("")
    with warehouse.transaction() as connection:
        entries = [checked(row) for row in _rows(connection, wanted)]
    return Registry(
        clients=[entry for entry in entries if isinstance(entry, Client)],
        problems=[entry for entry in entries if isinstance(entry, RegistryProblem)],
    )


def registered_ids(warehouse: Warehouse) -> list[str]:
    """The slugs of all clients, in order, whether or not their rows are valid."""
    with warehouse.transaction() as connection:
        return tenancy.registered_slugs(connection)


def get_client(warehouse: Warehouse, client_id: str) -> Client:
    """One client; no other client's row is looked at.

    Raises:
        ClientError: there is no such client, with those there are; or its row is not valid, with what to do.
    """
    with warehouse.transaction() as connection:
        return client_in(connection, client_id)


def stored_fields(warehouse: Warehouse, client_id: str) -> dict[str, Any]:
    """A client's fields as they are stored, valid or not: for whoever mends or removes it.

    Raises:
        ClientError: there is no such client; the message lists those there are.
    """
    with warehouse.transaction() as connection:
        return _stored(connection, client_id)


def client_in(connection: psycopg.Connection[Any], client_id: str) -> Client:
    """One client as a transaction of the pipeline's role finds it; errors as for :func:`get_client`."""
    entry = checked(_stored(connection, client_id))
    if isinstance(entry, RegistryProblem):
        raise ClientError(entry.message)
    return entry


def add_client(warehouse: Warehouse, client: Client, *, on_wait: Callable[[str], None] = ignore) -> None:
    """Register a client: its row, its locks, its partitions and its login role.

    Args:
        warehouse: where.
        client: its entry.
        on_wait: told who is waited for, where somebody is.

    Raises:
        ClientError: the slug is taken, or what it keeps contradicts itself.
        WarehouseError: the tables are not those of this version.
        LockedError: a migration or an open transaction stood in the way for too long.
    """
    from orchestration.warehouse.migrate import require_current  # alembic, which no other command needs

    require_current(warehouse)
    _refuse_contradictions(client)
    with warehouse.connect_admin() as connection:
        tenancy.create_client_role(connection, warehouse.roles, client.client_id)

    def register(connection: psycopg.Connection[Any]) -> None:
        _write(connection, client, "insert into ops.clients ({columns}) values ({values})")
        provide(connection)
        tenancy.add_client_partitions(connection, warehouse.roles, client.client_id)
        audit.record(
            connection,
            "registry_change",
            client.client_id,
            client_id=client.client_id,
            before=None,
            after=client.model_dump(mode="json"),
        )

    try:
        change_structure(warehouse, register, on_wait=on_wait)
    except psycopg.errors.UniqueViolation as error:
        raise ClientError(
            f"The client {client.client_id!r} exists already; change it with 'forecaster client update'."
        ) from error


def update_client(warehouse: Warehouse, client_id: str, **changes: Any) -> Client:
    """Change fields of a client, whose row need not be valid before; returns the new entry.

    Raises:
        ClientError: no such client, a value is not valid, or what it keeps would contradict itself.
    """
    with warehouse.transaction() as connection:
        before = _stored(connection, client_id)
        after = validated(**{**before, **changes, "client_id": client_id})
        if MAKES_THEM & changes.keys():
            _refuse_contradictions(after)
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
            before={name: before[name] for name in changes},
            after=after.model_dump(mode="json", include=set(changes)),
        )
    return after


def stored_grain(connection: psycopg.Connection[Any], client_id: str) -> Grain | None:
    """The grain of a client as the registry has it now; None where it is not known yet."""
    row = connection.execute("select grain from ops.clients where client_id = %s", (client_id,)).fetchone()
    return Grain(row[0]) if row and row[0] else None


def set_found(
    connection: psycopg.Connection[Any],
    client_id: str,
    found: Mapping[str, str],
    *,
    found_in: str,
    run_id: str | None,
) -> None:
    """Register what a client's deliveries tell, unless somebody said it meanwhile.

    Args:
        connection: of the load.
        client_id: whose.
        found: one field of the registry and its value.
        found_in: what told it, for the audit log.
        run_id: the Dagster run, where there is one.
    """
    ((field, value),) = found.items()
    column = sql.Identifier(field)
    changed = connection.execute(
        sql.SQL(
            "update ops.clients set {0} = %s, updated_at = now() where client_id = %s and {0} is null"
        ).format(column),
        (value, client_id),
    ).rowcount
    if changed:
        publish_clients(connection, client_id)
        audit.record(
            connection,
            "registry_change",
            client_id,
            client_id=client_id,
            run_id=run_id,
            before={field: None},
            after=dict(found),
            found_in=found_in,
        )


def remove_client(
    warehouse: Warehouse, client_id: str, *, on_wait: Callable[[str], None] = ignore
) -> dict[str, int]:
    """Erase a client: its role, its partitions, its rows. The audit log keeps that it was there.

    Its logins end first and its entry in the registry goes last, so that a removal that was interrupted is
    finished by another. Whatever writes for the client meanwhile is waited for; what comes after it finds no
    lock of the client and stops.

    Args:
        warehouse: where.
        client_id: whose turn the caller holds, where runs may be in progress.
        on_wait: told who is waited for, where somebody is.

    Returns:
        Rows erased by table.

    Raises:
        ClientError: no such client.
        LockedError: a load, a migration or an open transaction stood in the way for too long.
        WarehouseError: the role cannot be dropped.
    """
    stored_fields(warehouse, client_id)
    with warehouse.connect_admin(autocommit=True) as connection:
        tenancy.drop_client_role(connection, warehouse.roles, client_id)

    def erase(connection: psycopg.Connection[Any]) -> dict[str, int]:
        for purpose in OF_A_CLIENT:
            lock_transaction(connection, purpose, client_id, on_wait=on_wait)
        erased = tenancy.erase_client_rows(connection, client_id)
        connection.execute("delete from ops.locks where subject = %s", (client_id,))
        audit.record(
            connection, "registry_change", client_id, client_id=client_id, removed=True, rows_by_table=erased
        )
        return erased

    return change_structure(warehouse, erase, on_wait=on_wait)


def sync_partitions(instance: dg.DagsterInstance, client_ids: list[str]) -> tuple[list[str], list[str]]:
    """Make the dynamic partitions follow the registry; returns the slugs added and removed.

    The partition of a removed client stays until its last run has ended.
    """
    to_add, to_remove = partition_changes(
        client_ids, list(instance.get_dynamic_partitions("clients")), clients_in_flight(instance)
    )
    if to_add:
        instance.add_dynamic_partitions("clients", to_add)
    for client_id in to_remove:
        instance.delete_dynamic_partition("clients", client_id)
    return to_add, to_remove


def clients_in_flight(instance: dg.DagsterInstance) -> set[str]:
    """The clients with a run that is queued or in progress."""
    unfinished = instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))
    return {run.tags[CLIENT_TAG] for run in unfinished if CLIENT_TAG in run.tags}


def clients_waiting(instance: dg.DagsterInstance, job_name: str, **tags: str) -> set[str]:
    """The clients with a run of a job, and with these tags, that has yet to begin."""
    queued = dg.RunsFilter(job_name=job_name, tags=tags, statuses=[dg.DagsterRunStatus.QUEUED])
    return {run.tags[CLIENT_TAG] for run in instance.get_runs(queued) if CLIENT_TAG in run.tags}


def partition_changes(
    wanted: list[str], existing: list[str], in_flight: Collection[str]
) -> tuple[list[str], list[str]]:
    """(to add, to remove) so that the partitions are the wanted ones.

    A partition whose client is in flight is not removed: its run would fail on a key that is gone, half done.
    """
    return sorted(set(wanted) - set(existing)), sorted(set(existing) - set(wanted) - set(in_flight))


def _refuse_contradictions(client: Client) -> None:
    if found := contradictions(client):
        raise ClientError(" ".join(found))


def _rows(connection: psycopg.Connection[Any], condition: sql.Composable) -> list[dict[str, Any]]:
    """Registry rows that meet a condition, by slug."""
    query = sql.SQL("select {} from ops.clients {} order by client_id").format(
        sql.SQL(", ").join(map(sql.Identifier, _COLUMNS)), condition
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        return [
            {name: float(value) if isinstance(value, Decimal) else value for name, value in row.items()}
            for row in cursor.execute(query)
        ]


def _stored(connection: psycopg.Connection[Any], client_id: str) -> dict[str, Any]:
    rows = _rows(connection, sql.SQL("where client_id = {}").format(sql.Literal(client_id)))
    if not rows:
        slugs = tenancy.registered_slugs(connection)
        known = ", ".join(slugs) or "none yet; add one with 'forecaster client add'"
        raise ClientError(f"There is no client {client_id!r}. Known clients: {known}.")
    return rows[0]


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
    publish_clients(connection, client.client_id)
