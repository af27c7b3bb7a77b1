"""Files are pulled from an SFTP server, an object store and a folder: once, whole, and safely named."""

from __future__ import annotations

import functools
import http.server
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest

from orchestration.clients import Client
from orchestration.landing.folder import scan
from orchestration.pulling import remote_files
from orchestration.pulling.faults import PullError
from orchestration.pulling.place import DRAFT
from orchestration.pulling.remote_files import RemoteFile, new_files, settled
from orchestration.settings import Settings
from tests.orchestration.pulling.conftest import PullFrom, SetSource
from tests.orchestration.pulling.sftp_server import SftpServer

NewClient = Callable[..., Client]
SALES = "date,item_id,location_id,units_sold\n2026-03-01,tea,main,3\n"


def landed(settings: Settings, client: Client) -> dict[str, str]:
    """What a client's landing folder shows the pipeline: path -> content."""
    folder = settings.client_landing_dir(client.client_id)
    return {file.path: (folder / file.path).read_text() for file in scan(folder)}


@pytest.fixture
def shop(sftp: SftpServer, new_client: NewClient, set_source: SetSource) -> Client:
    """A client with a source ``shop`` on the SFTP server."""
    return set_source(new_client(), "shop", url=sftp.url("/out/*.csv"), options={"host_key": sftp.host_key})


# --- what is new ----------------------------------------------------------------------------------------


def test_a_file_is_pulled_once_and_again_when_it_changes(
    sftp: SftpServer, shop: Client, pull_from: PullFrom, settings: Settings
) -> None:
    (sftp.folder / "out" / "sales_1.csv").write_text(SALES)
    (sftp.folder / "out" / "readme.txt").write_text("no delivery")
    assert pull_from(shop, "shop").landed == ["shop/sales_1.csv"]
    assert landed(settings, shop) == {"shop/sales_1.csv": SALES}

    assert pull_from(shop, "shop").landed == []
    settings.client_landing_dir(shop.client_id).joinpath("shop", "sales_1.csv").unlink()
    assert pull_from(shop, "shop").landed == []

    (sftp.folder / "out" / "sales_1.csv").write_text(SALES * 2)
    (sftp.folder / "out" / "sales_2.csv").write_text(SALES)
    assert sorted(pull_from(shop, "shop").landed) == ["shop/sales_1.csv", "shop/sales_2.csv"]
    assert landed(settings, shop) == {"shop/sales_1.csv": SALES * 2, "shop/sales_2.csv": SALES}


def test_everything_is_pulled_anew_where_somebody_says_so_and_from_another_place(
    sftp: SftpServer, shop: Client, pull_from: PullFrom, set_source: SetSource
) -> None:
    (sftp.folder / "out" / "sales_1.csv").write_text(SALES)
    assert pull_from(shop, "shop").landed == ["shop/sales_1.csv"]
    assert pull_from(shop, "shop", anew=True).landed == ["shop/sales_1.csv"]
    moved = set_source(shop, "shop", url=sftp.url("/out/sales_*.csv"))
    assert pull_from(moved, "shop").landed == ["shop/sales_1.csv"]


def test_files_land_in_the_order_in_which_they_were_changed(
    sftp: SftpServer, shop: Client, pull_from: PullFrom
) -> None:
    for age, name in enumerate(("a", "c", "b")):
        path = sftp.folder / "out" / f"sales_{name}.csv"
        path.write_text(SALES)
        os.utime(path, (time.time() - 1000 * age - 1000,) * 2)
    assert pull_from(shop, "shop").landed == [f"shop/sales_{name}.csv" for name in "bca"]


def test_folders_below_a_pattern_are_kept(
    sftp: SftpServer, shop: Client, pull_from: PullFrom, set_source: SetSource, settings: Settings
) -> None:
    for month in ("01", "02"):
        (sftp.folder / "out" / "2026" / month).mkdir(parents=True)
        (sftp.folder / "out" / "2026" / month / "sales.csv").write_text(SALES + month)
    deep = set_source(shop, "shop", url=sftp.url("/out/**/*.csv"))
    pull_from(deep, "shop")
    assert landed(settings, deep) == {f"shop/2026/{m}/sales.csv": SALES + m for m in ("01", "02")}


