"""Signing in and out, and choosing a client.

Belongs here: what comes before the pages of a client. Does not belong here: checking a password
(``signing_in``).
"""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from orchestration.access import page_logins
from orchestration.access.known_clients import known_clients
from orchestration.api.callers import office_of, origin_of, record
from orchestration.api.pages import session
from orchestration.api.pages.render import html, page
from orchestration.api.pages.visits import Form, Reads, Signed, Visitor, signed_in, text_of
from orchestration.api.problems import Kind, ProblemError
from orchestration.api.signing_in import let_in
from orchestration.reading.gaps import planning_state

router = APIRouter(prefix=session.PATH, include_in_schema=False)

_OF_OURS = re.compile(rf"{session.PATH}(?:[/?][!-\[\]-~]*)?")
"""An address of these pages, and of no other site: what may follow a login."""

_NOT_KEPT = "This page came without TLS, so the browser will not keep a login: open it by https."


@router.get("")
def clients(request: Request, visitor: Annotated[Visitor, Depends(signed_in)]) -> Response:
    """The clients that somebody works for; the only one's pages where there is one."""
    identity = visitor.identity
    wanted = None if identity.is_operator else identity.clients
    with office_of(request).pool.as_api() as connection:
        found = known_clients(connection, wanted)
    if len(found) == 1:
        return RedirectResponse(f"{session.PATH}/{found[0].client_id}/worklist", status_code=303)
    return html("clients.html.j2", visitor, clients=found)


@router.get("/login")
def login_page(request: Request) -> Response:
    """Where one signs in."""
    said = None if session.is_kept(request) else _NOT_KEPT
    return html("login.html.j2", None, next=_next(request.query_params.get("next", "")), email="", said=said)


@router.post("/login")
async def login(request: Request, form: Form) -> Response:
    """Sign in with address and password."""
    return await run_in_threadpool(
        _signed_in, request, text_of(form, "email"), _password(form.get("password")), text_of(form, "next")
    )


@router.post("/logout")
def logout(request: Request, visitor: Signed) -> Response:
    """Sign out: the login is refused from now on, wherever its cookie is kept."""
    user_id = visitor.identity.user_id
    assert user_id is not None, "a page's login is a user's"
    with office_of(request).pool.as_api() as connection:
        page_logins.end(connection, visitor.login, user_id, origin_of(request))
    answer = RedirectResponse(f"{session.PATH}/login", status_code=303)
    session.forget(answer, request)
    return answer


@router.get("/{client_id}")
def client(visit: Reads) -> Response:
    """A client's first page."""
    return RedirectResponse(f"{visit.base}/worklist", status_code=303)


@router.get("/{client_id}/state")
def state(request: Request, visit: Reads) -> Response:
    """Whether orders are known, as a line of the list of clients."""
    with visit.work.reading() as connection:
        found = planning_state(connection, visit.client_id)
    return page(request, visit, "state_part.html.j2", state=found)


def _signed_in(request: Request, email: str, password: str, following: str) -> Response:
    if session.is_foreign(request):
        record(request, "access_refused", reason="origin", path=request.url.path)
        raise ProblemError(Kind.NOT_ALLOWED, "This was sent by another site's page; sign in on this one.")
    try:
        text = let_in(request, email, password, page_logins.begin)
    except ProblemError as problem:
        if problem.kind not in (Kind.NOT_SIGNED_IN, Kind.TOO_MANY):
            raise
        answer = html(
            "login.html.j2",
            None,
            status=problem.kind.status,
            **{"next": _next(following), "email": email[:254], "said": problem.detail},
        )
        answer.headers.update(problem.headers)
        return answer
    let_go = RedirectResponse(_next(following), status_code=303)
    session.keep(let_go, request, text)
    return let_go


def _next(address: str) -> str:
    """Where to go after signing in: an address of these pages, or their beginning."""
    return address if _OF_OURS.fullmatch(address) else session.PATH


def _password(value: object) -> str:
    """As typed: spaces at its ends are part of it."""
    return value if isinstance(value, str) else ""
