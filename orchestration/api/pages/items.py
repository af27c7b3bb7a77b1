"""Finding an item: a search, and the locations of one that is sold at several.

Belongs here: the list of items. Does not belong here: what is shown of one item at one location (``series``).
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from orchestration.api.pages import session
from orchestration.api.pages.render import page
from orchestration.api.pages.series import series_values
from orchestration.api.pages.visits import Reads, Visit
from orchestration.api.problems import Kind, ProblemError
from orchestration.reading.gaps import about, find_gaps
from orchestration.reporting.catalogue import ITEMS, ORDER_LINES
from orchestration.reporting.item_questions import find_items, places_of
from orchestration.reporting.listings import Wish, Worker, read_page

ITEMS_SHOWN = 50
_MOST_TEXT = 200
_OUTCOMES_READ = 1_000

router = APIRouter(prefix=f"{session.PATH}/{{client_id}}/items", include_in_schema=False)


@router.get("")
def items(request: Request, visit: Reads, q: str = "", after: str | None = None) -> Response:
    """Items whose id or name holds what is searched for."""
    text = q.strip()[:_MOST_TEXT]
    with visit.work.reading() as connection:
        found = find_items(connection, visit.client_id, text, after, ITEMS_SHOWN)
        gaps = [] if found.total or text else find_gaps(connection, visit.client_id)
    return page(
        request,
        visit,
        "items.html.j2",
        found=found,
        rows=found.rows.to_dicts(),
        text=text,
        is_first=after is None,
        reasons=about(gaps, ("deliveries", "forecast")),
    )


@router.get("/{item_id:path}")
def item(request: Request, visit: Reads, item_id: str, location_id: str | None = None) -> Response:
    """An item at a location; where there is a choice and none was made, the locations.

    Raises:
        ProblemError: there is no such item, or it is not at that location.
    """
    with visit.work.reading() as connection:
        found = read_page(connection, ITEMS, visit.client_id, Wish(1, equal={"item_id": [item_id]})).rows
        if found.is_empty():
            raise ProblemError(Kind.NOT_FOUND, f"There is no item {item_id!r}; search for it by its name.")
        about_item = found.row(0, named=True)
        places = places_of(connection, visit.client_id, item_id).to_dicts()
        chosen = [place for place in places if location_id in (place["location_id"], None)]
        if location_id is not None and not chosen:
            raise ProblemError(
                Kind.NOT_FOUND, f"Item {item_id!r} is not at a location {location_id!r}; choose another."
            )
        values = (
            series_values(connection, visit.client_id, about_item, places, chosen[0])
            if len(chosen) == 1
            else None
        )
    if values is None:
        return page(request, visit, "item_places.html.j2", item=about_item, places=places)
    decisions = values["decisions"]
    named = [row[name] for row in decisions for name in ("decided_by", "ended_by") if row[name] is not None]
    named += [line["decided_by"] for line in values["lines"] if line["decided_by"] is not None]
    return page(
        request,
        visit,
        "series.html.j2",
        **values,
        names=visit.names(named),
        outcomes=_outcomes(visit, about_item["item_id"]) if decisions else {},
    )


def _outcomes(visit: Visit, item_id: str) -> dict[str, str]:
    """What came of each approved order of an item, by the number of its decision."""
    wish = Wish(_OUTCOMES_READ, chosen=("decision_id", "status"), equal={"item_id": [item_id]})
    with visit.work.reading(Worker.WRITER) as connection:
        return dict(read_page(connection, ORDER_LINES, visit.client_id, wish).rows.iter_rows())
