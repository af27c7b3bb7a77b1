"""Every page, in the order in which addresses are looked for.

Belongs here: the list, and which addresses are pages. Does not belong here: any page.
"""

from __future__ import annotations

from orchestration.api.pages import (
    accuracy,
    assets,
    data,
    entry,
    items,
    keys,
    members,
    orders,
    runs,
    session,
    settings,
    worklist,
)

PAGES = tuple(
    module.router
    for module in (assets, entry, worklist, orders, items, accuracy, data, runs, settings, members, keys)
)


def is_page(path: str) -> bool:
    """Whether whoever asks for an address is a browser that shows pages."""
    return path == session.PATH or path.startswith(f"{session.PATH}/")
