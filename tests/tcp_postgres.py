"""A throw-away PostgreSQL that listens on TCP and trusts nobody, from the embedded server's own binaries.

``FORECASTER_TEST_PG_BIN`` names the binaries of another PostgreSQL, such as the oldest supported one.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from orchestration.warehouse.cluster import server_programs, stand_in_for_root

OWNER = "owner"
"""The login handed out: no superuser, may create roles and databases."""


@contextmanager
def tcp_postgres(data_dir: Path) -> Iterator[str]:
    """Run the server for the block; yields the URL of its ``postgres`` database for ``OWNER``."""
    binaries = Path(os.environ.get("FORECASTER_TEST_PG_BIN") or server_programs())
    user = _unprivileged_user()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data_dir.mkdir(parents=True)
    password_file = data_dir.parent / "superuser-password"
    superuser_password = secrets.token_urlsafe(16)
    owner_password = f"p@ss:w/rd {secrets.token_hex(4)}"
    password_file.write_text(superuser_password)
    if user:
        for path in (data_dir, password_file):
            shutil.chown(path, user)
        for parent in data_dir.parents:
            if parent.stat().st_uid == os.getuid() and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [binaries / program, "-D", data_dir, *arguments],
            user=user,
            cwd="/",
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    run(
        "initdb",
        "--auth=scram-sha-256",
        "--username=postgres",
        f"--pwfile={password_file}",
        "--encoding=utf8",
    )
    run("pg_ctl", "-w", "-l", str(data_dir / "log"), "-o", f"-h 127.0.0.1 -p {port} -k ''", "start")
    try:
        superuser = f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
        with psycopg.connect(superuser, password=superuser_password, autocommit=True) as connection:
            connection.execute(
                psycopg.sql.SQL("create role {} login createrole createdb password {}").format(
                    psycopg.sql.Identifier(OWNER), psycopg.sql.Literal(owner_password)
                )
            )
        from sqlalchemy import URL

        url = URL.create("postgresql", OWNER, owner_password, "127.0.0.1", port, "postgres")
        yield url.render_as_string(hide_password=False)
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    return stand_in_for_root().pw_name if os.geteuid() == 0 else None