def test_a_file_that_is_still_being_written_is_left_to_the_next_pull(
    sftp: SftpServer,
    shop: Client,
    pull_from: PullFrom,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = sftp.folder / "out" / "sales_1.csv"
    path.write_text(SALES)
    (sftp.folder / "out" / "sales_2.csv.part").write_text(SALES)
    whole = remote_files.FileStore._fetch

    def grows(*arguments: object) -> bool:
        with path.open("a") as file:
            file.write("2026-03-02,tea,main,4\n")
        return whole(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(remote_files.FileStore, "_fetch", grows)
        pulled = pull_from(shop, "shop")
    assert (pulled.landed, landed(settings, shop)) == ([], {})
    assert pulled.notes == ["/out/sales_1.csv changed while it was brought; the next pull takes it."]
    assert pull_from(shop, "shop").landed == ["shop/sales_1.csv"]


def remote(path: str, modified: float | None = None, **state: str | int) -> RemoteFile:
    entry = {"size": 1, **state, **({} if modified is None else {"mtime": modified})}
    return remote_files._seen(path, "/out", entry)


def test_what_changed_a_moment_ago_waits_and_a_whole_object_does_not() -> None:
    now = datetime.fromtimestamp(1000, UTC)
    files = [remote("/out/old", 900.0), remote("/out/young", 999.0), remote("/out/object", 999.0, ETag="x")]
    assert [file.path for file in settled(files, now, 5)] == ["/out/old", "/out/object"]


# --- what must not be brought ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/out/../../etc/sales.csv", "has '..' in its name"),
        ("/out/sales\n2.csv", "control character"),
        ("/out/sales\x1b[2J.csv", "control character"),
        ("/out/a//sales.csv", "without a name"),
        (f"/out/{'x' * 300}.csv", "too long"),
    ],
)
def test_a_hostile_name_is_left_where_it_is_and_named(path: str, said: str) -> None:
    files, notes = new_files([remote(path)], {})
    assert files == []
    [note] = notes
    assert said in note
    assert note.isprintable()


def test_a_server_that_lists_names_outside_its_folder_writes_nothing_outside_ours(
    sftp: SftpServer, shop: Client, pull_from: PullFrom, set_source: SetSource, settings: Settings
) -> None:
    (sftp.folder / "out" / "sales_1.csv").write_text(SALES)
    (sftp.folder / "escaped_1.csv").write_text(SALES)
    sftp.invented[:] = [b"../escaped_1.csv", b"../../escaped_2.csv", b"escaped\x0a3.csv"]
    hostile = set_source(shop, "shop", url=sftp.url("/out/**/*.csv"))
    pulled = pull_from(hostile, "shop")
    assert pulled.landed == ["shop/sales_1.csv"]
    assert len(pulled.notes) >= 2
    assert landed(settings, hostile) == {"shop/sales_1.csv": SALES}
    assert not list(settings.landing_dir.rglob("*escaped*"))


