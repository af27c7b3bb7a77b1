"""Whom a question is put to: the warehouse, or a transaction that works under a role already.

Belongs here: asking either in the same words. Does not belong here: any question (``reading``,
``reporting``), which role a transaction works under (``server``, ``tenancy``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from orchestration.warehouse.server import Warehouse

Place = Warehouse | psycopg.Connection[Any]
"""The warehouse, which answers the pipeline's role about every client, or a transaction, which answers its
own role and may see less."""


@contextmanager
def asking(place: Place) -> Iterator[psycopg.Connection[Any]]:
    """A transaction to ask in: one of the pipeline's that ends with the block, or the one that was given."""
    if isinstance(place, Warehouse):
        with place.transaction() as connection:
            yield connection
    else:
        yield place
