"""JSON lines into batches of the text that CSV would have held.

Belongs here: one object a line, and its values as text. Does not belong here: encoding and lines (``text``),
which column is which (``header``), what the text means (``judging``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import polars as pl

from orchestration.landing.batches import LINE, MISSHAPEN_SCHEMA, RAW, Batch, Table, rows_at_once
from orchestration.landing.contracts import Contract
from orchestration.landing.header import resolve_columns
from orchestration.landing.layout import Layout
from orchestration.landing.reasons import FileRefusedError, Reason, Refusal
from orchestration.landing.text import ByteStream, Lines

_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
"""Numbers stay as they are written."""


def open_json_lines(stream: ByteStream, path: str, contract: Contract, layout: Layout) -> Table:
    """Read the names of a file's columns; arguments and errors are those of ``reader.open_table``."""
    lines = Lines(stream, path, contract.line_limit, layout.encoding)
    names, nested = _names(lines, contract.line_limit)
    picked, unused = resolve_columns(names, path, contract, layout)
    used = {ours: names[position] for ours, position in picked.items()}
    for theirs in used.values():
        if theirs in nested:
            raise FileRefusedError(
                Refusal.UNREADABLE_COLUMN,
                f"{path}: the column {theirs!r} holds lists or records (first on line {nested[theirs]:,})",
            )
    lines.rewind()
    return Table(
        columns=tuple(used),
        unused=unused,
        decimal_comma=bool(layout.decimal_comma),
        batches=_json_batches(lines, used),
        remarks=lines.remarks,
    )


def _names(lines: Lines, limit: int) -> tuple[list[str], dict[str, int]]:
    """The keys of all objects, and for those that hold lists or records the line that has the first.

    Raises:
        FileRefusedError: there is no object, or the keys together are longer than a line may be.
    """
    names: dict[str, None] = {}
    nested: dict[str, int] = {}
    length = n_lines = 0
    for number, found, _ in _objects(lines):
        n_lines += 1
        for name, value in (found or {}).items():
            if name not in names:
                names[name] = None
                length += len(name)
            if isinstance(value, dict | list):
                nested.setdefault(name, number)
        if length > limit:
            raise FileRefusedError(
                Refusal.LINE_TOO_LONG,
                f"{lines.path}: the names of its columns are together longer than {limit:,} bytes",
            )
    if not n_lines:
        raise FileRefusedError(Refusal.NO_ROWS, f"{lines.path} has no rows")
    if not names:
        raise FileRefusedError(Refusal.NOT_JSON_LINES, f"{lines.path}: no line of it is a JSON object")
    return list(names), nested


def _objects(lines: Lines) -> Iterator[tuple[int, dict[str, object] | None, str]]:
    """(line number, the object or None where there is none, the line as delivered) of each line with text."""
    for line in lines:
        raw = lines.take_record()
        if not line.strip():
            continue
        try:
            found = _DECODER.decode(line)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and "\\u" in line:
            found = {_whole(name): _whole(value) for name, value in found.items()}
        yield lines.number, found if isinstance(found, dict) else None, raw


def _whole(value: object) -> object:
    """A text without halves of characters, which JSON can write and nothing can store."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _json_batches(lines: Lines, used: Mapping[str, str]) -> Iterator[Batch]:
    size = rows_at_once(len(used))
    rows: list[tuple[object, ...]] = []
    misshapen: list[tuple[int, str, str, str]] = []
    for number, found, raw in _objects(lines):
        if found is None:
            misshapen.append((number, Reason.NOT_AN_OBJECT, "The line is no JSON object.", raw))
        else:
            rows.append((*(_text(found.get(theirs)) for theirs in used.values()), number, raw))
        if len(rows) + len(misshapen) >= size:
            yield _batch(rows, misshapen, used)
            rows, misshapen = [], []
    if rows or misshapen:
        yield _batch(rows, misshapen, used)


def _batch(
    rows: list[tuple[object, ...]], misshapen: list[tuple[int, str, str, str]], used: Mapping[str, str]
) -> Batch:
    schema = {**dict.fromkeys(used, pl.String()), LINE: pl.Int64(), RAW: pl.String()}
    return Batch(
        rows=pl.DataFrame(rows, schema=schema, orient="row"),
        misshapen=pl.DataFrame(misshapen, schema=MISSHAPEN_SCHEMA, orient="row"),
    )
