"""The page Data: how fresh everything is, what is missing, what was delivered and what became of it.

Belongs here: what the page shows, and a file that is brought to it. Does not belong here: what is done with
the file (``delivering``), any query (``reporting``).
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from orchestration.api.delivering import deliver, file_of
from orchestration.api.limits import MOST_DELIVERY_BYTES
from orchestration.api.pages import session
from orchestration.api.pages.render import page
from orchestration.api.pages.visits import Delivers, Form, Reads, Visit, text_of
from orchestration.api.problems import Kind, ProblemError, not_valid
from orchestration.landing.handed_in import SUFFIXES
from orchestration.landing.kinds import KINDS, kind_named
from orchestration.landing.reasons import REASON_SENTENCES, Reason
from orchestration.reporting.catalogue import DELIVERIES, REJECTED_ROWS
from orchestration.reporting.deliveries import delivered_kinds, rejected_for
from orchestration.reporting.listings import Listing, Wish, Worker, read_page
from orchestration.reporting.states import client_states
from orchestration.warehouse.tables.vocabulary import FileStatus, words_of

router = APIRouter(prefix=session.PATH + "/{client_id}/data", include_in_schema=False)

_DELIVERIES_SHOWN = 25
_ROWS_SHOWN = 100

Row = dict[str, Any]
Number = Annotated[int | None, Query(ge=1)]
Digest = Annotated[str, Query(pattern="^[0-9a-f]{64}$")]


@router.get("")
def data_page(
    request: Request, visit: Reads, kind: str = "", status: str = "", before: Number = None
) -> Response:
    """How fresh everything is, what is missing, and the latest deliveries."""
    with visit.work.reading() as connection:
        states = client_states(connection)
        kinds = delivered_kinds(connection, visit.client_id)
    state = next((found for found in states if found.client_id == visit.client_id), None)
    return page(
        request,
        visit,
        "data.html.j2",
        state=state,
        kinds=kinds,
        offered=sorted(kind.name for kind in KINDS),
        suffixes=sorted(SUFFIXES.values()),
        megabytes=MOST_DELIVERY_BYTES >> 20,
        **_deliveries(visit, kind, status, before),
    )


@router.get("/deliveries")
def deliveries_part(
    request: Request, visit: Reads, kind: str = "", status: str = "", before: Number = None
) -> Response:
    """The list of deliveries alone, after one more was loaded."""
    return page(request, visit, "deliveries_part.html.j2", **_deliveries(visit, kind, status, before))


@router.post("/deliveries")
async def upload(request: Request, visit: Delivers, form: Form) -> Response:
    """A file that is brought by hand, on the path of every other delivery."""
    kind = kind_named(text_of(form, "kind"))
    if kind is None:
        raise not_valid("body.kind", "Choose what is in the file.")
    suffix, content = await file_of(form)
    taken = await run_in_threadpool(deliver, request, visit.work, kind, suffix, content)
    where = f"{visit.base}/data/sent?sha256={taken.body['sha256']}"
    # what is left to say is how it goes on, which the next question tells
    return RedirectResponse(where, status_code=303)


@router.get("/sent")
def sent(request: Request, visit: Reads, sha256: Digest, again: bool = False) -> Response:
    """What became of a file that was brought: a page, or the part of one that asks again by itself."""
    found = _rows(visit, DELIVERIES, Wish(1, equal={"sha256": [sha256]}))
    if again and not found:
        return Response(status_code=204)
    is_part = "hx-request" in request.headers
    answer = page(
        request,
        visit,
        "sent_part.html.j2" if is_part else "sent.html.j2",
        delivery=found[0] if found else None,
        sha256=sha256,
    )
    if found and is_part:
        answer.headers["HX-Trigger"] = "deliveries-changed"
    return answer


@router.get("/deliveries/{file_id}")
def delivery_page(request: Request, visit: Reads, file_id: int, after: Number = None) -> Response:
    """One delivery, and its rows that were not loaded."""
    found = _rows(visit, DELIVERIES, Wish(1, equal={"file_id": [str(file_id)]}))
    if not found:
        raise ProblemError(Kind.NOT_FOUND, f"There is no delivery {file_id} of {visit.client_id}.")
    with visit.work.reading(Worker.WRITER) as connection:
        reasons = rejected_for(connection, visit.client_id, file_id)
        wish = Wish(_ROWS_SHOWN, equal={"file_id": [str(file_id)]}, after=[file_id, after] if after else [])
        rejected = read_page(connection, REJECTED_ROWS, visit.client_id, wish)
    return page(
        request,
        visit,
        "delivery.html.j2",
        delivery=found[0],
        reasons=reasons,
        sentences={reason.value: sentence for reason, sentence in REASON_SENTENCES.items()},
        settings={reason.value: reason.setting for reason in Reason},
        rows=rejected.rows.to_dicts(),
        more=None if rejected.next_key is None else rejected.next_key[1],
    )


def _deliveries(visit: Visit, kind: str, status: str, before: int | None) -> dict[str, Any]:
    """A page of the list, and what it was asked for."""
    chosen = {name: [value] for name, value in (("kind", kind), ("status", status)) if value}
    wish = Wish(_DELIVERIES_SHOWN, equal=chosen, after=[before] if before else [])
    with visit.work.reading(Worker.WRITER) as connection:
        found = read_page(connection, DELIVERIES, visit.client_id, wish)
    return {
        "deliveries": found.rows.to_dicts(),
        "more": None if found.next_key is None else found.next_key[0],
        "chosen": {"kind": kind, "status": status},
        "statuses": words_of(FileStatus),
        "is_first": before is None,
    }


def _rows(visit: Visit, listing: Listing, wish: Wish) -> list[Row]:
    with visit.work.reading(Worker.WRITER) as connection:
        return read_page(connection, listing, visit.client_id, wish).rows.to_dicts()
