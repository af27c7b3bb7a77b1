"""The text of one value into its type; a text that is none of it becomes NULL.

Belongs here: how numbers, dates and yes or no are written, as expressions over a column of text. Does not
belong here: what is wrong where nothing was read (``faults``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from orchestration.landing.contracts import Column, ColumnType, Contract
from orchestration.landing.numbered_periods import Numbering

BOOK = pl.Decimal(18, 4)
"""As ``numeric(18,4)``: what quantities and values are staged as, further decimals rounded."""

PLAIN_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$"
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$"
_ISO_STAMP = r"^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?(?:\.\d+)?$"
_ISO_OF_A_ZONE = (
    r"^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2})?(?:\.\d+)? ?(?:([Zz])|([+-]\d{2}):?(\d{2})?)$"
)
_HAS_TIME = ("%H", "%I", "%T", "%R", "%X")
_HAS_DAY = ("%d", "%e", "%j", "%F", "%D", "%x", "%u", "%w", "%a", "%A")
_HAS_WEEK = ("%V", "%W", "%U")
_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")
_INT32 = 2**31 - 1


@dataclass(frozen=True)
class Marks:
    """How numbers are written.

    Attributes:
        decimal: before the decimals.
        thousands: between thousands; None where there is none. A blank stands for every kind of space.
    """

    decimal: str = "."
    thousands: str | None = None


@dataclass(frozen=True)
class Zones:
    """Where the clocks of time stamps are.

    Attributes:
        of_client: zone of the client's days.
        of_stamps: zone of stamps that name none; None where they show the client's clock.
    """

    of_client: str = "UTC"
    of_stamps: str | None = None


@dataclass(frozen=True)
class Rules:
    """What a row is judged by, beside its contract.

    Attributes:
        today: the client's present day; nothing sold lies after it.
        last_day: last day of sales delivered before, as staged; None for a client's first delivery.
        max_gap_days: how far after it a date may lie.
        date_format: strptime format; None means ISO.
        numbering: what dates count that are running numbers; None where they are written out.
        zones: of time stamps.
        marks: of numbers.
        typed_dates: dates may be ISO beside ``date_format``, because the file's own are.
    """

    today: date
    last_day: date | None = None
    max_gap_days: int = 366
    date_format: str | None = None
    numbering: Numbering | None = None
    zones: Zones = field(default_factory=Zones)
    marks: Marks = field(default_factory=Marks)
    typed_dates: bool = False


def typed_name(name: str) -> str:
    """What a column is called once its text was read, beside the text itself."""
    return f"typed {name}"


def read_value(column: Column, contract: Contract, rules: Rules) -> pl.Expr:
    """A column's text as its type; null where it cannot be read."""
    text = pl.col(column.name)
    match column.type:
        case ColumnType.NUMBER:
            return plain_number(without_currency(text) if column.is_money else text, rules.marks)
        case ColumnType.WHOLE:
            number = plain_number(text, rules.marks).cast(pl.Float64)
            is_whole = (number == number.floor()) & (number.abs() <= _INT32)
            return pl.when(is_whole).then(number).cast(pl.Int32)
        case ColumnType.BOOLEAN:
            lower = text.str.to_lowercase()
            return pl.when(lower.is_in(_TRUE)).then(True).when(lower.is_in(_FALSE)).then(False)
        case ColumnType.DATE:
            if rules.numbering is not None:
                day = rules.numbering.day_of(text)
            else:
                day = as_date(text, None if contract.iso_dates else rules.date_format, rules.zones)
            return pl.coalesce(day, as_date(text, None, rules.zones)) if rules.typed_dates else day
        case ColumnType.ID | ColumnType.TEXT:
            return text


def plain_number(text: pl.Expr, marks: Marks) -> pl.Expr:
    """A text as ``numeric(18,4)``; null where it is no plain number or does not fit.

    No hexadecimal, no infinity and no NaN; thousands only in whole groups of three and with their mark.
    """
    plain = without_marks(text, marks)
    return pl.when(plain.str.contains(PLAIN_NUMBER)).then(plain).cast(BOOK, strict=False)


def without_marks(text: pl.Expr, marks: Marks) -> pl.Expr:
    """A number with a point for its decimal mark and no other; null where its marks are not these."""
    if marks.thousands is not None:
        between = "[ \u00a0\u2009\u202f]" if marks.thousands == " " else re.escape(marks.thousands)
        grouped = rf"^[+-]?\d{{1,3}}(?:{between}\d{{3}})+(?:{re.escape(marks.decimal)}\d*)?$"
        text = (
            pl.when(text.str.contains(grouped))
            .then(text.str.replace_all(between, ""))
            .when(~text.str.contains(between))
            .then(text)
        )
    if marks.decimal == ",":
        text = pl.when(~text.str.contains(".", literal=True)).then(text.str.replace(",", ".", literal=True))
    return text


