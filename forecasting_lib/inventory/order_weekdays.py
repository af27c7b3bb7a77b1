"""On which weekdays a supplier takes orders, and how long one must wait for the next of them.

Belongs here: reading what suppliers write, the gaps between such days. Does not belong here: what is ordered
on them (``replenishment``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from forecasting_lib.inventory.flags import BoolArray
from forecasting_lib.panel import FloatArray

_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LEAST_LETTERS = 2


def order_weekdays(texts: Iterable[str | None]) -> BoolArray:
    """(n, 7) whether an order may be placed on Monday .. Sunday; all of them where nothing says otherwise.

    Names of weekdays, shortened or not, or their numbers from 1 for Monday on, with anything between them. A
    text in which a word is neither says nothing.

    >>> order_weekdays(["mon,thu", "Tuesdays", "1 5", None, "by phone"]).sum(axis=1).tolist()
    [2, 1, 2, 7, 7]
    """
    each = list(texts)
    read = {text: _days(text) for text in set(each)}
    return np.array([read[text] for text in each], dtype=bool).reshape(len(each), len(_NAMES))


def _days(text: str | None) -> list[bool]:
    words = re.findall(r"\w+", (text or "").lower())
    found = {_day(word) for word in words}
    if not found or None in found:
        return [True] * len(_NAMES)
    return [day in found for day in range(len(_NAMES))]


def _day(word: str) -> int | None:
    if word.isdecimal():
        return int(word) - 1 if 1 <= int(word) <= len(_NAMES) else None
    singular = word.removesuffix("s") if word.endswith("days") else word
    if len(singular) < _LEAST_LETTERS:
        return None
    fits = [day for day, name in enumerate(_NAMES) if name.startswith(singular)]
    return fits[0] if len(fits) == 1 else None


def longest_gap(weekdays: BoolArray) -> FloatArray:
    """(n,) most days from one day of (n, 7) weekdays to the next; 1 where all are.

    >>> longest_gap(order_weekdays(["mon,thu", "fri", None])).tolist()
    [4.0, 7.0, 1.0]
    """
    fortnight = np.hstack([weekdays, weekdays])
    day = np.arange(fortnight.shape[1])
    before = np.maximum.accumulate(np.where(fortnight, day, -1), axis=1)
    since = day[1:] - before[:, :-1]
    waits = np.where(fortnight[:, 1:] & (before[:, :-1] >= 0), since, 0)
    return np.asarray(waits.max(axis=1, initial=0), dtype=np.float64)
