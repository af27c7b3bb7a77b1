"""What may be wrong with one row by itself, and the sentence said about each value.

Belongs here: every judgement that needs no other row, as expressions over a frame. Does not belong here: what
needs the whole file or the warehouse (``whole_file``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from orchestration.landing.contracts import MAX_ID_LENGTH, MAX_TEXT_LENGTH, Column, ColumnType, Contract
from orchestration.landing.reasons import Reason
from orchestration.landing.values import PLAIN_NUMBER, Rules, typed_name, without_marks

EARLIEST = date(1990, 1, 1)
PLANNING_YEARS = 10

_ID_FORMULA = r"^[=+\-@]"
_TEXT_FORMULA = r"^([=@]|[+\-].*([A-Za-z]\(|[|!]))"
_INVISIBLE = r"[\p{Cc}\u{200B}\u{202A}-\u{202E}\u{2066}-\u{2069}\u{FEFF}]"
_CONTROL_IN_TEXT = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F]"
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class Fault:
    """One thing that may be wrong: where it is, and the sentence said about it."""

    reason: Reason
    column: str
    where: pl.Expr
    message: pl.Expr


def date_fault(day: date, rules: Rules) -> Reason | None:
    """What is wrong with a day of sales or stock; None where nothing is."""
    if day > rules.today:
        return Reason.FUTURE_DATE
    if rules.last_day is not None and day > rules.last_day + timedelta(days=rules.max_gap_days):
        return Reason.DATE_AFTER_GAP
    return None


def faults_of(contract: Contract, present: Sequence[Column], rules: Rules) -> Iterator[Fault]:
    """Everything to look for, the first to be named first."""
    names = {column.name for column in present}
    for column in present:
        yield from _missing(column, contract)
    for group in contract.one_of:
        empty = pl.all_horizontal(pl.col(name).is_null() for name in group if name in names)
        both = " and ".join(group)
        yield Fault(Reason.MISSING_KEY, group[0], empty, pl.lit(f"Both {both} are empty; one must be given."))
    for column in present:
        match column.type:
            case ColumnType.ID | ColumnType.TEXT:
                yield from text_faults(column)
            case ColumnType.NUMBER | ColumnType.WHOLE:
                yield from _number_faults(column, rules)
            case ColumnType.BOOLEAN:
                unread = pl.col(column.name).is_not_null() & pl.col(typed_name(column.name)).is_null()
                yield Fault(
                    Reason.BAD_BOOLEAN,
                    column.name,
                    unread,
                    _sentence(column, "is neither true/false, yes/no nor 1/0."),
                )
            case ColumnType.DATE:
                yield from _date_faults(column, contract, rules)
    for start, end in contract.ordered:
        if start in names and end in names:
            backwards = pl.col(typed_name(end)) < pl.col(typed_name(start))
            yield Fault(
                Reason.END_BEFORE_START,
                end,
                backwards,
                _sentence(contract.column(end), f"lies before {start}."),
            )


def _missing(column: Column, contract: Contract) -> Iterator[Fault]:
    is_key = column.staged in contract.key
    if column.required or (is_key and not column.may_be_empty):
        reason = Reason.MISSING_KEY if is_key else Reason.MISSING_VALUE
        yield Fault(reason, column.name, pl.col(column.name).is_null(), pl.lit(f"{column.name} is empty."))


def text_faults(column: Column) -> Iterator[Fault]:
    """What may be wrong with a code or a text."""
    text = pl.col(column.name)
    is_id = column.type is ColumnType.ID
    longest = MAX_ID_LENGTH if is_id else MAX_TEXT_LENGTH
    yield Fault(
        Reason.TOO_LONG,
        column.name,
        text.str.len_chars() > longest,
        _sentence(column, f"is longer than {longest:,} characters."),
    )
    yield Fault(
        Reason.CONTROL_CHARACTER,
        column.name,
        text.str.contains(_INVISIBLE if is_id else _CONTROL_IN_TEXT),
        _sentence(column, "holds a control or an invisible character."),
    )
    yield Fault(
        Reason.FORMULA_TEXT,
        column.name,
        text.str.contains(_ID_FORMULA if is_id else _TEXT_FORMULA),
        _sentence(column, "would run as a formula in a spreadsheet; ids start with another character."),
    )


def _number_faults(column: Column, rules: Rules) -> Iterator[Fault]:
    text, number = pl.col(column.name), pl.col(typed_name(column.name))
    is_whole = column.type is ColumnType.WHOLE
    readable = without_marks(text, rules.marks)
    too_large = readable.str.contains(PLAIN_NUMBER) & (readable.cast(pl.Float64, strict=False).abs() >= 1e9)
    yield Fault(
        Reason.OUT_OF_RANGE,
        column.name,
        number.is_null() & too_large,
        _sentence(column, f"is larger than {'2 thousand million' if is_whole else '14 digits'}."),
    )
    shape = "a whole number." if is_whole else f"a number with {_marks(rules)}."
    yield Fault(
        Reason.BAD_NUMBER,
        column.name,
        text.is_not_null() & number.is_null(),
        _sentence(column, f"is not {shape}"),
    )
    if column.minimum is not None:
        yield Fault(
            column.below_minimum,
            column.name,
            number < column.minimum,
            _sentence(column, f"is less than {column.minimum:g}."),
        )
    if column.maximum is not None:
        yield Fault(
            Reason.OUT_OF_RANGE,
            column.name,
            number > column.maximum,
            _sentence(column, f"is more than {column.maximum:g}."),
        )


def _marks(rules: Rules) -> str:
    """How numbers are written, for a message."""
    decimal = "comma" if rules.marks.decimal == "," else "point"
    if rules.marks.thousands is None:
        return f"a decimal {decimal} and nothing else"
    return f"a decimal {decimal} and {rules.marks.thousands!r} between thousands"


def _date_faults(column: Column, contract: Contract, rules: Rules) -> Iterator[Fault]:
    text, day = pl.col(column.name), pl.col(typed_name(column.name))
    if rules.numbering is not None:
        shape = rules.numbering.shape
    else:
        is_iso = contract.iso_dates or rules.date_format is None
        shape = f"a date as {'YYYY-MM-DD' if is_iso else rules.date_format}"
    yield Fault(
        Reason.BAD_DATE,
        column.name,
        text.is_not_null() & day.is_null(),
        _sentence(column, f"is not {shape}."),
    )
    yield Fault(
        Reason.DATE_BEFORE_1990,
        column.name,
        day < pl.lit(EARLIEST),
        _sentence(column, "lies before 1990."),
    )
    latest = rules.today + timedelta(days=round(365.25 * PLANNING_YEARS)) if column.planned else rules.today
    yield Fault(
        Reason.FUTURE_DATE,
        column.name,
        day > latest,
        _sentence(
            column,
            f"lies more than {PLANNING_YEARS} years ahead; leave it empty where there is no such day."
            if column.planned
            else f"lies after {rules.today:%Y-%m-%d}, the client's present day.",
        ),
    )
    if column.follows_last_day and rules.last_day is not None:
        yield Fault(
            Reason.DATE_AFTER_GAP,
            column.name,
            day > rules.last_day + timedelta(days=rules.max_gap_days),
            _sentence(
                column,
                f"lies more than {rules.max_gap_days} days after {rules.last_day:%Y-%m-%d}, "
                "the client's last delivered day.",
            ),
        )


def _sentence(column: Column, ending: str) -> pl.Expr:
    shown = storable(pl.col(column.name)).str.slice(0, _SHOWN_CHARACTERS)
    return pl.format("{} '{}' {}", pl.lit(column.name), shown, pl.lit(ending))


def storable(text: pl.Expr) -> pl.Expr:
    """PostgreSQL's text cannot hold a NUL."""
    return text.str.replace_all("\x00", "\N{SYMBOL FOR NULL}", literal=True)
