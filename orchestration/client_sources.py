"""The sources in a client's registry entry: adding, changing and forgetting one.

Belongs here: the entry's ``sources``. Does not belong here: what a source is (``sources``), the rest of the
entry (``clients``), what was pulled (``pulling``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from orchestration.clients import ClientError, stored_fields, update_client
from orchestration.registry_problems import clauses
from orchestration.sources import Source, is_name
from orchestration.warehouse.locks import Purpose, try_lock_session
from orchestration.warehouse.server import Warehouse


def change_source(
    warehouse: Warehouse,
    client_id: str,
    name: str,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    require: Callable[[Source], None],
) -> Source:
    """Add a source to a client or change one; returns it as it is then.

    Args:
        warehouse: where.
        client_id: whose.
        name: what the source is called.
        change: the stored fields of the source, none of a new one, to what they are to be.
        require: raises where nothing could be made of what it yields.

    Raises:
        ClientError: no such client, or a value is not valid; the message never holds the value.
    """
    sources = stored_fields(warehouse, client_id)["sources"]
    if not is_name(name):
        raise ClientError(
            f"{name!r} cannot be a source's name: lower-case letters, digits and single _ between them, at "
            "most 32, the first a letter."
        )
    fields = change(sources.get(name, {}))
    try:
        source = Source(**fields)
    except ValidationError as error:
        raise ClientError(f"Not a valid source: {clauses(error)}.") from None
    require(source)
    update_client(warehouse, client_id, sources={**sources, name: fields})
    return source


def forget_source(warehouse: Warehouse, client_id: str, name: str) -> None:
    """Take a source out of a client's entry, which need not be valid before, and what was pulled from it.

    Raises:
        ClientError: no such client or source, somebody is pulling for the client, or the entry is not valid
            for another reason.
    """
    sources = stored_fields(warehouse, client_id)["sources"]
    if name not in sources:
        known = ", ".join(sources) or "none"
        raise ClientError(f"{client_id} has no source {name!r}. Its sources: {known}.")
    others = {other: source for other, source in sources.items() if other != name}
    with warehouse.connect_pipeline() as session:
        # a pull in progress would remember what it brings for a source that is gone
        if (holder := try_lock_session(session, Purpose.PULL, client_id)) is not None:
            raise ClientError(f"Another command is pulling for {client_id}, {holder}: wait for its end.")
        update_client(warehouse, client_id, sources=others)
        session.execute("delete from ops.pulled where client_id = %s and source = %s", (client_id, name))
