"""``forecaster client``: the registry of clients."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from orchestration.commands.terminal import err, open_warehouse, out, waiting

if TYPE_CHECKING:
    from orchestration.settings import Settings
    from orchestration.warehouse.server import Warehouse

app = typer.Typer(no_args_is_help=True, help="Add, show, change and remove clients (tenants).")

PASSWORD_VARIABLE = "FORECASTER_CLIENT_PASSWORD"

Slug = Annotated[str, typer.Argument(metavar="CLIENT", help="The client's slug.")]
Name = Annotated[str | None, typer.Option(help="Name people use.")]
Timezone = Annotated[str | None, typer.Option(help="IANA time zone of its days and its schedule.")]
Cron = Annotated[
    str | None, typer.Option(help="When its pipeline runs by itself, such as '0 5 * * *'; '' for never.")
]
Horizon = Annotated[int | None, typer.Option(help="Days every forecast reaches ahead.")]
ServiceLevel = Annotated[float | None, typer.Option(help="Target cycle service level, such as 0.95.")]
ReviewDays = Annotated[int | None, typer.Option(help="Days between two order reviews.")]
LeadTime = Annotated[
    int | None, typer.Option(help="Lead time where neither receipts, item nor supplier give one.")
]
Country = Annotated[str | None, typer.Option(help="ISO country code of the holiday calendar; '' for none.")]
Models = Annotated[
    list[str] | None, typer.Option("--model", help="A model to run, the preferred first; repeatable.")
]
ColumnMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map", help="KIND.COLUMN=THEIRS, such as sales.item_id=SKU; repeatable, THEIRS '' unmaps."
    ),
]
DateFormat = Annotated[str | None, typer.Option(help="Format of its dates, such as %d.%m.%Y; '' for ISO.")]
ReturnsPolicy = Annotated[
    str | None, typer.Option(help="net: netted on the day of the return; drop: left out.")
]
NegativeStock = Annotated[str | None, typer.Option(help="What a negative on-hand means: backorder or zero.")]
RejectRate = Annotated[
    float | None, typer.Option(help="Share of bad rows above which a file is refused whole.")
]
GapDays = Annotated[
    int | None, typer.Option(help="A date this many days after the last delivered one is rejected.")
]
Intraday = Annotated[
    bool | None, typer.Option("--intraday-feed/--daily-feed", help="Whether the last day is incomplete.")
]
Active = Annotated[bool | None, typer.Option("--active/--inactive", help="Whether schedule and sensor run.")]

_CLEARED_BY_EMPTY = ("cron", "country", "date_format")


@app.command(epilog="Example: forecaster client add acme --name 'Acme Foods' --timezone Europe/Berlin")
def add(
    client: Slug,
    name: Annotated[str, typer.Option(help="Name people use.")],
    timezone: Timezone = None,
    cron: Cron = None,
    horizon_days: Horizon = None,
    service_level: ServiceLevel = None,
    review_days: ReviewDays = None,
    default_lead_time_days: LeadTime = None,
    country: Country = None,
    models: Models = None,
    column_map: ColumnMap = None,
    date_format: DateFormat = None,
    returns_policy: ReturnsPolicy = None,
    negative_stock: NegativeStock = None,
    max_reject_rate: RejectRate = None,
    max_gap_days: GapDays = None,
    intraday_feed: Intraday = None,
    is_active: Active = None,
) -> None:
    """Register a client: its settings, its partition, its database role and its landing folder."""
    fields = _given(locals())
    settings, warehouse = open_warehouse()
    from orchestration.clients import add_client, validated

    entry = validated(client_id=client, **_with_column_map(fields, {}))
    add_client(warehouse, entry)
    settings.client_landing_dir(client).mkdir(parents=True, exist_ok=True)
    out.print(f"[green]Added[/] {client}. Deliver its files to {settings.client_landing_dir(client)}")
    _follow_registry(settings, warehouse)


@app.command(epilog="Example: forecaster client update acme --service-level 0.98 --map sales.item_id=SKU")
def update(
    client: Slug,
    name: Name = None,
    timezone: Timezone = None,
    cron: Cron = None,
    horizon_days: Horizon = None,
    service_level: ServiceLevel = None,
    review_days: ReviewDays = None,
    default_lead_time_days: LeadTime = None,
    country: Country = None,
    models: Models = None,
    column_map: ColumnMap = None,
    date_format: DateFormat = None,
    returns_policy: ReturnsPolicy = None,
    negative_stock: NegativeStock = None,
    max_reject_rate: RejectRate = None,
    max_gap_days: GapDays = None,
    intraday_feed: Intraday = None,
    is_active: Active = None,
) -> None:
    """Change settings of a client; what is not named stays as it is."""
    fields = _given(locals())
    if not fields:
        raise typer.BadParameter("name at least one setting to change")
    settings, warehouse = open_warehouse()
    from orchestration.clients import get_client, update_client

    before = get_client(warehouse, client)
    update_client(warehouse, client, **_with_column_map(fields, before.column_map))
    out.print(f"[green]Changed[/] {', '.join(fields)} of {client}.")
    _follow_registry(settings, warehouse)


@app.command("list", epilog="Example: forecaster client list")
def list_() -> None:
    """List the clients."""
    _, warehouse = open_warehouse()
    from orchestration.clients import list_clients

    table = Table("client", "name", "time zone", "schedule", "horizon", "service", "models", "active")
    for client in list_clients(warehouse):
        table.add_row(
            client.client_id,
            escape(client.name),
            client.timezone,
            client.cron or "on new files",
            f"{client.horizon_days} days",
            f"{client.service_level:g}",
            ", ".join(client.models),
            "yes" if client.is_active else "no",
        )
    if table.row_count:
        out.print(table)
    else:
        out.print("There is no client yet: 'forecaster client add' adds one, 'forecaster setup' the demo.")


@app.command(epilog="Example: forecaster client show acme")
def show(client: Slug) -> None:
    """Show all settings of a client."""
    settings, warehouse = open_warehouse()
    from orchestration.clients import get_client

    table = Table(show_header=False, box=None)
    for field, value in get_client(warehouse, client).model_dump().items():
        table.add_row(f"[bold]{field}[/]", "" if value is None else escape(str(value)))
    table.add_row("[bold]landing folder[/]", escape(str(settings.client_landing_dir(client))))
    table.add_row("[bold]database role[/]", warehouse.roles.client(client))
    out.print(table)


@app.command(epilog="Example: forecaster client remove acme --yes")
def remove(
    client: Slug,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a client, all the database holds of it and its tuned weights; its landing folder stays."""
    settings, warehouse = open_warehouse()
    from orchestration.clients import get_client, remove_client
    from orchestration.reading.tuned_weights import erase_client_models

    name = get_client(warehouse, client).name
    if not yes:
        typer.confirm(f"Erase {client} ({name}), its deliveries, forecasts and plans?", abort=True)
    with waiting(f"Erasing {client}"):
        erased = remove_client(warehouse, client)
        erase_client_models(settings, client)
    out.print(f"[green]Removed[/] {client}: {sum(erased.values()):,} rows in {len(erased)} tables.")
    _follow_registry(settings, warehouse)


