"""The commands about the installation: ``migrate``, ``setup``, ``demo``, ``up`` and ``down``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.commands.api import show_made_up_key
from orchestration.commands.doctor import show_what_needs_a_look
from orchestration.commands.terminal import (
    err,
    open_warehouse,
    out,
    run_clients,
    show_waiting,
    show_where_to_look,
    waiting,
)
from orchestration.foreign_text import escape

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

    from orchestration.clients import Client
    from orchestration.running.service import Service
    from orchestration.settings import Settings
    from orchestration.warehouse.server import Warehouse

Port = Annotated[int, typer.Option(help="Port of the UI on 127.0.0.1.")]


def migrate() -> None:
    """Create or upgrade the databases: tables, views, roles, Dagster's storage. Repeating it is harmless."""
    _migrated()
    out.print("[green]The database is up to date.[/]")


def setup(
    csv_only: Annotated[
        bool, typer.Option("--csv-only", help="Only the retailer that delivers CSV.")
    ] = False,
    m5_only: Annotated[bool, typer.Option("--m5-only", help="Only the client with M5's files.")] = False,
    client_name: Annotated[str | None, typer.Option(help="Register your own company, too.")] = None,
    skip_test_data: Annotated[bool, typer.Option("--skip-test-data", help="No demo clients.")] = False,
    m5_dir: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder of genuine M5 files for the M5 client."),
    ] = None,
    shift_dates: Annotated[
        bool, typer.Option("--shift-dates/--no-shift-dates", help="Move M5's dates to the present.")
    ] = True,
) -> None:
    """Set up the database and the demo clients, and put their first files into the landing folder."""
    if csv_only and m5_only:
        raise typer.BadParameter(
            "--csv-only and --m5-only exclude each other; leave both out for both clients"
        )
    if csv_only and m5_dir is not None:
        raise typer.BadParameter("--m5-dir is for the M5 client, which --csv-only leaves out")
    from orchestration.demo.clients import own_client

    own = own_client(client_name) if client_name is not None else None
    settings, warehouse = _migrated()
    if not skip_test_data:
        _set_up_demo(
            settings, warehouse, retailer=not m5_only, m5=not csv_only, m5_dir=m5_dir, shift=shift_dates
        )
    if own is not None:
        _set_up_own(settings, warehouse, own)
    _follow_registry(settings, warehouse)
    err.print("Next: forecaster run --all, or forecaster up to let schedules and sensors do it.")


def demo() -> None:
    """Run the whole path for two demo clients and say what came of it.

    The last 28 days are held back at first and delivered after the first forecast, so that real forecasts
    are scored. Repeating it changes nothing that was right: known files and unchanged forecasts stay.
    """
    settings, warehouse = _migrated()
    _set_up_demo(settings, warehouse, retailer=True, m5=True, m5_dir=None, shift=True)
    _follow_registry(settings, warehouse)
    from orchestration.clients import get_client
    from orchestration.demo.clients import DEMO_IDS
    from orchestration.demo.files import deliver, delivered_in_full

    held_back = [client_id for client_id in DEMO_IDS if not delivered_in_full(settings, client_id)]
    if held_back:
        err.rule("First delivery: forecast the 28 days that are held back")
        _run_or_exit(settings, warehouse, held_back)
        for client_id in held_back:
            deliver(settings, client_id, "later")
    err.rule("With the 28 days: score those forecasts, forecast the days ahead")
    _run_or_exit(settings, warehouse, DEMO_IDS)

    from orchestration.reporting.report import write_report
    from orchestration.reporting.terminal import print_summary

    reports = []
    for client_id in DEMO_IDS:
        client = get_client(warehouse, client_id)
        path = settings.reports_dir / f"{client_id}.html"
        with waiting(f"Writing {path}"):
            write_report(warehouse, client, path)
        print_summary(out, warehouse, client)
        reports.append(path)
    out.rule()
    out.print("Reports: " + escape(", ".join(map(str, reports))), soft_wrap=True)
    out.print(
        "Try next:\n"
        "  forecaster user add you@example.com --operator    # with its password you sign in\n"
        "  forecaster up    # the UI, schedules and sensors, the API, and on http://127.0.0.1:8000/planner\n"
        "                   # the planner's page\n"
        f"  forecaster sql --client {DEMO_IDS[0]}"
        " -c 'select * from planner_worklist order by priority_rank limit 10'\n"
        "  forecaster client guess my_sales.csv    # your own data: what it is, and what to run",
        soft_wrap=True,
    )


