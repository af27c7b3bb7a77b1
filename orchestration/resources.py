"""The resources assets and sensors receive: one, the installation they work for."""

from __future__ import annotations

from functools import cached_property

import dagster as dg

from orchestration.settings import Settings, load_settings
from orchestration.warehouse.embedded import embedded_data_dir
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

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Before a run: clients' sessions on the embedded server give way to it."""
        if context.run is not None and self.settings.database_url is None:
            keep_clients_behind(embedded_data_dir(self.settings).resolve(), self.warehouse.roles)
