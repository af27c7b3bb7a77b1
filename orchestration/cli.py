"""The ``forecaster`` command: its parts put together, and what a mistake looks like.

Belongs here: the assembly, the global options, turning an error into a sentence. Does not belong here: any
command (``commands``).
"""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from orchestration.commands import (
    api,
    backtest,
    backup,
    budget,
    clients,
    deliveries,
    doctor,
    execute,
    explain,
    feeds,
    generate,
    guess,
    installation,
    keys,
    model,
    retention,
    simulate,
    sources,
    users,
    work,
)
from orchestration.commands.terminal import err, out
from orchestration.errors import UserError
from orchestration.foreign_text import escape
from orchestration.warehouse.outage import outage_sentence


class Commands(TyperGroup):
    """Prints an error as one sentence; with ``--verbose`` its trace, too."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.TyperException, typer.Exit, typer.Abort, EOFError):
            raise
        except Exception as error:
            if ctx.params.get("verbose"):
                raise
            err.print(f"[red]{escape(_sentence(error))}[/]", soft_wrap=True)
            sys.exit(1)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    # in rich's tables a long option is cut at the width of a terminal
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: forecaster demo",
)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        out.print(f"forecaster {_version()}")
        raise typer.Exit


def _version() -> str:
    """Of the installed package; where there is none, the code runs from a folder on the path."""
    try:
        return metadata.version("forecaster")
    except metadata.PackageNotFoundError:
        return "of an unknown version: it is not installed, 'make setup' does that"


@app.callback()
def main(
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the trace of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Demand forecasts, purchase proposals and their measured accuracy, from files to tables."""


clients.app.command(epilog="Example: forecaster client guess export.csv stock.xlsx --client acme --apply")(
    guess.guess
)
app.add_typer(clients.app, name="client")
app.add_typer(feeds.app, name="feed")
app.add_typer(sources.app, name="source")
app.add_typer(deliveries.app, name="delivery")
app.add_typer(model.app, name="model")
app.add_typer(generate.app, name="generate")
app.add_typer(users.app, name="user")
app.add_typer(keys.app, name="key")
for command, example in (
    (installation.demo, "forecaster demo"),
    (installation.setup, "forecaster setup --client-name 'My Company' --skip-test-data"),
    (installation.migrate, "forecaster migrate"),
    (work.ingest, "forecaster ingest sales_2026-03.csv stock_levels.csv --client acme"),
    (work.run, "forecaster run --client acme --as-of 2026-03-31 --job forecast_only"),
    (backtest.backtest, "forecaster backtest --client acme --origins 8 --model chronos2 --model hist_q"),
    (simulate.simulate, "forecaster simulate --client acme --days 126 --series 500"),
    (explain.explain, "forecaster explain --client acme --item 4711 --location berlin"),
    (budget.budget, "forecaster budget --client acme --amount 5000 --csv first.csv"),
    (work.status, "forecaster status"),
    (doctor.doctor, "forecaster doctor --sql | psql"),
    (work.report, "forecaster report --client acme --output acme.html"),
    (work.sql, "forecaster sql --client acme -c 'select * from data_freshness'"),
    (retention.retain, "forecaster retain --all --dry-run"),
    (backup.backup, "forecaster backup /mnt/backups/forecaster.zip"),
    (backup.restore, "forecaster restore /mnt/backups/forecaster.zip"),
    (installation.up, "forecaster up --port 3000"),
    (installation.down, "forecaster down"),
    (api.api, "forecaster api --host 127.0.0.1 --port 8000"),
):
    app.command(epilog=f"Example: {example}")(command)
app.command("exec", epilog="Example: forecaster exec -- dagster-daemon run -w workspace.yaml")(
    execute.execute
)


def _sentence(error: Exception) -> str:
    """What went wrong and what to do, for a person who has not read the code."""
    import psycopg
    from pydantic import ValidationError

    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, ValidationError):
        problems = "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors())
        return f"An environment variable is not valid: {problems}."
    if isinstance(error, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
        return "The database is older than this program. Run 'forecaster migrate' first."
    if (outage := outage_sentence(error)) is not None:
        return outage
    return f"Unexpected {type(error).__name__}: {error} (forecaster --verbose shows where)."


if __name__ == "__main__":
    app()
