"""What a role and a scope permit, and that nothing reaches another client."""

from __future__ import annotations

from uuid import uuid4

import pytest

from orchestration.access.identity import Action, Identity, key_identity, permits, user_identity
from orchestration.access.keys import SCOPES
from orchestration.warehouse.tables.vocabulary import MembershipRole, words_of

R, P, D, U, M = Action


@pytest.mark.parametrize(
    ("role", "may"), [("viewer", {R}), ("planner", {R, P, D}), ("manager", {R, P, D, U, M}), ("owner", set())]
)
def test_a_role_permits_what_it_says_for_its_client_only(role: str, may: set[Action]) -> None:
    who = user_identity(uuid4(), "a@example.com", is_operator=False, roles={"acme": role})
    assert {action for action in Action if permits(who, "acme", action)} == may
    assert {action for action in Action if permits(who, "zenith", action)} == set()


def test_every_role_and_scope_permits_something() -> None:
    for role in words_of(MembershipRole):
        who = user_identity(uuid4(), "a@example.com", is_operator=False, roles={"acme": role})
        assert permits(who, "acme", Action.READ)
    for scope in SCOPES:
        assert permits(key_identity("fc_0123456789", "acme", [scope]), "acme", Action(scope))


def test_roles_of_several_clients_do_not_mix() -> None:
    who = user_identity(
        uuid4(), "a@example.com", is_operator=False, roles={"acme": "viewer", "zenith": "manager"}
    )
    assert who.clients == ("acme", "zenith")
    assert permits(who, "zenith", Action.MANAGE)
    assert not permits(who, "acme", Action.PLAN)


def test_an_operator_may_everything_for_everybody() -> None:
    who = user_identity(uuid4(), "a@example.com", is_operator=True, roles={})
    assert all(permits(who, "anybody", action) for action in Action)


@pytest.mark.parametrize(
    ("scopes", "may"),
    [(["read"], {R}), (["plan"], {R, P}), (["deliver"], {D}), (["run"], {U}), (list(SCOPES), {R, P, D, U})],
)
def test_a_key_permits_its_scopes_for_its_client_and_manages_nobody(
    scopes: list[str], may: set[Action]
) -> None:
    who = key_identity("fc_0123456789", "acme", scopes)
    assert {action for action in Action if permits(who, "acme", action)} == may
    assert {action for action in Action if permits(who, "zenith", action)} == set()
    assert not who.is_operator


def test_nobody_may_nothing() -> None:
    assert not any(permits(Identity("nobody"), "acme", action) for action in Action)
