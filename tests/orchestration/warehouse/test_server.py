"""Servers in a throw-away folder end with the process that made it, whatever ends that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

SESSION = """
import pathlib
import signal
import time

from tests.conftest import session_folder, settings, tcp_server


def test_that_waits(session_folder, settings, tcp_server):
    # A background job inherits that signals are ignored; a session in a terminal does not.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    note = pathlib.Path({note!r})
    note.with_suffix(".part").write_text(str(session_folder))
    note.with_suffix(".part").rename(note)
    time.sleep(600)
"""


def servers_in(folder: Path) -> list[psutil.Process]:
    """The postmasters of the data directories below a folder."""
    return [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "postgres" and f"{folder}/" in " ".join(process.info["cmdline"] or ())
    ]


def wait_until(reached: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Return as soon as the condition holds; fail where a process that has to bring it about is gone."""
    for _ in range(1_200):
        if reached():
            return
        assert process is None or process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    pytest.fail("the condition was never reached")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
@pytest.mark.slow
def test_a_session_ended_by_a_signal_leaves_no_server_and_no_file(name: str, tmp_path: Path) -> None:
    note = tmp_path / "folder"
    (tmp_path / "test_session.py").write_text(SESSION.format(note=str(note)))
    environment = {name: value for name, value in os.environ.items() if name != "TEST_DATABASE_URL"}
    session = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", tmp_path / "test_session.py"],
        env=environment,
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(note.exists, session)
        folder = Path(note.read_text())
        assert len(servers_in(folder)) == 2
        session.send_signal(signal.Signals[name])
        session.communicate()
        wait_until(lambda: not servers_in(folder) and not folder.exists())
    finally:
        session.kill()
