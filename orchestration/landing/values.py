"""The text of one value into its type; a text that is none of it becomes NULL.

Belongs here: how numbers, dates and yes or no are written, as expressions over a column of text. Does not
belong here: what is wrong where nothing was read (``faults``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from orchestration.landing.contracts import Column, ColumnType, Contract

BOOK = pl.Decimal(18, 4)
"""As ``numeric(18,4)``: what quantities and values are staged as, further decimals rounded."""

PLAIN_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$"
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$"
_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")
_INT32 = 2**31 - 1


@dataclass(frozen=True)
class Rules:
    """What a row is judged by, beside its contract.

    Attributes:
        today: the client's present day; nothing sold lies after it.
        last_day: last day of sales delivered before, as staged; None for a client's first delivery.
        max_gap_days: how far after it a date may lie.
        date_format: strptime format; None means ISO.
        decimal_comma: numbers have a comma before their decimals, and no point anywhere.
    """

    today: date
    last_day: date | None = None
    max_gap_days: int = 366
    date_format: str | None = None
    decimal_comma: bool = False


def typed_name(name: str) -> str:
    """What a column is called once its text was read, beside the text itself."""
    return f"typed {name}"


def read_value(column: Column, contract: Contract, rules: Rules) -> pl.Expr:
    """A column's text as its type; null where it cannot be read."""
    text = pl.col(column.name)
    match column.type:
        case ColumnType.NUMBER:
            return plain_number(text, decimal_comma=rules.decimal_comma)
        case ColumnType.WHOLE:
            number = plain_number(text, decimal_comma=rules.decimal_comma).cast(pl.Float64)
            is_whole = (number == number.floor()) & (number.abs() <= _INT32)
            return pl.when(is_whole).then(number).cast(pl.Int32)
        case ColumnType.BOOLEAN:
            lower = text.str.to_lowercase()
            return pl.when(lower.is_in(_TRUE)).then(True).when(lower.is_in(_FALSE)).then(False)
        case ColumnType.DATE:
            date_format = None if contract.iso_dates else rules.date_format
            return as_date(text, date_format)
        case ColumnType.ID | ColumnType.TEXT:
            return text


def plain_number(text: pl.Expr, *, decimal_comma: bool = False) -> pl.Expr:
    """A text as ``numeric(18,4)``; null where it is no plain number or does not fit.

    No thousands separators, no hexadecimal, no infinity and no NaN.
    """
    if decimal_comma:
        text = pl.when(~text.str.contains(".", literal=True)).then(text.str.replace(",", ".", literal=True))
    return pl.when(text.str.contains(PLAIN_NUMBER)).then(text).cast(BOOK, strict=False)


def is_usable(date_format: str) -> bool:
    """Whether a strptime format holds a whole day: one that is written and read again is the same."""
    moment = datetime(2001, 12, 31, 13, 5, 7)  # noqa: DTZ001 - a local time of the client
    try:
        written = pl.DataFrame({"text": [moment.strftime(date_format)]})
        return bool(written.select(as_date(pl.col("text"), date_format)).item() == moment.date())
    except pl.exceptions.PolarsError:
        return False


def as_date(text: pl.Expr, date_format: str | None) -> pl.Expr:
    """The day of a date or of a local time; null where it is neither."""
    if date_format is None:
        iso = pl.when(text.str.contains(_ISO_DATE)).then(text.str.slice(0, 10))
        return iso.str.to_date("%Y-%m-%d", strict=False)
    if any(code in date_format for code in ("%H", "%I", "%T", "%R", "%X")):
        return text.str.to_datetime(date_format, strict=False).dt.date()
    return text.str.to_date(date_format, strict=False)
