"""E-mail addresses as they are stored and compared.

Belongs here: their one spelling. Does not belong here: sending anything.
"""

from __future__ import annotations

import re

from orchestration.access.refusals import AccessError

_SHAPE = re.compile(r"[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+")
"""Printable ASCII without spaces: two addresses that look alike are one."""

_LONGEST = 254


def spelled(text: str) -> str | None:
    """An address in lower case; None where the text has not the shape of one."""
    email = text.strip().lower()
    return email if len(email) <= _LONGEST and _SHAPE.fullmatch(email) else None


def required(text: str) -> str:
    """The same.

    Raises:
        AccessError: the text has not the shape of an address.
    """
    email = spelled(text)
    if email is None:
        raise AccessError("That is no e-mail address; write it as in anna@example.com, in ASCII.")
    return email
