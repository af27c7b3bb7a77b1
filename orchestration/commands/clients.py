"""``forecaster client``: the registry of clients."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from forecasting_lib.grain import Grain
from orchestration.commands.field_options import given, option_per_field
from orchestration.commands.terminal import (
    ClientArgument,
    err,
    open_warehouse,
    out,
    show_waiting,
    show_warning,
    waiting,
)
from orchestration.foreign_text import escape, printable
from orchestration.registry import Client

if TYPE_CHECKING:
    from orchestration.settings import Settings
    from orchestration.warehouse.server import Warehouse

app = typer.Typer(no_args_is_help=True, help="Add, show, change and remove clients (tenants).")

PASSWORD_VARIABLE = "FORECASTER_CLIENT_PASSWORD"


@app.command(epilog="Example: forecaster client add acme --name 'Acme Foods' --timezone Europe/Berlin")
@option_per_field(Client, but={"client_id"}, demand_the_required=True)
def add(client: ClientArgument, **fields: Any) -> None:
    """Register a client: its settings, its partition, its database role and its landing folder."""
    settings, warehouse = open_warehouse()
    from orchestration.clients import add_client, validated

    entry = validated(client_id=client, **_with_column_map(given(Client, fields), {}))
    add_client(warehouse, entry, on_wait=show_waiting)
    folder = settings.client_landing_dir(client)
    folder.mkdir(parents=True, exist_ok=True)
    out.print(f"[green]Added[/] {client}. Deliver its files to {escape(str(folder))}")
    follow_changes(settings, warehouse)


@app.command(epilog="Example: forecaster client update acme --service-level 0.98 --map sales.item_id=SKU")
@option_per_field(Client, but={"client_id"}, demand_the_required=False)
def update(client: ClientArgument, **fields: Any) -> None:
    """Change settings of a client; what is not named stays as it is."""
    changes = given(Client, fields)
    if not changes:
        raise typer.BadParameter("name at least one setting to change")
    settings, warehouse = open_warehouse()
    from orchestration.clients import stored_fields, update_client, validated
    from orchestration.landing.grains import require_grain_fits

    before = stored_fields(warehouse, client)
    changes = _with_column_map(changes, before["column_map"])
    if changes.get("grain"):
        named = validated(client_id=client, name=client, grain=changes["grain"])
        require_grain_fits(warehouse, client, Grain(named.grain or Grain.DAY))
    update_client(warehouse, client, **changes)
    out.print(f"[green]Changed[/] {', '.join(changes)} of {client}.")
    follow_changes(settings, warehouse)


@app.command("list", epilog="Example: forecaster client list")
def list_() -> None:
    """List the clients."""
    _, warehouse = open_warehouse()
    from orchestration.clients import read_registry

    registry = read_registry(warehouse)
    slug = Column("client", no_wrap=True, overflow="fold")
    table = Table(slug, "name", "time zone", "schedule", "grain", "horizon", "service", "models", "active")
    for client in registry.clients:
        table.add_row(
            client.client_id,
            escape(client.name),
            escape(client.timezone),
            escape(client.cron or "on new files"),
            client.grain or "-",
            _horizon(client),
            f"{client.service_level:g}",
            ", ".join(client.models),
            "yes" if client.is_active else "no",
        )
    if table.row_count:
        out.print(table)
    for problem in registry.problems:
        show_warning(problem.message)
    if not (registry.clients or registry.problems):
        out.print("There is no client yet: 'forecaster client add' adds one, 'forecaster setup' the demo.")


@app.command(epilog="Example: forecaster client show acme")
def show(client: ClientArgument) -> None:
    """Show all settings of a client."""
    settings, warehouse = open_warehouse()
    from orchestration.clients import get_client

    table = Table(show_header=False, box=None)
    for field, value in get_client(warehouse, client).model_dump().items():
        table.add_row(f"[bold]{field}[/]", "" if value is None else escape(str(value)))
    table.add_row("[bold]landing folder[/]", escape(str(settings.client_landing_dir(client))))
    table.add_row("[bold]database role[/]", warehouse.roles.client(client))
    out.print(table)


@app.command(epilog="Example: forecaster client check acme")
def check(client: ClientArgument) -> None:
    """Show what was delivered, what is missing and what is odd.

    Each thing that is missing is said with what it costs and with what to do; the last line is the next
    command. Ends with status 1 where something keeps forecasts or orders from being computed.
    """
    _, warehouse = open_warehouse()
    with waiting(f"Looking at {client}"):
        from orchestration.clients import get_client
        from orchestration.reporting.checklist import read_checklist
        from orchestration.reporting.terminal import print_checklist

        entry = get_client(warehouse, client)
        checklist = read_checklist(warehouse, entry)
    print_checklist(out, entry, checklist)
    if checklist.errors:
        raise typer.Exit(1)


@app.command(epilog="Example: forecaster client dismiss acme notes.txt")
def dismiss(
    client: ClientArgument,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Its name below the landing folder.")],
) -> None:
    """Stop warning of a refused file that nobody needs."""
    _, warehouse = open_warehouse()
    from orchestration.clients import stored_fields
    from orchestration.landing.records import dismiss as dismiss_file

    stored_fields(warehouse, client)
    if not dismiss_file(warehouse, client, file):
        raise typer.BadParameter(f"no refused file {printable(file)!r} of {client} needs a look")
    out.print(f"[green]Dismissed[/] {escape(file)} of {client}.")


@app.command(epilog="Example: forecaster client remove acme --yes")
def remove(
    client: ClientArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a client, all the database holds of it and its tuned weights; its landing folder stays."""
    settings, warehouse = open_warehouse()
    from orchestration.clients import remove_client, stored_fields
    from orchestration.reading.tuned_weights import erase_client_models
    from orchestration.running.instance import open_instance
    from orchestration.running.runs import client_turn

    name = stored_fields(warehouse, client)["name"]
    if not yes:
        typer.confirm(f"Erase {client} ({printable(name)}), its deliveries, forecasts and plans?", abort=True)
    with (
        open_instance(settings, warehouse) as instance,
        waiting(f"Erasing {client}"),
        client_turn(warehouse, instance, client, show_waiting),
    ):
        erased = remove_client(warehouse, client, on_wait=show_waiting)
        erase_client_models(settings, client)
    out.print(f"[green]Removed[/] {client}: {sum(erased.values()):,} rows in {len(erased)} tables.")
    follow_changes(settings, warehouse)


