"""``forecaster client guess``: what a company's exports are, and carrying the proposal out.

Belongs here: sentences on the terminal, calling what the proposed commands call. Does not belong here: any
guess (``guessing``).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Table

from orchestration.commands.terminal import open_warehouse, out, waiting
from orchestration.errors import UserError
from orchestration.foreign_text import escape, printable
from orchestration.registry_problems import clauses

if TYPE_CHECKING:
    from forecasting_lib.grain import Grain
    from orchestration.guessing.guess import Guess
    from orchestration.guessing.proposal import Proposal

_NOTHING_FOUND = (
    "  Nothing was found that a kind needs, such as a date, an item and a quantity of sales. If it is "
    "there, name it with 'forecaster feed set CLIENT FEED --kind KIND --map COLUMN=YOURS'."
)

Since = Annotated[
    str | None,
    typer.Option(
        metavar="DATE", help="First day of number 1, where dates are running numbers without a year."
    ),
]


def guess(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="A company's exports.")],
    client: Annotated[
        str, typer.Option(help="Slug of the client they are of, which need not be there.")
    ] = "my_company",
    name: Annotated[str | None, typer.Option(help="Name of a new client; unless named, its slug.")] = None,
    weeks_from: Since = None,
    months_from: Since = None,
    days_from: Since = None,
    apply: Annotated[bool, typer.Option("--apply", help="Carry the proposal out, up to the run.")] = False,
) -> None:
    """Look at a company's exports and propose how they are read, as command lines to run.

    Says what it found, what it takes for granted, and what only a person knows. Nothing is changed unless
    --apply is given.
    """
    _, warehouse = open_warehouse()
    from orchestration.clients import registered_ids
    from orchestration.guessing.proposal import proposal_of
    from orchestration.guessing.settings import guess_file

    since = _since(weeks_from=weeks_from, months_from=months_from, days_from=days_from)
    guesses = []
    for path in files:
        if not path.is_file():
            raise typer.BadParameter(f"{printable(str(path))} is not a file")
        with waiting(f"Looking at {printable(path.name)}"):
            guesses.append(guess_file(path, since))
        _print_guess(guesses[-1])
    is_new = client not in registered_ids(warehouse)
    proposal = proposal_of(guesses, client, name or client, is_new=is_new)
    if not proposal.files:
        raise typer.Exit(1)
    needed = [decision for guess in guesses for decision in guess.needed]
    if apply and needed:
        raise UserError(f"Nothing was done: {needed[0].question} Run this again with {needed[0].option}.")
    if apply:
        _carry_out(proposal)
        return
    answered = f" and {needed[0].option}" if needed else ""
    out.print(
        f"\n[bold]To run[/] (or the same 'forecaster client guess' with --apply{answered}):", soft_wrap=True
    )
    for line in proposal.commands():
        out.print(f"  {line}", soft_wrap=True, markup=False)


def _print_guess(guess: Guess) -> None:
    """What was found in one file, and what only a person knows."""
    kind = guess.reading.kind.name if guess.reading else None
    out.print(f"[bold]{escape(guess.path.name)}[/]: {kind or 'no kind of file that is read'}")
    for sentence in guess.seen:
        out.print(f"  {escape(sentence)}", soft_wrap=True)
    if guess.reading is None:
        out.print(_NOTHING_FOUND, soft_wrap=True, markup=False)
        return
    table = Table("our column", "yours", box=None, pad_edge=True)
    made = guess.feed.get("derived", {}) | guess.feed.get("constants", {})
    theirs = {ours: match.theirs for ours, match in guess.reading.matches.items()}
    for ours, name in (theirs | guess.feed.get("columns", {})).items():
        if ours not in made:
            table.add_row(f"  {ours}", escape(name))
    for ours, text in made.items():
        table.add_row(f"  {ours}", escape(text))
    out.print(table)
    for number, decision in enumerate(guess.decisions, start=1):
        out.print(f"  [yellow]Decide {number}:[/] {escape(decision.question)}", soft_wrap=True)
        how = "say it with" if decision.is_needed else "otherwise:"
        out.print(f"    {how} {escape(decision.option)}", soft_wrap=True)


def _carry_out(proposal: Proposal) -> None:
    """Add the client, set its feeds and load its files, as the commands do that the proposal lists."""
    from orchestration.commands import clients, feeds, work

    if proposal.is_new:
        clients.add(proposal.client_id, name=proposal.name, grain=proposal.grain and str(proposal.grain))
    for name, fields in proposal.feeds.items():
        feeds.store(proposal.client_id, name, _always(fields))
    work.ingest([Path(file) for file in proposal.files], proposal.client_id)


def _since(**days: str | None) -> dict[Grain, date]:
    """Since when days, weeks and months are numbered, as far as it was said."""
    from orchestration.feeds import Feed

    try:
        numbered = [Feed(kind="sales", **{field: day}).numbered for field, day in days.items()]
    except ValidationError as error:
        raise typer.BadParameter(clauses(error)) from error
    return dict(filter(None, numbered))


def _always(fields: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda before: {**before, **fields}
