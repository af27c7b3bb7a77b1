"""Who of a client's people may do what: its managers say so on the page Settings.

Belongs here: the deeds. Does not belong here: what they do (``access.users``), the page (``settings``).
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from orchestration.access import emails, users
from orchestration.access.refusals import AccessError
from orchestration.api.pages import session
from orchestration.api.pages.settings import done, shown
from orchestration.api.pages.visits import Form, Manages, text_of
from orchestration.warehouse.tables.vocabulary import MembershipRole, listed, words_of

router = APIRouter(prefix=session.PATH + "/{client_id}/settings/members", include_in_schema=False)

_TAKE_OUT = "none"


@router.post("")
def say_role(request: Request, visit: Manages, form: Form) -> Response:
    """Let a user in, change what one may do, or take one out."""
    role = text_of(form, "role")
    try:
        email = emails.required(text_of(form, "email"))
        if role not in (*words_of(MembershipRole), _TAKE_OUT):
            raise AccessError(f"Choose a role: {listed(words_of(MembershipRole))}.")
        if email == visit.identity.email:
            raise AccessError("Nobody changes the own role: another manager or the operator does.")
        with visit.among_identities() as connection:
            if not users.is_known(connection, email):
                raise AccessError(
                    f"There is no login of {email} yet; the operator of this installation adds it."
                )
            users.set_role(
                connection, email, visit.client_id, None if role == _TAKE_OUT else role, visit.origin
            )
    except AccessError as error:
        return shown(request, visit, status=422, problem=str(error))
    return done(visit, "removed" if role == _TAKE_OUT else "role")
