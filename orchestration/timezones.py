"""What a time zone may be.

Belongs here: whether a name is one. Does not belong here: whose zone it is (``registry``, ``feeds``).
"""

from __future__ import annotations

from functools import cache
from zoneinfo import available_timezones

_known = cache(available_timezones)
"""Read from the machine's files once: there are hundreds."""


def valid_timezone(value: str | None) -> str | None:
    """The name, if it is one of the IANA's or none.

    Raises:
        ValueError: it is another.
    """
    if value is not None and value not in _known():
        raise ValueError(f"{value!r} is not an IANA time zone such as Europe/Berlin")
    return value
