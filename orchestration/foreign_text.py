"""Text from outside as it is shown: in a line, on a terminal, in Markdown.

Belongs here: what a name, a header or an error's message must not do to what shows it. Does not belong here:
judging it (``landing``); HTML, which the report's templates escape by themselves.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_DECEPTIVE = frozenset("\u200b\ufeff\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that show nothing, begin another line or turn the direction of what follows."""

_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_NO_TAG = "[none][/none]"
"""Markup of rich that styles nothing: what stands before it cannot be the beginning of a tag."""


def printable(text: str, *, keep: str = "") -> str:
    """A text that every log, terminal and database can hold on one line.

    Control characters, stray bytes and characters that deceive are escaped.

    Args:
        text: from anywhere.
        keep: characters that stay as they are.
    """
    return "".join(
        char if char in keep or not _is_unprintable(char) else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def escape(text: str) -> str:
    """A text for rich's markup, shown as it is wherever it ends and whatever follows it.

    Rich's own ``escape`` sees one text: a ``[`` in one and a ``]`` in the next would still make a tag.
    """
    shown = printable(text, keep="\n\t").replace("[", f"\\[{_NO_TAG}")
    backslashes = len(shown) - len(shown.rstrip("\\"))
    return shown + "\\" * backslashes + _NO_TAG if backslashes else shown


def markdown(text: str) -> str:
    """A text for Markdown: no markup, no HTML, no link, no column of a table."""
    return _PUNCTUATION.sub(r"\\\1", printable(text))


def code_span(text: str) -> str:
    """The same as code: in more backticks than the text has in a row."""
    shown = printable(text)
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {shown} {fence}" if longest else f"{fence}{shown}{fence}"


def some_of(names: Sequence[str], most: int) -> str:
    """``a, b and 3 more``: the first of many, and how many are not shown."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def is_control(char: str) -> bool:
    """Whether a character is a control character or stands for a byte that is not UTF-8."""
    return unicodedata.category(char) in ("Cc", "Cs")


def _is_unprintable(char: str) -> bool:
    return is_control(char) or char in _DECEPTIVE
