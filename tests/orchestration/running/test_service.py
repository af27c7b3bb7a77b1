"""The service's file, its lock, and what is answered where it cannot start."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.running.service import (
    HOST,
    Service,
    ServiceError,
    run_service,
    running_service,
    stop_service,
)
from orchestration.settings import Settings, load_settings


@pytest.fixture
def installation(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FORECASTER_HOME", str(tmp_path))
    return load_settings()


@pytest.fixture
def stand_in(installation: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the service's lock, as 'dagster dev' does, and ends on an interrupt."""
    path = installation.home / "service.json"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        # A shell's background jobs ignore interrupts, and so would the child of a test run in one.
        code = (
            "import signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL);"
            "print('up', flush=True); time.sleep(600)"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(file.fileno(),),
            start_new_session=True,
        )
        file.write(json.dumps({"pid": process.pid, "port": 3999}))
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_file_left_behind_is_not_taken_for_a_running_service(installation: Settings) -> None:
    assert running_service(installation) is None
    (installation.home / "service.json").write_text(json.dumps({"pid": os.getpid(), "port": 3000}))
    assert running_service(installation) is None
    assert stop_service(installation) is None


def test_a_running_service_is_known_refused_a_second_time_and_stopped(
    installation: Settings, stand_in: subprocess.Popen[bytes]
) -> None:
    expected = Service(stand_in.pid, 3999)
    assert running_service(installation) == expected
    with pytest.raises(ServiceError, match=r"running at http://127\.0\.0\.1:3999.*forecaster down"):
        run_service(installation, {}, 3998, lambda _: None)
    assert stop_service(installation) == expected
    assert stand_in.wait(60) == -signal.SIGINT
    assert running_service(installation) is None


def test_a_port_in_use_is_answered_with_the_option_that_changes_it(installation: Settings) -> None:
    with socket.create_server((HOST, 0)) as taken, pytest.raises(ServiceError, match="--port"):
        run_service(installation, {}, taken.getsockname()[1], lambda _: None)