def up(
    port: Port = 3000,
    api_port: Annotated[
        int | None,
        typer.Option(help="Port of the API; FORECASTER_API_PORT, else 8000, where it is left out."),
    ] = None,
) -> None:
    """Start PostgreSQL, the UI with its daemon and the API, and stay; Ctrl-C stops all but PostgreSQL.

    Stopping waits for the runs; a second Ctrl-C ends them, and the next start tries them again. SIGTERM waits
    a minute at most.
    """
    settings, warehouse = _migrated()
    from orchestration.running.instance import instance_environment
    from orchestration.running.service import end_leftovers, run_service, running_service, service_log

    if running_service(settings) is None:
        end_leftovers(settings)
        for run in _mark_ended_runs(settings, warehouse):
            err.print(f"[yellow]Run {run.run_id} ended with the last UI; it is tried again.[/]")
    show_what_needs_a_look(settings, warehouse)
    show_made_up_key(settings)
    log = escape(str(service_log(settings)))
    err.print(f"Starting the UI; this takes about 20 seconds. What it prints goes to {log}")
    ended = run_service(
        settings,
        instance_environment(settings, warehouse),
        port,
        api_port or settings.api_port,
        _announce,
        lambda seconds: _announce_stop(settings, warehouse, seconds, "; Ctrl-C again ends them at once"),
    )
    with suppress(OSError, SystemExit):  # the terminal may be gone
        if ended.was_asked:
            _show_ended_runs(settings, warehouse)
        err.print("The UI has stopped; 'forecaster down' stops PostgreSQL, too.")
        if ended.status:
            err.print(f"[red]It was not asked to: {log} says why.[/]")
    raise typer.Exit(ended.status)


def down(
    now: Annotated[bool, typer.Option("--now", help="End the runs in progress instead of waiting.")] = False,
) -> None:
    """Stop the UI and the embedded PostgreSQL; waits a minute for runs, then ends them."""
    from orchestration.running.service import RUN_PATIENCE_SECONDS, running_service, stop_service
    from orchestration.settings import load_settings
    from orchestration.warehouse.embedded import embedded_data_dir, stop_embedded
    from orchestration.warehouse.server import locate_warehouse

    settings = load_settings()
    warehouse = None
    if running_service(settings):  # and only then there are runs, and a server that tells them
        try:
            warehouse = locate_warehouse(settings)
        except Exception as error:  # stopping needs no database
            err.print(f"[yellow]The database cannot be asked for runs:[/] {escape(str(error))}")

    def announce(seconds: float) -> None:
        if warehouse:
            _announce_stop(settings, warehouse, seconds, "")

    service = stop_service(settings, 0.0 if now else RUN_PATIENCE_SECONDS, announce)
    if warehouse:
        _show_ended_runs(settings, warehouse)
    out.print(f"Stopped the UI of {service.url}." if service else "The UI was not running.")
    if settings.database_url is not None:
        out.print("PostgreSQL is the server of DATABASE_URL; it is left alone.")
        return
    with waiting("Stopping PostgreSQL"):
        stopped = stop_embedded(embedded_data_dir(settings))
    out.print("Stopped PostgreSQL." if stopped else "PostgreSQL was not running.")


def _announce(service: Service) -> None:
    err.print(
        f"[green]The UI is at {service.url}, the planner's page at {service.api_url}/planner, the API at "
        f"{service.api_url}[/] with its pages under /docs; Ctrl-C stops them. 'forecaster user add' lets "
        "somebody in.",
        soft_wrap=True,
    )


def _announce_stop(settings: Settings, warehouse: Warehouse, seconds: float, advice: str) -> None:
    """Say that the UI stops, and how long which runs are waited for."""
    from orchestration.running.instance import open_instance

    try:
        with open_instance(settings, warehouse) as instance:
            runs = _runs_of_the_ui(instance)
    except Exception:  # whatever the database has: stopping needs no answer
        err.print("Stopping the UI; the database does not say which runs are in progress.")
        return
    if not runs:
        err.print("Stopping the UI; no run is in progress.")
        return
    names = ", ".join(f"{run.job_name} of {run.tags.get('client', 'nobody')}" for run in runs)
    count = f"{len(runs)} run{'s' if len(runs) > 1 else ''}"
    if seconds == 0:
        err.print(f"Stopping the UI and ending {count}: {escape(names)}.", soft_wrap=True)
    else:
        limit = "" if math.isinf(seconds) else f" for {seconds:.0f} seconds at most"
        err.print(f"Stopping the UI; waiting{limit} for {count}: {escape(names)}{advice}.", soft_wrap=True)


