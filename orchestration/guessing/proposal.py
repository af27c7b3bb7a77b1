"""What to run for a company's files: a client, a feed for each, their delivery.

Belongs here: the command lines, and the order of them. Does not belong here: what is in a file
(``settings``), running anything (``commands``).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forecasting_lib.grain import Grain
from orchestration.feeds import Feed
from orchestration.fields import option_name, plain_type
from orchestration.guessing.guess import Guess


@dataclass(frozen=True)
class Proposal:
    """A client and how its files are read.

    Attributes:
        client_id: its slug.
        name: its name.
        is_new: it has to be added.
        grain: what its sales are totals of; None where it is found by loading.
        feeds: name -> fields of a feed.
        files: what is delivered.
    """

    client_id: str
    name: str
    is_new: bool
    grain: Grain | None
    feeds: Mapping[str, dict[str, Any]]
    files: tuple[str, ...]

    def commands(self) -> list[str]:
        """The command lines that carry it out, up to the first forecast."""
        lines = []
        if self.is_new:
            grain = ["--grain", str(self.grain)] if self.grain not in (None, Grain.DAY) else []
            lines.append(["client", "add", self.client_id, "--name", self.name, *grain])
        for name, fields in self.feeds.items():
            lines.append(["feed", "set", self.client_id, name, *_options(fields)])
        lines.append(["ingest", *self.files, "--client", self.client_id])
        lines.append(["run", "--client", self.client_id])
        return [shlex.join(["forecaster", *words]) for words in lines]


def proposal_of(guesses: Sequence[Guess], client_id: str, name: str, *, is_new: bool) -> Proposal:
    """What to run for files that were looked at; those that are no kind are left out."""
    known = [guess for guess in guesses if guess.reading is not None]
    feeds: dict[str, dict[str, Any]] = {}
    for guess in known:
        if guess.feed.keys() == {"kind"}:
            continue
        base = guess.feed["kind"]
        number = 1 + sum(feed["kind"] == base for feed in feeds.values())
        feeds[base if number == 1 else f"{base}_{number}"] = guess.feed
    grains = [guess.grain for guess in known if guess.grain is not None]
    finest = min(grains, key=lambda grain: grain.days_per_period, default=None)
    return Proposal(client_id, name, is_new, finest, feeds, tuple(str(guess.path) for guess in known))


def _options(fields: Mapping[str, Any]) -> list[str]:
    words: list[str] = []
    for field, value in fields.items():
        option, kind = option_name(Feed, field), plain_type(Feed, field)
        if kind is dict:
            words += [word for ours, theirs in value.items() for word in (option, f"{ours}={theirs}")]
        elif kind is list:
            words += [word for each in value for word in (option, each)]
        else:
            words += [option, str(value)]
    return words
