"""Users of their own for every test, and the connections that the HTTP API has."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from pydantic import SecretStr

from orchestration.access.passwords import hashed
from orchestration.access.security_events import Origin
from orchestration.access.signing import SigningKeys
from orchestration.access.users import add_user
from orchestration.warehouse.server import Warehouse

PASSWORD = "seven quiet herons wade"

Connect = Callable[[], AbstractContextManager[psycopg.Connection[Any]]]

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """A user with the password above, who comes from a network address of its own."""

    user_id: UUID
    email: str
    origin: Origin


@pytest.fixture(scope="session")
def keys() -> SigningKeys:
    return SigningKeys(SecretStr("a" * 64))


@pytest.fixture
def api(warehouse: Warehouse) -> Connect:
    """A connection as the API has it: its role from the first moment on; the block is a transaction."""
    return lambda: psycopg.connect(warehouse.libpq_url(role=warehouse.roles.api))


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Of the password above, once: it takes long."""
    return hashed(PASSWORD)


@pytest.fixture
def new_person(api: Connect, password_hash: str) -> Callable[[], Person]:
    """Add a user."""

    def add() -> Person:
        number = next(_numbers)
        origin = Origin(address=f"2001:db8::{number:x}", request_id=f"request {number}")
        email = f"person{number}@example.com"
        with api() as connection:
            user_id = add_user(connection, email, None, origin)
            connection.execute(
                "update ops.users set password_hash = %s where user_id = %s", (password_hash, user_id)
            )
        return Person(user_id, email, origin)

    return add


@pytest.fixture
def person(new_person: Callable[[], Person]) -> Person:
    return new_person()


@pytest.fixture
def events(warehouse: Warehouse) -> Callable[[Origin], list[tuple[str, dict[str, Any]]]]:
    """What was written down of requests from one network address: event and details, in order."""

    def read(origin: Origin) -> list[tuple[str, dict[str, Any]]]:
        with warehouse.transaction() as connection:
            return connection.execute(
                "select event, details from ops.security_events where address = %s order by event_id",
                (origin.address,),
            ).fetchall()

    return read
