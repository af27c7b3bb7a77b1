"""The resources assets and sensors receive: one, the installation they work for."""

from __future__ import annotations

from functools import cached_property

import dagster as dg

from orchestration.settings import Settings, load_settings
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
