"""A program that 'forecaster exec' becomes finds the installation's Dagster instance."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from orchestration.running.instance import STORAGE_URL_VARIABLE
from orchestration.settings import RESOURCES, Settings
from orchestration.warehouse.server import Warehouse

ASK = f"""
import json, os, dagster
with dagster.DagsterInstance.get() as instance:
    print(json.dumps([os.getpid(), os.environ["DAGSTER_HOME"], os.environ["{STORAGE_URL_VARIABLE}"],
        type(instance.run_coordinator).__name__]))
"""


def execute(*command: str) -> tuple[int, subprocess.CompletedProcess[str]]:
    """Its process id while it was the command line, and what came of it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "exec", "--", *command],
        cwd=RESOURCES,
        env={**os.environ, "PYTHONPATH": str(RESOURCES)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    printed, complained = process.communicate()
    return process.pid, subprocess.CompletedProcess(command, process.returncode, printed, complained)


def test_the_program_takes_the_place_of_the_command_and_finds_the_instance(
    settings: Settings, warehouse: Warehouse
) -> None:
    pid, done = execute(sys.executable, "-c", ASK)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        pid,
        str(settings.dagster_home),
        warehouse.instance_storage_url,
        "QueuedRunCoordinator",
    ]


def test_a_program_that_is_not_there_is_a_sentence(warehouse: Warehouse) -> None:
    _, done = execute("no-such-program", "--host=0.0.0.0")
    assert done.returncode == 1
    assert done.stderr.strip() == "no-such-program cannot be started: No such file or directory."
