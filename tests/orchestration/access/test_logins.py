"""Users at the door: who gets in, who has to wait, and which tokens are good afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from orchestration.access import passwords, tokens
from orchestration.access.identity import Action, Identity, permits
from orchestration.access.logins import (
    LOGIN_DAYS,
    Tokens,
    authenticate_password,
    identity_of_access_token,
    issue_tokens,
    refresh,
    revoke,
    revoke_all,
)
from orchestration.access.refusals import OF_AN_ADDRESS, OF_AN_EMAIL, Refused
from orchestration.access.security_events import Origin
from orchestration.access.signing import SigningKeys
from orchestration.access.users import set_active, set_password, set_role
from orchestration.clients import Client, remove_client
from orchestration.warehouse.server import Warehouse
from tests.orchestration.access.conftest import PASSWORD, Connect, Person

Events = Callable[[Origin], list[tuple[str, dict[str, Any]]]]
NewPerson = Callable[[], Person]


class Door:
    """What the HTTP API does, each in a transaction of its own."""

    def __init__(self, api: Connect, keys: SigningKeys) -> None:
        self.api, self.keys = api, keys

    def enter(self, person: Person, password: str = PASSWORD) -> Identity | Refused:
        with self.api() as connection:
            return authenticate_password(connection, person.email, password, person.origin)

    def log_in(self, person: Person) -> Tokens:
        with self.api() as connection:
            given = issue_tokens(connection, self.keys, person.user_id)
        assert given is not None
        return given

    def again(self, given: Tokens, person: Person) -> Tokens | None:
        with self.api() as connection:
            return refresh(connection, self.keys, given.refresh, person.origin)

    def who(self, given: Tokens, person: Person, keys: SigningKeys | None = None) -> Identity | None:
        with self.api() as connection:
            return identity_of_access_token(connection, keys or self.keys, given.access, person.origin)

    def log_out(self, given: Tokens, person: Person) -> None:
        claims = tokens.read(self.keys, given.access)
        assert isinstance(claims, tokens.Claims)
        with self.api() as connection:
            revoke(connection, claims, person.origin)


@pytest.fixture
def door(api: Connect, keys: SigningKeys) -> Door:
    return Door(api, keys)


@pytest.fixture
def fails(warehouse: Warehouse) -> Callable[[int, Person | None, Origin], None]:
    """Write down failures as earlier attempts would have: hashing takes long."""

    def fail(times: int, person: Person | None, origin: Origin) -> None:
        with warehouse.transaction() as connection:
            for _ in range(times):
                connection.execute(
                    "insert into ops.security_events (event, email, address, occurred_at) "
                    "values ('login_failed', %s, %s, clock_timestamp())",
                    (person.email if person else None, origin.address),
                )

    return fail


def names(events: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [event for event, _ in events if event != "user_added"]


# --- passwords ----------------------------------------------------------------------------------------


def test_the_right_password_gets_in_and_is_written_down(
    door: Door, person: Person, events: Events, warehouse: Warehouse
) -> None:
    who = door.enter(person)
    assert isinstance(who, Identity)
    assert (who.user_id, who.email, who.name) == (person.user_id, person.email, str(person.user_id))
    assert names(events(person.origin)) == ["login"]
    with warehouse.transaction() as connection:
        row = connection.execute(
            "select last_login_at > created_at from ops.users where user_id = %s", (person.user_id,)
        ).fetchone()
    assert row == (True,)


def test_an_address_is_found_however_it_is_spelled(door: Door, person: Person) -> None:
    assert isinstance(door.enter(replace(person, email=f" {person.email.upper()} ")), Identity)


def test_whoever_fails_is_not_told_why_and_the_events_are(
    door: Door, new_person: NewPerson, events: Events, warehouse: Warehouse
) -> None:
    stranger = Person(uuid4(), "stranger@example.com", Origin("2001:db8::ffff:1"))
    mistaken, disabled = new_person(), new_person()
    with warehouse.transaction() as connection:
        set_active(connection, disabled.email, False, Origin())
    assert (
        door.enter(stranger) == door.enter(mistaken, "a wrong password") == door.enter(disabled) == Refused()
    )
    for who, reason in ((stranger, "unknown"), (mistaken, "password"), (disabled, "disabled")):
        assert [e for e in events(who.origin) if e[0] != "user_added"] == [
            ("login_failed", {"reason": reason})
        ]


def test_a_password_in_the_wrong_field_is_written_down_nowhere(
    door: Door, warehouse: Warehouse, events: Events
) -> None:
    origin = Origin("2001:db8::ffff:2")
    assert door.enter(Person(uuid4(), PASSWORD, origin), "anna@example.com") == Refused()
    assert names(events(origin)) == ["login_failed"]
    with warehouse.transaction() as connection:
        assert connection.execute(
            "select count(*) from ops.security_events as event where address = %s "
            "and to_jsonb(event)::text ~ 'herons|anna'",
            (origin.address,),
        ).fetchone() == (0,)


def test_after_failures_even_the_right_password_waits(
    door: Door, person: Person, fails: Callable[[int, Person | None, Origin], None], events: Events
) -> None:
    elsewhere = Origin("2001:db8::ffff:3")
    fails(OF_AN_EMAIL.free - 1, person, elsewhere)
    assert isinstance(door.enter(person), Identity), "the failures before a success are forgotten"
    fails(OF_AN_EMAIL.free + 5, person, elsewhere)
    refused = door.enter(person)
    assert isinstance(refused, Refused)
    assert 25 < refused.wait_seconds <= 32
    assert names(events(person.origin)) == ["login", "login_delayed"]


def test_strangers_wait_as_users_do(door: Door, fails: Callable[[int, Person | None, Origin], None]) -> None:
    stranger = Person(uuid4(), f"{uuid4().hex}@example.com", Origin("2001:db8::ffff:4"))
    fails(OF_AN_EMAIL.free + 5, stranger, Origin("2001:db8::ffff:5"))
    refused = door.enter(stranger)
    assert isinstance(refused, Refused)
    assert 25 < refused.wait_seconds <= 32


def test_an_address_that_tries_many_users_waits_and_others_do_not(
    door: Door, new_person: NewPerson, fails: Callable[[int, Person | None, Origin], None]
) -> None:
    busy, other = new_person(), new_person()
    fails(OF_AN_ADDRESS.free + 6, None, busy.origin)
    refused = door.enter(busy)
    assert isinstance(refused, Refused)
    assert 55 < refused.wait_seconds <= 64
    assert isinstance(door.enter(other), Identity)


def test_old_failures_are_forgotten(door: Door, person: Person, warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        connection.execute(
            "insert into ops.security_events (event, email, occurred_at) "
            "select 'login_failed', %s, now() - interval '16 minutes' from generate_series(1, 50)",
            (person.email,),
        )
    assert isinstance(door.enter(person), Identity)


def test_many_attempts_at_once_do_not_get_around_the_waiting(
    door: Door,
    person: Person,
    fails: Callable[[int, Person | None, Origin], None],
    warehouse: Warehouse,
) -> None:
    """The failures are counted again after the hash: by then the others of a crowd have failed."""

    def is_about_to_hash() -> bool:
        with warehouse.connect_admin() as connection:
            return connection.execute(
                "select exists (select from pg_stat_activity where state = 'idle in transaction' "
                "and query like 'select user_id, password_hash%')"
            ).fetchone() == (True,)

    with ThreadPoolExecutor(1) as pool, ExitStack() as crowd:
        for _ in range(4):
            crowd.enter_context(passwords._AT_ONCE)
        attempt = pool.submit(door.enter, person)
        while not is_about_to_hash():
            assert not attempt.done()
            time.sleep(0.05)
        fails(OF_AN_EMAIL.free + 5, person, Origin("2001:db8::ffff:6"))
        crowd.close()
        refused = attempt.result(timeout=60)
    assert isinstance(refused, Refused)
    assert refused.wait_seconds > 0


# --- tokens -------------------------------------------------------------------------------------------


def test_a_login_gives_tokens_that_say_who_it_is(door: Door, person: Person) -> None:
    given = door.log_in(person)
    who = door.who(given, person)
    assert who is not None
    assert who.user_id == person.user_id
    assert given.refresh_expires_at is not None
    assert 0 < (given.refresh_expires_at - datetime.now(UTC)).days + 1 <= LOGIN_DAYS
    assert given.access not in repr(given)
    assert given.refresh not in repr(given)


def test_what_a_user_may_do_is_asked_at_every_request(
    door: Door, person: Person, warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    client = new_client().client_id
    given = door.log_in(person)
    seen = []
    for role in ("viewer", "manager", None):
        with warehouse.transaction() as connection:
            set_role(connection, person.email, client, role, Origin())
        who = door.who(given, person)
        assert who is not None
        seen.append((permits(who, client, Action.READ), permits(who, client, Action.RUN)))
    assert seen == [(True, False), (True, True), (False, False)]


def test_tokens_outlive_a_change_of_the_key_while_the_previous_one_is_named(
    door: Door, person: Person, keys: SigningKeys
) -> None:
    given = door.log_in(person)
    changed = SigningKeys(SecretStr("n" * 64), keys.current)
    assert door.who(given, person, changed) is not None
    assert door.who(given, person, replace(changed, previous=None)) is None


def test_a_refresh_token_is_exchanged_once_and_its_end_stays(door: Door, person: Person) -> None:
    first = door.log_in(person)
    second = door.again(first, person)
    assert second is not None
    assert second.refresh != first.refresh
    assert second.refresh_expires_at == first.refresh_expires_at
    assert door.who(second, person) is not None
    assert door.who(first, person) is not None


def test_a_refresh_token_that_comes_again_ends_the_login_for_thief_and_owner(
    door: Door, person: Person, events: Events
) -> None:
    stolen = door.log_in(person)
    elsewhere = door.log_in(person)
    owner = door.again(stolen, person)
    assert owner is not None
    assert door.again(stolen, person) is None
    assert door.again(owner, person) is None
    assert door.who(owner, person) is None
    assert door.who(stolen, person) is None
    assert door.who(elsewhere, person) is not None, "another login of the same user is another login"
    assert names(events(person.origin)) == ["token_reused", *["token_refused"] * 3]


def test_of_two_exchanges_at_once_one_is_a_theft(door: Door, person: Person) -> None:
    given = door.log_in(person)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: door.again(given, person), range(6)))
    good = [tokens_ for tokens_ in found if tokens_ is not None]
    assert len(good) == 1
    assert door.who(good[0], person) is None


def test_an_unknown_an_expired_and_an_access_token_are_exchanged_for_nothing(
    door: Door, person: Person, warehouse: Warehouse, events: Events
) -> None:
    given = door.log_in(person)
    assert door.again(replace(given, refresh=given.access), person) is None
    assert door.again(replace(given, refresh="'; drop table ops.users; --\0\udcff"), person) is None
    with warehouse.transaction() as connection:
        connection.execute(
            "update ops.refresh_tokens set expires_at = now() - interval '1 second' where user_id = %s",
            (person.user_id,),
        )
    assert door.again(given, person) is None
    reasons = [details["reason"] for event, details in events(person.origin) if event == "token_refused"]
    assert reasons == ["unknown", "unknown", "expired"]


def test_a_refresh_token_is_no_access_token(door: Door, person: Person) -> None:
    given = door.log_in(person)
    assert door.who(replace(given, access=given.refresh), person) is None


def test_a_logout_ends_that_login_and_no_other(door: Door, person: Person, events: Events) -> None:
    here, there = door.log_in(person), door.log_in(person)
    later = door.again(here, person)
    assert later is not None
    door.log_out(here, person)
    door.log_out(here, person)
    assert door.who(here, person) is None
    assert door.who(later, person) is None
    assert door.again(later, person) is None
    assert door.who(there, person) is not None
    assert "logout" in names(events(person.origin))


def test_a_token_is_refused_by_its_number(door: Door, person: Person, warehouse: Warehouse) -> None:
    given = door.log_in(person)
    claims = tokens.read(door.keys, given.access)
    assert isinstance(claims, tokens.Claims)
    with door.api() as connection:
        connection.execute(
            "insert into ops.revoked_tokens (token_id, expires_at) values (%s, now())", (claims.token_id,)
        )
    assert door.who(given, person) is None
    assert door.again(given, person) is not None


def _disable(connection: Any, person: Person) -> None:
    set_active(connection, person.email, False, Origin())
    set_active(connection, person.email, True, Origin())


def _change_password(connection: Any, person: Person) -> None:
    set_password(connection, person.email, PASSWORD, Origin())


def _revoke(connection: Any, person: Person) -> None:
    revoke_all(connection, person.user_id, Origin())


@pytest.mark.parametrize("deed", [_disable, _change_password, _revoke])
def test_what_was_given_out_before_is_refused_and_a_new_login_is_not(
    deed: Callable[[Any, Person], None], door: Door, new_person: NewPerson, warehouse: Warehouse
) -> None:
    person, other = new_person(), new_person()
    before, of_another = door.log_in(person), door.log_in(other)
    with warehouse.transaction() as connection:
        deed(connection, person)
    assert door.who(before, person) is None
    assert door.again(before, person) is None
    assert door.who(door.log_in(person), person) is not None
    assert door.who(of_another, other) is not None


def test_a_disabled_user_gets_nothing(
    door: Door, person: Person, warehouse: Warehouse, events: Events
) -> None:
    given = door.log_in(person)
    with warehouse.transaction() as connection:
        set_active(connection, person.email, False, Origin())
    assert door.who(given, person) is None
    assert door.again(given, person) is None
    assert door.enter(person) == Refused()
    with door.api() as connection:
        assert issue_tokens(connection, door.keys, person.user_id) is None
    reasons = [details["reason"] for _, details in events(person.origin) if "reason" in details]
    assert reasons == ["disabled", "revoked", "disabled"]


def test_no_exchange_gets_past_the_end_of_all_tokens(door: Door, person: Person) -> None:
    """The end waits for an exchange under way, and takes back what it gave."""
    first = door.log_in(person)

    def end() -> None:
        with door.api() as connection:
            revoke_all(connection, person.user_id, Origin())

    with ThreadPoolExecutor(1) as pool:
        with door.api() as connection:
            given = refresh(connection, door.keys, first.refresh, person.origin)
            assert given is not None
            ended = pool.submit(end)
            with pytest.raises(TimeoutError):
                ended.result(timeout=1)
        ended.result(timeout=60)
    assert door.again(given, person) is None
    assert door.who(given, person) is None


def test_a_removed_client_is_no_role_any_more_and_the_user_stays(
    door: Door, person: Person, warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    client = new_client().client_id
    with door.api() as connection:
        set_role(connection, person.email, client, "manager", Origin())
    remove_client(warehouse, client)
    who = door.enter(person)
    assert isinstance(who, Identity)
    assert who.clients == ()


def test_expired_rows_go_with_the_next_login(door: Door, person: Person, warehouse: Warehouse) -> None:
    door.log_in(person)
    with warehouse.transaction() as connection:
        connection.execute(
            "update ops.refresh_tokens set expires_at = now() - interval '1 day' where user_id = %s",
            (person.user_id,),
        )
    door.log_in(person)
    with warehouse.transaction() as connection:
        assert connection.execute(
            "select count(*) from ops.refresh_tokens where user_id = %s", (person.user_id,)
        ).fetchone() == (1,)
