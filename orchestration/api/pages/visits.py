"""From a request of a browser to its user, and from the user to the rows of one client.

Belongs here: who is signed in, whether a deed comes from a page of ours, and :class:`Visit`, which every page
of a client is made with. Does not belong here: the cookie (``session``), what a role may do
(``access.identity``), HTML (``render``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.datastructures import FormData

from orchestration.access.identity import Action, Identity, permits
from orchestration.access.keys import KEY_PREFIX
from orchestration.access.known_clients import known_clients
from orchestration.access.page_logins import identity_of_page_login
from orchestration.access.security_events import Origin
from orchestration.access.users import emails_of
from orchestration.api.callers import (
    ClientWork,
    count_address,
    count_caller,
    office_of,
    origin_of,
    record,
    working_for,
)
from orchestration.api.pages import session
from orchestration.api.pool import Connection
from orchestration.api.problems import Kind, ProblemError
from orchestration.foreign_text import printable

MOST_FIELDS = 5_000
"""Of a form: a few for each of 500 lines."""

_SAFE = ("GET", "HEAD")


@dataclass(frozen=True)
class Visitor:
    """Somebody who is signed in.

    Attributes:
        identity: who.
        login: the text of the cookie.
        csrf: what each deed of a page has to bring along.
    """

    identity: Identity
    login: str = field(repr=False)
    csrf: str = field(repr=False)


@dataclass(frozen=True)
class Visit:
    """Somebody who is signed in, at the pages of one client.

    Attributes:
        work: the right to work for the client.
        visitor: who.
        client_name: the name that people use.
    """

    work: ClientWork
    visitor: Visitor
    client_name: str
    _request: Request = field(repr=False)

    @property
    def client_id(self) -> str:
        return self.work.client_id

    @property
    def identity(self) -> Identity:
        return self.visitor.identity

    @property
    def csrf(self) -> str:
        return self.visitor.csrf

    @property
    def base(self) -> str:
        """What the addresses of the client's pages begin with."""
        return f"{session.PATH}/{self.client_id}"

    @property
    def origin(self) -> Origin:
        """Where a deed comes from, as security events say it."""
        found = origin_of(self._request)
        return Origin(found.address, found.request_id, self.identity.name)

    def may(self, action: str) -> bool:
        """Whether the user may do something for the client: read, plan, deliver, run, manage."""
        return permits(self.identity, self.client_id, Action(action))

    @contextmanager
    def among_identities(self) -> Iterator[Connection]:
        """A transaction of the role that knows users and keys, and no row that a client delivered."""
        with office_of(self._request).pool.as_api() as connection:
            yield connection

    def names(self, asked_by: Iterable[str]) -> dict[str, str]:
        """Whom the rows of the client mean: a user's address, which key, or who works at the terminal."""
        named = set(asked_by)
        users = {name: user_id for name in named if (user_id := _user_id(name)) is not None}
        emails = {}
        if users:
            with self.among_identities() as connection:
                emails = emails_of(connection, users.values())
        keys = {name: f"the key {name}" for name in named if name.startswith(KEY_PREFIX)}
        return (
            {name: name for name in named}
            | keys
            | {name: emails[user] for name, user in users.items() if user in emails}
        )


def signed_in(request: Request) -> Visitor:
    """Who a browser is signed in as.

    Raises:
        ProblemError: nobody, or too often.
    """
    count_address(request)
    office = office_of(request)
    login = session.login_of(request)
    if login is None:
        raise ProblemError(Kind.NOT_SIGNED_IN, "Sign in first.")
    with office.pool.as_api() as connection:
        identity = identity_of_page_login(connection, login, origin_of(request))
    if identity is None:
        office.metrics.refused("token_refused")
        raise ProblemError(Kind.NOT_SIGNED_IN, "The login has ended; sign in again.")
    count_caller(request, identity)
    return Visitor(identity, login, session.csrf_token(office.seals, login))


async def guarded(
    request: Request, visitor: Annotated[Visitor, Depends(signed_in)]
) -> AsyncIterator[Visitor]:
    """The same; where something is done, it was a page of this login that asked for it.

    Raises:
        ProblemError: another site's page did, or one of another login.
    """
    try:
        if request.method not in _SAFE:
            await _guard(request, visitor)
        yield visitor
    finally:
        await request.close()  # the files of a form, whatever came of it


async def _guard(request: Request, visitor: Visitor) -> None:
    if session.is_foreign(request):
        await run_in_threadpool(_refuse, request, visitor, "origin")
        raise _refused("This was sent by another site's page, and nothing was done.")
    presented = request.headers.get(session.CSRF_HEADER)
    if presented is None:
        presented = text_of(await form_of(request), session.CSRF_FIELD)
    if not session.is_csrf_token(office_of(request).seals, visitor.login, presented):
        await run_in_threadpool(_refuse, request, visitor, "csrf")
        raise _refused("This was sent by a page of another login; load the page again and repeat it.")


Signed = Annotated[Visitor, Depends(guarded)]
"""Somebody who is signed in, whatever client it is about."""


def visit(action: Action) -> Callable[[Request, Visitor], Visit]:
    """A dependency: somebody who may do something for the client in the path."""

    def allowed(request: Request, visitor: Signed) -> Visit:
        work = working_for(request, visitor.identity, action)
        with office_of(request).pool.as_api() as connection:
            found = known_clients(connection, [work.client_id])
        name = found[0].name if found else work.client_id
        return Visit(work, visitor, name, request)

    return allowed


Reads = Annotated[Visit, Depends(visit(Action.READ))]
Plans = Annotated[Visit, Depends(visit(Action.PLAN))]
Delivers = Annotated[Visit, Depends(visit(Action.DELIVER))]
Runs = Annotated[Visit, Depends(visit(Action.RUN))]
Manages = Annotated[Visit, Depends(visit(Action.MANAGE))]


async def form_of(request: Request) -> FormData:
    """The form that a page sends, read once however often it is asked for."""
    return await request.form(max_files=1, max_fields=MOST_FIELDS)


Form = Annotated[FormData, Depends(form_of)]
"""The form of a request, for a route whose visitor comes before it among its parameters."""


def text_of(form: FormData, name: str) -> str:
    """A field's text without spaces around it; empty where it is missing or a file."""
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def _user_id(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


def _refuse(request: Request, visitor: Visitor, reason: str) -> None:
    named = request.path_params.get("client_id")
    record(
        request,
        "access_refused",
        identity=visitor.identity,
        client_id=named if named in visitor.identity.clients else None,
        reason=reason,
        path=printable(request.url.path)[:200],
    )


def _refused(detail: str) -> ProblemError:
    return ProblemError(Kind.NOT_ALLOWED, detail)
