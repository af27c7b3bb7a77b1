"""Orders: approved lines that wait to be sent, orders that left, and what became of their lines.

Belongs here: the pages and their files. Does not belong here: exporting and ending (``planning.orders``), how
a file is written (``order_files``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.datastructures import FormData
from fastapi.responses import Response

from orchestration.api.pages import session, worklist_words
from orchestration.api.pages.decision_form import FormError, ids_of
from orchestration.api.pages.order_files import archive_of, file_of, name_of
from orchestration.api.pages.render import page
from orchestration.api.pages.visits import Form, Plans, Reads, Visit, text_of
from orchestration.api.pages.worklist import STATUS_OF
from orchestration.api.pool import Connection
from orchestration.api.problems import Kind, ProblemError
from orchestration.planning.decisions import DecisionError, withdraw
from orchestration.planning.orders import ExportedOrder, end_lines, export
from orchestration.reading.gaps import PlanningState, planning_state
from orchestration.reporting.listings import Worker
from orchestration.reporting.order_book import Line, Sent, sent_order, sent_orders, waiting_orders
from orchestration.reporting.suppliers import suppliers_of

_PATH = f"{session.PATH}/{{client_id}}/orders"
_MOST_FILES = 200

router = APIRouter(include_in_schema=False)


@router.get(_PATH)
def orders(request: Request, visit: Reads) -> Response:
    """What waits to be sent, and what was."""
    return _overview(request, visit)


@router.post(_PATH)
def sent(request: Request, visit: Plans, form: Form) -> Response:
    """Send approved lines, or take an approval back."""
    left: Sequence[ExportedOrder] = ()
    try:
        with visit.work.writing() as connection:
            if "withdraw" in form:
                withdraw(connection, visit.client_id, ids_of(form, "withdraw"), visit.work.asked_by)
            else:
                left = export(connection, visit.client_id, visit.work.asked_by, _suppliers(form))
    except (FormError, DecisionError) as error:
        return _overview(request, visit, problem=error.sentence, status=_status(error))
    if "withdraw" in form:
        return _overview(request, visit, said="The line is open in the worklist again.")
    if not left:
        return _overview(request, visit, problem="Nothing waits to be sent any more.", status=409)
    return _overview(request, visit, left=left)


@router.get(f"{_PATH}/{{order_number}}")
def order(request: Request, visit: Reads, order_number: str) -> Response:
    """An order that left, line by line."""
    return _order(request, visit, order_number)


@router.post(f"{_PATH}/{{order_number}}")
def ended(request: Request, visit: Plans, form: Form, order_number: str) -> Response:
    """Say what became of lines that nobody delivers a word of."""
    try:
        decisions = ids_of(form, "line")
        if not decisions:
            raise FormError("Tick the lines that were received or cancelled.")
        with visit.work.writing() as connection:
            count = end_lines(
                connection,
                visit.client_id,
                decisions,
                text_of(form, "ending"),
                text_of(form, "why").replace("\0", "") or None,
                visit.work.asked_by,
            )
    except (FormError, DecisionError) as error:
        return _order(request, visit, order_number, problem=error.sentence, status=_status(error))
    said = f"{worklist_words.counted(count, 'line')} {text_of(form, 'ending')}."
    return _order(request, visit, order_number, said=said)


@router.get(f"{_PATH}/{{order_number}}/lines.csv")
def order_file(visit: Reads, order_number: str, original: str = "") -> Response:
    """The file of an order for its supplier; unless it comes with the export, it says that it is a copy."""
    files = _files(visit, [order_number], is_copy=original != "1")
    (name, content), *_ = files.items()
    return _download(name, content, "text/csv; charset=utf-8")


@router.get(f"{_PATH}/archive/orders.zip")
def archive(request: Request, visit: Reads, original: str = "") -> Response:
    """The files of several orders."""
    numbers = request.query_params.getlist("order")[:_MOST_FILES]
    files = _files(visit, numbers, is_copy=original != "1")
    return _download("orders.zip", archive_of(files), "application/zip")


def _suppliers(form: FormData) -> Sequence[str | None] | None:
    """Whose orders leave; None is everybody's."""
    if "all" in form:
        return None
    if "unknown" in form:
        return [None]
    return [str(name) for name in form.getlist("supplier")]


def _overview(
    request: Request,
    visit: Visit,
    *,
    left: Sequence[ExportedOrder] = (),
    said: str | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    before = request.query_params.get("before", "")
    with visit.work.reading(Worker.READER) as connection:
        planning = planning_state(connection, visit.client_id)
    with visit.work.reading(Worker.WRITER) as connection:
        waiting = waiting_orders(connection, visit.client_id)
        suppliers = suppliers_of(connection, visit.client_id)
        orders, following = sent_orders(
            connection,
            visit.client_id,
            planning.as_of_date if planning else None,
            int(before[:9]) if before.isascii() and before.isdigit() else None,
        )
    people = visit.names(
        {*(line["decided_by"] for group in waiting for line in group.lines)}
        | {order.exported_by for order in orders}
    )
    values: dict[str, Any] = {
        "waiting": waiting,
        "suppliers": suppliers,
        "orders": orders,
        "following": following,
        "is_first": not before,
        "left": left,
        "archive": _archive_url(visit, [order.order_number for order in left]),
        "said": said,
        "problem": problem,
        "planning": planning,
        "people": people,
        "words": worklist_words,
        "here": f"{visit.base}/orders",
    }
    return page(request, visit, "orders.html.j2", status=status, **values)


def _order(
    request: Request,
    visit: Visit,
    order_number: str,
    *,
    said: str | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    with visit.work.reading(Worker.READER) as connection:
        planning = planning_state(connection, visit.client_id)
    with visit.work.reading(Worker.WRITER) as connection:
        found, lines = _found(connection, visit, order_number, planning)
    people = visit.names({found.exported_by, *(line["decided_by"] for line in lines)})
    return page(
        request,
        visit,
        "order.html.j2",
        status=status,
        order=found,
        lines=lines,
        people=people,
        said=said,
        problem=problem,
        words=worklist_words,
        here=f"{visit.base}/orders",
    )


def _files(visit: Visit, numbers: Sequence[str], *, is_copy: bool) -> dict[str, bytes]:
    with visit.work.reading(Worker.WRITER) as connection:
        found = [_found(connection, visit, number) for number in dict.fromkeys(numbers)]
    if not found:
        raise ProblemError(Kind.NOT_FOUND, "Name an order; the page Orders lists those that left.")
    return {
        name_of(order.order_number, order.supplier_id, is_copy=is_copy): file_of(
            lines, order.exported_at if is_copy else None
        )
        for order, lines in found
    }


def _found(
    connection: Connection, visit: Visit, order_number: str, planning: PlanningState | None = None
) -> tuple[Sent, list[Line]]:
    as_of_date = planning.as_of_date if planning else None
    found = sent_order(connection, visit.client_id, order_number.replace("\0", ""), as_of_date)
    if found is None:
        raise ProblemError(
            Kind.NOT_FOUND, "No order left under this number; the page Orders lists those that did."
        )
    return found


def _archive_url(visit: Visit, numbers: Sequence[str]) -> str:
    query = urlencode([("original", "1"), *(("order", number) for number in numbers)])
    return f"{visit.base}/orders/archive/orders.zip?{query}"


def _status(error: FormError | DecisionError) -> int:
    return STATUS_OF[error.kind] if isinstance(error, DecisionError) else STATUS_OF["not_valid"]


def _download(name: str, content: bytes, media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(content, media_type=media_type, headers=headers)
