"""Service keys: shown once, good for one client until they end or are taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from orchestration.access.identity import Action, Identity, permits
from orchestration.access.keys import create_key, identity_of_key, list_keys, revoke_key
from orchestration.access.refusals import AccessError
from orchestration.access.security_events import Origin
from orchestration.clients import Client, remove_client
from orchestration.warehouse.server import Warehouse
from tests.orchestration.access.conftest import Connect

Events = Callable[[Origin], list[tuple[str, dict[str, Any]]]]


@pytest.fixture
def origin() -> Origin:
    return Origin(address=f"host-{uuid4().hex}", actor="somebody")


@pytest.fixture
def client(new_client: Callable[..., Client]) -> str:
    return new_client().client_id


@pytest.fixture
def who(api: Connect, origin: Origin) -> Callable[[str], Identity | None]:
    def ask(text: str) -> Identity | None:
        with api() as connection:
            return identity_of_key(connection, text, origin)

    return ask


@pytest.fixture
def key(api: Connect, client: str, origin: Origin) -> str:
    with api() as connection:
        return create_key(connection, client, "shop", ["run", "read"], 30, origin)


def test_a_key_is_of_one_client_and_may_what_its_scopes_say(
    key: str, client: str, who: Callable[[str], Identity | None]
) -> None:
    found = who(key)
    assert found is not None
    assert found.name == key[:13]
    assert found.clients == (client,)
    assert {action for action in Action if permits(found, client, action)} == {Action.READ, Action.RUN}
    assert not found.is_operator


def test_the_database_holds_its_beginning_and_a_digest(key: str, client: str, warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        ((row, scopes, days),) = connection.execute(
            "select to_jsonb(key)::text, scopes, expires_at - created_at < interval '31 days' "
            "from ops.service_keys as key where client_id = %s",
            (client,),
        ).fetchall()
    secret = key.removeprefix(key[:14])
    assert len(secret) == 43
    assert secret not in row
    assert key[:13] in row
    assert (scopes, days) == (["read", "run"], True)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: key[:0],
        lambda key: key[:13],
        lambda key: key[:-1],
        lambda key: f"{key}x",
        lambda key: f"{key[:-1]}{'A' if key[-1] != 'A' else 'B'}",
        lambda key: f"fc_{'0' * 10}{key[13:]}",
        lambda key: key.upper(),
        lambda key: f"{key}\0",
        lambda key: f"{key[:13]}_' or true --",
        lambda key: key * 10_000,
    ],
)
def test_anything_but_the_whole_key_is_refused_and_written_down_without_it(
    spoil: Callable[[str], str],
    key: str,
    who: Callable[[str], Identity | None],
    events: Events,
    origin: Origin,
    warehouse: Warehouse,
) -> None:
    assert who(spoil(key)) is None
    assert [event for event, _ in events(origin)] == ["key_created", "key_refused"]
    with warehouse.transaction() as connection:
        assert connection.execute(
            "select count(*) from ops.security_events as event where address = %s "
            "and to_jsonb(event)::text ilike '%%' || %s || '%%'",
            (origin.address, key[14:40]),
        ).fetchone() == (0,)


def test_a_revoked_and_an_expired_key_are_refused(
    api: Connect,
    key: str,
    client: str,
    who: Callable[[str], Identity | None],
    origin: Origin,
    events: Events,
    warehouse: Warehouse,
) -> None:
    with api() as connection:
        other = create_key(connection, client, "till", ["read"], 1, origin)
        assert revoke_key(connection, key, origin)
        assert not revoke_key(connection, key[:13], origin)
    with warehouse.transaction() as connection:
        connection.execute("update ops.service_keys set expires_at = now() where prefix = %s", (other[:13],))
    assert who(key) is None
    assert who(other) is None
    refused = [details["reason"] for event, details in events(origin) if event == "key_refused"]
    assert refused == ["revoked", "expired"]
    with api() as connection:
        assert [(found.name, found.is_good) for found in list_keys(connection, client)] == [
            ("till", False),
            ("shop", False),
        ]


def test_its_last_use_is_known(
    api: Connect, key: str, client: str, who: Callable[[str], Identity | None]
) -> None:
    def last_used() -> Any:
        with api() as connection:
            return list_keys(connection, client)[0].last_used_at

    assert last_used() is None
    who(key)
    first = last_used()
    assert first is not None
    who(key)
    assert last_used() == first, "to the minute: a row is not written at every request"


def test_nobody_takes_back_the_key_of_another_client(
    api: Connect, key: str, new_client: Callable[..., Client], origin: Origin
) -> None:
    with api() as connection, pytest.raises(AccessError, match="no key with that beginning"):
        revoke_key(connection, key, origin, client_id=new_client().client_id)


@pytest.mark.parametrize(
    ("name", "scopes", "days", "says"),
    [
        ("shop", [], 30, "may be used for"),
        ("shop", ["read", "manage"], 30, "no scope 'manage'"),
        ("shop", ["read"], 0, "1 to 366 days"),
        ("shop", ["read"], 367, "1 to 366 days"),
        ("  ", ["read"], 30, "Name the key"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(
    api: Connect, client: str, origin: Origin, name: str, scopes: list[str], days: int, says: str
) -> None:
    with api() as connection, pytest.raises(AccessError, match=says):
        create_key(connection, client, name, scopes, days, origin)


def test_there_is_no_key_of_no_client(api: Connect, origin: Origin) -> None:
    with api() as connection, pytest.raises(AccessError, match="no client 'nobody'"):
        create_key(connection, "nobody", "shop", ["read"], 30, origin)


def test_a_removed_client_takes_its_keys_along(
    key: str, client: str, who: Callable[[str], Identity | None], warehouse: Warehouse
) -> None:
    remove_client(warehouse, client)
    assert who(key) is None