@app.command(epilog=f"Example: forecaster client password acme   (or with {PASSWORD_VARIABLE} set)")
def password(client: Slug) -> None:
    """Set the password of a client's database role; asked for, never an argument."""
    _, warehouse = open_warehouse()
    from orchestration.clients import get_client
    from orchestration.warehouse.tenancy import set_client_password

    get_client(warehouse, client)
    secret = os.environ.get(PASSWORD_VARIABLE)
    if secret is None:
        secret = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    if not secret:
        raise typer.BadParameter("an empty password would lock the client out")
    set_client_password(warehouse, client, secret)
    out.print(f"[green]Set[/] the password of {warehouse.roles.client(client)}.")


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    """The registry fields named on the command line; an empty text clears a field that may be empty."""
    named = {field: value for field, value in arguments.items() if field != "client" and value is not None}
    return {
        field: None if value == "" and field in _CLEARED_BY_EMPTY else value for field, value in named.items()
    }


def _with_column_map(fields: dict[str, Any], before: dict[str, dict[str, str]]) -> dict[str, Any]:
    """The fields, with the pairs of ``--map`` merged into the client's column map."""
    if "column_map" not in fields:
        return fields
    merged = {kind: dict(columns) for kind, columns in before.items()}
    for pair in fields["column_map"]:
        target, separator, theirs = pair.partition("=")
        kind, dot, ours = target.partition(".")
        if not (separator and dot and kind and ours):
            raise typer.BadParameter(f"{pair!r} is not KIND.COLUMN=THEIRS, such as sales.item_id=SKU")
        merged.setdefault(kind, {})[ours] = theirs
        if not theirs:
            del merged[kind][ours]
    return {**fields, "column_map": {kind: columns for kind, columns in merged.items() if columns}}


def _follow_registry(settings: Settings, warehouse: Warehouse) -> None:
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
    err.print(message)
