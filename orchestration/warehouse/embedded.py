"""The embedded server: PostgreSQL from its wheel, started when it is needed, running until it is stopped.

Belongs here: starting, finding and stopping it, one command at a time, and servers that end with the process
that made them. Does not belong here: its files (``cluster``), how its process is known (``postmaster``), what
is in its databases.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

import psutil

from orchestration.settings import Settings
from orchestration.warehouse.cluster import (
    PORT,
    SUPERUSER,
    EmbeddedServerError,
    ensure_access,
    ensure_data_dir,
    ensure_private,
    last_line,
    let_in,
    let_read_programs,
    run_as,
    server_programs,
    server_user,
    socket_folder,
)
from orchestration.warehouse.libpq import forget_shell_defaults
from orchestration.warehouse.postmaster import (
    answering,
    answers_from_elsewhere,
    cluster_name,
    end_servers,
    is_alive,
    recorded_postmaster,
)
from orchestration.warehouse.server_memory import wanted_settings

_START_SECONDS = 60.0
_TURN_SECONDS = 150.0
"""Longer than another command may take to start or to stop the server."""

_POLL_SECONDS = 0.05

_IN_THE_BACKGROUND = 'umask 077; log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'


def embedded_data_dir(settings: Settings) -> Path:
    return settings.home / "postgres"


def start_embedded(data_dir: Path) -> str:
    """Start PostgreSQL from its wheel, or find it running, and return the URL of its ``postgres`` database.

    Raises:
        EmbeddedServerError: the server does not come up.
    """
    forget_shell_defaults()
    data_dir = data_dir.resolve()
    try:
        data_dir.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        user = server_user(data_dir)
        if url := _running(data_dir, user):
            return url
        with _turn(data_dir):
            return _running(data_dir, user) or _started(data_dir, user)
    except OSError as error:
        raise _unusable(error) from error


def stop_embedded(data_dir: Path) -> bool:
    """Stop the embedded server; False where none was running.

    Raises:
        EmbeddedServerError: it is another user's, or does not end.
    """
    data_dir = data_dir.resolve()
    try:
        if not data_dir.exists():
            return False
        user = server_user(data_dir)
        with _turn(data_dir):
            return end_servers(data_dir, user.pw_uid)
    except OSError as error:
        raise _unusable(error) from error


def _unusable(error: OSError) -> EmbeddedServerError:
    if isinstance(error, PermissionError):
        return EmbeddedServerError(
            f"{error.filename} is not for this user to use; work as its owner, or have FORECASTER_HOME name "
            "a folder of your own."
        )
    return EmbeddedServerError(
        f"The embedded PostgreSQL cannot use {error.filename or 'its files'} ({error.strerror}); mend that, "
        "or have FORECASTER_HOME name another folder."
    )


@contextmanager
def _turn(data_dir: Path) -> Iterator[None]:
    """Keep other commands of this installation from starting or stopping its server at the same time."""
    path = data_dir.with_name(f"{data_dir.name}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    deadline = time.monotonic() + _TURN_SECONDS
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise EmbeddedServerError(
                        f"Another command has been starting or stopping the PostgreSQL in {data_dir} for "
                        "minutes; end it and try again."
                    ) from error
                time.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _running(data_dir: Path, user: pwd.struct_passwd) -> str | None:
    """The URL of the server, where it runs and takes connections."""
    process = recorded_postmaster(data_dir, user.pw_uid)
    if process is None:
        return None
    if ensure_access(data_dir, user):
        process.send_signal(signal.SIGHUP)
    found = answering(data_dir)
    if found is None:
        return None
    query = urlencode({"host": found.socket_dir, "port": found.port}, quote_via=quote)
    return f"postgresql://{SUPERUSER}@/{SUPERUSER}?{query}"


def _started(data_dir: Path, user: pwd.struct_passwd) -> str:
    """Start the server, or wait for one that is coming up; nobody else does so meanwhile."""
    process = recorded_postmaster(data_dir, user.pw_uid)
    if process is not None and (url := _came_up(process, data_dir, user)):
        return url
    _clear(data_dir, user)
    let_in(user, data_dir, server_programs())
    let_read_programs(user)
    ensure_data_dir(data_dir, user)
    ensure_access(data_dir, user)
    log = data_dir / "log"
    begins_at = log.stat().st_size if log.exists() else 0
    process = _launch(data_dir, user)
    if process is not None and (url := _came_up(process, data_dir, user)):
        return url
    raise EmbeddedServerError(
        f"The embedded PostgreSQL in {data_dir} does not start: {_complaint(log, begins_at)} Mend that and "
        f"run the command again; all it says is in {log}."
    )


def _came_up(process: psutil.Process, data_dir: Path, user: pwd.struct_passwd) -> str | None:
    """The URL of a server that is coming up; None where its process ends instead.

    Raises:
        EmbeddedServerError: it takes too long, as after a hard stop of a large database.
    """
    deadline = time.monotonic() + _START_SECONDS
    while is_alive(process):
        if url := _running(data_dir, user):
            return url
        if time.monotonic() > deadline:
            raise EmbeddedServerError(
                f"The embedded PostgreSQL in {data_dir} is still starting; what it says is in "
                f"{data_dir / 'log'}. Run the command again in a minute."
            )
        time.sleep(_POLL_SECONDS)
    return None


def _clear(data_dir: Path, user: pwd.struct_passwd) -> None:
    """Take away what an earlier server left behind: processes without a file, and a file without a process.

    PostgreSQL's own guard is a number in a file, which a stranger's process may have by now, and the shared
    memory that is found by the data directory. The file is removed only once no process of the data directory
    is left; the shared memory guards on.

    Raises:
        EmbeddedServerError: what is there does not end.
    """
    end_servers(data_dir, user.pw_uid)
    if answers_from_elsewhere(data_dir):
        raise EmbeddedServerError(
            f"A PostgreSQL that is not among this machine's processes works on {data_dir}, as one of another "
            "container does; stop it there."
        )
    (data_dir / "postmaster.pid").unlink(missing_ok=True)


def _launch(data_dir: Path, user: pwd.struct_passwd) -> psutil.Process | None:
    """Start PostgreSQL in a session of its own, which outlives this process; None where it ended at once."""
    folder = socket_folder(data_dir, user)
    ensure_private(folder, user)
    quoted = str(folder).replace('"', '""')
    options = {
        **wanted_settings(data_dir),
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{quoted}"',
        "unix_socket_permissions": "0700",
        "cluster_name": cluster_name(data_dir),
    }
    launched = run_as(
        user,
        *("sh", "-c", _IN_THE_BACKGROUND, "sh", data_dir / "log"),
        *(server_programs() / "postgres", "-D", data_dir),
        *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
    )
    try:
        return psutil.Process(int(launched.stdout))
    except (ValueError, psutil.NoSuchProcess):
        return None


def _complaint(log: Path, begins_at: int) -> str:
    """The last thing PostgreSQL found wrong since a place in its log."""
    if not log.exists():
        return last_line("")
    with log.open("rb") as file:
        file.seek(begins_at)
        said = file.read().decode(errors="replace")
    severe = [line for line in said.splitlines() if "FATAL:" in line or "PANIC:" in line]
    return last_line("\n".join(severe) or said)


_WAIT_AND_THROW_AWAY = """
cat
for commandline in $(grep -lF -- "$1/" /proc/[0-9]*/cmdline); do
    process=${commandline%/cmdline}
    test "$(cat "$process/comm")" = postgres || continue
    kill -QUIT "${process#/proc/}"
    while test -d "$process"; do sleep 0.1; done
done
rm -rf -- "$1"
"""


@contextmanager
def throw_away_folder() -> Iterator[Path]:
    """A temporary folder that goes, with the servers whose files are in it, when this process does.

    It goes at the end of the block, or when the process ends before that, be it killed: nothing of ours runs
    then, so a shell in a session of its own waits for the end of a pipe that only this process holds open.
    """
    folder = Path(tempfile.mkdtemp(prefix="forecaster-")).resolve()
    with subprocess.Popen(
        ["sh", "-c", _WAIT_AND_THROW_AWAY, "sh", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ):
        yield folder
