"""What people change on the page Settings, what they are told of it, and what is written down."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from fastapi.testclient import TestClient

from orchestration.access import users
from orchestration.clients import get_client
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.pages.browser import Browser
from tests.orchestration.api.shops import ORIGIN, PASSWORD, Shop, bearer

NEW_PASSWORD = "five other words that match nothing"


def a_user(warehouse: Warehouse, client_id: str | None, role: str = "viewer") -> str:
    email = f"ben-{uuid4().hex[:8]}@example.com"
    with warehouse.transaction() as connection:
        users.add_user(connection, email, PASSWORD, ORIGIN)
        if client_id is not None:
            users.set_role(connection, email, client_id, role, ORIGIN)
    return email


def latest_event(warehouse: Warehouse, event: str, client_id: str) -> dict[str, Any]:
    with warehouse.transaction() as connection:
        row = connection.execute(
            """
            select email, actor, key_prefix, details from ops.security_events
            where event = %s and client_id = %s order by event_id desc limit 1
            """,
            (event, client_id),
        ).fetchone()
    assert row is not None
    return dict(zip(("email", "actor", "key_prefix", "details"), row, strict=True))


@pytest.fixture
def manager(warehouse: Warehouse, shop: Shop) -> str:
    """A manager whom no other test knows."""
    return a_user(warehouse, shop.client_id, "manager")


@pytest.fixture
def signed_in(browser: Browser, shop: Shop, manager: str) -> Browser:
    """The manager's browser, at the page."""
    browser.sign_in(manager)
    browser.page(f"/planner/{shop.client_id}/settings")
    return browser


def role_of(warehouse: Warehouse, email: str, client_id: str) -> str | None:
    with warehouse.transaction() as connection:
        return users.get_user(connection, email).roles.get(client_id)


def user_id_of(warehouse: Warehouse, email: str) -> str:
    with warehouse.transaction() as connection:
        return str(users.get_user(connection, email).user_id)


def test_a_manager_lets_somebody_in_changes_the_role_and_takes_them_out(
    signed_in: Browser, shop: Shop, warehouse: Warehouse, manager: str
) -> None:
    base = f"/planner/{shop.client_id}/settings"
    email = a_user(warehouse, None)
    for role in ("viewer", "planner"):
        answer = signed_in.send(f"{base}/members", {"email": f" {email.upper()} ", "role": role})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{base}?done=role")
        assert role_of(warehouse, email, shop.client_id) == role
    assert email in signed_in.page(f"{base}?done=role")
    told = latest_event(warehouse, "role_changed", shop.client_id)
    assert (told["email"], told["actor"]) == (email, user_id_of(warehouse, manager))
    assert told["details"] == {"before": "viewer", "after": "planner"}
    assert signed_in.send(f"{base}/members", {"email": email, "role": "none"}).status_code == 303
    assert role_of(warehouse, email, shop.client_id) is None
    assert email not in signed_in.page(base)


def test_what_a_manager_cannot_do_is_told_and_not_done(
    signed_in: Browser, shop: Shop, other: Shop, warehouse: Warehouse, manager: str, operator: str
) -> None:
    base = f"/planner/{shop.client_id}/settings"
    for fields, said in (
        ({"email": "nobody-at-all@example.com", "role": "viewer"}, "There is no login of nobody-at-all"),
        ({"email": "<b>", "role": "viewer"}, "That is no e-mail address"),
        ({"email": manager, "role": "viewer"}, "Nobody changes the own role"),
        ({"email": manager.upper(), "role": "none"}, "Nobody changes the own role"),
        ({"email": shop.people["viewer"], "role": "operator"}, "Choose a role"),
        ({"email": shop.people["viewer"]}, "Choose a role"),
    ):
        answer = signed_in.send(f"{base}/members", fields)
        assert answer.status_code == 422
        assert said in answer.text
    assert role_of(warehouse, manager, shop.client_id) == "manager"
    assert role_of(warehouse, shop.people["viewer"], shop.client_id) == "viewer"
    theirs = signed_in.send(
        f"/planner/{other.client_id}/settings/members", {"email": manager, "role": "viewer"}
    )
    assert theirs.status_code == 404
    assert role_of(warehouse, manager, other.client_id) is None


def test_people_are_shown_with_their_role_here_and_nothing_of_other_clients(
    signed_in: Browser, shop: Shop, other: Shop, warehouse: Warehouse
) -> None:
    email = a_user(warehouse, shop.client_id)
    with warehouse.transaction() as connection:
        users.set_role(connection, email, other.client_id, "manager", ORIGIN)
    page = signed_in.page(f"/planner/{shop.client_id}/settings")
    assert email in page
    assert other.client_id not in page
    assert other.people["viewer"] not in page


