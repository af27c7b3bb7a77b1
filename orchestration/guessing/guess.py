"""What is made of one file: what it seems to be, what was seen, and what only a person knows.

Belongs here: the shape of a guess. Does not belong here: guessing (``settings``, ``items``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forecasting_lib.grain import Grain
from orchestration.guessing.kinds import Reading

SHOWN = 5
"""Of many names, those that a sentence shows."""


@dataclass(frozen=True)
class Decision:
    """Something that the file does not tell.

    Attributes:
        question: what is open, and what is taken unless a person says otherwise.
        option: what is added to 'forecaster feed set' to say otherwise.
        is_needed: nothing is taken: a person has to say it, and 'forecaster client guess' takes the option.
    """

    question: str
    option: str
    is_needed: bool = False


@dataclass
class Guess:
    """What a file seems to be.

    Attributes:
        path: the file.
        reading: its kind and columns; None where it is none.
        feed: fields of the feed that reads it.
        seen: what was found, a sentence each.
        decisions: what only a person knows.
        grain: what its sales are totals of; None where the dates do not tell, or there are none.
    """

    path: Path
    reading: Reading | None
    feed: dict[str, Any] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    grain: Grain | None = None

    @property
    def needed(self) -> list[Decision]:
        """What a person has to say before the file can be read."""
        return [decision for decision in self.decisions if decision.is_needed]
