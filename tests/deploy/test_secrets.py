"""Secrets are made up anew for each installation, once, and nothing starts with one that everybody knows."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from orchestration.settings import Settings, secret_named
from orchestration.warehouse.cluster import server_programs
from tests.deploy.files import DEPLOY, merged, read
from tests.tcp_postgres import tcp_postgres

PASSWORD = "an operator's own"

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the secrets")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the folder that the script works in."""
    copy = tmp_path / "deploy"
    copy.mkdir()
    shutil.copy(DEPLOY / "secrets.sh", copy)
    return copy


def make(folder: Path, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", folder / "secrets.sh", "ui.example.com", "planning.example.com"],
        input=f"{password}\n",
        capture_output=True,
        text=True,
        check=False,
    )


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (folder / "secrets").iterdir()}


def test_every_secret_is_made_and_closed_to_other_users(folder: Path) -> None:
    assert make(folder).returncode == 0
    compose = merged(read("compose.yaml"), read("compose.ray.yaml"))
    assert set(contents(folder)) == set(compose["secrets"])
    assert stat.S_IMODE((folder / "secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder / "secrets").iterdir()} == {0o444}
    assert (folder / ".env").read_text() == "UI_HOST=ui.example.com\nPLANNER_HOST=planning.example.com\n"


def test_a_second_time_changes_nothing_and_another_folder_gets_others(folder: Path, tmp_path: Path) -> None:
    make(folder)
    first = contents(folder)
    assert make(folder, "another password").returncode == 0
    assert contents(folder) == first
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(DEPLOY / "secrets.sh", elsewhere)
    make(elsewhere)
    assert not set(contents(elsewhere).values()) & set(first.values())


def test_a_short_password_is_refused_and_none_is_made_up(folder: Path) -> None:
    refused = make(folder, "short")
    assert refused.returncode == 1
    assert "12 characters" in refused.stderr
    assert contents(folder) == {}


def test_the_operators_password_is_kept_as_a_hash_that_holds(folder: Path) -> None:
    make(folder)
    login, kept = contents(folder)["OPERATORS"].strip().split(":")
    assert login == "operator"
    assert PASSWORD not in kept
    _, method, salt, _ = kept.split("$")
    again = subprocess.run(
        ["openssl", "passwd", f"-{method}", "-salt", salt, "-stdin"],
        input=PASSWORD,
        capture_output=True,
        text=True,
        check=True,
    )
    assert again.stdout.strip() == kept


def test_the_program_reads_them_where_containers_have_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(folder)
    for name in ("DATABASE_URL", "JWT_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    settings = Settings(_env_file=None, _secrets_dir=folder / "secrets")
    assert settings.database_url is not None
    assert settings.jwt_secret_key is not None
    assert settings.database_url.get_secret_value() == contents(folder)["DATABASE_URL"].strip()
    assert settings.jwt_secret_key.get_secret_value() == contents(folder)["JWT_SECRET_KEY"].strip()


def test_a_secret_of_a_source_may_be_such_a_file_and_a_variable_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.settings.SECRET_FILES", tmp_path)
    assert secret_named("ACME_SFTP_PASSWORD") is None
    (tmp_path / "ACME_SFTP_PASSWORD").write_text("of the file\n")
    found = secret_named("ACME_SFTP_PASSWORD")
    assert found is not None
    assert found.get_secret_value() == "of the file"
    monkeypatch.setenv("ACME_SFTP_PASSWORD", "of the environment")
    found = secret_named("ACME_SFTP_PASSWORD")
    assert found is not None
    assert found.get_secret_value() == "of the environment"


def test_postgresql_gets_a_login_that_is_no_superuser(folder: Path, session_folder: Path) -> None:
    make(folder)
    secrets = contents(folder)
    script = folder / "postgres-login.sh"
    script.write_text((DEPLOY / script.name).read_text().replace("/run/secrets", str(folder / "secrets")))
    with tcp_postgres(session_folder / "deployed" / "data") as url:
        server = make_url(url)
        superuser = (session_folder / "deployed" / "superuser-password").read_text()
        subprocess.run(
            ["sh", script],
            env={
                "PATH": f"{server_programs()}:/usr/bin:/bin",
                "PGHOST": str(server.host),
                "PGPORT": str(server.port),
                "PGPASSWORD": superuser,
            },
            check=True,
        )
        login = make_url(secrets["DATABASE_URL"].strip())
        with psycopg.connect(
            host=server.host,
            port=server.port,
            user=login.username,
            password=login.password,
            dbname=login.database,
        ) as connection:
            rights = connection.execute(
                "select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user"
            ).fetchone()
            owned = connection.execute(
                "select array_agg(datname order by datname) from pg_database "
                "where datdba = current_user::regrole"
            ).fetchone()
    assert rights == (False, True, False)
    assert owned == (["dagster", "warehouse"],)
