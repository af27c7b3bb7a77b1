"""Which requests the UI answers: those of its own pages and of programs on this machine.

Dagster's webserver has no login, answers any ``Host`` and takes mutations by GET, so that any web page an
operator opens could change the installation. Belongs here: the rules, and the ASGI layer that applies them.
Does not belong here: the webserver behind it (``webserver``), and logins, which are a proxy's
(docs/operations.md).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from graphql import GraphQLError, OperationDefinitionNode, OperationType, parse

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_GRAPHQL = "/graphql"
_READING = ("GET", "HEAD")
_OWN_SITES = ("same-origin", "none")


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered: the status, and a sentence that says what to do."""

    status: int
    message: str


_UNKNOWN_HOST = Refusal(
    403,
    "This UI is not known by that name. It answers to its address on this machine and to the names in "
    "FORECASTER_UI_HOSTS.",
)
_OTHER_SITE = Refusal(403, "Another site's page may not ask this UI.")
_NOT_BY_GET = Refusal(405, "By GET this UI answers queries only; send anything else by POST.")
_NOT_JSON = Refusal(415, "Send this with the content type application/json.")


def allowed_hosts(port: int, names: Iterable[str]) -> frozenset[str]:
    """What ``Host`` and ``Origin`` may name: the loopback with this port, and the names that were configured.

    Args:
        port: of the UI; browsers leave out 80.
        names: as browsers send them: lower case, with their port where it is not the scheme's own.
    """
    loopback = {name if port == 80 else f"{name}:{port}" for name in LOOPBACK}
    return frozenset({*loopback, *names})


def refusal(
    method: str | None,
    path: str,
    query: str,
    headers: Mapping[str, list[str]],
    hosts: frozenset[str],
) -> Refusal | None:
    """Why a request must not reach Dagster; None where it may.

    Args:
        method: of HTTP; None for the handshake of a websocket.
        path: the path that is asked for.
        query: the query string, still encoded.
        headers: every value of each header, by the header's name in lower case.
        hosts: what ``Host`` and ``Origin`` may name.
    """
    host = [value.lower() for value in headers.get("host", [])]
    if len(host) != 1 or host[0] not in hosts:
        return _UNKNOWN_HOST
    is_foreign = any(_authority(origin) not in hosts for origin in headers.get("origin", []))
    if is_foreign or (_comes_from_elsewhere(headers) and not _opens_a_page(method, path, headers)):
        return _OTHER_SITE
    if method is None:
        return None
    if method in _READING:
        documents = parse_qs(query).get("query", []) if _GRAPHQL in path else []
        return None if all(map(_only_reads, documents)) else _NOT_BY_GET
    content_type = [value.partition(";")[0].strip().lower() for value in headers.get("content-type", [])]
    return None if content_type == ["application/json"] else _NOT_JSON


def _authority(origin: str) -> str:
    """Host and port of an origin; empty where it has none, as ``null`` has."""
    try:
        return urlsplit(origin.lower()).netloc
    except ValueError:
        return ""


def _comes_from_elsewhere(headers: Mapping[str, list[str]]) -> bool:
    return any(site not in _OWN_SITES for site in headers.get("sec-fetch-site", []))


def _opens_a_page(method: str | None, path: str, headers: Mapping[str, list[str]]) -> bool:
    """Whether somebody follows a link to the UI: the browser leaves the other site's page for it."""
    return (
        method == "GET"
        and _GRAPHQL not in path
        and headers.get("sec-fetch-mode") == ["navigate"]
        and headers.get("sec-fetch-dest") == ["document"]
    )


def _only_reads(document: str) -> bool:
    try:
        definitions = parse(document).definitions
    except (GraphQLError, RecursionError):
        return False
    return all(
        definition.operation is OperationType.QUERY
        for definition in definitions
        if isinstance(definition, OperationDefinitionNode)
    )


class Guard:
    """ASGI layer that hands on what may be answered and refuses everything else.

    A websocket is refused before its handshake is over, and its client sees status 403.
    """

    def __init__(self, app: App, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        refused = refusal(
            scope.get("method"), scope["path"], scope["query_string"].decode("latin-1"), headers, self._hosts
        )
        if refused is None:
            return await self._app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008, "reason": refused.message})
        body = f"{refused.message}\n".encode()
        described = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": refused.status, "headers": described})
        await send({"type": "http.response.body", "body": body})
        return None
