"""The proxy itself, where nginx is installed: who gets through to whom, and what those behind it are told."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.deploy.files import DEPLOY

UI, PLANNER = "ui.example.com", "planning.example.com"
PASSWORD = "an operator's own"

pytestmark = pytest.mark.skipif(
    shutil.which("nginx") is None or shutil.which("openssl") is None,
    reason="nginx and openssl are not installed: apt-get install nginx-light openssl",
)


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers it was sent."""

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Served-By", str(self.server.server_port))  # type: ignore[attr-defined]
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def behind() -> Iterator[dict[str, int]]:
    """What the proxy asks: a port for each of the services."""
    servers = {name: ThreadingHTTPServer(("127.0.0.1", 0), Echo) for name in ("webserver", "api")}
    for server in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {name: server.server_port for name, server in servers.items()}
    for server in servers.values():
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def port(behind: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """nginx with the template as its image would fill it in; yields the port of TLS."""
    folder = tmp_path_factory.mktemp("proxy")
    shutil.copy(DEPLOY / "secrets.sh", folder)
    subprocess.run(
        ["sh", folder / "secrets.sh", UI, PLANNER], input=PASSWORD, text=True, capture_output=True, check=True
    )
    port, health = free_port(), free_port()
    site = (DEPLOY / "proxy.conf.template").read_text(encoding="utf-8")
    for written, meant in {
        "${UI_HOST}": UI,
        "${PLANNER_HOST}": PLANNER,
        "/run/secrets": str(folder / "secrets"),
        "webserver:3000": f"127.0.0.1:{behind['webserver']}",
        "api:8000": f"127.0.0.1:{behind['api']}",
        "8443": f"127.0.0.1:{port}",
        "127.0.0.1:8080": f"127.0.0.1:{health}",
    }.items():
        assert written in site
        site = site.replace(written, meant)
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off; client_body_temp_path {folder}/body; "
        f"proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; "
        f"scgi_temp_path {folder}/s; include {folder}/site.conf; }}\n"
    )
    process = subprocess.Popen(
        ["nginx", "-p", folder, "-e", "stderr", "-c", folder / "nginx.conf"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not answers(port):
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.communicate()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(
    port: int, host: str, path: str = "/", login: str | None = None, **headers: str
) -> tuple[int, str | None, dict[str, str]]:
    """Status, who served it, and the headers that arrived there."""
    if login is not None:
        headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # signed by nobody
    with socket.create_connection(("127.0.0.1", port)) as plain:
        connection = HTTPSConnection(host, context=context)
        connection.sock = context.wrap_socket(plain, server_hostname=host)
        connection.request("GET", path, headers={"Host": host, **headers})
        response = connection.getresponse()
        body = response.read()
        served_by = response.headers["Served-By"]
        connection.close()
    return response.status, served_by, json.loads(body) if served_by else {}


def test_the_ui_is_not_seen_without_the_operators_login(port: int) -> None:
    assert ask(port, UI)[:2] == (401, None)
    assert ask(port, UI, "/graphql", login="operator:wrong password")[:2] == (401, None)
    assert ask(port, UI, login=f"somebody:{PASSWORD}")[:2] == (401, None)


def test_with_it_the_webserver_is_asked_under_its_name_and_not_told_the_password(
    port: int, behind: dict[str, int]
) -> None:
    status, served_by, told = ask(port, UI, login=f"operator:{PASSWORD}")
    assert (status, served_by) == (200, str(behind["webserver"]))
    assert told["host"] == UI
    assert "authorization" not in told


def test_planners_and_programs_reach_the_api_with_their_own_login(port: int, behind: dict[str, int]) -> None:
    status, served_by, told = ask(port, PLANNER, "/api/v1/clients", Authorization="Bearer a-token")
    assert (status, served_by) == (200, str(behind["api"]))
    assert told["authorization"] == "Bearer a-token"
    assert told["x-forwarded-proto"] == "https"


def test_what_a_caller_says_of_its_address_is_not_passed_on(port: int) -> None:
    _, _, told = ask(port, PLANNER, **{"X-Forwarded-For": "10.9.8.7", "X-Forwarded-Proto": "http"})
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["x-forwarded-proto"] == "https"


def test_counts_of_the_process_are_for_inside(port: int) -> None:
    assert ask(port, PLANNER, "/metrics")[:2] == (404, None)


def test_any_other_name_is_not_answered(port: int) -> None:
    with pytest.raises(ssl.SSLError):
        ask(port, "elsewhere.example.com")


def test_a_request_cannot_name_one_host_to_tls_and_another_to_the_proxy(port: int) -> None:
    assert ask(port, PLANNER, Host=UI)[:2] == (401, None)