def test_a_key_is_shown_once_opens_the_door_and_is_taken_back(
    signed_in: Browser, shop: Shop, api: TestClient, warehouse: Warehouse, manager: str
) -> None:
    base = f"/planner/{shop.client_id}/settings"
    name = f"till {uuid4().hex[:6]}"
    answer = signed_in.send(f"{base}/keys", {"name": name, "scope": ["read", "run"], "days": "30"})
    assert answer.status_code == 200
    (text,) = re.findall(r"fc_[0-9a-f]{10}_[A-Za-z0-9_-]{43}", answer.text)
    assert answer.headers["cache-control"] == "no-store"
    assert api.get(shop.path("/worklist"), headers={"X-Api-Key": text}).status_code == 200
    assert api.post(shop.path("/deliveries"), headers={"X-Api-Key": text}).status_code == 403
    page = signed_in.page(base)
    assert text not in page
    assert name in page
    assert manager in page
    made = latest_event(warehouse, "key_created", shop.client_id)
    assert (made["key_prefix"], made["actor"]) == (text[:13], user_id_of(warehouse, manager))
    assert text not in str(made)
    assert signed_in.send(f"{base}/keys/revoke", {"key": text[:13]}).status_code == 303
    assert api.get(shop.path("/worklist"), headers={"X-Api-Key": text}).status_code == 401
    assert latest_event(warehouse, "key_revoked", shop.client_id)["key_prefix"] == text[:13]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "x", "days": "30"}, "Say what the key may be used for"),
        ({"name": "x", "scope": "manage", "days": "30"}, "There is no scope"),
        ({"name": " ", "scope": "read", "days": "30"}, "Name the key"),
        ({"name": "x", "scope": "read", "days": "900"}, "good for 1 to"),
        ({"name": "x", "scope": "read", "days": "soon"}, "as a whole number"),
        ({"name": "x", "scope": "read", "days": "²"}, "as a whole number"),
    ],
)
def test_a_key_that_is_not_valid_is_not_made(
    signed_in: Browser, shop: Shop, warehouse: Warehouse, fields: dict[str, str], said: str
) -> None:
    answer = signed_in.send(f"/planner/{shop.client_id}/settings/keys", fields)
    assert answer.status_code == 422
    assert said in answer.text


def test_another_clients_key_is_not_taken_back(
    signed_in: Browser, shop: Shop, other: Shop, api: TestClient
) -> None:
    answer = signed_in.send(
        f"/planner/{shop.client_id}/settings/keys/revoke", {"key": other.keys["all"][:13]}
    )
    assert answer.status_code == 422
    assert api.get(other.path("/worklist"), headers=other.key()).status_code == 200


