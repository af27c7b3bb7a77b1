"""One database into a part of a backup by pg_dump, and back by pg_restore and psql.

Belongs here: how these programs are called and fed. Does not belong here: what is dumped (``backup``), and
what has to be done before and after (``restore``).
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import psycopg

from orchestration.errors import UserError
from orchestration.warehouse.archive import CHUNK, Archive, ArchiveWriter, Told
from orchestration.warehouse.beside import RestoreError
from orchestration.warehouse.programs import Programs, program_environment, programs_for

LOCK_SECONDS = 60
"""How long a backup waits for whoever changes a table."""

_NEWER_THAN_16 = b"SET transaction_timeout = 0;\n"
"""Written into every script by programs of 17 and newer; a server before that does not know it."""


class BackupError(UserError):
    """A backup that cannot be made; the message says what to do."""


def write_dump(
    archive: ArchiveWriter, part: str, programs: Programs, url: str, snapshot: str, *options: str
) -> None:
    """Have pg_dump write a database into a backup, as of a snapshot.

    Large objects are left out: the project has none, and a tenant's would stop the restore.

    Raises:
        BackupError: pg_dump failed.
    """
    command = programs.command(
        "pg_dump",
        url,
        *("--format=custom", "--no-blobs", f"--snapshot={snapshot}", f"--lock-wait-timeout={LOCK_SECONDS}s"),
        *options,
    )
    with tempfile.TemporaryFile() as said:
        with _started(command, said, program_environment(url), stdin=subprocess.DEVNULL) as process:
            archive.add(part, _stream(process.stdout))
        if process.returncode != 0:
            raise BackupError(
                f"pg_dump ended with an error: {_first_line(said)}. Nothing was kept; run "
                "'forecaster backup' again."
            )


def load_dump(archive: Archive, part: str, url: str, tell: Told, role: str | None = None) -> None:
    """Load a dump into an empty database, without grants and policies, everything owned by one role.

    pg_restore writes a script that psql runs, because a script of newer programs starts with a setting that
    an older server does not know.

    Args:
        archive: the backup.
        part: the dump in it.
        url: the database, by its administrative login.
        tell: is told how much of the dump was read.
        role: owner of everything; None is the login.

    Raises:
        RestoreError: a program failed.
    """
    programs = programs_for(archive.manifest.programs_version)
    with psycopg.connect(url) as connection:
        is_old = connection.info.server_version < 170_000
    with tempfile.NamedTemporaryFile() as wanted, tempfile.TemporaryFile() as said:
        wanted.write(_contents(archive, part, programs))
        wanted.flush()
        to_script = [
            *(str(programs.folder / "pg_restore"), "--file=-", f"--use-list={wanted.name}"),
            *("--no-owner", "--no-privileges"),
        ]
        to_database = programs.command(
            "psql", url, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"
        )
        with (
            _started(
                to_database, said, program_environment(url, role), stdout=subprocess.DEVNULL
            ) as database,
            _started(to_script, said) as script,
            archive.open(part) as dump,
        ):
            feeder = _fed(_stream(script.stdin), dump, part, tell)
            written, target = _stream(script.stdout), _stream(database.stdin)
            head = written.read(CHUNK)
            if is_old:
                head = head.replace(_NEWER_THAN_16, b"", 1)
            with contextlib.suppress(BrokenPipeError):
                target.write(head)
            _copy(written, target)
            written.close()
            feeder.join()
        if database.returncode or script.returncode:
            raise RestoreError(
                f"The restore of {part} ended with an error: {_first_line(said)}. "
                "The installation is as it was."
            )


def _contents(archive: Archive, part: str, programs: Programs) -> bytes:
    """A dump's list of contents without its policies, which name the roles of the database it is of."""
    command = [str(programs.folder / "pg_restore"), "--list"]
    with (
        tempfile.TemporaryFile() as said,
        _started(command, said) as listing,
        archive.open(part) as dump,
    ):
        feeder = _fed(_stream(listing.stdin), dump, part, lambda _part, _size: None)
        lines = _stream(listing.stdout).readlines()
        feeder.join()
    return b"".join(line for line in lines if line.split()[3:4] != [b"POLICY"])


@contextmanager
def _started(
    command: list[str],
    said: IO[bytes],
    environment: dict[str, str] | None = None,
    stdin: int = subprocess.PIPE,
    stdout: int = subprocess.PIPE,
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that ends with the block; where the block fails, it is killed."""
    with subprocess.Popen(command, env=environment, stdin=stdin, stdout=stdout, stderr=said) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


def _fed(target: IO[bytes], source: IO[bytes], part: str, tell: Told) -> threading.Thread:
    """Copy in the background, and tell how far it is."""
    thread = threading.Thread(target=_copy, args=(source, target, part, tell), daemon=True)
    thread.start()
    return thread


def _copy(
    source: IO[bytes], target: IO[bytes], part: str = "", tell: Told = lambda _part, _size: None
) -> None:
    """Copy to the end of the source, or until the reader of the target has had enough."""
    size = 0
    with contextlib.suppress(BrokenPipeError):
        while chunk := source.read(CHUNK):
            target.write(chunk)
            size += len(chunk)
            tell(part, size)
    with contextlib.suppress(BrokenPipeError):
        target.close()


def _first_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    return lines[0] if lines else "it was ended from outside"
