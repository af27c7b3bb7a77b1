"""Clients that log in by themselves, as the tests of what they can do need them."""

from __future__ import annotations

from typing import Any

import psycopg

from orchestration.warehouse.server import Warehouse

PASSWORD = "correct horse/battery:staple"


def login(warehouse: Warehouse, client_id: str, password: str = PASSWORD) -> psycopg.Connection[Any]:
    """A session of a client's own role on the warehouse's database."""
    role = warehouse.roles.client(client_id)
    return psycopg.connect(warehouse.libpq_url(), user=role, password=password, autocommit=True)
