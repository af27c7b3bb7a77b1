"""``forecaster feed``: how the files of one source are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from orchestration.commands.field_options import given, merged_pairs, option_per_field
from orchestration.commands.terminal import ClientArgument, err, open_warehouse, out
from orchestration.feeds import Feed
from orchestration.fields import plain_type
from orchestration.foreign_text import escape

app = typer.Typer(no_args_is_help=True, help="Say how the files of a client's sources are read.")

Name = Annotated[str, typer.Argument(metavar="FEED", help="What the feed is called.")]


@app.command(
    "set", epilog="Example: forecaster feed set acme till --kind sales --file 'export_*' --decimal comma"
)
@option_per_field(Feed, but=set(), demand_the_required=False)
def set_feed(client: ClientArgument, feed: Name, **fields: Any) -> None:
    """Add a feed or change one; what is not named stays as it is, and is found where nobody ever named it.

    Without --kind, a new feed's name is its kind. Without --file, all the client's files of the kind are
    read in this way.
    """
    changes = given(Feed, fields)
    if not changes:
        raise typer.BadParameter("name at least one setting")
    store(client, feed, lambda before: {"kind": feed, **before, **_with_pairs(changes, before)})
    err.print(f"Next: forecaster ingest FILE --client {client}")


@app.command("list", epilog="Example: forecaster feed list acme")
def list_feeds(client: ClientArgument) -> None:
    """Show a client's feeds and what is set of each."""
    _, warehouse = open_warehouse()
    from orchestration.clients import get_client

    feeds = get_client(warehouse, client).feeds
    table = Table(Column("feed", no_wrap=True), "kind", "setting", "value")
    for name, feed in feeds.items():
        settings = feed.model_dump(exclude_defaults=True, exclude={"kind"}) or {"-": "-"}
        for number, (field, value) in enumerate(settings.items()):
            shown = (escape(name), feed.kind) if number == 0 else ("", "")
            table.add_row(*shown, field, escape(str(value)))
    if feeds:
        out.print(table)
    else:
        err.print(
            f"{client} has no feed: its files are read under the names and columns of the data contracts."
        )


@app.command("remove", epilog="Example: forecaster feed remove acme till")
def remove_feed(client: ClientArgument, feed: Name) -> None:
    """Forget a feed; what was delivered by it stays."""
    _, warehouse = open_warehouse()
    from orchestration.client_feeds import forget_feed

    forget_feed(warehouse, client, feed)
    out.print(f"[green]Removed[/] the feed {escape(feed)} of {client}.")


def store(client: str, feed: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change a feed from its stored fields, none of a new one, to others, and say so."""
    _, warehouse = open_warehouse()
    from orchestration.client_feeds import change_feed
    from orchestration.landing.feed_rules import require_readable

    change_feed(warehouse, client, feed, change, require_readable)
    out.print(f"[green]Set[/] the feed {escape(feed)} of {client}.")


def _with_pairs(changes: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The changes, with pairs of ``COLUMN=VALUE`` merged into those that are stored."""
    return {
        field: _merged(field, value, before.get(field, {})) if plain_type(Feed, field) is dict else value
        for field, value in changes.items()
    }


def _merged(field: str, pairs: list[str], before: dict[str, str]) -> dict[str, str]:
    return merged_pairs(
        pairs, before, lambda pair: f"{pair!r} of {field} is not COLUMN=VALUE, such as item_id=SKU"
    )
