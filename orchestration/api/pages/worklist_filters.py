"""The worklist's filters in the address of its page, so that a view of it can be kept as a bookmark.

Belongs here: from the query of an address to what is wanted, and back. Pure. Does not belong here: the rows
(``reporting.worklist``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from fastapi.datastructures import QueryParams

from forecasting_lib.inventory.replenishment import Urgency
from orchestration.reporting.worklist_lines import Wanted

ANY_STATE = "all"
STATES = ("open", "approved", "ordered", "rejected", "snoozed")

_MOST_TEXT = 200
_MOST_PAGES = 100_000


def wanted_of(query: QueryParams) -> Wanted:
    """What an address asks for; a value that is none of those offered is as if it was not there."""
    state = query.get("state", "open")
    page = query.get("page", "1")
    is_page = page.isascii() and page.isdigit() and 1 <= int(page[:9]) <= _MOST_PAGES
    return Wanted(
        text=(_text(query, "q") or "").strip(),
        supplier=_text(query, "supplier"),
        location=_text(query, "location"),
        abc_xyz=_text(query, "class"),
        urgencies=tuple(word for word in map(str, Urgency) if word in query.getlist("urgency")),
        state=None if state == ANY_STATE else state if state in STATES else "open",
        only_changed=query.get("changed") == "1",
        by_supplier=query.get("group") == "supplier",
        page=int(page) if is_page else 1,
    )


def query_of(wanted: Wanted, **changes: Any) -> str:
    """The query of the address of a view, with a question mark; of the usual view, nothing.

    Args:
        wanted: the view.
        changes: what is otherwise in it; unless the page is among them, it is the first.
    """
    view = replace(wanted, **{"page": 1, **changes})
    pairs: Sequence[tuple[str, str]] = [
        ("q", view.text),
        ("supplier", view.supplier or ""),
        ("location", view.location or ""),
        ("class", view.abc_xyz or ""),
        *(("urgency", word) for word in view.urgencies),
        ("state", ANY_STATE if view.state is None else "" if view.state == "open" else view.state),
        ("changed", "1" if view.only_changed else ""),
        ("group", "supplier" if view.by_supplier else ""),
        ("page", str(view.page) if view.page > 1 else ""),
    ]
    spelled = urlencode([(name, value) for name, value in pairs if value])
    return f"?{spelled}" if spelled else ""


def _text(query: QueryParams, name: str) -> str | None:
    """A text of the address without what no text of the database holds; None where there is none."""
    return query.get(name, "").replace("\0", "")[:_MOST_TEXT] or None
