"""``forecaster key``: what a client's programs get in with."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Column, Table

from orchestration.commands.terminal import ClientArgument, err, open_warehouse, out
from orchestration.commands.users import shown_moment
from orchestration.foreign_text import escape

app = typer.Typer(no_args_is_help=True, help="Let a client's programs in, with keys that end.")


@app.command(epilog="Example: forecaster key create acme --name shop --scope read --scope deliver --days 90")
def create(
    client: ClientArgument,
    name: Annotated[str, typer.Option(help="The program that uses it.")],
    scope: Annotated[
        list[str], typer.Option(help="What it may be used for: read, plan, deliver or run; may be repeated.")
    ],
    days: Annotated[int, typer.Option(help="For how many days it is good.")] = 90,
) -> None:
    """Make a service key of a client. It is shown once, on standard output; the database keeps its digest."""
    _, warehouse = open_warehouse()
    from orchestration.access.keys import create_key
    from orchestration.access.security_events import of_the_terminal

    with warehouse.transaction() as connection:
        text = create_key(connection, client, name, scope, days, of_the_terminal())
    typer.echo(text)
    err.print("This is the only time it is shown: keep it where the program's other secrets are.")


@app.command("list", epilog="Example: forecaster key list acme")
def list_(client: ClientArgument) -> None:
    """List a client's keys, those that are no longer good included."""
    _, warehouse = open_warehouse()
    from orchestration.access.keys import list_keys
    from orchestration.clients import stored_fields

    stored_fields(warehouse, client)
    with warehouse.transaction() as connection:
        keys = list_keys(connection, client)
    table = Table(Column("key", no_wrap=True), "name", "may", "good until", "last used", "made by")
    for key in keys:
        until = shown_moment(key.expires_at)
        if key.revoked_at is not None:
            until = f"revoked {shown_moment(key.revoked_at)}"
        elif not key.is_good:
            until = f"expired {until}"
        table.add_row(
            *(key.prefix, escape(key.name), ", ".join(key.scopes), until),
            *(shown_moment(key.last_used_at), escape(key.created_by)),
        )
    if keys:
        out.print(table)
    else:
        err.print(f"{client} has no key; 'forecaster key create' makes one.")


@app.command(epilog="Example: forecaster key revoke fc_0123456789")
def revoke(
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="Its beginning, as 'forecaster key list' shows it.")
    ],
) -> None:
    """Take a key back, from the next request on."""
    _, warehouse = open_warehouse()
    from orchestration.access.keys import revoke_key
    from orchestration.access.security_events import of_the_terminal

    with warehouse.transaction() as connection:
        changed = revoke_key(connection, key, of_the_terminal())
    if changed:
        out.print("[green]Revoked.[/] What it was used for until now stays.")
    else:
        err.print("It was revoked before.")
