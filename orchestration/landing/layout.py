"""How a file is laid out, as far as somebody said: what a reader asks before it opens one.

Belongs here: the settings of a feed and its client that concern a reader, put together. Does not belong here:
the settings themselves (``feeds``, ``registry``), and what is done with the rows (``shaping``, ``judging``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

_FURTHER = "further: "

Row = tuple[int, Sequence[str]]
"""Number of a row, the first being 1, and its cells."""


@dataclass(frozen=True)
class Layout:
    """What is known of a file's layout; None where the reader finds out.

    Attributes:
        columns: our column -> the source's. A column named here must be there under the source's name.
        supplied: our columns that the file need not have, because a constant or an expression gives them.
        further: the source's columns that expressions are about; a batch carries each as text under
            ``further_column`` of it.
        encoding: of text.
        separator: between the fields of CSV.
        decimal_comma: numbers have a comma before their decimals.
        sheet: of a workbook.
        header_row: row that holds the names of the columns, the first being 1.
        choose_header: of the first rows the one that names the columns, in a file of which nothing is known;
            every column is then a further one.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    supplied: Set[str] = frozenset()
    further: tuple[str, ...] = ()
    encoding: str | None = None
    separator: str | None = None
    decimal_comma: bool | None = None
    sheet: str | None = None
    header_row: int | None = None
    choose_header: Callable[[Iterable[Row]], Row | None] | None = None


def further_column(theirs: str) -> str:
    """What a batch calls a column of the source that is no column of the contract."""
    return f"{_FURTHER}{theirs}"
