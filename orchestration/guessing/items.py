"""What sales tell of items and of the rows about them.

Belongs here: sums, returns, transactions, odd codes. Does not belong here: columns, dates and marks
(``settings``).
"""

from __future__ import annotations

import shlex

import polars as pl

from orchestration.foreign_text import some_of
from orchestration.guessing.guess import SHOWN, Decision, Guess
from orchestration.guessing.kinds import Reading
from orchestration.guessing.sample import Sample
from orchestration.landing.values import Marks, plain_number

_REPEATED = 0.001
"""Share of rows with a key that was there before, from which rows are transactions and not totals."""

_MOST_CODES = 0.95
"""Share of rows whose codes have a digit, from which those without are odd."""

_FEW = 100
_PROPOSED = 5


def say_sales(guess: Guess, reading: Reading, sample: Sample, marks: Marks, days: pl.Series | None) -> None:
    units, item = reading.theirs("units_sold"), reading.theirs("item_id")
    if units is not None:
        numbers = sample.rows.select(plain_number(pl.col(units), marks))[units]
        negative = int((numbers < 0).sum())
        guess.seen.append(f"Units sum to {float(numbers.sum() or 0):,.10g}.")
        if negative:
            guess.seen.append(f"{negative:,} rows have negative units: returns, netted on their day.")
    if item is None:
        return
    items = sample.rows[item].drop_nulls()
    guess.seen.append(f"{items.n_unique():,} items.")
    _say_codes(guess, items)
    if days is None or reading.theirs("order_id") is not None:
        return
    key = sample.rows.select(item, *filter(None, [reading.theirs("location_id"), reading.theirs("reason")]))
    repeated = 1 - key.with_columns(days.alias("day")).n_unique() / max(1, key.height)
    if repeated > _REPEATED:
        guess.feed["lines"] = "transactions"
        guess.seen.append(
            f"{repeated:.1%} of the rows share item, location and day with another: transactions, added up."
        )


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
