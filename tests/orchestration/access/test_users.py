"""Users: adding and changing them, what is written down of it, and what the API's role may not."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest

from orchestration.access.refusals import AccessError
from orchestration.access.security_events import Origin
from orchestration.access.users import (
    add_user,
    get_user,
    list_users,
    set_active,
    set_operator,
    set_password,
    set_role,
)
from orchestration.clients import Client
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables.vocabulary import MembershipRole, words_of
from tests.orchestration.access.conftest import Connect, Person

Events = Callable[[Origin], list[tuple[str, dict[str, object]]]]


def test_a_new_user_may_nothing_and_cannot_log_in_without_a_password(api: Connect) -> None:
    email = f"{uuid4().hex}@example.com"
    with api() as connection:
        add_user(connection, f"  {email.upper()}", None, Origin())
        user = get_user(connection, email)
    assert (user.email, user.is_operator, user.is_active, user.has_password) == (email, False, True, False)
    assert user.roles == {}


@pytest.mark.parametrize(
    "email",
    ["", "anna", "anna@", "anna@example", "an na@example.com", "änna@example.com", f"{'a' * 250}@b.de"],
)
def test_what_is_no_address_is_refused_in_a_sentence(api: Connect, email: str) -> None:
    with api() as connection, pytest.raises(AccessError, match="no e-mail address"):
        add_user(connection, email, None, Origin())


def test_an_address_is_one_user(api: Connect, person: Person) -> None:
    with api() as connection, pytest.raises(AccessError, match="exists already"):
        add_user(connection, person.email.title(), None, Origin())


def test_a_user_that_is_not_there_is_answered_with_where_to_look(api: Connect) -> None:
    with api() as connection, pytest.raises(AccessError, match="user list"):
        get_user(connection, "nobody@example.com")


def test_each_role_is_given_changed_and_taken_and_written_down(
    api: Connect, person: Person, new_client: Callable[..., Client], events: Events
) -> None:
    client = new_client().client_id
    roles = (*words_of(MembershipRole), None)
    with api() as connection:
        for role in roles:
            assert set_role(connection, person.email, client, role, person.origin)
            assert not set_role(connection, person.email, client, role, person.origin)
            assert get_user(connection, person.email).roles == ({client: role} if role else {})
            assert [user.email for user in list_users(connection, client)] == [person.email][: bool(role)]
    changes = [details for event, details in events(person.origin) if event == "role_changed"]
    assert changes == [
        {"before": before, "after": after} for before, after in zip((None, *roles), roles, strict=False)
    ]


def test_nobody_is_anything_for_a_client_that_is_not_there(api: Connect, person: Person) -> None:
    with api() as connection, pytest.raises(AccessError, match="no client 'nobody'"):
        set_role(connection, person.email, "nobody", "viewer", Origin())


def test_who_is_an_operator_and_who_is_active_is_said_on_the_machine_only(
    api: Connect, person: Person, warehouse: Warehouse, events: Events
) -> None:
    for deed in (
        lambda connection: set_operator(connection, person.email, True, person.origin),
        lambda connection: set_active(connection, person.email, False, person.origin),
        lambda connection: add_user(
            connection, f"{uuid4().hex}@example.com", None, person.origin, is_operator=True
        ),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), api() as connection:
            deed(connection)
    with warehouse.transaction() as connection:
        assert set_operator(connection, person.email, True, person.origin)
        assert not set_operator(connection, person.email, True, person.origin)
        assert get_user(connection, person.email).is_operator
        assert set_operator(connection, person.email, False, person.origin)
        assert set_active(connection, person.email, False, person.origin)
        assert not set_active(connection, person.email, False, person.origin)
        assert set_active(connection, person.email, True, person.origin)
    assert [event for event, _ in events(person.origin)] == [
        *("user_added", "role_changed", "role_changed"),
        *("tokens_revoked", "user_disabled", "user_enabled"),
    ]


def test_a_new_password_is_written_down_without_it(
    api: Connect, person: Person, events: Events, warehouse: Warehouse
) -> None:
    with api() as connection:
        set_password(connection, person.email, "another of four words", person.origin)
        with pytest.raises(AccessError, match="characters"):
            set_password(connection, person.email, "short", person.origin)
    assert [event for event, _ in events(person.origin)] == ["user_added", "tokens_revoked", "password_set"]
    with warehouse.transaction() as connection:
        row = connection.execute(
            "select password_hash like '$argon2id$%%' from ops.users where email = %s", (person.email,)
        ).fetchone()
    assert row == (True,)
