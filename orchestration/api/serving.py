"""The API's process: the application behind uvicorn, its log, and where it listens.

Belongs here: serving until the process is interrupted. Does not belong here: what is served (``app``), who
starts and ends the process (``running.supervisor``, ``commands.api``).
"""

from __future__ import annotations

import logging
import sys

import uvicorn

from orchestration.api.app import build_app
from orchestration.settings import Settings, load_settings
from orchestration.warehouse.server import Warehouse, locate_warehouse

LOOPBACK = "127.0.0.1"

_GOODBYE_SECONDS = 10
"""How long requests in progress are waited for."""


def serve(warehouse: Warehouse, settings: Settings, host: str, port: int) -> None:
    """Serve the API until the process is interrupted; a line of its log is a JSON document.

    Raises:
        AccessError: no key to sign tokens with.
    """
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("forecaster.api").setLevel(logging.INFO)
    uvicorn.run(
        build_app(warehouse, settings),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GOODBYE_SECONDS,
    )


def main(port: int) -> None:
    """Serve on the loopback, as the service does."""
    settings = load_settings()
    serve(locate_warehouse(settings), settings, LOOPBACK, port)


if __name__ == "__main__":
    main(int(sys.argv[1]))
