"""What 'forecaster client guess' shows, and carrying a proposal out.

Belongs here: sentences on the terminal, calling what the proposed commands call. Does not belong here: any
guess (``guessing``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.table import Table

from orchestration.commands.terminal import out
from orchestration.foreign_text import escape
from orchestration.guessing.guess import Guess
from orchestration.guessing.proposal import Proposal

_NOTHING_FOUND = (
    "  Nothing was found that a kind needs, such as a date, an item and a quantity of sales. If it is "
    "there, name it with 'forecaster feed set CLIENT FEED --kind KIND --map COLUMN=YOURS'."
)


def print_guess(guess: Guess) -> None:
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


def carry_out(proposal: Proposal) -> None:
    """Add the client, set its feeds and load its files, as the commands do that the proposal lists."""
    from orchestration.commands import clients, feeds, work

    if proposal.is_new:
        clients.add(proposal.client_id, name=proposal.name, grain=proposal.grain and str(proposal.grain))
    for name, fields in proposal.feeds.items():
        feeds.store(proposal.client_id, name, _always(fields))
    work.ingest([Path(file) for file in proposal.files], proposal.client_id)


def _always(fields: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda before: {**before, **fields}
