"""What sales tell of items and of the rows about them.

Belongs here: sums, returns, transactions, odd codes. Does not belong here: columns, dates and marks
(``settings``).
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from glob import escape

import polars as pl

from orchestration.foreign_text import some_of
from orchestration.guessing.guess import SHOWN, Decision, Guess
from orchestration.guessing.kinds import Reading
from orchestration.guessing.logarithms import Logarithm
from orchestration.guessing.sample import Sample
from orchestration.guessing.totals import is_total
from orchestration.landing.expressions import computed
from orchestration.landing.kinds import SALES
from orchestration.landing.values import Marks, plain_number

_REPEATED = 0.001
"""Share of rows with a key that was there before, from which rows are transactions and not totals."""

_MOST_CODES = 0.95
"""Share of rows whose codes have a digit, from which those without are odd."""

_FEW = 100
_PROPOSED = 5


def say_sales(
    guess: Guess, reading: Reading, sample: Sample, marks: Marks, periods: pl.Series | None
) -> None:
    """Say what units, items and repeated rows tell.

    Args:
        guess: what is said of the file so far.
        reading: its kind and columns.
        sample: its first rows.
        marks: how its numbers are written.
        periods: what tells the periods of rows apart; None where a row has several.
    """
    units, item = reading.theirs("units_sold"), reading.theirs("item_id")
    if item is not None:
        _say_totals(guess, sample.rows[item])
    is_read = _are_read(sample.rows, [item, reading.theirs("date")])
    rows = sample.rows.filter(is_read)
    if reading.logarithm is not None:
        _say_units(guess, _computed(reading.logarithm, rows, marks))
    elif cells := reading.cells:
        numbers = rows.select(plain_number(pl.col(cells), marks))
        _say_units(guess, pl.concat([numbers[name].rename("units") for name in cells]))
    elif units is not None:
        _say_units(guess, rows.select(plain_number(pl.col(units), marks))[units])
    if item is None:
        return
    items = rows[item].drop_nulls()
    guess.seen.append(f"{items.n_unique():,} items.")
    _say_codes(guess, items)
    if periods is None or reading.theirs("order_id") is not None:
        return
    key = rows.select(item, *filter(None, [reading.theirs("location_id"), reading.theirs("reason")]))
    repeated = 1 - key.with_columns(periods.filter(is_read).alias("period")).n_unique() / max(1, key.height)
    if repeated > _REPEATED and reading.numbered and reading.numbered.may_repeat:
        guess.seen.append(
            f"{repeated:.1%} of the rows share item, location and number with another: if the numbers begin "
            "again each year, export the year, too."
        )
    elif repeated > _REPEATED:
        guess.feed["lines"] = "transactions"
        guess.seen.append(
            f"{repeated:.1%} of the rows share item, location and day with another: transactions, added up."
        )


def _are_read(rows: pl.DataFrame, columns: Sequence[str | None]) -> pl.Series:
    """Whether rows are read: they have an item and a date, and neither says that they sum up others."""
    are_read = pl.repeat(True, rows.height, eager=True)
    for name in filter(None, columns):
        totals = [text for text in rows[name].unique().drop_nulls() if is_total(text)]
        are_read &= rows[name].is_not_null() & ~rows[name].is_in(totals).fill_null(False)
    return are_read


def _computed(logarithm: Logarithm, rows: pl.DataFrame, marks: Marks) -> pl.Series:
    units = computed(logarithm.formula, SALES.column("units_sold"), rows.select(logarithm.column), marks)
    return units.to_frame().select(plain_number(pl.col("units_sold"), marks))["units_sold"]


def _say_units(guess: Guess, numbers: pl.Series) -> None:
    negative = int((numbers < 0).sum())
    guess.seen.append(f"Units sum to {float(numbers.sum() or 0):,.10g}.")
    if negative:
        guess.seen.append(f"{negative:,} rows have negative units: returns, netted on their day.")


def _say_totals(guess: Guess, items: pl.Series) -> None:
    """Leave out items that are called totals: they would be sold on top of what they sum up."""
    totals = [code for code in items.unique(maintain_order=True).drop_nulls() if is_total(code)]
    if totals:
        guess.feed["leave_out_items"] = [escape(code) for code in totals]
        guess.seen.append(f"Left out, as sums of other rows: {some_of(totals, SHOWN)}.")


def _say_codes(guess: Guess, items: pl.Series) -> None:
    """Codes that look unlike the others, and those that differ by their letters only."""
    codes = items.value_counts(sort=True)
    has_digit = codes[items.name].str.contains(r"\d")
    odd = codes.filter(~has_digit)[items.name].to_list()
    usual = float(codes.filter(has_digit)["count"].sum())
    if odd and usual >= _MOST_CODES * float(codes["count"].sum()) and len(odd) < _FEW:
        shown = some_of(odd, SHOWN)
        guess.decisions.append(
            Decision(
                f"Codes without a digit, unlike the others: {shown}. They are read; leave out what is "
                "no article, such as postage and fees.",
                " ".join(f"--leave-out-item {shlex.quote(code)}" for code in odd[:_PROPOSED]),
            )
        )
    spelt = codes[items.name].str.to_uppercase().n_unique()
    if spelt < codes.height:
        guess.decisions.append(
            Decision(
                f"Codes that differ from another by upper and lower case only: {codes.height - spelt}; they "
                "are kept apart.",
                "--code-case upper",
            )
        )
