"""The command that serves the HTTP API by itself: ``api``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.commands.terminal import err, open_warehouse, show_warning
from orchestration.foreign_text import escape

if TYPE_CHECKING:
    from orchestration.settings import Settings


def api(
    host: Annotated[
        str, typer.Option(help="Address to listen at; a proxy with TLS stands before another.")
    ] = ("127.0.0.1"),
    port: Annotated[
        int | None, typer.Option(help="Port; FORECASTER_API_PORT, else 8000, where it is left out.")
    ] = None,
) -> None:
    """Serve the HTTP API alone and stay; 'forecaster up' serves it beside the UI. Ctrl-C stops it."""
    settings, warehouse = open_warehouse()
    warehouse.require_tables()
    show_made_up_key(settings)
    from orchestration.api.serving import serve

    chosen = port or settings.api_port
    err.print(
        f"[green]The API is at http://{escape(host)}:{chosen}[/], its pages at /docs, the planner's at "
        "/planner; Ctrl-C stops it.",
        soft_wrap=True,
    )
    serve(warehouse, settings, host, chosen)


def show_made_up_key(settings: Settings) -> None:
    """Say that tokens are signed with a key that nobody chose, where that is so.

    Raises:
        AccessError: none is set in production.
    """
    from orchestration.access.signing import signing_keys

    if made_up_in := signing_keys(settings).made_up_in:
        show_warning(
            f"JWT_SECRET_KEY is not set: tokens are signed with a key made up in {made_up_in}. "
            "Set ENVIRONMENT=production and a key of your own where others depend on it."
        )
