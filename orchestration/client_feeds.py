"""The feeds in a client's registry entry: adding, changing and forgetting one.

Belongs here: the entry's ``feeds``. Does not belong here: what a feed is (``feeds``), the rest of the entry
(``clients``), whether files could be read by a feed (``landing``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from orchestration.clients import ClientError, stored_fields, update_client
from orchestration.feeds import Feed
from orchestration.registry_faults import clauses
from orchestration.warehouse.server import Warehouse


def change_feed(
    warehouse: Warehouse,
    client_id: str,
    name: str,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    require: Callable[[Feed], None],
) -> None:
    """Add a feed to a client or change one.

    Args:
        warehouse: where.
        client_id: whose.
        name: what the feed is called.
        change: the stored fields of the feed, none of a new one, to what they are to be.
        require: raises where the feed cannot be.

    Raises:
        ClientError: no such client, or a value is not valid.
    """
    feeds = stored_fields(warehouse, client_id)["feeds"]
    fields = change(feeds.get(name, {}))
    try:
        require(Feed(**fields))
    except ValidationError as error:
        raise ClientError(f"Not a valid feed: {clauses(error)}.") from error
    update_client(warehouse, client_id, feeds={**feeds, name: fields})


def forget_feed(warehouse: Warehouse, client_id: str, name: str) -> None:
    """Take a feed out of a client's entry, which need not be valid before.

    Raises:
        ClientError: no such client or feed, or the entry is not valid for another reason.
    """
    feeds = stored_fields(warehouse, client_id)["feeds"]
    if name not in feeds:
        known = ", ".join(feeds) or "none"
        raise ClientError(f"{client_id} has no feed {name!r}. Its feeds: {known}.")
    update_client(warehouse, client_id, feeds={other: feed for other, feed in feeds.items() if other != name})