def test_a_file_that_is_too_large_is_left_there_and_one_that_lies_about_it_is_broken_off(
    sftp: SftpServer,
    shop: Client,
    pull_from: PullFrom,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (sftp.folder / "out" / "sales_1.csv").write_text(SALES)
    monkeypatch.setattr(remote_files, "MOST_BYTES", 10)
    pulled = pull_from(shop, "shop")
    assert (pulled.landed, len(pulled.notes)) == ([], 1)
    assert "more than 10 bytes" in pulled.notes[0]
    monkeypatch.setattr(remote_files.RemoteFile, "problem", None)
    with pytest.raises(PullError, match="goes on beyond 10 bytes"):
        pull_from(shop, "shop")
    assert landed(settings, shop) == {}


def test_a_link_in_the_place_of_the_sources_folder_is_not_followed(
    sftp: SftpServer,
    shop: Client,
    pull_from: PullFrom,
    settings: Settings,
    tmp_path: Path,
) -> None:
    (sftp.folder / "out" / "sales_1.csv").write_text(SALES)
    elsewhere = tmp_path / "of somebody else"
    elsewhere.mkdir()
    folder = settings.client_landing_dir(shop.client_id)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shop").symlink_to(elsewhere)
    with pytest.raises(PullError, match="no link"):
        pull_from(shop, "shop")
    assert list(elsewhere.iterdir()) == []

    (folder / "shop").unlink()
    (folder / "shop").mkdir()
    secret = tmp_path / "secret"
    secret.write_text("kept")
    (folder / "shop" / DRAFT).symlink_to(secret)
    (folder / "shop" / "sales_1.csv").symlink_to(secret)
    assert pull_from(shop, "shop").landed == ["shop/sales_1.csv"]
    assert secret.read_text() == "kept"
    assert landed(settings, shop) == {"shop/sales_1.csv": SALES}


# --- a folder of this machine, an object store ----------------------------------------------------------


def test_a_folder_of_this_machine_gives_its_files_and_no_links(
    new_client: NewClient, set_source: SetSource, pull_from: PullFrom, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "sales_1.csv").write_text(SALES)
    (tmp_path / "exports" / "sales_2.csv").symlink_to("/etc/passwd")
    client = set_source(new_client(), "exports", url=f"file://{tmp_path}/exports/*.csv")
    assert pull_from(client, "exports").landed == ["exports/sales_1.csv"]
    assert landed(settings, client) == {"exports/sales_1.csv": SALES}


def test_a_link_that_takes_the_place_of_a_listed_file_is_not_read(
    new_client: NewClient,
    set_source: SetSource,
    pull_from: PullFrom,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "sales_1.csv"
    path.write_text(SALES)
    secret = tmp_path / "secret"
    secret.write_text(SALES)
    client = set_source(new_client(), "exports", url=f"file://{tmp_path}/*.csv")
    whole = remote_files.FileStore._fetch

    def swapped(*arguments: object) -> bool:
        path.unlink()
        path.symlink_to(secret)
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(remote_files.FileStore, "_fetch", swapped)
    assert pull_from(client, "exports").landed == []
    assert landed(settings, client) == {}


def test_objects_are_pulled_from_a_bucket(
    object_store: str,
    new_client: NewClient,
    set_source: SetSource,
    pull_from: PullFrom,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ACME_S3_KEY", "AKIAACME")
    monkeypatch.setenv("ACME_S3_SECRET", "of the bucket")
    bucket = fsspec.filesystem(
        "s3", key="AKIAACME", secret="of the bucket", endpoint_url=object_store, skip_instance_cache=True
    )
    bucket.mkdir("acme-exports")
    bucket.pipe_file("acme-exports/2026/sales_1.csv", SALES.encode())
    client = set_source(
        new_client(),
        "bucket",
        url="s3://acme-exports/2026/*.csv",
        options={
            **{"key": "${ACME_S3_KEY}", "secret": "${ACME_S3_SECRET}", "endpoint_url": object_store},
            "client_kwargs.region_name": "eu-central-1",
        },
    )
    assert pull_from(client, "bucket").landed == ["bucket/sales_1.csv"]
    assert pull_from(client, "bucket").landed == []
    bucket.pipe_file("acme-exports/2026/sales_1.csv", SALES.encode() * 2)
    assert pull_from(client, "bucket").landed == ["bucket/sales_1.csv"]
    assert landed(settings, client) == {"bucket/sales_1.csv": SALES * 2}


def test_files_are_pulled_from_the_list_of_a_web_server(
    new_client: NewClient, set_source: SetSource, pull_from: PullFrom, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "sales_1.csv").write_text(SALES)
    handler = functools.partial(QuietHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}/sales_*.csv"
        client = set_source(new_client(), "web", url=url)
        assert pull_from(client, "web").landed == ["web/sales_1.csv"]
        assert pull_from(client, "web").landed == []
        server.shutdown()
    assert landed(settings, client) == {"web/sales_1.csv": SALES}


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


# --- what goes wrong ------------------------------------------------------------------------------------


def test_a_host_with_another_key_is_told_no_password(
    sftp: SftpServer, shop: Client, pull_from: PullFrom, set_source: SetSource
) -> None:
    import asyncssh

    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    wrong = set_source(shop, "shop", options={"host_key": other})
    with pytest.raises(PullError, match=r"is no host that is known .*known_hosts"):
        pull_from(wrong, "shop")
    unknown = set_source(shop, "shop", options={})
    with pytest.raises(PullError, match="is no host that is known"):
        pull_from(unknown, "shop")


def test_refused_credentials_a_silent_host_and_an_empty_folder_are_told_apart(
    sftp: SftpServer,
    shop: Client,
    pull_from: PullFrom,
    set_source: SetSource,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(PullError, match=r"Nothing at .* fits its pattern"):
        pull_from(shop, "shop")
    missing = set_source(shop, "missing", url=sftp.url("/nowhere/*.csv"), options={"host_key": sftp.host_key})
    with pytest.raises(PullError, match="fits its pattern"):
        pull_from(missing, "missing")
    monkeypatch.setenv("ACME_SFTP_PASSWORD", "another one")
    with pytest.raises(PullError, match="refuses the credentials") as refused:
        pull_from(shop, "shop")
    assert "another one" not in str(refused.value)
    monkeypatch.delenv("ACME_SFTP_PASSWORD")
    with pytest.raises(PullError, match="ACME_SFTP_PASSWORD, which a source names, is not set"):
        pull_from(shop, "shop")
    silent = set_source(shop, "silent", url="sftp://127.0.0.1:1/out/*.csv")
    with pytest.raises(PullError, match="cannot be reached"):
        pull_from(silent, "silent")


def test_a_protocol_without_its_library_says_what_to_install(
    new_client: NewClient, set_source: SetSource, pull_from: PullFrom
) -> None:
    client = new_client()
    for url in ("gs://bucket/*.csv", "carrier-pigeon://roof/*.csv"):
        client = set_source(client, "exotic", url=url)
        with pytest.raises(PullError, match="needs a library that is not installed"):
            pull_from(client, "exotic")
