"""Text into typed rows, and the rows that are refused with their reason.

Belongs here: every judgement of one row by itself, as vectorised expressions over a frame. Does not belong
here: what needs the whole file (duplicate keys) or the warehouse (mixed grain): see ``load``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from orchestration.landing.contracts import (
    MAX_ID_LENGTH,
    MAX_TEXT_LENGTH,
    Column,
    ColumnType,
    Kind,
    Reason,
)
from orchestration.landing.reader import LINE, RAW, Batch

EARLIEST = date(1990, 1, 1)
PLANNING_YEARS = 10
BOOK = pl.Decimal(18, 4)
"""As ``numeric(18,4)``: what quantities and values are staged as, further decimals rounded."""

REJECTED_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    LINE: pl.Int64,
    "reason": pl.String,
    "column_name": pl.String,
    "message": pl.String,
    RAW: pl.String,
    "units": BOOK,
}

_PLAIN_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$"
_ISO_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$"
_ID_FORMULA = r"^[=+\-@]"
_TEXT_FORMULA = r"^([=@]|[+\-].*([A-Za-z]\(|[|!]))"
_INVISIBLE = r"[\p{Cc}\u{200B}\u{202A}-\u{202E}\u{2066}-\u{2069}\u{FEFF}]"
_CONTROL_IN_TEXT = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F]"
_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")
_INT32 = 2**31 - 1
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class Rules:
    """What a row is judged by, beside its contract.

    Attributes:
        today: the client's present day; nothing sold lies after it.
        last_day: last day of sales delivered before, as staged; None for a client's first delivery.
        max_gap_days: how far after it a date may lie.
        shift_days: days added to every date before it is judged and staged.
        date_format: strptime format; None means ISO.
        decimal_comma: numbers have a comma before their decimals, and no point anywhere.
    """

    today: date
    last_day: date | None = None
    max_gap_days: int = 366
    shift_days: int = 0
    date_format: str | None = None
    decimal_comma: bool = False


@dataclass(frozen=True)
class Judged:
    """A batch taken apart.

    Attributes:
        rows_read: rows of the file it came from.
        accepted: the staging columns, typed, then ``line_number`` and ``raw``.
        rejected: ``line_number, reason, column_name, message, raw, units``; one row per rejected row, with
            the first thing that is wrong. ``units`` is ``units_sold`` where it could be read.
    """

    rows_read: int
    accepted: pl.DataFrame
    rejected: pl.DataFrame


@dataclass(frozen=True)
class _Fault:
    """One thing that may be wrong: where it is, and the sentence said about it."""

    reason: Reason
    column: str
    where: pl.Expr
    message: pl.Expr


def judge(batch: Batch, kind: Kind, rules: Rules) -> Judged:
    """Judge and type the rows of one batch.

    Args:
        batch: as read. Surrounding blanks are dropped and an empty text is no value.
        kind: the contract; columns it has and the frame lacks are left out, or get their default.
        rules: what else the rows are judged by.
    """
    present = [column for column in kind.columns if column.name in batch.rows.columns]
    texts = batch.rows.with_columns(
        pl.col(column.name).str.strip_chars().replace("", None).alias(column.name) for column in present
    )
    typed = texts.with_columns(
        _typed(column, kind, rules).alias(_typed_name(column.name)) for column in present
    )
    faults = list(_faults(kind, present, rules))
    judged = typed.with_columns(_first_of(faults).alias("fault"))
    good = judged.filter(pl.col("fault").is_null())
    bad = judged.filter(pl.col("fault").is_not_null())
    return Judged(
        rows_read=batch.rows.height + batch.misshapen.height,
        accepted=_staged(good, kind, present),
        rejected=pl.concat([_rejections(bad, faults), _misshapen(batch.misshapen)]).sort(LINE),
    )


def plain_number(text: pl.Expr, *, decimal_comma: bool = False) -> pl.Expr:
    """A text as ``numeric(18,4)``; null where it is no plain number or does not fit.

    No thousands separators, no hexadecimal, no infinity and no NaN.
    """
    if decimal_comma:
        text = pl.when(~text.str.contains(".", literal=True)).then(text.str.replace(",", ".", literal=True))
    return pl.when(text.str.contains(_PLAIN_NUMBER)).then(text).cast(BOOK, strict=False)


def is_usable(date_format: str) -> bool:
    """Whether a strptime format holds a whole day: one that is written and read again is the same."""
    moment = datetime(2001, 12, 31, 13, 5, 7)  # noqa: DTZ001 - a local time of the client
    try:
        written = pl.DataFrame({"text": [moment.strftime(date_format)]})
        return bool(written.select(_as_date(pl.col("text"), date_format)).item() == moment.date())
    except pl.exceptions.PolarsError:
        return False


def date_fault(day: date, rules: Rules) -> Reason | None:
    """What is wrong with a day of sales or stock, already shifted; None where nothing is."""
    if day > rules.today:
        return Reason.FUTURE_DATE
    if rules.last_day is not None and day > rules.last_day + timedelta(days=rules.max_gap_days):
        return Reason.DATE_AFTER_GAP
    return None


# --- reading one value --------------------------------------------------------------------------------


def _typed_name(name: str) -> str:
    return f"typed {name}"


def _typed(column: Column, kind: Kind, rules: Rules) -> pl.Expr:
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
            date_format = None if kind.iso_dates else rules.date_format
            return _as_date(text, date_format).dt.offset_by(f"{rules.shift_days}d")
        case ColumnType.ID | ColumnType.TEXT:
            return text


def _as_date(text: pl.Expr, date_format: str | None) -> pl.Expr:
    """The day of a date or of a local time; null where it is neither."""
    if date_format is None:
        iso = pl.when(text.str.contains(_ISO_DATE)).then(text.str.slice(0, 10))
        return iso.str.to_date("%Y-%m-%d", strict=False)
    if any(code in date_format for code in ("%H", "%I", "%T", "%R", "%X")):
        return text.str.to_datetime(date_format, strict=False).dt.date()
    return text.str.to_date(date_format, strict=False)


# --- what may be wrong --------------------------------------------------------------------------------


def _faults(kind: Kind, present: Sequence[Column], rules: Rules) -> Iterator[_Fault]:
    """Everything to look for, the first to be named first."""
    names = {column.name for column in present}
    for column in present:
        yield from _missing(column, kind)
    for group in kind.one_of:
        empty = pl.all_horizontal(pl.col(name).is_null() for name in group if name in names)
        both = " and ".join(group)
        yield _Fault(
            Reason.MISSING_KEY, group[0], empty, pl.lit(f"Both {both} are empty; one must be given.")
        )
    for column in present:
        match column.type:
            case ColumnType.ID | ColumnType.TEXT:
                yield from _text_faults(column)
            case ColumnType.NUMBER | ColumnType.WHOLE:
                yield from _number_faults(column, rules)
            case ColumnType.BOOLEAN:
                unread = pl.col(column.name).is_not_null() & pl.col(_typed_name(column.name)).is_null()
                yield _Fault(
                    Reason.BAD_BOOLEAN,
                    column.name,
                    unread,
                    _sentence(column, "is neither true/false, yes/no nor 1/0."),
                )
            case ColumnType.DATE:
                yield from _date_faults(column, kind, rules)
    for start, end in kind.ordered:
        if start in names and end in names:
            backwards = pl.col(_typed_name(end)) < pl.col(_typed_name(start))
            yield _Fault(
                Reason.END_BEFORE_START, end, backwards, _sentence(kind.column(end), f"lies before {start}.")
            )


def _missing(column: Column, kind: Kind) -> Iterator[_Fault]:
    is_key = column.staged in kind.key and kind.name != "promotions" and column.name != "order_id"
    if column.required or is_key:
        reason = Reason.MISSING_KEY if is_key or column.staged in kind.key else Reason.MISSING_VALUE
        yield _Fault(reason, column.name, pl.col(column.name).is_null(), pl.lit(f"{column.name} is empty."))


def _text_faults(column: Column) -> Iterator[_Fault]:
    text = pl.col(column.name)
    is_id = column.type is ColumnType.ID
    longest = MAX_ID_LENGTH if is_id else MAX_TEXT_LENGTH
    yield _Fault(
        Reason.TOO_LONG,
        column.name,
        text.str.len_chars() > longest,
        _sentence(column, f"is longer than {longest:,} characters."),
    )
    yield _Fault(
        Reason.CONTROL_CHARACTER,
        column.name,
        text.str.contains(_INVISIBLE if is_id else _CONTROL_IN_TEXT),
        _sentence(column, "holds a control or an invisible character."),
    )
    yield _Fault(
        Reason.FORMULA_TEXT,
        column.name,
        text.str.contains(_ID_FORMULA if is_id else _TEXT_FORMULA),
        _sentence(column, "would run as a formula in a spreadsheet; ids start with another character."),
    )


def _number_faults(column: Column, rules: Rules) -> Iterator[_Fault]:
    text, number = pl.col(column.name), pl.col(_typed_name(column.name))
    is_whole = column.type is ColumnType.WHOLE
    readable = text.str.replace(",", ".", literal=True) if rules.decimal_comma else text
    too_large = readable.str.contains(_PLAIN_NUMBER) & (readable.cast(pl.Float64, strict=False).abs() >= 1e9)
    yield _Fault(
        Reason.OUT_OF_RANGE,
        column.name,
        number.is_null() & too_large,
        _sentence(column, f"is larger than {'2 thousand million' if is_whole else '14 digits'}."),
    )
    mark = "a decimal comma, as the file is delimited by ;," if rules.decimal_comma else "a decimal point"
    shape = "a whole number." if is_whole else f"a number with {mark} and nothing else."
    yield _Fault(
        Reason.BAD_NUMBER,
        column.name,
        text.is_not_null() & number.is_null(),
        _sentence(column, f"is not {shape}"),
    )
    if column.minimum is not None:
        yield _Fault(
            column.below_minimum,
            column.name,
            number < column.minimum,
            _sentence(column, f"is less than {column.minimum:g}."),
        )
    if column.maximum is not None:
        yield _Fault(
            Reason.OUT_OF_RANGE,
            column.name,
            number > column.maximum,
            _sentence(column, f"is more than {column.maximum:g}."),
        )


def _date_faults(column: Column, kind: Kind, rules: Rules) -> Iterator[_Fault]:
    text, day = pl.col(column.name), pl.col(_typed_name(column.name))
    shape = "YYYY-MM-DD" if kind.iso_dates or rules.date_format is None else rules.date_format
    yield _Fault(
        Reason.BAD_DATE,
        column.name,
        text.is_not_null() & day.is_null(),
        _sentence(column, f"is not a date as {shape}."),
    )
    yield _Fault(
        Reason.DATE_BEFORE_1990,
        column.name,
        day < EARLIEST + timedelta(days=rules.shift_days),
        _sentence(column, "lies before 1990."),
    )
    latest = rules.today + timedelta(days=round(365.25 * PLANNING_YEARS)) if column.planned else rules.today
    yield _Fault(
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
        yield _Fault(
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
    shown = _storable(pl.col(column.name)).str.slice(0, _SHOWN_CHARACTERS)
    return pl.format("{} '{}' {}", pl.lit(column.name), shown, pl.lit(ending))


def _storable(text: pl.Expr) -> pl.Expr:
    """PostgreSQL's text cannot hold a NUL."""
    return text.str.replace_all("\x00", "\N{SYMBOL FOR NULL}", literal=True)


