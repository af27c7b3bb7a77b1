"""The worklist: what to order, expedite and decide today, and the decisions about it.

Belongs here: the page, and from its form to decisions that stand. Does not belong here: what may be decided
(``planning``), the queries (``reporting.worklist``).

What is done is answered with the list as it then is, its filters being part of the address. What cannot be
done is said at the line that it is about, and leaves alone what was typed into other lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.datastructures import FormData
from fastapi.responses import Response

from orchestration.api.pages import session, worklist_words
from orchestration.api.pages.decision_form import FormError, choices_from, deed_of, ids_of
from orchestration.api.pages.render import page, part
from orchestration.api.pages.visits import Form, Plans, Reads, Visit
from orchestration.api.pages.worklist_filters import query_of, wanted_of
from orchestration.planning.decisions import DecisionError, decide, withdraw
from orchestration.reading.gaps import about, find_gaps, of_severity, planning_state
from orchestration.reporting.listings import Worker
from orchestration.reporting.suppliers import Supplier, suppliers_of
from orchestration.reporting.worklist import proposed_in, read_worklist
from orchestration.reporting.worklist_lines import LINES_OF_A_PAGE, NOT_NAMED, Line, Wanted
from orchestration.warehouse.gap_vocabulary import Concern

STATUS_OF = {"not_valid": 422, "conflict": 409, "not_found": 404}
"""Kind of a decision's error -> status of the answer."""

_PATH = f"{session.PATH}/{{client_id}}/worklist"
_ABOUT_ORDERS: tuple[Concern, ...] = ("deliveries", "forecast", "orders")

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Said:
    """What was done, and the decisions by which it can be undone."""

    sentence: str
    undo: Sequence[UUID] = ()


@router.get(_PATH)
def worklist(request: Request, visit: Reads) -> Response:
    """The list, as its address wants it."""
    return _list(request, visit)


@router.post(_PATH)
def decided(request: Request, visit: Plans, form: Form) -> Response:
    """Decide about lines, or take decisions back."""
    try:
        said = _take_back(visit, form) if "withdraw" in form else _decide(visit, form)
    except FormError as error:
        return _refused(request, visit, error.sentence, error.rank, STATUS_OF["not_valid"])
    except DecisionError as error:
        ranks = deed_of(form).ranks if "withdraw" not in form else ()
        rank = ranks[error.index] if ranks and error.index is not None else None
        return _refused(request, visit, error.sentence, rank, STATUS_OF[error.kind])
    return _list(request, visit, said=said)


def _decide(visit: Visit, form: FormData) -> Said:
    deed = deed_of(form)
    with visit.work.writing() as connection:
        proposed = proposed_in(connection, visit.client_id, deed.run_id, deed.ranks)
        choices = choices_from(form, deed, proposed)
        decisions = decide(connection, visit.client_id, choices, visit.work.asked_by)
    return Said(worklist_words.done(deed.name, proposed.values()), decisions)


def _take_back(visit: Visit, form: FormData) -> Said:
    decisions = ids_of(form, "withdraw")
    with visit.work.writing() as connection:
        count = withdraw(connection, visit.client_id, decisions, visit.work.asked_by)
    return Said(f"{worklist_words.counted(count, 'decision')} taken back.")


def _list(
    request: Request, visit: Visit, *, said: Said | None = None, problem: str | None = None, status: int = 200
) -> Response:
    wanted = wanted_of(request.query_params)
    with visit.work.reading() as connection:
        lines, choices = read_worklist(connection, visit.client_id, wanted)
        pages = max(1, -(-choices.wanted.lines // LINES_OF_A_PAGE))
        if wanted.page > pages:  # the last lines of the last page have gone
            wanted = replace(wanted, page=pages)
            lines, choices = read_worklist(connection, visit.client_id, wanted)
        planning = planning_state(connection, visit.client_id)
        gaps = [] if choices.lines else of_severity(find_gaps(connection, visit.client_id), "error")
    suppliers: Mapping[str, Supplier] = {}
    if wanted.by_supplier:
        with visit.work.reading(Worker.WRITER) as connection:
            suppliers = suppliers_of(connection, visit.client_id)
    people = visit.names(line.decided_by for line in lines if line.decided_by is not None)
    values: dict[str, Any] = {
        "said": said,
        "problem": problem,
        "wanted": wanted,
        "choices": choices,
        "classes": classes_of(choices.of_classes),
        "lines": lines,
        "groups": [
            (supplier, list(found)) for supplier, found in groupby(lines, lambda line: line.supplier_id)
        ],
        "pages": pages,
        "planning": planning,
        "nothing": next(iter(about(gaps, _ABOUT_ORDERS)), None)
        or worklist_words.nothing(wanted, choices, planning),
        "people": people,
        "suppliers": suppliers,
        "here": f"{visit.base}/worklist",
        "usual": Wanted(),
        "query_of": query_of,
        "item_url": lambda line: item_url(visit, line),
        "words": worklist_words,
        "not_named": NOT_NAMED,
        "one_day": timedelta(days=1),
    }
    return page(request, visit, "worklist.html.j2", status=status, **values)


def classes_of(both: dict[str, int]) -> dict[str, int]:
    """Lines of each value class, followed by those of its variability classes."""
    known = sorted(name for name in both if name != NOT_NAMED)
    found: dict[str, int] = {}
    for name in known:
        found[name[0]] = found.get(name[0], 0) + both[name]
    found |= {name: both[name] for name in known}
    ordered = {name: found[name] for name in sorted(found)}
    return ordered | {NOT_NAMED: both[NOT_NAMED]} if NOT_NAMED in both else ordered


def item_url(visit: Visit, line: Line) -> str:
    """The page of a line's item at its location."""
    return f"{visit.base}/items/{part(line.item_id)}?location_id={part(line.location_id)}"


def _refused(request: Request, visit: Visit, sentence: str, rank: int | None, status: int) -> Response:
    """What cannot be done, at its line; a browser without scripts gets the list with it."""
    if "hx-request" not in request.headers:
        return _list(request, visit, problem=sentence, status=status)
    address = f"{visit.base}/worklist{query_of(wanted_of(request.query_params))}"
    answer = page(
        request,
        visit,
        "worklist_problem.html.j2",
        status=status,
        sentence=sentence,
        address=address if status == STATUS_OF["conflict"] else None,
    )
    answer.headers["HX-Reselect"] = "unset"
    if rank is not None:
        answer.headers["HX-Retarget"] = f"#line-{rank} .problem"
    return answer
