"""The other sides that the tests pull from: an SFTP server, an object store, another company's database."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from orchestration.client_sources import change_source
from orchestration.clients import Client, get_client
from orchestration.pulling.pull import Pulled, pull_source, require_landable
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse, libpq_spelling
from tests.orchestration.pulling.sftp_server import PASSWORD, SftpServer, sftp_server

SetSource = Callable[..., Client]
PullFrom = Callable[..., Pulled]


@pytest.fixture
def sftp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SftpServer]:
    """An SFTP server with a folder ``out``, whose password is in the environment."""
    (tmp_path / "served" / "out").mkdir(parents=True)
    monkeypatch.setenv("ACME_SFTP_PASSWORD", PASSWORD)
    with sftp_server(tmp_path / "served") as server:
        yield server


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """The address of a server that speaks S3, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _answers(address):
            assert server.poll() is None, "the object store has ended"
            time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait()


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def erp_server(tcp_server: str) -> str:
    """The URL of a database of another company, on a server that asks for passwords."""
    url = make_url(tcp_server)
    with psycopg.connect(libpq_spelling(url), autocommit=True) as connection:
        connection.execute("create database erp")
    return url.set(database="erp").render_as_string(hide_password=False)


@pytest.fixture
def erp(erp_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection[Any]]:
    """That database with a table ``orders``; its whole URL is in the environment."""
    monkeypatch.setenv("ACME_ERP_URL", erp_server)
    with psycopg.connect(libpq_spelling(make_url(erp_server)), autocommit=True) as connection:
        connection.execute(
            """
            drop table if exists orders;
            create table orders (
                sku text, shop text, sold_on date, units numeric(10, 2), changed_at timestamptz default now()
            )
            """
        )
        yield connection


@pytest.fixture
def set_source(warehouse: Warehouse) -> SetSource:
    """Give a client a source; returns the client with it."""

    def give(client: Client, name: str, **fields: object) -> Client:
        change_source(
            *(warehouse, client.client_id, name),
            lambda before: {**before, **fields},
            lambda source: require_landable(source, name, client),
        )
        return get_client(warehouse, client.client_id)

    return give


@pytest.fixture
def pull_from(warehouse: Warehouse, settings: Settings) -> PullFrom:
    """Pull from a client's source."""

    def pull(client: Client, name: str, **options: Any) -> Pulled:
        return pull_source(warehouse, settings, client, name, **options)

    return pull