# --- taking apart -------------------------------------------------------------------------------------


def _first_of(faults: Sequence[_Fault]) -> pl.Expr:
    """Number of the first fault of each row; null for a good row."""
    return pl.coalesce(
        pl.when(fault.where).then(pl.lit(number, dtype=pl.Int16)) for number, fault in enumerate(faults)
    )


def _rejections(bad: pl.DataFrame, faults: Sequence[_Fault]) -> pl.DataFrame:
    units = _typed_name("units_sold")
    parts = [
        part.select(
            LINE,
            pl.lit(faults[number].reason.value).alias("reason"),
            pl.lit(faults[number].column).alias("column_name"),
            faults[number].message.alias("message"),
            _storable(pl.col(RAW)).alias(RAW),
            (pl.col(units) if units in part.columns else pl.lit(None, dtype=BOOK)).alias("units"),
        )
        for (number,), part in bad.group_by("fault", maintain_order=True)
        if isinstance(number, int)
    ]
    return pl.concat(parts) if parts else pl.DataFrame(schema=REJECTED_SCHEMA)


def _misshapen(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        pl.lit(None, dtype=pl.String).alias("column_name"), pl.lit(None, dtype=BOOK).alias("units")
    ).select(*REJECTED_SCHEMA)


def _staged(good: pl.DataFrame, kind: Kind, present: Sequence[Column]) -> pl.DataFrame:
    names = {column.name for column in present}
    defaults = [
        pl.lit(column.default).alias(column.staged)
        for column in kind.columns
        if column.name not in names and column.default is not None
    ]
    staged = good.select(
        *(pl.col(_typed_name(column.name)).alias(column.staged) for column in present), *defaults, LINE, RAW
    )
    if kind.name == "sales":
        order = pl.col("order_id").fill_null("") if "order_id" in names else pl.lit("")
        return staged.with_columns(order.alias("order_id"))
    if kind.name == "stock_levels":
        return staged.with_columns(pl.lit(False).alias("is_generated"))
    return _promotion_targets(staged) if kind.name == "promotions" else staged


def _promotion_targets(staged: pl.DataFrame) -> pl.DataFrame:
    """What a promotion names: its item, else its category; and all locations where it names none."""
    nothing = pl.lit(None, dtype=pl.String)
    item, category, location = (
        pl.col(name) if name in staged.columns else nothing for name in ("item_id", "category", "location_id")
    )
    return staged.with_columns(
        pl.when(item.is_not_null()).then(pl.lit("item")).otherwise(pl.lit("category")).alias("target_type"),
        pl.coalesce(item, category).alias("target_id"),
        location.fill_null("").alias("location_id"),
    ).drop("item_id", "category", strict=False)
