"""Databases that are made beside an installation's and take their place in one step.

Belongs here: making them out of everybody's reach, removing what an interrupted attempt left, and the step.
Does not belong here: what is put into them (``restore``).

Nobody but the login may connect to a new database from its first moment on: it is made without connections,
and these are allowed when everybody else's right to them is gone. The step is one transaction: renames and
everything about roles happen together or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from orchestration.errors import UserError
from orchestration.warehouse.limits import LONGEST_NAME
from orchestration.warehouse.server import Roles, Warehouse, libpq_spelling
from orchestration.warehouse.sessions import end_sessions

_MARK = "left by forecaster restore"
_ATTEMPTS = 5

Connection = psycopg.Connection[Any]


class RestoreError(UserError):
    """A restore that cannot be done; the message says what to do. What was there before is as it was."""


@dataclass(frozen=True)
class Place:
    """One database of an installation, and the names of those that come before and after it."""

    url: str

    @property
    def name(self) -> str:
        return str(make_url(self.url).database)

    @property
    def beside(self) -> str:
        return f"{self.name}_restoring"

    @property
    def replaced(self) -> str:
        return f"{self.name}_replaced"

    @property
    def beside_url(self) -> str:
        return libpq_spelling(make_url(self.url).set(database=self.beside))

    @property
    def maintenance_url(self) -> str:
        return libpq_spelling(make_url(self.url).set(database="postgres"))

    def connect(self) -> Connection:
        """To the server, not to the database."""
        return psycopg.connect(self.maintenance_url, autocommit=True, connect_timeout=10)


def places_of(warehouse: Warehouse) -> list[Place]:
    """The warehouse's place, then that of Dagster's storage.

    Raises:
        RestoreError: they are one.
    """
    places = [Place(warehouse.admin_url), Place(warehouse.instance_url)]
    if places[0].url == places[1].url:
        raise RestoreError(
            "DAGSTER_DATABASE_URL names the warehouse's own database; name another one, which may be empty."
        )
    return places


def require_rights(place: Place) -> None:
    """Insist that the login can do what a restore does.

    Raises:
        RestoreError: it cannot, or a name would be too long.
    """
    if len(place.beside.encode()) > LONGEST_NAME:
        raise RestoreError(f"The name of the database {place.name!r} is too long: a restore adds ten bytes.")
    with place.connect() as connection:
        row = connection.execute(
            """
            select rolname, rolsuper or (rolcreatedb and rolcreaterole), coalesce(
                (select pg_has_role(datdba, 'usage') from pg_database where datname = %s), true
            )
            from pg_roles where rolname = current_user
            """,
            (place.name,),
        ).fetchone()
    assert row is not None
    login, may_create, is_owner = row
    if not may_create:
        raise RestoreError(
            f"A restore makes databases and roles, which the login {login!r} may not; let an administrator "
            f"run: alter role {login} createdb createrole."
        )
    if not is_owner:
        raise RestoreError(
            f"The database {place.name!r} does not belong to the login {login!r}; let an administrator run: "
            f"alter database {place.name} owner to {login}."
        )


def busy(roles: Roles, places: Sequence[Place]) -> str | None:
    """Who works in the databases, tenants apart; None where nobody does."""
    for place in places:
        with place.connect() as connection:
            rows = connection.execute(
                """
                select usename, count(*) from pg_stat_activity
                where datname = %s and backend_type = 'client backend' and not starts_with(usename, %s)
                group by usename order by usename
                """,
                (place.name, roles.client_prefix),
            ).fetchall()
        if rows:
            who = ", ".join(f"{count} of {name}" for name, count in rows)
            return f"connections to {place.name}: {who}"
    return None


def clear(roles: Roles, place: Place) -> None:
    """Drop what an interrupted restore left.

    Raises:
        RestoreError: a database of that name is somebody else's.
    """
    with place.connect() as connection:
        for name in (place.beside, place.replaced):
            row = connection.execute(
                "select datallowconn, shobj_description(oid, 'pg_database') from pg_database "
                "where datname = %s",
                (name,),
            ).fetchone()
            if row is None:
                continue
            allows_connections, comment = row
            if allows_connections and not str(comment).startswith(_MARK):
                raise RestoreError(
                    f"A restore needs the name {name!r}, and there is a database of that name which it did "
                    "not make; rename that one."
                )
            end_sessions(connection, roles, database=name)
            # not "with (force)": a login that is no superuser may not end an autovacuum, and need not
            connection.execute(
                """
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = %s and usename = current_user
                """,
                (name,),
            )
            connection.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))


def create(place: Place) -> None:
    """Make the database beside; only the login may connect to it."""
    name = sql.Identifier(place.beside)
    with place.connect() as connection:
        for statement in (
            "create database {} encoding 'UTF8' template template0 allow_connections false",
            "revoke all on database {} from public",
        ):
            connection.execute(sql.SQL(statement).format(name))
        _comment(connection, place.beside, _MARK)
        connection.execute(sql.SQL("alter database {} allow_connections true").format(name))


def swap(
    roles: Roles, places: Sequence[Place], seal: str, arrange_roles: Callable[[Connection], None]
) -> None:
    """Put the databases beside in their places, in one transaction on each server.

    Args:
        roles: of the installation.
        places: the warehouse's first; Dagster's storage may be on another server.
        seal: of the backup; it stays with the warehouse until ``forget`` is called.
        arrange_roles: what is done about roles in the same transaction, on the warehouse's server.

    Raises:
        RestoreError: somebody is connected to a database and stays.
    """
    warehouse = places[0]
    for server in dict.fromkeys(place.maintenance_url for place in reversed(places)):
        here = [place for place in places if place.maintenance_url == server]
        with here[0].connect() as connection:
            for attempt in range(_ATTEMPTS):
                for place in here:
                    end_sessions(connection, roles, database=place.name)
                try:
                    with connection.transaction():
                        for place in here:
                            _rename(connection, place)
                        if warehouse in here:
                            arrange_roles(connection)
                            _comment(connection, warehouse.name, _finishing(seal))
                    break
                except psycopg.errors.ObjectInUse as error:
                    if attempt == _ATTEMPTS - 1:
                        raise RestoreError(
                            f"Somebody stays connected ({busy(roles, here) or 'a client'}); end that and run "
                            "the restore again. The installation is as it was."
                        ) from error
                    time.sleep(1)


def is_finishing(place: Place, seal: str) -> bool:
    """Whether the database is in its place from this backup, and its restore was interrupted after that."""
    with place.connect() as connection:
        row = connection.execute(
            "select shobj_description(oid, 'pg_database') from pg_database where datname = %s",
            (place.name,),
        ).fetchone()
    return row == (_finishing(seal),)


def forget(place: Place) -> None:
    """The restore is complete."""
    with place.connect() as connection:
        _comment(connection, place.name, None)


def _rename(connection: Connection, place: Place) -> None:
    rename = sql.SQL("alter database {} rename to {}")
    name, beside, replaced = map(sql.Identifier, (place.name, place.beside, place.replaced))
    there = connection.execute(
        "select count(*) from pg_database where datname = %s", (place.name,)
    ).fetchone()
    if there != (0,):
        connection.execute(rename.format(name, replaced))
        _comment(connection, place.replaced, _MARK)
    connection.execute(rename.format(beside, name))
    _comment(connection, place.name, None)


def _comment(connection: Connection, database: str, text: str | None) -> None:
    connection.execute(
        sql.SQL("comment on database {} is {}").format(sql.Identifier(database), sql.Literal(text))
    )


def _finishing(seal: str) -> str:
    return f"{_MARK}: {seal} is in its place"
