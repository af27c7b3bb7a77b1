"""Logging in as a client, on a server with passwords and on one without."""

from __future__ import annotations

from typing import Any

import psycopg

from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tenancy import set_client_password

_PASSWORD = "a tenant's own"


def log_in(warehouse: Warehouse, client_id: str, *, autocommit: bool = False) -> psycopg.Connection[Any]:
    """A connection of the client's role; its password is set for it."""
    set_client_password(warehouse, client_id, _PASSWORD)
    return psycopg.connect(
        warehouse.libpq_url(),
        user=warehouse.roles.client(client_id),
        password=_PASSWORD,
        autocommit=autocommit,
    )
