"""The resources assets and sensors receive: one, the installation they work for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import dagster as dg

from orchestration.settings import Settings, load_settings
from orchestration.warehouse.embedded import embedded_data_dir
from orchestration.warehouse.priority import clients_give_way
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
        """For a run: clients' sessions give way to it until it ends."""
        if context.run is None or self.settings.database_url is not None:
            yield self
            return
        with clients_give_way(embedded_data_dir(self.settings), self.warehouse.roles):
            yield self
