"""Columns that a source lacks and that follow from those it has, as SQL expressions.

Belongs here: what an expression may be, which columns it is about, and computing it. Does not belong here:
which columns there are (``feeds``), and the other things that are done to a batch (``shaping``).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from orchestration.errors import UserError
from orchestration.landing.contracts import Column, ColumnType
from orchestration.landing.values import Marks, without_marks

_NUMBERS = (ColumnType.NUMBER, ColumnType.WHOLE)
_DECIMALS = 4


class ExpressionError(UserError):
    """An expression cannot be computed; the message says why and of which column."""


def columns_of(formula: str) -> list[str]:
    """The source's columns that an expression is about, in the order of their names.

    >>> columns_of("cases * pack_size")
    ['cases', 'pack_size']

    Raises:
        ExpressionError: it is no expression.
    """
    return sorted(set(_parsed(formula).meta.root_names()))


def computed(formula: str, column: Column, sources: pl.DataFrame, marks: Marks) -> pl.Series:
    """An expression's values, as the text a source would have written.

    A number is computed from numbers, or from texts where the expression is about these; everything else is
    computed from texts.

    Args:
        formula: SQL over the columns of ``sources``.
        column: what it gives.
        sources: the columns it is about, as text.
        marks: how the source writes numbers.

    Raises:
        ExpressionError: it cannot be computed of these columns, or gives one value for many rows.
    """
    texts = sources.select(pl.col(name).str.strip_chars() for name in sources.columns)
    if column.type not in _NUMBERS:
        return _values(formula, column, texts).cast(pl.String)
    numbers = texts.select(
        without_marks(pl.col(name), marks).cast(pl.Float64, strict=False) for name in texts.columns
    )
    try:
        values = _values(formula, column, numbers)
    except ExpressionError as of_numbers:
        try:
            values = _values(formula, column, texts)
        except ExpressionError:
            raise of_numbers from None
    if values.dtype == pl.String:
        return values
    if not values.dtype.is_numeric():
        raise _not_computed(formula, column, f"it gives {values.dtype}, not numbers")
    rounded = values.cast(pl.Float64).round(_DECIMALS)
    written = pl.select(pl.when(rounded.is_finite()).then(rounded.cast(pl.String))).to_series()
    return written.str.replace(".", marks.decimal, literal=True).rename(column.name)


def _values(formula: str, column: Column, frame: pl.DataFrame) -> pl.Series:
    try:
        values = frame.select(_parsed(formula).alias(column.name))[column.name]
    except pl.exceptions.PolarsError as error:
        raise _not_computed(formula, column, str(error).splitlines()[0]) from error
    if len(values) != frame.height:
        raise _not_computed(formula, column, "it gives one value, not one per row")
    return values


def require_computable(formula: str, column: Column) -> None:
    """Try an expression on two made-up rows.

    Raises:
        ExpressionError: it is none, is about no column, or does not give a value per row.
    """
    names = columns_of(formula)
    if not names:
        raise _not_computed(formula, column, "it is about no column; a constant says the same")
    computed(formula, column, _made_up(names), Marks())


def _made_up(names: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame({name: ["1", "2"] for name in names})


def _parsed(formula: str) -> pl.Expr:
    try:
        return pl.sql_expr(formula)
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise ExpressionError(
            f"{formula!r} is not an SQL expression: {str(error).splitlines()[0]}"
        ) from error


def _not_computed(formula: str, column: Column, why: str) -> ExpressionError:
    return ExpressionError(f"{column.name} cannot be computed as {formula!r}: {why.rstrip('.')}.")
