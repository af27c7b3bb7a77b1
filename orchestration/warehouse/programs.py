"""PostgreSQL's client programs: which of them fit a server, and how they are started.

Belongs here: finding ``pg_dump``, ``pg_restore`` and ``psql`` of one version, and their connection, whose
password is never an argument. Does not belong here: what is dumped (``backup``) and restored (``restore``).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from orchestration.warehouse.cluster import EmbeddedServerError, bundled_programs
from orchestration.warehouse.server import WarehouseError

_NEEDED = ("pg_dump", "pg_restore", "psql")


@dataclass(frozen=True)
class Programs:
    """The client programs of one major version, in one folder."""

    folder: Path
    major: int

    def command(self, name: str, url: str, *arguments: str) -> list[str]:
        """The program on a database: its arguments are for everybody to read and hold no password."""
        return [str(self.folder / name), *arguments, f"--dbname={_without_password(url)}", "--no-password"]


def programs_for(major: int) -> Programs:
    """The oldest installed programs that can work with a major version of PostgreSQL.

    The oldest, because a dump can be read by no program older than the one that wrote it.

    Raises:
        WarehouseError: there are none as new as that.
    """
    found = [Programs(folder, version) for folder in _folders() if (version := _major_of(folder)) is not None]
    fitting = [programs for programs in found if programs.major >= major]
    if fitting:
        return min(fitting, key=lambda programs: programs.major)
    newest = max((programs.major for programs in found), default=None)
    there = f"those that are installed are of {newest}" if newest else "none are installed"
    raise WarehouseError(
        f"The programs pg_dump, pg_restore and psql of PostgreSQL {major} or newer are needed and {there}; "
        "install PostgreSQL's client programs and put them on the PATH."
    )


def program_environment(url: str, role: str | None = None) -> dict[str, str]:
    """The rest of a program's connection: its password, the role to work under, messages in one language."""
    options = "-c timezone=UTC" + (f" -c role={role}" if role else "")
    password = str(conninfo_to_dict(url).get("password") or "")
    given = {"PGPASSWORD": password} if password else {}
    return {**os.environ, **given, "PGOPTIONS": options, "PGCLIENTENCODING": "UTF8", "LC_MESSAGES": "C"}


def _without_password(url: str) -> str:
    known = {
        name: value for name, value in conninfo_to_dict(url).items() if name not in ("password", "options")
    }
    return make_conninfo("", **known)


def _folders() -> Iterator[Path]:
    """Where programs may be: on the PATH, and in the wheel of the embedded server."""
    if on_path := shutil.which("pg_dump"):
        yield Path(on_path).parent
    with suppress(EmbeddedServerError):
        yield from bundled_programs()


def _major_of(folder: Path) -> int | None:
    """The major version of a folder's programs; None where one is missing or does not start."""
    if not all((folder / name).exists() for name in _NEEDED):
        return None
    try:
        said = subprocess.run(
            [folder / "pg_dump", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    version = re.search(r"\) (\d+)", said)
    return int(version[1]) if version else None
