"""What earlier processes left behind, and the weights the next run would use.

Belongs here: files of processes that are gone, runs that nobody is running any more, weights. Does not belong
here: the database server's own state (``server``) and files' modes (``machine``).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.diagnosis.findings import Finding, ok, problem, warning
from orchestration.settings import Settings
from orchestration.warehouse.embedded import embedded_data_dir
from orchestration.warehouse.postmaster import read_pid_file, recorded_postmaster

if TYPE_CHECKING:
    from orchestration.warehouse.server import Warehouse

_OLD_SECONDS = 24 * 3600.0
"""An unfinished piece that nobody has touched for this long is nobody's any more."""

LONGEST_RUN_SECONDS = 6 * 3600.0
"""The longest that Dagster lets a run go on (``max_runtime_seconds`` of ``dagster.yaml``)."""


@dataclass(frozen=True)
class UnfinishedRun:
    """A run that has begun and not ended, as far as Dagster knows.

    Attributes:
        run_id: of it.
        client_id: whose it is; empty where it names none.
        is_of_the_command_line: whether a command runs it, and not the UI.
        seconds: since it began.
    """

    run_id: str
    client_id: str
    is_of_the_command_line: bool
    seconds: float


def examine_files(settings: Settings) -> list[Finding]:
    """Files that a process wrote about itself, and pieces that were never finished."""
    from orchestration.running.service import running_service

    service_file = settings.home / "service.json"
    left_behind = service_file.exists() and running_service(settings) is None
    return [
        *judge_service_file(service_file, left_behind=left_behind),
        *judge_server_file(embedded_data_dir(settings).resolve()),
        *judge_pieces(unfinished_pieces((settings.landing_dir, settings.dagster_home), time.time())),
    ]


def judge_service_file(path: Path, *, left_behind: bool) -> Iterator[Finding]:
    if left_behind:
        yield warning(f"{path} is of a UI that was killed", "nothing; 'forecaster up' writes it anew")


def judge_server_file(data_dir: Path) -> Iterator[Finding]:
    """Whether the process that the embedded server's file names is that server; else the next start knows.

    Args:
        data_dir: of the server.
    """
    path = data_dir / "postmaster.pid"
    if not path.exists() or recorded_postmaster(data_dir, data_dir.stat().st_uid) is not None:
        return
    what = "is of a server that was killed" if read_pid_file(data_dir) else "names no process"
    yield warning(
        f"{path} {what}",
        "nothing; the next command ends what is left of that server, removes the file and starts it again",
    )


def unfinished_pieces(folders: Iterable[Path], now: float) -> list[Path]:
    """Files called ``.part`` that nobody has touched for a day."""
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*.part")
        if path.is_file() and now - path.stat().st_mtime > _OLD_SECONDS
    )


def judge_pieces(pieces: Sequence[Path]) -> Iterator[Finding]:
    if pieces:
        shown = ", ".join(map(str, pieces[:3])) + (" and others" if len(pieces) > 3 else "")
        yield warning(
            f"{len(pieces)} file(s) were never finished ({shown})", "deliver them again, or delete them"
        )


def examine_runs(settings: Settings, warehouse: Warehouse) -> list[Finding]:
    """Runs that Dagster believes to be in progress."""
    from orchestration.clients import CLIENT_TAG
    from orchestration.running.instance import open_instance
    from orchestration.running.runs import COMMAND_LINE_TAG, started_runs
    from orchestration.running.service import running_service

    now = time.time()
    with open_instance(settings, warehouse) as instance:
        runs = [
            UnfinishedRun(
                run.run_id,
                run.tags.get(CLIENT_TAG, ""),
                COMMAND_LINE_TAG in run.tags,
                now - (instance.get_run_stats(run.run_id).start_time or now),
            )
            for run in started_runs(instance)
        ]
    return list(judge_runs(runs, ui_is_running=running_service(settings) is not None))


def judge_runs(runs: Iterable[UnfinishedRun], *, ui_is_running: bool) -> Iterator[Finding]:
    """The runs of the UI end with it; a run of either kind ends before the limit."""
    going_on = 0
    for run in runs:
        name = f"run {run.run_id[:8]}" + (f" of {run.client_id}" if run.client_id else "")
        if run.is_of_the_command_line and run.seconds > LONGEST_RUN_SECONDS:
            yield warning(
                f"{name} began {run.seconds / 3600:.0f} hours ago on a command line",
                f"if that command is gone, 'forecaster run --client {run.client_id}' clears it away",
            )
        elif not (run.is_of_the_command_line or ui_is_running):
            yield warning(
                f"{name} is marked as started and nothing runs it", "'forecaster up' starts it again"
            )
        else:
            going_on += 1
    yield ok(f"{going_on} run(s) in progress")


def examine_schedules(settings: Settings, warehouse: Warehouse) -> list[Finding]:
    """Runs that schedules asked for and that have not come to a good end."""
    from orchestration.running.instance import open_instance
    from orchestration.stages.lateness import late_runs

    with open_instance(settings, warehouse) as instance:
        return list(judge_lateness(late_runs(warehouse, instance)))


def judge_lateness(late: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """A warning for each client that is late.

    Args:
        late: client -> what is, a sentence each.
    """
    for client_id, sentences in late.items():
        yield warning(
            f"{client_id} is late: {' '.join(sentences).rstrip('.')}",
            f"see its last run in the UI, or type 'forecaster run --client {client_id}'",
        )
    if not late:
        yield ok("every scheduled run has come to a good end")


def examine_deliveries(warehouse: Warehouse) -> list[Finding]:
    """Sales that are older than the rhythm of their feed lets expect."""
    from orchestration.stages.lateness import late_sales

    found = [
        warning(
            f"{client_id} has delivered late: {sentence.rstrip('.')}",
            "deliver the sales since then, or see whether the feed still runs",
        )
        for client_id, sentence in late_sales(warehouse).items()
    ]
    return found or [ok("every client's sales are as recent as usual")]


def examine_weights(settings: Settings) -> list[Finding]:
    """The weights that the next forecast would run on."""
    from forecasting_lib.models.weights import WeightsUnavailable
    from orchestration.reading.tuned_weights import base_weights

    try:
        weights = base_weights(settings)
    except WeightsUnavailable as error:
        return [problem("no weights of Chronos-2 can be used", str(error).rstrip("."))]
    if weights.warnings:
        return [
            warning(
                f"Chronos-2 would run on {weights.model_id} weights", " ".join(weights.warnings).rstrip(".")
            )
        ]
    return [ok(f"Chronos-2 would run on {weights.model_id}, sha256 {weights.digest[:12]}")]
