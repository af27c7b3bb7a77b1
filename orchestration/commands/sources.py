"""``forecaster source``: where files or rows of a client are pulled from."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Column, Table

from orchestration.commands.clients import follow_changes
from orchestration.commands.field_options import given, merged_pairs, option_per_field
from orchestration.commands.terminal import ClientArgument, err, open_warehouse, out, show_warning, waiting
from orchestration.foreign_text import escape
from orchestration.sources import Source

app = typer.Typer(
    no_args_is_help=True, help="Say where a client's files and rows are pulled from, and pull them."
)

Name = Annotated[str, typer.Argument(metavar="SOURCE", help="What the source is called.")]


@app.command(
    "set",
    epilog="Example: forecaster source set acme shop --url 'sftp://acme:${ACME_SFTP_PASSWORD}@files.example.com"
    "/out/sales_*.csv' --cron '30 4 * * *'",
)
@option_per_field(Source, but=set(), demand_the_required=False)
def set_source(client: ClientArgument, source: Name, **fields: Any) -> None:
    """Add a source or change one; what is not named stays as it is.

    A secret is never written out: an environment variable that holds it is named, as ${ACME_SFTP_PASSWORD}
    in the place of a password or of the whole URL.
    """
    changes = given(Source, fields)
    if not changes:
        raise typer.BadParameter("name at least one setting")
    settings, warehouse = open_warehouse()
    from orchestration.client_sources import change_source
    from orchestration.clients import get_client
    from orchestration.pulling.pull import require_landable

    entry = get_client(warehouse, client)

    def changed(before: dict[str, Any]) -> dict[str, Any]:
        return {**before, **_with_options(changes, before)}

    change_source(warehouse, client, source, changed, lambda it: require_landable(it, source, entry))
    out.print(f"[green]Set[/] {', '.join(changes)} of the source {escape(source)} of {client}.")
    if "cron" in changes:
        follow_changes(settings, warehouse)
    err.print(f"Next: forecaster source pull {client} {escape(source)}")


@app.command("list", epilog="Example: forecaster source list acme")
def list_sources(client: ClientArgument) -> None:
    """Show a client's sources, what is set of each, and what was last pulled from it."""
    _, warehouse = open_warehouse()
    from orchestration.clients import get_client
    from orchestration.pulling.memory import last_pulls

    sources = get_client(warehouse, client).sources
    pulls = last_pulls(warehouse, client)
    table = Table(Column("source", no_wrap=True), "setting", Column("value", overflow="fold"))
    for name, source in sources.items():
        pulled_at, landed_as = pulls.get(name, (None, ""))
        last = f"{pulled_at:%Y-%m-%d %H:%M} UTC, {landed_as}" if pulled_at else "never"
        shown = {**source.model_dump(exclude_defaults=True), "last pulled": last}
        for number, (setting, value) in enumerate(shown.items()):
            table.add_row(escape(name) if number == 0 else "", setting, escape(str(value)))
    if sources:
        out.print(table)
    else:
        err.print(f"{client} has no source; 'forecaster source set' adds one.")


@app.command(epilog="Example: forecaster source pull acme shop")
def pull(
    client: ClientArgument,
    source: Annotated[
        str | None, typer.Argument(metavar="SOURCE", help="One of them; all where none is named.")
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Forget what was pulled before, and bring all that is there.")
    ] = False,
) -> None:
    """Bring what is new at a client's sources into its landing folder, now."""
    settings, warehouse = open_warehouse()
    with err.status("Pulling") as status:
        from orchestration.clients import get_client
        from orchestration.stages.pulling import pull_sources

        done, failed = pull_sources(
            *(warehouse, settings, get_client(warehouse, client), [source] if source else []),
            anew=anew,
            on_progress=lambda said: status.update(escape(said)),
        )
    for pulled in done:
        out.print(f"{escape(pulled.source)}: {pulled.summary}")
        for landed_as in pulled.landed:
            out.print(f"  {escape(landed_as)}", soft_wrap=True)
        for note in pulled.notes:
            show_warning(note)
    for sentence in failed:
        err.print(f"[red]{escape(sentence)}[/]", soft_wrap=True)
    if failed:
        raise typer.Exit(1)
    if any(pulled.landed for pulled in done):
        err.print(f"Next: forecaster run --client {client}")
    elif not done:
        err.print(f"{client} has no source; 'forecaster source set' adds one.")


@app.command("remove", epilog="Example: forecaster source remove acme shop")
def remove_source(client: ClientArgument, source: Name) -> None:
    """Forget a source and what was pulled from it; what landed stays."""
    settings, warehouse = open_warehouse()
    with waiting(f"Removing {source}"):
        from orchestration.client_sources import forget_source

        forget_source(warehouse, client, source)
    out.print(f"[green]Removed[/] the source {escape(source)} of {client}.")
    follow_changes(settings, warehouse)


def _with_options(changes: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The changes, with pairs of ``--option`` merged into those that are stored; a pair is never quoted."""
    if "options" not in changes:
        return changes
    merged = merged_pairs(
        changes["options"],
        before.get("options", {}),
        lambda _: "an --option is NAME=VALUE, such as endpoint_url=https://s3.example.com",
    )
    return {**changes, "options": merged}
