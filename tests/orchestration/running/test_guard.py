"""What a page of another site can have Dagster do, and that the guard lets none of it through.

Every attack is tried twice on Dagster's own UI: as it comes, where it succeeds, and behind the guard.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

import dagster as dg
import pytest
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster_webserver.app import create_app_from_workspace_process_context
from hypothesis import given
from hypothesis import strategies as st

from orchestration.running.guard import App, allowed_hosts, refusal
from orchestration.running.service import HOST
from orchestration.running.webserver import guarded_ui

POOL = "pool of the attacked"
ATTACK = f'mutation {{ setConcurrencyLimit(concurrencyKey: "{POOL}", limit: 7) }}'
NAMED_ATTACK = ATTACK.replace("mutation", "mutation b")
QUESTION = "{ version }"
JSON = {"Content-Type": "application/json"}
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "graphql-ws",
}
FOREIGN = "https://foreign.example"


def asked(document: str) -> str:
    return json.dumps({"query": document})


def by_get(document: str, path: str = "/graphql") -> str:
    return f"{path}?{urlencode({'query': document})}"


@dataclass(frozen=True)
class UI:
    """A served UI, and the instance that it could change."""

    instance: dg.DagsterInstance
    port: int

    def status(
        self, method: str, path: str, headers: Mapping[str, str], body: str | None = None
    ) -> tuple[int, str]:
        """Status and text of the answer; the headers may name another ``Host``."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host="Host" in headers)
            for name, value in headers.items():
                connection.putheader(name, value)
            content = (body or "").encode()
            if body is not None:
                connection.putheader("Content-Length", str(len(content)))
            connection.endheaders(content)
            answer = connection.getresponse()
            return answer.status, "" if answer.status == 101 else answer.read().decode(errors="replace")
        finally:
            connection.close()

    def is_unchanged(self) -> bool:
        """Whether no attack has got through since the last look."""
        storage = self.instance.event_log_storage
        if POOL in storage.get_concurrency_keys():
            storage.delete_concurrency_limit(POOL)
            return False
        return True


