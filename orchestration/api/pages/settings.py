"""The page Settings: what a client may set for itself, and one's own password.

Belongs here: the page, the planning settings, the password. Does not belong here: who may get in
(``members``, ``keys``), which settings there are (``client_settings``).
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from orchestration.access import page_logins, passwords, users
from orchestration.access.keys import LONGEST_DAYS, SCOPES, list_keys
from orchestration.access.refusals import AccessError
from orchestration.access.security_events import record
from orchestration.api.pages import session
from orchestration.api.pages.render import page
from orchestration.api.pages.visits import Form, Manages, Reads, Visit, text_of
from orchestration.api.pool import Connection
from orchestration.api.problems import Kind, ProblemError
from orchestration.api.signing_in import let_in
from orchestration.client_settings import OWN, SettingError, change_settings, shown_settings
from orchestration.reporting.listings import Worker
from orchestration.warehouse.tables.vocabulary import MembershipRole, words_of

router = APIRouter(prefix=session.PATH + "/{client_id}/settings", include_in_schema=False)

_DONE = {
    "settings": "Changed; the next run plans with it.",
    "same": "That is what was set already; nothing has changed.",
    "password": "Your password is changed; every other login of yours has ended.",
    "role": "Changed; it holds from the next page on.",
    "removed": "Taken out; it holds from the next page on.",
    "revoked": "Revoked; the key is refused from now on.",
}
"""What was done -> how the page says it."""


@router.get("")
def settings_page(request: Request, visit: Reads, done: str = "") -> Response:
    """What is set, who may get in, and one's own password."""
    return shown(request, visit, said=_DONE.get(done))


def shown(
    request: Request,
    visit: Visit,
    *,
    status: int = 200,
    said: str | None = None,
    problem: str | None = None,
    new_key: str | None = None,
) -> Response:
    """The page, with what came of a deed.

    Args:
        request: that it answers.
        visit: whose.
        status: of HTTP.
        said: what was done.
        problem: what was not, and what to do.
        new_key: the text of a key that was just made, which no other page shows.
    """
    with visit.work.reading(Worker.WRITER) as connection:
        found = shown_settings(connection, visit.client_id)
    values: dict[str, Any] = {"members": [], "keys": [], "makers": {}}
    if visit.may("manage"):
        with visit.among_identities() as connection:
            values["members"] = users.list_users(connection, visit.client_id)
            values["keys"] = list_keys(connection, visit.client_id)
        values["makers"] = visit.names(key.created_by for key in values["keys"])
    return page(
        request,
        visit,
        "settings.html.j2",
        status=status,
        said=said,
        problem=problem,
        new_key=new_key,
        settings=found,
        roles=words_of(MembershipRole),
        scopes=SCOPES,
        longest_days=LONGEST_DAYS,
        shortest_password=passwords.FEWEST_CHARACTERS,
        **values,
    )


def done(visit: Visit, what: str) -> Response:
    """Lead back to the page, which says what was done; loading it again does nothing."""
    return RedirectResponse(f"{visit.base}/settings?done={what}", status_code=303)


@router.post("/planning")
def change_planning(request: Request, visit: Manages, form: Form) -> Response:
    """Change what the next run plans with; who did it is in the security events."""
    wanted = {field: text_of(form, field) for field in OWN if field in form}
    try:
        with visit.work.writing() as connection:
            changed = change_settings(connection, visit.client_id, wanted)
            if changed:
                with visit.work.recorded(connection):
                    record(
                        connection,
                        "settings_changed",
                        visit.origin,
                        user_id=visit.identity.user_id,
                        email=visit.identity.email,
                        client_id=visit.client_id,
                        before=changed["before"],
                        after=changed["after"],
                    )
    except SettingError as error:
        return shown(request, visit, status=422, problem=str(error))
    return done(visit, "settings" if changed else "same")


@router.post("/password")
def change_password(request: Request, visit: Reads, form: Form) -> Response:
    """Change one's own password, which ends every other login."""
    email = visit.identity.email or ""
    new, again = _typed(form, "new"), _typed(form, "again")

    def give(connection: Connection, user_id: UUID) -> str | None:
        users.set_password(connection, email, new, visit.origin)
        return page_logins.begin(connection, user_id)

    if new != again:
        return shown(request, visit, status=422, problem="The two new passwords differ; type them again.")
    try:
        passwords.require_good(new, email)
        login = let_in(request, email, _typed(form, "current"), give)
    except AccessError as error:
        return shown(request, visit, status=422, problem=str(error))
    except ProblemError as error:
        if error.kind is not Kind.NOT_SIGNED_IN:
            raise
        return shown(
            request, visit, status=422, problem="The current password is not right; nothing changed."
        )
    answer = done(visit, "password")
    session.keep(answer, request, login)
    return answer


def _typed(form: Form, name: str) -> str:
    """A password as typed: spaces at its ends are part of it."""
    value = form.get(name)
    return value if isinstance(value, str) else ""
