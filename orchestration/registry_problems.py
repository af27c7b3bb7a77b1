"""What is wrong with a registry entry, and the commands that mend it.

Belongs here: a stored row that is not valid, as a sentence. Does not belong here: what is valid
(``registry``, ``feeds``, ``sources``), reading rows (``clients``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from orchestration.fields import NOT_TYPED, option_name
from orchestration.registry import Client

_IN_PARTS = {"feeds": "feed", "sources": "source"}
"""Fields whose parts have a command of their own."""


@dataclass(frozen=True)
class RegistryProblem:
    """A client whose row is not valid: somebody edited it, or an older version of the project wrote it."""

    client_id: str
    message: str
    """What is wrong and how to mend it."""


def checked(row: dict[str, Any]) -> Client | RegistryProblem:
    """The client of a stored row, or what is wrong with it."""
    try:
        return Client(**row)
    except ValidationError as error:
        client_id = row["client_id"]
        return RegistryProblem(
            client_id,
            f"The registry entry of {client_id!r} is not valid: {clauses(error)}. {_cure(client_id, error)}",
        )


def _cure(client_id: str, error: ValidationError) -> str:
    """What a person runs to make a registry entry valid."""
    places = [problem["loc"] for problem in error.errors()]
    commands = [
        f"'forecaster {noun} remove {client_id} {name}'"
        for field, noun in _IN_PARTS.items()
        for name in dict.fromkeys(str(place[1]) for place in places if place[0] == field and len(place) > 1)
    ]
    options = dict.fromkeys(
        f"{option} ..." for place in places if (option := option_name(Client, str(place[0]))) != NOT_TYPED
    )
    if options:
        commands.append(f"'forecaster client update {client_id} {' '.join(options)}'")
    if commands:
        return f"Mend it with {' and '.join(commands)}."
    return f"Restore the field {str(places[0][0])!r} of its row."


def clauses(error: ValidationError) -> str:
    """What is wrong with each field, a clause each; never with the value that was given."""
    return "; ".join(
        ": ".join(
            filter(None, (".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, ")))
        )
        for problem in error.errors()
    )
