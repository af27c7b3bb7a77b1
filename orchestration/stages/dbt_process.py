"""dbt in this process: one command over the parsed project, its results as they come.

Belongs here: calling dbt as a library, stopping it. Does not belong here: which arguments it gets and what it
parses (``dbt``), how its results look in Dagster (``dbt_assets``).

dbt is imported by its first command, so a process pays for that once, and one that builds nothing never.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_RESULTS = ("LogModelResult", "LogTestResult")
"""dbt's events that end a node."""

_REASONS = ("RunResultError", "RunResultFailure", "MainEncounteredError")
"""dbt's events that say why a command failed."""

_STOP_SECONDS = 0.2

_one_at_a_time = threading.Lock()
"""dbt keeps its flags, adapter and listeners in variables of the process, and reads its environment."""


@dataclass(frozen=True)
class NodeResult:
    """How a model or a test ended.

    Attributes:
        unique_id: the node, such as ``model.forecaster.dim_item``.
        status: dbt's word for it, such as ``success``, ``error``, ``pass`` or ``fail``.
        seconds: it took.
        failures: rows a test found; None for a model.
        invocation_id: of the command.
    """

    unique_id: str
    status: str
    seconds: float
    failures: int | None
    invocation_id: str


class DbtError(Exception):
    """A command of dbt failed; the message is what dbt said."""


def run_dbt(
    arguments: Sequence[str], parsed: Path | None, environment: Mapping[str, str]
) -> Iterator[NodeResult]:
    """Run a command of dbt; yields the result of each node when it ends.

    What dbt prints goes to this process's output. Whoever stops listening, by an interrupt or otherwise, ends
    the statements in progress, whose transactions are undone.

    Args:
        arguments: the command and its options.
        parsed: the project as dbt parsed it, which is read for each command: a build leaves the SQL of its
            client in what was read. None has dbt parse.
        environment: variables for as long as dbt runs, beside those of this process.

    Raises:
        DbtError: the command failed.
    """
    heard: SimpleQueue[NodeResult | None] = SimpleQueue()
    said: list[str] = []
    problems: list[str] = []

    def listen(event: Any) -> None:
        if event.info.level == "error" and event.info.name in _REASONS:
            said.append(" ".join(event.info.msg.split()))
        if event.info.name in _RESULTS:
            heard.put(_node_result(event))

    def invoke() -> None:
        try:
            from dbt.cli.main import dbtRunner

            runner = dbtRunner(_read(parsed) if parsed else None, [listen])
            result = runner.invoke(["--no-use-colors", *arguments])
            if not result.success:
                problems.append(str(result.exception or f"dbt {arguments[0]} failed"))
        except BaseException as error:
            problems.append(f"{type(error).__name__}: {error}")
        finally:
            heard.put(None)

    thread = threading.Thread(target=invoke, name="dbt", daemon=True)
    with _one_at_a_time, _environment(environment), _running(thread):
        while (result := heard.get()) is not None:
            yield result
    if problems:
        raise DbtError("\n".join(said or problems))


def _node_result(event: Any) -> NodeResult:
    return NodeResult(
        unique_id=event.data.node_info.unique_id,
        status=event.data.node_info.node_status,
        seconds=event.data.execution_time,
        failures=event.data.num_failures if event.info.name == "LogTestResult" else None,
        invocation_id=event.info.invocation_id,
    )


def _read(parsed: Path) -> Manifest:
    """The project from dbt's own file of it, as dbt reads it where nothing has changed since."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    manifest: Manifest = Manifest.from_msgpack(parsed.read_bytes(), decoder=extended_mashumuro_decoder)
    manifest.build_parent_and_child_maps()  # type: ignore[no-untyped-call]
    return manifest


@contextmanager
def _running(thread: threading.Thread) -> Iterator[None]:
    """Run dbt's thread during the block; where the block is left early, end what dbt asked the server for."""
    thread.start()
    try:
        yield
    except BaseException:
        while thread.is_alive():
            _end_statements()
            thread.join(_STOP_SECONDS)
        raise
    thread.join()


def _end_statements() -> None:
    """Cancel what dbt's sessions are doing; dbt's own way takes rights that its role has not."""
    import psycopg2
    from dbt.adapters.factory import FACTORY

    for adapter in list(FACTORY.adapters.values()):
        for connection in list(adapter.connections.thread_connections.values()):
            if connection.state == "open":
                with suppress(psycopg2.Error):  # it has ended by itself
                    connection.handle.cancel()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
