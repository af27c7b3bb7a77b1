"""Whether a file has a column per item and a line per period, and which columns these are.

Belongs here: telling such a table from rows of sales. Does not belong here: columns that are periods
(``periods``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from orchestration.guessing.columns import Look, Match
from orchestration.guessing.content import Numbers, as_numbers
from orchestration.guessing.totals import is_total
from orchestration.guessing.vocabulary import EXACT, UNITS, likeness
from orchestration.landing.values import Marks, plain_number

_ENOUGH = 3
SURELY_ITEMS = 20
"""Columns of numbers, from which they are items and not, say, one of sales beside the weather."""

_MOST = 0.75
"""Of the columns beside the key and totals, that are items."""

_MOST_NUMBERS = 0.99
"""Of a column's values; a line with another is refused whole."""

_ONE_LINE = 0.98
"""Of the lines, that are the only one of their period and location: the others are refused."""


@dataclass(frozen=True)
class ItemTable:
    """A table with a column per item.

    Attributes:
        names: the columns.
        numbers: what their cells are.
        left_out: columns that would be taken for items and are none.
        key: the columns that tell lines apart.
    """

    names: tuple[str, ...]
    numbers: Numbers
    left_out: tuple[str, ...]
    key: tuple[str, ...]


def item_table(
    matches: Mapping[str, Match],
    dated_by: Sequence[str],
    looks: Mapping[str, Look],
    rows: pl.DataFrame,
) -> ItemTable | None:
    """The items of a table with a column for each; None where it is no such table.

    Args:
        matches: our column -> the file's, as far as names say it.
        dated_by: the file's columns that say the period.
        looks: the file's columns.
        rows: a sample.
    """
    exact = {ours: match.theirs for ours, match in matches.items() if match.sign >= EXACT}
    if exact.keys() - {"date", "location_id"}:
        return None
    key = [*dated_by, *([exact["location_id"]] if "location_id" in exact else [])]
    beside = [look for name, look in looks.items() if name not in key]
    others = [look for look in beside if not is_total(look.name)]
    cells = [look for look in others if not look.is_index]
    numbers = _numbers_of(cells)
    if numbers is None:
        cells = [look for look in cells if look.numbers is not None]
        numbers = _numbers_of(cells)
    if numbers is None:
        return None
    names = [look.name for look in cells if _are_numbers(look.values, numbers.marks[0])]
    is_one_line_each = rows.select(key).n_unique() >= _ONE_LINE * rows.height
    is_of_units = len(names) < SURELY_ITEMS and any(likeness(name, UNITS) > 0 for name in names)
    if is_of_units or len(names) < _ENOUGH or len(names) < _MOST * len(others) or not is_one_line_each:
        return None
    left_out = tuple(look.name for look in beside if look.name not in set(names))
    return ItemTable(tuple(names), numbers, left_out, tuple(key))


def _numbers_of(looks: Sequence[Look]) -> Numbers | None:
    """What the values of some columns are together."""
    values = pl.concat([pl.Series([], dtype=pl.String), *(look.values.rename("") for look in looks)]).unique()
    return as_numbers(values, has_decimal_commas=any(look.has_decimal_commas for look in looks))


def _are_numbers(values: pl.Series, marks: Marks) -> bool:
    numbers = pl.DataFrame({"text": values}).select(plain_number(pl.col("text"), marks))["text"]
    return numbers.null_count() <= (1 - _MOST_NUMBERS) * len(numbers)