def _show_ended_runs(settings: Settings, warehouse: Warehouse) -> None:
    """Mark the runs that did not outlive the UI, and name them."""
    try:
        runs = _mark_ended_runs(settings, warehouse)
    except Exception:  # whatever the database has: 'up' looks again
        err.print("The database is away; the next 'forecaster up' looks for runs that were ended.")
        return
    for run in runs:
        err.print(
            f"[yellow]Run {run.run_id} was ended; the next 'forecaster up' tries it again.[/]", soft_wrap=True
        )


def _mark_ended_runs(settings: Settings, warehouse: Warehouse) -> list[DagsterRun]:
    """Mark the UI's unfinished runs as failed, so that its daemon tries them again; none may be alive."""
    from orchestration.running.instance import open_instance
    from orchestration.running.runs import mark_abandoned

    with open_instance(settings, warehouse) as instance:
        runs = _runs_of_the_ui(instance)
        mark_abandoned(instance, runs)
    return runs


def _runs_of_the_ui(instance: DagsterInstance) -> list[DagsterRun]:
    from orchestration.running.runs import COMMAND_LINE_TAG, started_runs

    return [run for run in started_runs(instance) if COMMAND_LINE_TAG not in run.tags]


def _migrated() -> tuple[Settings, Warehouse]:
    """The installation, its databases brought up to date."""
    settings, warehouse = open_warehouse(migrated=False)
    with waiting("Bringing the tables and views up to date"):
        from orchestration.stages.dbt import build_views
        from orchestration.warehouse.migrate import migrate

        created = migrate(
            warehouse, lambda: build_views(warehouse, on_wait=show_waiting), on_wait=show_waiting
        )
    for database in created:
        err.print(f"Created the database {database}.")
    with waiting("Bringing Dagster's storage up to date"):
        from orchestration.running.instance import create_storage

        create_storage(settings, warehouse)
    _follow_registry(settings, warehouse)
    return settings, warehouse


def _follow_registry(settings: Settings, warehouse: Warehouse) -> None:
    with waiting("Updating Dagster's partitions"):
        from orchestration.running.instance import follow_registry

        follow_registry(settings, warehouse)


def _run_or_exit(settings: Settings, warehouse: Warehouse, client_ids: Sequence[str]) -> None:
    """Run the whole pipeline for clients; the command ends here where a run fails."""
    outcomes = run_clients(settings, warehouse, client_ids, "client_pipeline")
    if not all(outcome.succeeded for outcome in outcomes):
        show_where_to_look(settings)
        raise typer.Exit(1)


def _set_up_demo(
    settings: Settings, warehouse: Warehouse, *, retailer: bool, m5: bool, m5_dir: Path | None, shift: bool
) -> None:
    from orchestration.demo import clients, files

    today = files.today_utc()
    chosen = []
    if retailer:
        with waiting("Making up two years of a retailer"):
            made = files.prepare_retailer(settings, today)
        chosen.append((clients.retailer_client(), made))
    if m5:
        with waiting("Preparing the M5 client's files"):
            made = files.prepare_m5(settings, m5_dir, today, shift_dates=shift)
        chosen.append((clients.m5_client(), made))
    for client, made in chosen:
        clients.register(warehouse, client)
        delivered = files.deliver(settings, client.client_id, "first")
        folder = files.demo_dir(settings, client.client_id)
        err.print(
            f"{client.client_id}: {'wrote' if made else 'kept'} the files in {folder}, "
            f"{len(delivered) or 'no'} new in its landing folder."
        )


def _set_up_own(settings: Settings, warehouse: Warehouse, client: Client) -> None:
    from orchestration.demo.clients import register

    is_new = register(warehouse, client)
    folder = settings.client_landing_dir(client.client_id)
    folder.mkdir(parents=True, exist_ok=True)
    state = "registered" if is_new else "is registered already"
    err.print(f"{client.client_id}: {state}; deliver files to {escape(str(folder))}")
