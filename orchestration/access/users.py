"""Users and what they may do for which client: adding, changing, listing them.

Belongs here: the rows of ``ops.users`` and ``ops.memberships``, each change with its security event. Does not
belong here: who is let in (``logins``), what a role permits (``identity``).

Memberships and passwords may be changed as the API's role. The rest, who is an operator and who is active,
takes the pipeline's: it is said on the machine and never over HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from orchestration.access import emails, passwords
from orchestration.access.logins import revoke_all
from orchestration.access.refusals import AccessError
from orchestration.access.security_events import Origin, record
from orchestration.warehouse.tables.vocabulary import SecurityEvent

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class User:
    """A user as listed.

    Attributes:
        user_id: the user.
        email: in lower case.
        is_operator: belongs to the installation.
        is_active: gets in at all.
        has_password: can log in with one.
        last_login_at: by password.
        created_at: when added.
        roles: client -> role.
    """

    user_id: UUID
    email: str
    is_operator: bool
    is_active: bool
    has_password: bool
    last_login_at: datetime | None
    created_at: datetime
    roles: Mapping[str, str]


def list_users(connection: Connection, client_id: str | None = None) -> list[User]:
    """All users, or those of a client, by address."""
    if client_id is None:
        return _users(connection, sql.SQL(""))
    theirs = sql.SQL("where user_id in (select user_id from ops.memberships where client_id = {})")
    return _users(connection, theirs.format(sql.Literal(client_id)))


def get_user(connection: Connection, email: str) -> User:
    """One user.

    Raises:
        AccessError: there is none with that address.
    """
    address = emails.required(email)
    found = _users(connection, sql.SQL("where email = {}").format(sql.Literal(address)))
    if not found:
        raise AccessError(
            f"There is no user {address!r}; 'forecaster user list' shows those there are, "
            "'forecaster user add' adds one."
        )
    return found[0]


def is_known(connection: Connection, email: str) -> bool:
    """Whether there is a user with that address."""
    row = connection.execute("select from ops.users where email = %s", (email,)).fetchone()
    return row is not None


def emails_of(connection: Connection, user_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The addresses of users whose ids stand in rows: who asked, who decided."""
    rows = connection.execute(
        "select user_id, email from ops.users where user_id = any(%s)", (list(user_ids),)
    ).fetchall()
    return dict(rows)


def add_user(
    connection: Connection, email: str, password: str | None, origin: Origin, *, is_operator: bool = False
) -> UUID:
    """Add a user.

    Args:
        connection: of the pipeline's role for an operator, else the API's is enough.
        email: the address.
        password: None where one is set later; until then the user cannot log in.
        origin: of the deed.
        is_operator: whether the user belongs to the installation.

    Raises:
        AccessError: there is such a user already, or the password is not good enough.
    """
    address = emails.required(email)
    if password is not None:
        passwords.require_good(password, address)
    hashed = None if password is None else passwords.hashed(password)
    row = connection.execute(
        "insert into ops.users (email, password_hash) values (%s, %s) "
        "on conflict (email) do nothing returning user_id",
        (address, hashed),
    ).fetchone()
    if row is None:
        raise AccessError(
            f"The user {address!r} exists already; 'forecaster user role' lets it in for another client."
        )
    (user_id,) = row
    record(connection, "user_added", origin, user_id=user_id, email=address)
    if is_operator:
        set_operator(connection, address, True, origin)
    return UUID(str(user_id))


def set_password(connection: Connection, email: str, password: str, origin: Origin) -> None:
    """Give a user a new password; every token that was given out before is refused from now on.

    Raises:
        AccessError: no such user, or the password is not good enough.
    """
    user = get_user(connection, email)
    passwords.require_good(password, user.email)
    hashed = passwords.hashed(password)
    revoke_all(connection, user.user_id, origin)
    connection.execute("update ops.users set password_hash = %s where user_id = %s", (hashed, user.user_id))
    record(connection, "password_set", origin, user_id=user.user_id, email=user.email)


def set_active(connection: Connection, email: str, is_active: bool, origin: Origin) -> bool:
    """Let a user in again, or no longer: then its tokens are refused, too. Whether anything changed.

    Raises:
        AccessError: no such user.
    """
    user = get_user(connection, email)
    if user.is_active == is_active:
        return False
    if not is_active:
        revoke_all(connection, user.user_id, origin)
    connection.execute("update ops.users set is_active = %s where user_id = %s", (is_active, user.user_id))
    event: SecurityEvent = "user_enabled" if is_active else "user_disabled"
    record(connection, event, origin, user_id=user.user_id, email=user.email)
    return True


def set_operator(connection: Connection, email: str, is_operator: bool, origin: Origin) -> bool:
    """Make a user an operator, or no longer; whether anything changed.

    Raises:
        AccessError: no such user.
    """
    user = get_user(connection, email)
    if user.is_operator == is_operator:
        return False
    connection.execute(
        "update ops.users set is_operator = %s where user_id = %s", (is_operator, user.user_id)
    )
    before, after = (None, "operator") if is_operator else ("operator", None)
    _record_role(connection, user, None, before, after, origin)
    return True


def set_role(connection: Connection, email: str, client_id: str, role: str | None, origin: Origin) -> bool:
    """Say what a user may do for a client, from the next request on; whether anything changed.

    Args:
        connection: the API's role is enough.
        email: the user's.
        client_id: the client's slug.
        role: viewer, planner or manager; None lets the user in no longer.
        origin: of the deed.

    Raises:
        AccessError: no such user, or no such client.
    """
    user = get_user(connection, email)
    before = user.roles.get(client_id)
    if before == role:
        return False
    if role is None:
        connection.execute(
            "delete from ops.memberships where client_id = %s and user_id = %s", (client_id, user.user_id)
        )
    else:
        try:
            connection.execute(
                """
                insert into ops.memberships (client_id, user_id, role) values (%s, %s, %s)
                on conflict (client_id, user_id) do update set role = excluded.role
                """,
                (client_id, user.user_id, role),
            )
        except psycopg.errors.ForeignKeyViolation as error:
            raise no_such_client(client_id) from error
    _record_role(connection, user, client_id, before, role, origin)
    return True


def no_such_client(client_id: str) -> AccessError:
    return AccessError(f"There is no client {client_id!r}; 'forecaster client list' shows them.")


def _record_role(
    connection: Connection,
    user: User,
    client_id: str | None,
    before: str | None,
    after: str | None,
    origin: Origin,
) -> None:
    record(
        connection,
        "role_changed",
        origin,
        user_id=user.user_id,
        email=user.email,
        client_id=client_id,
        before=before,
        after=after,
    )


def _users(connection: Connection, condition: sql.Composable) -> list[User]:
    query = sql.SQL(
        """
        select
            user_id, email, is_operator, is_active, password_hash is not null as has_password, last_login_at,
            created_at, (
                select coalesce(jsonb_object_agg(client_id, role order by client_id), '{{}}')
                from ops.memberships where memberships.user_id = users.user_id
            ) as roles
        from ops.users
        {} order by email
        """
    ).format(condition)
    with connection.cursor(row_factory=class_row(User)) as cursor:
        return cursor.execute(query).fetchall()
