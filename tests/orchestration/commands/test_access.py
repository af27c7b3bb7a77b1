"""``forecaster user`` and ``forecaster key``: what they do, and that no secret stays anywhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from orchestration.access.identity import Identity
from orchestration.access.keys import identity_of_key
from orchestration.access.logins import authenticate_password, identity_of_access_token, issue_tokens, refresh
from orchestration.access.refusals import Refused
from orchestration.access.security_events import Origin
from orchestration.access.signing import SigningKeys
from orchestration.access.users import get_user
from orchestration.cli import app
from orchestration.clients import Client
from orchestration.warehouse.server import Warehouse

PASSWORD, OTHER = "seven quiet herons wade", "nine loud magpies hop"

NewClient = Callable[..., Client]


def forecaster(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(app, list(arguments), **options)


@pytest.fixture
def email() -> str:
    return f"{uuid4().hex}@example.com"


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> str:
    """What the commands find instead of asking."""
    monkeypatch.setenv("FORECASTER_NEW_PASSWORD", PASSWORD)
    return PASSWORD


def enters(warehouse: Warehouse, email: str, password: str) -> Identity | Refused:
    with psycopg.connect(warehouse.libpq_url(role=warehouse.roles.api)) as connection:
        return authenticate_password(connection, email, password, Origin())


def test_the_first_operator_is_made_by_a_command_that_asks_for_the_password(
    warehouse: Warehouse, email: str
) -> None:
    result = forecaster("user", "add", email.upper(), "--operator", input=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output
    who = enters(warehouse, email, PASSWORD)
    assert isinstance(who, Identity)
    assert who.is_operator
    assert "operator" in forecaster("user", "list").stdout


def test_a_user_is_added_shown_changed_disabled_and_let_in_again(
    warehouse: Warehouse, email: str, password: str, new_client: NewClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = new_client().client_id
    assert forecaster("user", "add", email, "--client", client, "--role", "planner").exit_code == 0
    shown = forecaster("user", "show", email).stdout
    assert f"for {client}" in shown
    assert "planner" in shown
    assert email in forecaster("user", "list", "--client", client).stdout
    assert forecaster("user", "role", email, "--client", client, "--role", "manager").exit_code == 0
    assert (
        "Nothing to change"
        in forecaster("user", "role", email, "--client", client, "--role", "manager").stdout
    )
    assert "manager" in forecaster("user", "show", email).stdout
    assert forecaster("user", "role", email, "--client", client, "--role", "none").exit_code == 0
    assert client not in forecaster("user", "show", email).stdout
    assert forecaster("user", "role", email, "--operator").exit_code == 0
    assert forecaster("user", "role", email, "--no-operator").exit_code == 0
    monkeypatch.setenv("FORECASTER_NEW_PASSWORD", OTHER)
    assert forecaster("user", "password", email).exit_code == 0
    assert forecaster("user", "disable", email).exit_code == 0
    assert enters(warehouse, email, OTHER) == Refused()
    assert "disabled before" in forecaster("user", "disable", email).stderr
    assert forecaster("user", "enable", email).exit_code == 0
    assert isinstance(enters(warehouse, email, OTHER), Identity)
    with warehouse.transaction() as connection:
        actors = connection.execute(
            "select event, actor is not null from ops.security_events where email = %s "
            "and event <> 'login' and event <> 'login_failed' order by event_id",
            (email,),
        ).fetchall()
    assert actors == [
        (event, True)
        for event in ("user_added", *["role_changed"] * 5, "password_set", "user_disabled", "user_enabled")
    ]


def test_a_key_is_made_listed_and_taken_back(warehouse: Warehouse, new_client: NewClient) -> None:
    client = new_client().client_id
    made = forecaster("key", "create", client, "--name", "shop", "--scope", "read", "--scope", "deliver")
    assert made.exit_code == 0, made.output
    key = made.stdout.strip()
    assert key not in made.stderr

    def who() -> Identity | None:
        with psycopg.connect(warehouse.libpq_url(role=warehouse.roles.api)) as connection:
            return identity_of_key(connection, key, Origin())

    assert who() is not None
    listed = forecaster("key", "list", client).stdout
    assert key[:13] in listed
    assert key[14:] not in listed
    assert forecaster("key", "revoke", key[:13]).exit_code == 0
    assert "before" in forecaster("key", "revoke", key[:13]).stderr
    assert who() is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("user", "show", "nobody@example.com"), "no user 'nobody@example.com'"),
        (("user", "disable", "nobody"), "no e-mail address"),
        (("user", "add", "new@example.com", "--client", "nobody"), "no client 'nobody'"),
        (("key", "create", "nobody", "--name", "shop", "--scope", "read"), "no client 'nobody'"),
        (("key", "list", "nobody"), "no client 'nobody'"),
        (("key", "revoke", "fc_0000000000"), "no key with that beginning"),
    ],
)
def test_a_mistake_is_answered_in_one_sentence(
    warehouse: Warehouse, password: str, arguments: tuple[str, ...], says: str
) -> None:
    result = forecaster(*arguments)
    assert result.exit_code == 1
    assert says in result.stderr
    assert "Traceback" not in result.output


def test_a_user_that_is_let_in_nowhere_is_not_added(
    warehouse: Warehouse, password: str, email: str, new_client: NewClient
) -> None:
    client = new_client().client_id
    assert forecaster("user", "add", email).exit_code == 2
    assert forecaster("user", "add", email, "--client", client, "--role", "none").exit_code == 2
    assert forecaster("user", "role", email, "--client", client).exit_code == 2
    assert forecaster("user", "add", email, "--client", "nobody").exit_code == 1
    with warehouse.transaction() as connection, pytest.raises(Exception, match="no user"):
        get_user(connection, email)


def test_a_weak_password_is_refused_without_repeating_it(
    warehouse: Warehouse, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORECASTER_NEW_PASSWORD", "hunter2")
    result = forecaster("user", "add", email, "--operator")
    assert result.exit_code == 1
    assert "12 to 512 characters" in result.stderr
    assert "hunter2" not in result.output


def test_no_secret_is_in_a_table_a_log_or_what_commands_print(
    warehouse: Warehouse,
    email: str,
    password: str,
    new_client: NewClient,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Everything that lets somebody in, right and wrong, and then every row of the schema ops."""
    caplog.set_level(logging.DEBUG)
    client = new_client().client_id
    signing = SigningKeys(SecretStr("s1gning" * 10))
    printed = forecaster("user", "add", email, "--client", client, "--role", "manager").output
    key = forecaster("key", "create", client, "--name", "shop", "--scope", "read").stdout.strip()
    with psycopg.connect(warehouse.libpq_url(role=warehouse.roles.api)) as connection:
        for typed in (PASSWORD, "a wrong but likely password"):
            authenticate_password(connection, email, typed, Origin("192.0.2.7", "r"))
        authenticate_password(connection, PASSWORD, email, Origin("192.0.2.7", "r"))
        given = issue_tokens(connection, signing, get_user(connection, email).user_id)
        assert given is not None
        later = refresh(connection, signing, given.refresh, Origin())
        assert later is not None
        refresh(connection, signing, given.refresh, Origin())
        identity_of_access_token(connection, signing, later.access, Origin())
        identity_of_key(connection, key, Origin())
        identity_of_key(connection, f"{key[:-1]}!", Origin())
    monkeypatch.setenv("FORECASTER_NEW_PASSWORD", OTHER)
    printed += forecaster("user", "password", email).output
    printed += forecaster("user", "show", email).output + forecaster("key", "list", client).output
    with warehouse.connect_admin() as connection:
        tables = connection.execute(
            "select relname from pg_class where relnamespace = 'ops'::regnamespace and relkind = 'r'"
        ).fetchall()
        rows = {
            name: connection.execute(
                sql.SQL("select coalesce(json_agg(line), '[]') from {} as line").format(
                    sql.Identifier("ops", name)
                )
            ).fetchone()
            for (name,) in tables
        }
    assert {"users", "service_keys", "refresh_tokens", "security_events"} <= rows.keys()
    everything = json.dumps(rows, default=str) + caplog.text + printed
    assert key[:13] in everything
    for secret in (
        *(PASSWORD, OTHER, "a wrong but likely password", key[14:], signing.current.get_secret_value()),
        *(given.access, given.refresh, later.access, later.refresh),
    ):
        assert secret not in everything