@contextmanager
def served(app: App, instance: dg.DagsterInstance, listening: socket.socket) -> Iterator[UI]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield UI(instance, listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def context() -> Iterator[WorkspaceProcessContext]:
    with dg.instance_for_test() as instance, WorkspaceProcessContext(instance, None) as context:
        yield context


@pytest.fixture(scope="module")
def unguarded(context: WorkspaceProcessContext) -> Iterator[UI]:
    with socket.create_server((HOST, 0)) as listening:
        app = create_app_from_workspace_process_context(context)
        with served(app, context.instance, listening) as ui:
            yield ui


@pytest.fixture(scope="module")
def guarded(context: WorkspaceProcessContext) -> Iterator[UI]:
    with socket.create_server((HOST, 0)) as listening:
        app = guarded_ui(context, listening.getsockname()[1], ["planning.example.com"])
        with served(app, context.instance, listening) as ui:
            yield ui


ATTACKS = {
    "mutation by GET": ("GET", by_get(ATTACK), {}, None, 405),
    "mutation by GET to a path that is spelt oddly": ("GET", by_get(ATTACK, "/graphql%0A"), {}, None, 405),
    "mutation by GET behind a query": (
        *("GET", f"/graphql?{urlencode([('query', QUESTION), ('query', ATTACK)])}", {}, None, 405),
    ),
    "mutation chosen among queries": (
        *("GET", f"{by_get(f'query a {QUESTION} {NAMED_ATTACK}')}&operationName=b", {}, None, 405),
    ),
    "name server that answers with this machine": (
        *("POST", "/graphql", {**JSON, "Host": "foreign.example:3000"}, asked(ATTACK), 403),
    ),
    "page of another site": ("POST", "/graphql", {**JSON, "Origin": FOREIGN}, asked(ATTACK), 403),
    "page of another port": ("POST", "/graphql", {**JSON, "Origin": "http://localhost"}, asked(ATTACK), 403),
    "page without an origin": ("POST", "/graphql", {**JSON, "Origin": "null"}, asked(ATTACK), 403),
    "page that the browser calls foreign": (
        *("POST", "/graphql", {**JSON, "Sec-Fetch-Site": "cross-site"}, asked(ATTACK), 403),
    ),
    "form of text": ("POST", by_get(ATTACK), {"Content-Type": "text/plain"}, "", 415),
    "text that claims to be JSON, too": (
        *("POST", "/graphql", {"Content-Type": "text/plain; application/json"}, asked(ATTACK), 415),
    ),
    "form with parts": ("POST", by_get(ATTACK), {"Content-Type": "multipart/form-data; boundary=x"}, "", 415),
    "form without a type": ("POST", by_get(ATTACK), {}, "", 415),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_works_on_dagster_as_it_comes(attack: str, unguarded: UI) -> None:
    method, path, headers, body, _ = ATTACKS[attack]
    assert unguarded.is_unchanged()
    status, answer = unguarded.status(method, path, headers, body)
    assert status == 200, answer
    assert not unguarded.is_unchanged()


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_by_the_guard_and_changes_nothing(attack: str, guarded: UI) -> None:
    method, path, headers, body, expected = ATTACKS[attack]
    status, answer = guarded.status(method, path, headers, body)
    assert status == expected, answer
    assert guarded.is_unchanged()
    assert answer.endswith(".\n")


def test_an_event_of_an_asset_is_made_up_by_another_site_on_dagster_as_it_comes(unguarded: UI) -> None:
    assert unguarded.status("POST", "/report_asset_materialization/forged", {"Origin": FOREIGN}, "")[0] == 200
    assert unguarded.instance.get_latest_materialization_event(dg.AssetKey("forged")) is not None


def test_an_event_of_an_asset_made_up_by_another_site_is_refused(guarded: UI) -> None:
    path = "/report_asset_materialization/guarded"
    assert guarded.status("POST", path, {"Origin": FOREIGN}, "")[0] == 403
    assert guarded.status("POST", path, {}, "")[0] == 415
    assert guarded.instance.get_latest_materialization_event(dg.AssetKey("guarded")) is None


FOREIGN_WEBSOCKETS = (
    {"Origin": FOREIGN},
    {"Origin": "null"},
    {"Host": "foreign.example:3000"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "websocket"},
)


@pytest.mark.parametrize("headers", FOREIGN_WEBSOCKETS, ids=str)
def test_a_websocket_of_another_site_is_opened_by_dagster_as_it_comes(
    headers: dict[str, str], unguarded: UI
) -> None:
    assert unguarded.status("GET", "/graphql", {**WEBSOCKET, **headers})[0] == 101


@pytest.mark.parametrize("headers", FOREIGN_WEBSOCKETS, ids=str)
def test_a_websocket_of_another_site_is_refused_before_its_handshake(
    headers: dict[str, str], guarded: UI
) -> None:
    assert guarded.status("GET", "/graphql", {**WEBSOCKET, **headers})[0] == 403


def test_the_own_pages_are_served_and_may_ask_change_and_listen(guarded: UI) -> None:
    own = {"Origin": f"http://localhost:{guarded.port}", "Sec-Fetch-Site": "same-origin"}
    assert guarded.status("GET", "/", {"Host": f"localhost:{guarded.port}"})[0] == 200
    assert guarded.status("GET", "/runs", {"Host": f"[::1]:{guarded.port}"})[0] == 200
    assert guarded.status("GET", by_get(QUESTION), {})[0] == 200
    assert guarded.status("GET", "/graphql", {"Accept": "text/html"})[0] == 200
    assert guarded.status("GET", "/graphql", {**WEBSOCKET, **own})[0] == 101
    charset = {"Content-Type": "application/json; charset=utf-8", **own}
    assert guarded.status("POST", "/graphql", charset, asked(ATTACK))[0] == 200
    assert not guarded.is_unchanged()


def test_a_proxys_name_is_answered_when_it_is_configured(guarded: UI) -> None:
    through = {**JSON, "Host": "planning.example.com", "Origin": "https://planning.example.com"}
    assert guarded.status("POST", "/graphql", through, asked(QUESTION))[0] == 200
    assert guarded.status("GET", "/graphql", {**WEBSOCKET, **through})[0] == 101
    rewritten = {**JSON, "Origin": "https://planning.example.com"}
    assert guarded.status("POST", "/graphql", rewritten, asked(QUESTION))[0] == 200
    other = {**JSON, "Host": "planning.example.com.foreign.example"}
    assert guarded.status("POST", "/graphql", other, asked(QUESTION))[0] == 403


def decide(method: str | None, path: str = "/", query: str = "", **headers: str) -> int | None:
    """Status of the refusal of a request to port 3000 of this machine."""
    known = {"host": [f"{HOST}:3000"]} | {
        name.replace("_", "-"): [value] for name, value in headers.items() if value
    }
    refused = refusal(method, path, query, known, allowed_hosts(3000, ()))
    return refused.status if refused else None


def test_a_link_on_another_site_opens_a_page_but_neither_a_frame_nor_a_question() -> None:
    elsewhere = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert decide("GET", "/runs/1234", **elsewhere, sec_fetch_dest="document") is None
    assert decide("GET", "/runs/1234", **elsewhere, sec_fetch_dest="iframe") == 403
    assert decide("GET", "/graphql", "query={version}", **elsewhere, sec_fetch_dest="document") == 403
    assert decide("POST", "/graphql", **elsewhere, sec_fetch_dest="document") == 403
    assert decide("GET", "/logs/x", sec_fetch_site="same-site", sec_fetch_mode="no-cors") == 403


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:3001", "localhost.:3000", "127.1:3000", "foreign@localhost:3000"]
)
def test_a_host_is_known_by_its_whole_name_and_port(host: str) -> None:
    assert decide("GET", host=host) == 403


def test_a_request_needs_one_host() -> None:
    hosts = allowed_hosts(3000, ())
    for named in ([], ["localhost:3000", "foreign.example"], ["localhost:3000", "localhost:3000"]):
        refused = refusal("GET", "/", "", {"host": named}, hosts)
        assert refused is not None
        assert refused.status == 403


def test_browsers_leave_out_the_port_of_the_scheme() -> None:
    assert "localhost" in allowed_hosts(80, ())
    assert "localhost" not in allowed_hosts(3000, ())


@pytest.mark.parametrize(
    "document",
    [ATTACK, "subscription { x }", f"query a {QUESTION} mutation b {{ x }}", "not graphql", "{" * 5_000],
    ids=["mutation", "subscription", "both", "nonsense", "nested"],
)
def test_by_get_only_queries_are_asked(document: str) -> None:
    assert decide("GET", "/graphql", urlencode({"query": document})) == 405


def test_a_query_with_fragments_is_a_query() -> None:
    document = "query a { ...f } fragment f on Query { version }"
    assert decide("GET", "/graphql", urlencode({"query": document})) is None


@given(
    method=st.sampled_from(["GET", "POST", None]),
    host=st.just("localhost:3000") | st.text(),
    origin=st.sampled_from(["http://[", "http://localhost:3000"]) | st.text(),
    query=st.text().map(lambda text: urlencode({"query": text})) | st.text(),
)
def test_no_request_is_beyond_a_decision(method: str | None, host: str, origin: str, query: str) -> None:
    hosts = allowed_hosts(3000, ())
    refused = refusal(method, "/graphql", query, {"host": [host], "origin": [origin]}, hosts)
    assert refused is not None or (host.lower() in hosts and origin.lower() == "http://localhost:3000")
