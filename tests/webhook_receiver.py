"""A webhook's receiver on this machine, which keeps what it was sent."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Webhook:
    """What a local HTTP server was sent.

    Attributes:
        url: where it listens.
        raw: the bodies' bytes, one of each request.
        headers: of each request, names in lower case.
    """

    url: str
    raw: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.raw]


@contextmanager
def webhook_that_answers(*statuses: int) -> Iterator[Webhook]:
    """A server that answers with each status in turn, and with the last one from then on."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.raw.append(self.rfile.read(int(self.headers["Content-Length"])))
            heard.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(statuses[min(len(heard.raw), len(statuses)) - 1])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        heard = Webhook(f"http://127.0.0.1:{server.server_address[1]}/hooks/s3cret")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield heard
        finally:
            server.shutdown()
            thread.join()
