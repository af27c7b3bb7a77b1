"""``forecaster client guess``: what a company's exports are, and carrying the proposal out.

Belongs here: sentences on the terminal, calling what the proposed commands call. Does not belong here: any
guess (``guessing``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from orchestration.commands.terminal import open_warehouse, out, waiting
from orchestration.foreign_text import escape, printable

if TYPE_CHECKING:
    from orchestration.guessing.guess import Guess
    from orchestration.guessing.proposal import Proposal

_NOTHING_FOUND = (
    "  Nothing was found that a kind needs, such as a date, an item and a quantity of sales. If it is "
    "there, name it with 'forecaster feed set CLIENT FEED --kind KIND --map COLUMN=YOURS'."
)


def guess(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="A company's exports.")],
    client: Annotated[
        str, typer.Option(help="Slug of the client they are of, which need not be there.")
    ] = "my_company",
    name: Annotated[str | None, typer.Option(help="Name of a new client; unless named, its slug.")] = None,
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

    guesses = []
    for path in files:
        if not path.is_file():
            raise typer.BadParameter(f"{printable(str(path))} is not a file")
        with waiting(f"Looking at {printable(path.name)}"):
            guesses.append(guess_file(path))
        _print_guess(guesses[-1])
    is_new = client not in registered_ids(warehouse)
    proposal = proposal_of(guesses, client, name or client, is_new=is_new)
    if not proposal.files:
        raise typer.Exit(1)
    if apply:
        _carry_out(proposal)
        return
    out.print("\n[bold]To run[/] (or the same 'forecaster client guess' with --apply):")
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
    for ours, match in guess.reading.matches.items():
        if ours in made:
            continue
        table.add_row(f"  {ours}", escape(match.theirs))
    for ours, text in made.items():
        table.add_row(f"  {ours}", escape(text))
    out.print(table)
    for number, decision in enumerate(guess.decisions, start=1):
        out.print(f"  [yellow]Decide {number}:[/] {escape(decision.question)}", soft_wrap=True)
        out.print(f"    otherwise: {escape(decision.option)}", soft_wrap=True)


def _carry_out(proposal: Proposal) -> None:
    """Add the client, set its feeds and load its files, as the commands do that the proposal lists."""
    from orchestration.commands import clients, feeds, work

    if proposal.is_new:
        clients.add(proposal.client_id, name=proposal.name, grain=proposal.grain and str(proposal.grain))
    for name, fields in proposal.feeds.items():
        feeds.store(proposal.client_id, name, _always(fields))
    work.ingest([Path(file) for file in proposal.files], proposal.client_id)


def _always(fields: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda before: {**before, **fields}
