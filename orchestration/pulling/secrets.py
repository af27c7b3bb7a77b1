"""The secrets of one pull: looked up where the registry refers to them, and kept out of every text.

Belongs here: filling in references, and hiding what they stand for. Does not belong here: what a reference
looks like (``references``), where its value comes from (``settings``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus, unquote

from pydantic import SecretStr

from orchestration.pulling.faults import PullError
from orchestration.references import REFERENCE, take_apart
from orchestration.settings import secret_named


class Secrets:
    """What the references of one source stand for; its text shows none of it."""

    def __init__(self, look_up: Callable[[str], SecretStr | None] = secret_named) -> None:
        self._look_up = look_up
        self._shown_as: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(set(self._shown_as.values())))})"

    def fill(self, text: str) -> str:
        """A text with what its references stand for.

        Raises:
            PullError: a variable is not set.
        """
        return REFERENCE.sub(self._value, text)

    def hide(self, text: str) -> str:
        """A text with the references in the place of what they stand for, however it is spelt."""
        for value in sorted(self._shown_as, key=len, reverse=True):
            text = text.replace(value, self._shown_as[value])
        return text

    def _value(self, reference: re.Match[str]) -> str:
        found = self._look_up(reference[1])
        if found is None:
            raise PullError(
                f"The environment variable {reference[1]}, which a source names, is not set: set it in .env, "
                "or where the command or 'forecaster up' is started."
            )
        value = found.get_secret_value()
        parts = take_apart(value)
        for hidden in filter(None, (value, *((parts.password, parts.user) if parts else ()))):
            for spelt in (
                hidden,
                unquote(hidden),
                repr(hidden)[1:-1],
                quote(hidden, safe=""),
                quote_plus(hidden),
            ):
                self._shown_as[spelt] = reference[0]
        return value
