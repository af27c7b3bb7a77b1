"""The UI's process: Dagster's webserver behind the guard.

Belongs here: putting the two together, as ``dagster-webserver`` does without a guard. Does not belong here:
the rules (``guard``), and starting and ending the process (``supervisor``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import uvicorn
from dagster import DagsterInstance, __version__
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context

from orchestration.running.guard import Guard, allowed_hosts
from orchestration.running.service import HOST
from orchestration.settings import load_settings

_STATEMENT_MILLISECONDS = 15_000
_POOL_SECONDS = 3_600
_POOL_OVERFLOW = 20
"""Limits of the UI's connections to Dagster's storage, as ``dagster-webserver`` sets them."""

_GOODBYE_SECONDS = 5
"""How long open pages are waited for when the UI ends."""


def guarded_ui(context: WorkspaceProcessContext, port: int, names: Iterable[str]) -> Guard:
    """Dagster's UI of an instance and its code locations, answering what the guard lets through.

    Args:
        context: the instance and where its code locations are served.
        port: of the UI.
        names: hosts beside the loopback's under which the UI is known.
    """
    return Guard(create_app_from_workspace_process_context(context), allowed_hosts(port, names))


def main(port: int, workspace: Path, host: str = HOST) -> None:
    """Serve the UI until the process is interrupted.

    Args:
        port: of the UI.
        workspace: the file that says where the definitions are served.
        host: address to listen at: another than the loopback's where a proxy on another machine, or in
            another container, is all that reaches it.
    """
    names = load_settings().ui_hosts
    target = WorkspaceFileTarget([str(workspace)])
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_MILLISECONDS, _POOL_SECONDS, _POOL_OVERFLOW)
        with WorkspaceProcessContext(instance, target, version=__version__) as context:
            uvicorn.run(
                guarded_ui(context, port, names),
                host=host,
                port=port,
                log_level="warning",
                timeout_graceful_shutdown=_GOODBYE_SECONDS,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:4])
