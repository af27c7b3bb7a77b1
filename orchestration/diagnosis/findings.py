"""What an examination finds: one thing that is right or wrong, and what to do about it.

Belongs here: the shape of a finding. Does not belong here: any judgement (``server``, ``machine``,
``state``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding asks of somebody."""

    OK = "ok"
    """Nothing."""

    WARNING = "warning"
    """A look, when there is time."""

    PROBLEM = "problem"
    """Something to be done: the installation is open, stopped or about to be."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: how much it asks.
        what: what was found, as a clause without a full stop.
        advice: what to do, as a clause without a full stop; empty where there is nothing.
    """

    level: Level
    what: str
    advice: str = ""

    @property
    def sentence(self) -> str:
        return f"{self.what}: {self.advice}." if self.advice else f"{self.what}."


def ok(what: str) -> Finding:
    return Finding(Level.OK, what)


def warning(what: str, advice: str) -> Finding:
    return Finding(Level.WARNING, what, advice)


def problem(what: str, advice: str) -> Finding:
    return Finding(Level.PROBLEM, what, advice)
