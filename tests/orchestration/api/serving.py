"""The API behind a real uvicorn, for what asks over a socket."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from tests.orchestration.test_sensors import free_port


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an application within the block; gives its address."""
    with free_port() as port:
        pass
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", server_header=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
