"""Processes of runs begin with much of what a run needs imported, and with nothing else of who asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration.running.run_processes import PREPARED
from orchestration.settings import RESOURCES

CODE_SERVER = """
import json, multiprocessing, os, pathlib, sys, threading

from orchestration.running.run_processes import PREPARED, fork_runs

def look(queue):
    above = pathlib.Path("/proc") / str(os.getppid()) / "task"
    queue.put({
        "missing": [name for name in PREPARED if name not in sys.modules],
        "too_much": [name for name in ("polars", "torch") if name in sys.modules],
        "threads": threading.active_count(),
        "threads_above": len(list(above.iterdir())) if above.exists() else None,
        "is_child": os.getppid() == asked_by,
        "pid": os.getpid(),
    })

asked_by = int(os.environ["ASKED_BY"]) if "ASKED_BY" in os.environ else os.getpid()

if __name__ == "__main__":
    os.environ["ASKED_BY"] = str(os.getpid())
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    fork_runs()
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    for _ in range(2):
        process = context.Process(target=look, args=[queue])
        process.start()
        print(json.dumps(queue.get()))
        process.join()
        assert process.exitcode == 0
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """What two processes found that were asked for one after the other."""
    program = tmp_path_factory.mktemp("asking") / "code_server.py"
    program.write_text(CODE_SERVER)
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=RESOURCES,
        env={"PYTHONPATH": str(RESOURCES), "PATH": "/usr/bin:/bin", "HOME": str(Path.home())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_was_prepared_is_there_and_nothing_that_may_not_be_forked(
    found: list[dict[str, object]],
) -> None:
    assert PREPARED
    assert [(one["missing"], one["too_much"]) for one in found] == [([], [])] * 2


def test_each_is_a_process_of_its_own_and_nobodys_threads_are_in_it(found: list[dict[str, object]]) -> None:
    assert len({one["pid"] for one in found}) == 2
    assert [(one["is_child"], one["threads"]) for one in found] == [(False, 1)] * 2


def test_what_they_are_forked_from_has_no_thread_but_those_of_numpy(found: list[dict[str, object]]) -> None:
    """A lock that another thread holds when a process is forked is never given back in it."""
    if found[0]["threads_above"] is None:
        pytest.skip("threads are counted in /proc")
    count = "import os, numpy, scipy.special; print(len(os.listdir('/proc/self/task')))"
    counted = subprocess.run([sys.executable, "-c", count], capture_output=True, check=True)
    assert max(int(str(one["threads_above"])) for one in found) <= int(counted.stdout)
