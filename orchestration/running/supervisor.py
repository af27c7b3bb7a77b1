"""The service's first process: starts code server, UI, daemon and API, and ends them in their order.

Does what ``dagster dev`` does, whose UI has no guard. Belongs here: the four processes and how they find
each other. Does not belong here: who starts and ends this one (``service``), and what the four do.
"""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

CODE_LOCATION = "forecaster"
_DEFINITIONS = "orchestration.definitions"

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5
_LAST_SECONDS = 30.0
"""How long the others are waited for where one of them has failed."""


_API_PAUSE_SECONDS = 5.0
"""Before an API that has ended is started again: one that cannot start says so now and then."""


def main(port: int, lock: int, api_port: int) -> int:
    """Supervise until told to stop or until the UI or the daemon ends; returns the exit status.

    SIGTERM ends the UI, the daemon and the API, so that nothing starts a run any more, then the code server,
    which waits for its runs. There is no limit to that: whoever cannot wait kills the session. The API is
    started again where it ends: nobody's run depends on it.

    Args:
        port: of the UI.
        lock: file descriptor that holds the service's lock, for as long as one of the processes has it.
        api_port: of the API.
    """
    asked: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    with tempfile.TemporaryDirectory(prefix="forecaster-") as folder:
        address = Path(folder) / "code.sock"
        workspace = Path(folder) / "workspace.yaml"
        workspace.write_text(json.dumps(_workspace(address)))

        def start(*command: str) -> subprocess.Popen[bytes]:
            return subprocess.Popen([sys.executable, "-m", *command], pass_fds=(lock,))

        def start_code_server() -> subprocess.Popen[bytes]:
            return start(
                *("dagster", "code-server", "start", "--socket", str(address), "--log-level", "warning"),
                *("--module-name", _DEFINITIONS, "--location-name", CODE_LOCATION),
            )

        code_server = start_code_server()
        while not asked and code_server.poll() is None and not _answers(address):
            time.sleep(_POLL_SECONDS)

        def start_api() -> tuple[subprocess.Popen[bytes], float]:
            return start("orchestration.api.serving", str(api_port)), time.monotonic()

        users: list[subprocess.Popen[bytes]] = []
        api: subprocess.Popen[bytes] | None = None
        api_began = 0.0
        if not asked and code_server.poll() is None:
            users = [
                start("orchestration.running.webserver", str(port), str(workspace)),
                start("dagster._daemon", "run", "--workspace", str(workspace)),
            ]
            api, api_began = start_api()
        while not asked and users and all(user.poll() is None for user in users):
            time.sleep(_POLL_SECONDS)
            if code_server.poll() is not None:
                _log.warning("The code server ended with %d; it is started again.", code_server.returncode)
                code_server = start_code_server()
            if api and api.poll() is not None and time.monotonic() > api_began + _API_PAUSE_SECONDS:
                _log.warning("The API ended with %d; it is started again.", api.returncode)
                api, api_began = start_api()
        patience = None if asked else _LAST_SECONDS
        _interrupt([*users, *([api] if api else [])], patience)
        _interrupt([code_server], patience)
    return 0 if asked else 1


def _workspace(address: Path) -> dict[str, object]:
    """Where the UI and the daemon find the definitions."""
    server = {
        "socket": str(address),
        "host": "localhost",
        "location_name": CODE_LOCATION,
        "additional_metadata": {"module_name": _DEFINITIONS},
    }
    return {"load_from": [{"grpc_server": server}]}


def _answers(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(address))
        except OSError:
            return False
    return True


def _interrupt(processes: list[subprocess.Popen[bytes]], patience: float | None) -> None:
    """Interrupt processes as Ctrl-C would, and wait for each of them, at most so many seconds."""
    for process in processes:
        process.send_signal(signal.SIGINT)
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:4])))