def without_currency(text: pl.Expr) -> pl.Expr:
    """An amount without the sign of its currency, before it or behind it."""
    return text.str.replace(r"^([+-]?)\s*[€$£¥]\s*", "$1").str.replace(r"\s*[€$£¥]$", "")


def is_usable(date_format: str) -> bool:
    """Whether a strptime format holds a whole day, week or month.

    One that is written and read again is the same, a week by its first day, a month by its own.
    """
    moment = datetime(2001, 12, 31, 13, 5, 7)  # noqa: DTZ001 - a local time of the client
    first = {moment.date(), date(2001, 12, 1)}
    try:
        written = pl.DataFrame({"text": [moment.strftime(date_format)]})
        return written.select(as_date(pl.col("text"), date_format)).item() in first
    except (pl.exceptions.PolarsError, ValueError):
        return False


def as_date(text: pl.Expr, date_format: str | None, zones: Zones | None = None) -> pl.Expr:
    """The client's day of a date or of a time stamp; null where it is neither.

    A stamp that names its zone is brought to the client's clock, and so is one without where it is known to
    show another. Of a week its Monday is meant, of a month its first day.

    Args:
        text: as delivered.
        date_format: strptime format; None means ISO.
        zones: whose clocks; None where stamps show the client's.
    """
    zones = zones or Zones()
    if date_format is None:
        return _iso_date(text, zones)
    if any(code in date_format for code in _HAS_TIME):
        if "%z" in date_format or "%Z" in date_format:
            moments = text.str.to_datetime(date_format, time_zone="UTC", strict=False)
            return moments.dt.convert_time_zone(zones.of_client).dt.date()
        return _day_of(text.str.to_datetime(date_format, strict=False), zones)
    whole_text, whole_format = _first_day(text, date_format)
    return whole_text.str.to_date(whole_format, strict=False)


def _first_day(text: pl.Expr, date_format: str) -> tuple[pl.Expr, str]:
    """A text of a week or month, and its format, with the first day of it."""
    if any(code in date_format for code in _HAS_DAY):
        return text, date_format
    if any(code in date_format for code in _HAS_WEEK):
        return pl.concat_str(text, pl.lit(" 1")), f"{date_format} %u"
    return pl.concat_str(text, pl.lit(" 1")), f"{date_format} %d"


def _iso_date(text: pl.Expr, zones: Zones) -> pl.Expr:
    plain = (
        pl.when(text.str.contains(_ISO_DATE))
        .then(text.str.slice(0, 10))
        .str.to_date("%Y-%m-%d", strict=False)
    )
    if zones.of_stamps is not None:
        stamp = _plain_stamp(text, _ISO_STAMP)
        plain = pl.coalesce(_day_of(stamp.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False), zones), plain)
    stamp = pl.concat_str(
        _plain_stamp(text, _ISO_OF_A_ZONE),
        pl.when(text.str.contains("[Zz]$"))
        .then(pl.lit("+0000"))
        .otherwise(
            pl.concat_str(
                text.str.extract(_ISO_OF_A_ZONE, 5),
                text.str.extract(_ISO_OF_A_ZONE, 6).fill_null("00"),
            )
        ),
    )
    moments = stamp.str.to_datetime("%Y-%m-%d %H:%M:%S%z", time_zone="UTC", strict=False)
    return pl.coalesce(plain, moments.dt.convert_time_zone(zones.of_client).dt.date())


def _plain_stamp(text: pl.Expr, pattern: str) -> pl.Expr:
    """``YYYY-MM-DD HH:MM:SS`` of a stamp that has the shape; null of any other text."""
    return pl.concat_str(
        text.str.extract(pattern, 1),
        pl.lit(" "),
        text.str.extract(pattern, 2),
        text.str.extract(pattern, 3).fill_null(":00"),
    )


def _day_of(stamps: pl.Expr, zones: Zones) -> pl.Expr:
    """The client's day of local times; an hour that is there twice is the earlier one."""
    if zones.of_stamps is None:
        return stamps.dt.date()
    placed = stamps.dt.replace_time_zone(zones.of_stamps, ambiguous="earliest", non_existent="null")
    return placed.dt.convert_time_zone(zones.of_client).dt.date()
