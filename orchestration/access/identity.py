"""Who asks, and what they may do for which client: pure, without a database.

Belongs here: the roles of users, the scopes of keys, and the one judgement that all routes ask for. Does not
belong here: how an identity is found (``logins``, ``keys``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID


class Action(StrEnum):
    """What is done for a client."""

    READ = "read"
    PLAN = "plan"
    DELIVER = "deliver"
    RUN = "run"
    MANAGE = "manage"


_OF_ROLES: Mapping[str, frozenset[Action]] = {
    "viewer": frozenset({Action.READ}),
    "planner": frozenset({Action.READ, Action.PLAN, Action.DELIVER}),
    "manager": frozenset(Action),
}

_OF_SCOPES: Mapping[str, frozenset[Action]] = {
    "read": frozenset({Action.READ}),
    "plan": frozenset({Action.READ, Action.PLAN}),
    "deliver": frozenset({Action.DELIVER}),
    "run": frozenset({Action.RUN}),
}
"""A key manages nobody. One that only delivers or only starts runs reads nothing."""


@dataclass(frozen=True)
class Identity:
    """Somebody or something that got in.

    Attributes:
        name: a user's id or a key's prefix: who asked, in requests, answers and logs.
        email: a user's; None of a key.
        user_id: a user's; None of a key.
        is_operator: whether it may do everything for every client.
        roles: client -> the user's role there, or the key's scopes with spaces between them.
        allowed: client -> what may be done for it, where it is no operator.
    """

    name: str
    email: str | None = None
    user_id: UUID | None = None
    is_operator: bool = False
    roles: Mapping[str, str] = field(default_factory=dict)
    allowed: Mapping[str, frozenset[Action]] = field(default_factory=dict)

    @property
    def clients(self) -> tuple[str, ...]:
        """The clients that it works for, in order; an operator works for more."""
        return tuple(sorted(self.allowed))


def user_identity(user_id: UUID, email: str, *, is_operator: bool, roles: Mapping[str, str]) -> Identity:
    """A user with a role per client; a role that is none gives nothing."""
    return Identity(
        name=str(user_id),
        email=email,
        user_id=user_id,
        is_operator=is_operator,
        roles=MappingProxyType(dict(roles)),
        allowed=MappingProxyType(
            {client: _OF_ROLES.get(role, frozenset()) for client, role in roles.items()}
        ),
    )


def key_identity(prefix: str, client_id: str, scopes: Iterable[str]) -> Identity:
    """A key of one client."""
    held = list(scopes)
    actions: frozenset[Action] = frozenset().union(*(_OF_SCOPES.get(scope, frozenset()) for scope in held))
    return Identity(
        name=prefix,
        roles=MappingProxyType({client_id: " ".join(held)}),
        allowed=MappingProxyType({client_id: actions}),
    )


def permits(identity: Identity, client_id: str, action: Action) -> bool:
    """Whether somebody may do something for a client; whether there is such a client is not asked here."""
    return identity.is_operator or action in identity.allowed.get(client_id, frozenset())
