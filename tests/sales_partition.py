"""A place for sales that a test writes into staging itself, past the landing code that would make it."""

from __future__ import annotations

from typing import Any

import psycopg

from orchestration.warehouse.first_rows import attach, build_key, lacks_partition, make_bare


def make_room_for_sales(connection: psycopg.Connection[Any], client_id: str) -> None:
    """Give a client its partition of ``staging.sales``, empty; does nothing where it has one."""
    if lacks_partition(connection, "sales", client_id):
        make_bare(connection, "sales", client_id, 0)
        build_key(connection, "sales", client_id)
        attach(connection, "sales", client_id)
