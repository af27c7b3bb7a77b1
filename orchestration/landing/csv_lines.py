"""Lines of CSV that are records by themselves, taken apart many at a time.

A line without a quote is its fields with the delimiter between them, whatever the other lines are. One whose
quotes are around whole fields, with none inside, is read by polars, and one with other quotes by Python's
``csv``: it is a record where that finds it whole. Where a line of a block may be anything else, nothing is
said of the block. So what is found here is what reading record by record finds, and ``csv_reader`` may do
either.

Belongs here: taking lines apart, the form in which records wait for their batch. Does not belong here:
records that span lines, and what is wrong with a text (``csv_reader``).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping

import polars as pl

from orchestration.landing.batches import LINE, RAW, RAW_LIMIT

FIELDS = "fields"
"""How many fields a record has; where they are not the header's, its columns hold nothing."""

_WIDEST_SIMPLE = 200
"""Fields of a line up to which a pattern is made for it."""


class Records:
    """Records that were read one by one.

    Cells are kept in one flat list: a list per row is one object more for the garbage collector, which would
    look at all of them again and again.

    Args:
        width: fields of the header.
        picked: column -> its position.
    """

    def __init__(self, width: int, picked: Mapping[str, int]) -> None:
        self._width = width
        self._picked = picked
        self._nothing: list[str | None] = [None] * width
        self._cells: list[str | None] = []
        self._numbers: list[int] = []
        self._raws: list[str] = []
        self._counts: list[int] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, number: int, fields: list[str], raw: str) -> None:
        """Add a record by its line's number, its fields, and its text as delivered, cut."""
        self._numbers.append(number)
        self._raws.append(raw)
        self._counts.append(len(fields))
        self._cells += fields if len(fields) == self._width else self._nothing

    def frame(self) -> pl.DataFrame:
        """The columns as text, then ``line_number``, ``raw`` and ``fields``."""
        return pl.DataFrame(
            [
                *(
                    pl.Series(name, self._cells[index :: self._width], dtype=pl.String)
                    for name, index in self._picked.items()
                ),
                pl.Series(LINE, self._numbers, dtype=pl.Int64),
                pl.Series(RAW, self._raws, dtype=pl.String),
                pl.Series(FIELDS, self._counts, dtype=pl.Int64),
            ]
        )


def records_of_lines(
    block: str, number: int, delimiter: str, width: int, picked: Mapping[str, int]
) -> pl.DataFrame | None:
    """The records of a block of lines, as ``Records.frame`` has them; blank ones are left out.

    Args:
        block: whole lines.
        number: of the first one.
        delimiter: one character of ASCII.
        width: fields of the header.
        picked: column -> its position.

    Returns:
        None where a line may be no record by itself, or cannot be read.
    """
    has_returns = "\r" in block
    if has_returns and block.count("\r") != block.count("\r\n"):
        return None
    texts = pl.Series(RAW, [block.removesuffix("\n")]).str.split("\n").explode()
    if has_returns:
        texts = texts.str.strip_suffix("\r")
    sizes = texts.str.len_bytes()
    longest = sizes.max()
    if not isinstance(longest, int) or longest > csv.field_size_limit():
        return None
    lines = pl.DataFrame(
        [
            pl.int_range(number, number + len(texts), eager=True, dtype=pl.Int64).alias(LINE),
            texts,
            sizes.alias("size"),
        ]
    )
    quoted = None
    if '"' in block:
        has_quotes = texts.str.contains('"', literal=True)
        quoted = _quoted(lines.filter(has_quotes), delimiter, width, picked)
        if quoted is None:
            return None
        lines = lines.filter(~has_quotes)
    plain = _plain(lines, delimiter, width, picked)
    records = plain if quoted is None else pl.concat([plain, quoted]).sort(LINE)
    return records.with_columns(pl.col(RAW).str.slice(0, RAW_LIMIT)) if longest > RAW_LIMIT else records


def _plain(lines: pl.DataFrame, delimiter: str, width: int, picked: Mapping[str, int]) -> pl.DataFrame:
    """Lines without quotes as records."""
    fields = (pl.col(RAW).str.count_matches(delimiter, literal=True) + 1).cast(pl.Int64).alias(FIELDS)
    records = lines.with_columns(fields).filter(pl.col(FIELDS) <= pl.col("size")).drop("size")
    # the lines of another width apart: each would be given all the columns
    has_width = records[FIELDS] == width
    whole = records if has_width.all() else records.filter(has_width)
    found = _beside(whole[RAW].str.split_exact(delimiter, width - 1).struct.unnest(), picked, whole)
    if whole is records:
        return found
    return pl.concat([found, records.filter(~has_width)], how="diagonal").sort(LINE)


def _beside(cells: pl.DataFrame, picked: Mapping[str, int], lines: pl.DataFrame) -> pl.DataFrame:
    """Cells named ``field_0`` and so on, under their columns' names, and the lines that they are of."""
    return cells.select(pl.col(f"field_{index}").alias(name) for name, index in picked.items()).hstack(
        lines.select(LINE, RAW, FIELDS)
    )


def _quoted(
    lines: pl.DataFrame, delimiter: str, width: int, picked: Mapping[str, int]
) -> pl.DataFrame | None:
    """Lines with quotes as records; None where one is none by itself."""
    simple, blank = _simple_lines(delimiter, width)
    is_simple = (
        lines[RAW].str.contains(simple)
        if width <= _WIDEST_SIMPLE
        else pl.repeat(False, lines.height, eager=True)
    )
    others = _by_csv(lines.filter(~is_simple), delimiter, width, picked)
    lines = lines.filter(is_simple & ~lines[RAW].str.contains(blank))
    if others is None or lines.is_empty():
        return others
    columns = [f"field_{index}" for index in range(width)]
    cells = pl.read_csv(
        io.StringIO(lines[RAW].str.join("\n").item()),
        has_header=False,
        separator=delimiter,
        schema=dict.fromkeys(columns, pl.String),
        empty_string_is_null=False,
    )
    if cells.height != lines.height:
        return None
    lines = lines.with_columns(pl.lit(width, dtype=pl.Int64).alias(FIELDS))
    return pl.concat([_beside(cells, picked, lines), others])


def _simple_lines(delimiter: str, width: int) -> tuple[str, str]:
    """Patterns of lines of so many fields, each with quotes around it and none inside or with none at all,
    and of those whose fields are all empty. What looks like a byte order mark would be taken for one.
    """
    mark = re.escape(delimiter)
    field = f'(?:"[^"]*"|[^"{mark}]*)'
    return (
        f'^(?:"[^"]*"|(?:[^"\ufeff{mark}][^"{mark}]*)?)(?:{mark}{field}){{{width - 1}}}$',
        f'^(?:"")?(?:{mark}(?:"")?)*$',
    )


def _by_csv(
    lines: pl.DataFrame, delimiter: str, width: int, picked: Mapping[str, int]
) -> pl.DataFrame | None:
    """Lines as records, whatever their quotes; None where one is none by itself."""
    texts = lines[RAW].to_list()
    try:
        read = list(csv.reader(texts, delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    # each record took at least one line, and the last was finished
    if len(read) != len(texts):
        return None
    records = Records(width, picked)
    for number, text, fields in zip(lines[LINE].to_list(), texts, read, strict=True):
        if any(fields):
            records.add(number, fields, text)
    return records.frame()
