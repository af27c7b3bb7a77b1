"""The resources assets and sensors receive: one, the installation they work for."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property
from weakref import WeakSet

import dagster as dg
import psycopg2
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import QueuePool

from orchestration.settings import Settings, load_settings
from orchestration.warehouse.embedded import embedded_data_dir
from orchestration.warehouse.kept import connections_kept
from orchestration.warehouse.priority import keep_clients_behind
from orchestration.warehouse.server import Warehouse, locate_warehouse

DATABASE_RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)
"""For a database that restarts under a run. Every step is a transaction, so doing it again is safe; a step
that fails on purpose forbids the retry."""


class Installation(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The environment's settings and the warehouse they lead to, read once per process."""

    @cached_property
    def settings(self) -> Settings:
        return load_settings()

    @cached_property
    def warehouse(self) -> Warehouse:
        return locate_warehouse(self.settings)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Installation]:
        """For a run: its connections to the warehouse are kept until it ends."""
        with (
            nullcontext() if context.run is None else connections_kept(),
            super().yield_for_execution(context) as installation,
        ):
            yield installation

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Before a run: it keeps a connection to Dagster's storage, and clients' sessions give way to it."""
        if context.run is None:
            return
        if context.instance is not None:
            keep_connections(context.instance)
        if self.settings.database_url is None:
            keep_clients_behind(embedded_data_dir(self.settings).resolve(), self.warehouse.roles)


_POOL_SECONDS = 3_600
_POOL_OVERFLOW = 20

_keeping: WeakSet[dg.DagsterInstance] = WeakSet()


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Have the instance keep a connection to each of its storages, as it does for the UI.

    Otherwise every event of a run is written and every question asked over a connection of its own: hundreds
    in a run of a small client, each with a process of the server.
    """
    if instance not in _keeping:
        instance.optimize_for_webserver(
            statement_timeout=0, pool_recycle=_POOL_SECONDS, max_overflow=_POOL_OVERFLOW
        )
        _keeping.add(instance)


@event.listens_for(QueuePool, "checkout")
def _still_there(connection: psycopg2.extensions.connection, _record: object, _proxy: object) -> None:
    """Before a kept connection is used again: one whose server has gone since is replaced.

    A session that ends says so or closes its socket, and one that is asked nothing says next to nothing else.
    To look whether there is something to read costs nothing; to ask costs as much as the question to come.
    """
    if connection.closed:
        raise DisconnectionError
    if select.select([connection], [], [], 0)[0]:
        try:
            with connection.cursor() as cursor:
                cursor.execute("select 1")
        except psycopg2.Error as error:
            raise DisconnectionError from error