@app.command(epilog=f"Example: forecaster client password acme   (or with {PASSWORD_VARIABLE} set)")
def password(client: ClientArgument) -> None:
    """Set the password of a client's database role; asked for, never an argument."""
    _, warehouse = open_warehouse()
    from orchestration.clients import stored_fields
    from orchestration.warehouse.tenancy import set_client_password

    stored_fields(warehouse, client)
    secret = os.environ.get(PASSWORD_VARIABLE)
    if secret is None:
        secret = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    if not secret:
        raise typer.BadParameter("an empty password would lock the client out")
    set_client_password(warehouse, client, secret)
    out.print(f"[green]Set[/] the password of {warehouse.roles.client(client)}.")


def _horizon(client: Client) -> str:
    """How far a client's forecasts reach, in the periods of its grain."""
    grain = Grain(client.grain or Grain.DAY)
    return f"{client.horizon(grain)} {grain.periods}"


def _with_column_map(fields: dict[str, Any], before: object) -> dict[str, Any]:
    """The fields, with the pairs of ``--map`` merged into the stored column map.

    Of a stored map that is not valid, what is no text under a kind's column is left out: that mends it.
    """
    if "column_map" not in fields:
        return fields
    merged = {
        kind: {ours: theirs for ours, theirs in columns.items() if isinstance(theirs, str)}
        for kind, columns in (before.items() if isinstance(before, dict) else ())
        if isinstance(columns, dict)
    }
    for pair in fields["column_map"]:
        target, separator, theirs = pair.partition("=")
        kind, dot, ours = target.partition(".")
        if not (separator and dot and kind and ours):
            raise typer.BadParameter(f"{pair!r} is not KIND.COLUMN=THEIRS, such as sales.item_id=SKU")
        merged.setdefault(kind, {})[ours] = theirs
        if not theirs:
            del merged[kind][ours]
    return {**fields, "column_map": {kind: columns for kind, columns in merged.items() if columns}}


def follow_changes(settings: Settings, warehouse: Warehouse) -> None:
    """Make the partitions and a running UI follow the registry, and say what happened."""
    with waiting("Updating Dagster's partitions"):
        from orchestration.running.instance import follow_registry
        from orchestration.running.service import reload_definitions, running_service

        follow_registry(settings, warehouse)
    service = running_service(settings)
    if service is None:
        err.print("The UI is not running; schedules are in place when 'forecaster up' starts it.")
        return
    with waiting("Reloading the UI"):
        message = reload_definitions(service)
    err.print(escape(message))