def test_a_new_password_keeps_this_browser_in_and_ends_every_other_login(
    signed_in: Browser, shop: Shop, api: TestClient, manager: str
) -> None:
    base = f"/planner/{shop.client_id}/settings"
    elsewhere = Browser(api.app)
    elsewhere.sign_in(manager)
    token = bearer(api, manager)
    old = signed_in.login
    answer = signed_in.send(
        f"{base}/password", {"current": PASSWORD, "new": NEW_PASSWORD, "again": NEW_PASSWORD}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"{base}?done=password")
    assert signed_in.login != old
    assert "every other login of yours has ended" in signed_in.page(answer.headers["location"])
    assert "/planner/login" in elsewhere.get(base).headers["location"]
    assert api.get("/api/v1/me", headers=token).status_code == 401
    assert Browser(api.app).sign_in(manager).status_code == 401
    assert Browser(api.app).sign_in(manager, NEW_PASSWORD).status_code == 303


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"current": "wrong", "new": NEW_PASSWORD, "again": NEW_PASSWORD}, "current password is not right"),
        ({"current": PASSWORD, "new": NEW_PASSWORD, "again": NEW_PASSWORD + "x"}, "differ"),
        ({"current": PASSWORD, "new": "short", "again": "short"}, "A password has 12"),
        ({}, "A password has 12"),
    ],
)
def test_a_password_that_cannot_be_changed_stays(
    signed_in: Browser, shop: Shop, api: TestClient, manager: str, fields: dict[str, str], said: str
) -> None:
    answer = signed_in.send(f"/planner/{shop.client_id}/settings/password", fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert NEW_PASSWORD not in answer.text
    assert signed_in.get(f"/planner/{shop.client_id}/settings").status_code == 200
    assert Browser(api.app).sign_in(manager).status_code == 303


def test_guessing_the_current_password_slows_down(signed_in: Browser, shop: Shop) -> None:
    wrong = {"current": "wrong", "new": NEW_PASSWORD, "again": NEW_PASSWORD}
    answers = [signed_in.send(f"/planner/{shop.client_id}/settings/password", wrong) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]


def test_a_manager_changes_what_is_planned_with_and_the_operator_sees_who(
    signed_in: Browser, shop: Shop, warehouse: Warehouse, manager: str
) -> None:
    base = f"/planner/{shop.client_id}/settings"
    before = get_client(warehouse, shop.client_id)
    wanted = {"service_level": "0.98", "review_days": "3", "default_lead_time_days": "9"}
    try:
        answer = signed_in.send(f"{base}/planning", wanted)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{base}?done=settings")
        after = get_client(warehouse, shop.client_id)
        changed = {"service_level": 0.98, "review_days": 3, "default_lead_time_days": 9}
        assert after == before.model_copy(update=changed)
        told = latest_event(warehouse, "settings_changed", shop.client_id)
        assert told["email"] == manager
        assert told["details"] == {
            "before": {"service_level": 0.95, "review_days": None, "default_lead_time_days": 5},
            "after": changed,
        }
        with warehouse.transaction() as connection:
            assert connection.execute(
                "select default_lead_time_days from analytics.dim_client where client_id = %s",
                (shop.client_id,),
            ).fetchone() == (9,)
        page = signed_in.page(base)
        for field, value in wanted.items():
            assert re.search(rf'name="{field}"[^>]* value="{re.escape(value)}"', page)
        assert signed_in.send(f"{base}/planning", wanted).headers["location"] == f"{base}?done=same"
    finally:
        back = {"service_level": "0.95", "review_days": "", "default_lead_time_days": "5"}
        assert signed_in.send(f"{base}/planning", back).status_code == 303
    assert get_client(warehouse, shop.client_id) == before


@pytest.mark.parametrize(
    "fields",
    [
        {"service_level": "1"},
        {"service_level": "95 %"},
        {"service_level": ""},
        {"service_level": "nan"},
        {"review_days": "0"},
        {"review_days": "1.5"},
        {"default_lead_time_days": "-1"},
        {"default_lead_time_days": "731"},
        {"service_level": "0.5", "review_days": "many"},
    ],
)
def test_a_setting_that_is_not_valid_changes_nothing(
    signed_in: Browser, shop: Shop, warehouse: Warehouse, fields: dict[str, str]
) -> None:
    before = get_client(warehouse, shop.client_id)
    answer = signed_in.send(f"/planner/{shop.client_id}/settings/planning", fields)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert get_client(warehouse, shop.client_id) == before


def test_what_the_operator_sets_is_shown_and_not_taken_from_a_form(
    signed_in: Browser, shop: Shop, warehouse: Warehouse
) -> None:
    before = get_client(warehouse, shop.client_id)
    forged = {"name": "Mine", "is_active": "false", "client_id": "api_south", "models": "ma7"}
    assert signed_in.send(f"/planner/{shop.client_id}/settings/planning", forged).status_code == 303
    assert get_client(warehouse, shop.client_id) == before
    page = signed_in.page(f"/planner/{shop.client_id}/settings")
    for field in ("horizon days", "models", "time zone".replace(" ", ""), "max reject rate"):
        assert field in page


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("update ops.clients set service_level = 0.5 where client_id = 'api_south'", None),
        ("update ops.clients set is_active = false", "permission"),
        ("update ops.clients set client_id = 'api_south'", "permission"),
        ("update analytics.dim_client set name = 'x'", "permission"),
        ("select sources from ops.clients", "permission"),
        ("delete from ops.clients", "permission"),
    ],
)
def test_the_database_lets_a_clients_writer_change_its_own_three_settings_alone(
    warehouse: Warehouse, shop: Shop, other: Shop, statement: str, expected: str | None
) -> None:
    before = get_client(warehouse, other.client_id)
    role = warehouse.roles.client_writer(shop.client_id)
    with psycopg.connect(warehouse.libpq_url(role=warehouse.roles.api)) as connection:
        connection.execute(f'set local role "{role}"'.encode())
        assert connection.execute("select client_id from ops.clients").fetchall() == [(shop.client_id,)]
        if expected is None:
            assert connection.execute(statement.encode()).rowcount == 0
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match=expected):
                connection.execute(statement.encode())
        connection.rollback()
    assert get_client(warehouse, other.client_id) == before
