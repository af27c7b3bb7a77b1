"""Keys of a client's programs: its managers make them and take them back on the page Settings.

Belongs here: the deeds. Does not belong here: what they do (``access.keys``), the page (``settings``).
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from orchestration.access.keys import create_key, revoke_key
from orchestration.access.refusals import AccessError
from orchestration.api.pages import session
from orchestration.api.pages.settings import done, shown
from orchestration.api.pages.visits import Form, Manages, text_of

router = APIRouter(prefix=session.PATH + "/{client_id}/settings/keys", include_in_schema=False)


@router.post("")
def make(request: Request, visit: Manages, form: Form) -> Response:
    """Make a key; the answer is the only place that shows it."""
    scopes = [scope for scope in form.getlist("scope") if isinstance(scope, str)]
    days = text_of(form, "days")
    try:
        if not (days.isascii() and days.isdigit() and len(days) < 6):
            raise AccessError("Say for how many days the key is good, as a whole number.")
        with visit.among_identities() as connection:
            text = create_key(
                connection, visit.client_id, text_of(form, "name"), scopes, int(days), visit.origin
            )
    except AccessError as error:
        return shown(request, visit, status=422, problem=str(error))
    return shown(request, visit, new_key=text)


@router.post("/revoke")
def revoke(request: Request, visit: Manages, form: Form) -> Response:
    """Take a key of the client back, from the next request on."""
    try:
        with visit.among_identities() as connection:
            revoke_key(connection, text_of(form, "key"), visit.origin, client_id=visit.client_id)
    except AccessError:
        return shown(request, visit, status=422, problem=f"There is no such key of {visit.client_id}.")
    return done(visit, "revoked")
