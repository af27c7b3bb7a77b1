"""The daily commands: ``ingest``, ``run``, ``status``, ``report`` and ``sql``."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestration.commands.doctor import show_what_needs_a_look
from orchestration.commands.terminal import (
    ClientOption,
    err,
    open_warehouse,
    out,
    run_clients,
    show_warning,
    show_where_to_look,
    waiting,
)
from orchestration.foreign_text import escape


def ingest(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files to load.", exists=True)],
    client: ClientOption,
) -> None:
    """Load files of a client at once, without waiting for the sensor; the rest of the pipeline is not run."""
    settings, warehouse = open_warehouse()
    with err.status("Loading") as status:
        from orchestration.clients import get_client
        from orchestration.stages.ingestion import ingest_files

        results = ingest_files(
            warehouse,
            get_client(warehouse, client),
            files,
            settings.landing_dir,
            on_progress=lambda path, rows: status.update(f"{escape(path)}: {rows:,} rows read"),
        )
    table = Table("file", "result", "rows", "rejected", "message")
    for result in results:
        table.add_row(
            escape(result.path),
            result.status,
            f"{result.rows_loaded:,}",
            f"{result.rows_rejected:,}",
            escape(result.message or ""),
        )
    out.print(table)
    if any(result.status == "rejected" for result in results):
        raise typer.Exit(1)
    err.print(f"Next: forecaster run --client {client}")


def run(
    client: Annotated[list[str] | None, typer.Option("--client", help="A client; repeatable.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every active client.")] = False,
    as_of: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="Last day the models may see, such as 2026-03-31; what is known since is scored at once.",
        ),
    ] = None,
    job: Annotated[
        str, typer.Option(help="A job of the UI, such as forecast_only; a wrong name is answered with all.")
    ] = "client_pipeline",
) -> None:
    """Run the pipeline for clients now and wait for it; the runs are visible in the UI afterwards."""
    if bool(client) == every:
        raise typer.BadParameter("name clients with --client, or take them all with --all")
    settings, warehouse = open_warehouse()
    from orchestration.clients import Registry, get_client, read_registry

    registry = (
        read_registry(warehouse, active_only=True)
        if every
        else Registry([get_client(warehouse, name) for name in client or ()], [])
    )
    wanted = [entry.client_id for entry in registry.clients]
    outcomes = run_clients(settings, warehouse, wanted, job, as_of=_day(as_of) if as_of else None)
    if as_of and all(outcome.succeeded for outcome in outcomes):
        # The days after an earlier as-of date are known already: its forecast can be judged at once.
        outcomes += run_clients(settings, warehouse, wanted, "quality_only")
    for problem in registry.problems:
        err.print(f"[red]not run:[/] {escape(problem.message)}", soft_wrap=True)
    if not (outcomes or registry.problems):
        err.print("There is no active client: 'forecaster client add' adds one, 'forecaster setup' the demo.")
    has_failed = not all(outcome.succeeded for outcome in outcomes)
    if has_failed:
        show_where_to_look(settings)
    if has_failed or registry.problems:
        raise typer.Exit(1)


def status() -> None:
    """Show how fresh each client's delivery, demand, forecast and scores are, and what needs a look."""
    settings, warehouse = open_warehouse()
    with waiting("Looking"):
        from orchestration.clients import read_registry
        from orchestration.reporting.states import client_states, state_warnings
        from orchestration.reporting.track_record import track_records
        from orchestration.running.instance import open_instance
        from orchestration.running.runs import started_runs, waiting_runs
        from orchestration.running.service import running_service

        registry = read_registry(warehouse)
        states = client_states(warehouse)
        records = track_records(warehouse, states)
        with open_instance(settings, warehouse) as instance:
            unfinished = [
                (run.run_id, run.job_name, run.tags.get("client", ""), run.status.value)
                for run in (*waiting_runs(instance), *started_runs(instance))
            ]
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for title in ("client", "delivered", "demand", "forecast", "by", "scored", "urgent"):
        table.add_column(title, overflow="fold")
    for state in states:
        table.add_row(
            state.client_id if state.is_active else f"{state.client_id} [dim](inactive)[/]",
            _day_of(state.last_delivery_at),
            str(state.last_demand_date or "-"),
            str(state.forecast_as_of or "-"),
            state.champion or "-",
            _day_of(state.last_scored_at),
            state.planning.urgent,
        )
    out.print(table)
    for client_id, record in records.items():
        out.print(f"[bold]{client_id}[/]: {escape(record)}", soft_wrap=True)
    for run_id, job_name, client_id, run_status in unfinished:
        out.print(f"{run_status.lower()}: {job_name} of {client_id}, run {run_id}")
    for problem in registry.problems:
        show_warning(problem.message)
    for warning in state_warnings(states):
        show_warning(warning)
    show_what_needs_a_look(settings, warehouse)
    service = running_service(settings)
    out.print(
        f"UI: {service.url}, API: {service.api_url or 'none, an earlier version runs; start it anew'}"
        if service
        else "UI and API: not running; 'forecaster up' starts them."
    )


def report(
    client: ClientOption,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write.")] = None,
) -> None:
    """Write a client's report: one HTML file with accuracy, forecasts, stock and proposed orders."""
    settings, warehouse = open_warehouse()
    path = output or settings.reports_dir / f"{client}.html"
    with waiting(f"Writing {path}"):
        from orchestration.clients import get_client
        from orchestration.reporting.report import write_report

        write_report(warehouse, get_client(warehouse, client), path)
    out.print(escape(str(path)))


def sql(
    client: Annotated[
        str | None, typer.Option("--client", help="Connect as this client's role: analytics, own rows.")
    ] = None,
    command: Annotated[
        str | None, typer.Option("--command", "-c", help="SQL to run instead of a prompt.")
    ] = None,
) -> None:
    """Open psql on the warehouse; every schema of the project is on the search path."""
    settings, warehouse = open_warehouse()
    from orchestration.running.psql import psql_environment, psql_program, psql_url

    if client is not None:
        from orchestration.clients import stored_fields

        stored_fields(warehouse, client)
    program = psql_program(embedded=settings.database_url is None)
    arguments = [program, psql_url(warehouse, client), *(["--command", command] if command else [])]
    os.execve(program, arguments, {**os.environ, **psql_environment(warehouse, client)})


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a date such as 2026-03-31") from error


def _day_of(moment: datetime | None) -> str:
    return "-" if moment is None else moment.astimezone(UTC).date().isoformat()
