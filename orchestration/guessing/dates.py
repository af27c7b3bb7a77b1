"""The settings of a feed that say when: how dates are written, since when numbers count, the grain.

Belongs here: from a reading to the dates of its rows. Does not belong here: finding the columns (``kinds``),
the other settings (``settings``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from forecasting_lib.grain import Grain
from orchestration.feeds import NUMBERED, Feed
from orchestration.fields import option_name
from orchestration.foreign_text import some_of
from orchestration.guessing.columns import Look
from orchestration.guessing.content import days_of
from orchestration.guessing.guess import SHOWN, Decision, Guess
from orchestration.guessing.kinds import Reading
from orchestration.guessing.numbered import Numbered
from orchestration.guessing.period_vocabulary import WEEK
from orchestration.guessing.sample import Sample
from orchestration.guessing.vocabulary import EXACT, likeness
from orchestration.landing.contracts import ColumnType
from orchestration.landing.grains import grain_of
from orchestration.landing.numbered_periods import Numbering
from orchestration.landing.wide import named_date

NO_DAY = "DATE"
"""In the place of a day that only a person knows: no feed takes it."""

Since = Mapping[Grain, date]
"""First day of number 1 of days, weeks or months that are numbered."""

_SETTINGS = {grain: field for field, grain in NUMBERED.items()}


def say_dates(
    guess: Guess, reading: Reading, looks: Mapping[str, Look], sample: Sample, since: Since
) -> pl.Series | None:
    """Settle how dates are written; returns what tells the periods of rows apart, None where nothing does.

    Args:
        guess: what is said of the file so far.
        reading: its kind and columns.
        looks: its columns.
        sample: its first rows.
        since: since when running numbers count, as far as a person says.
    """
    if reading.numbered is not None:
        return _say_numbered(guess, reading.numbered, reading, sample, since)
    if reading.periods:
        days = [day for name in reading.periods[1] if (day := named_date(name, reading.periods[0]))]
        _say_grain(guess, dict.fromkeys(days, sample.rows.height))
        return None
    required = [
        column for column in reading.kind.columns if column.type is ColumnType.DATE and column.required
    ]
    name = reading.theirs(required[0].name) if required else None
    if reading.parts:
        date_format: str | None = reading.parts.date_format
        texts = sample.rows.select(pl.sql_expr(reading.parts.formula).alias("date"))["date"]
    elif name is not None:
        date_format = _say_format(guess, looks[name])
        texts = sample.rows[name]
    else:
        return None
    day_of_row = days_of(texts, date_format)
    _say_days(guess, day_of_row, reading)
    return day_of_row


def _say_format(guess: Guess, look: Look) -> str | None:
    """Settle the format of a column of dates; None stands for ISO."""
    formats: Sequence[str | None] = look.dates.formats if look.dates else (None,)
    if look.dates and look.dates.totals:
        guess.seen.append(
            f"Rejected, as sums of other rows: {some_of(look.dates.totals, SHOWN)} in {look.name!r}."
        )
    if likeness(look.name, WEEK) >= EXACT:
        formats = sorted(formats, key=lambda entry: entry is None or "%V" not in entry)
    date_format = formats[0]
    if date_format is not None:
        guess.feed["date_format"] = date_format
    other = next((entry for entry in formats[1:] if _tells_other_days(look.values, date_format, entry)), None)
    if other is not None:
        guess.decisions.append(
            Decision(
                f"{look.values[0]!r} in {look.name!r} is read as {date_format or 'ISO'}; "
                f"{other} fits all rows, too.",
                f"--date-format '{other}'",
            )
        )
    return date_format


def _tells_other_days(values: pl.Series, one: str | None, other: str | None) -> bool:
    read, read_otherwise = (days_of(values, date_format).drop_nulls() for date_format in (one, other))
    return not read.equals(read_otherwise)


def _say_numbered(
    guess: Guess, numbered: Numbered, reading: Reading, sample: Sample, since: Since
) -> pl.Series | None:
    """Settle since when running numbers count; where nobody said it, a person has to."""
    numbering = _numbering(numbered, since)
    grain = numbering.grain if numbering else numbered.grain or Grain.WEEK
    if grain is not Grain.DAY and reading.kind.has_sales:
        guess.grain = grain
    if numbering is None:
        guess.feed[_SETTINGS[grain]] = NO_DAY
        guess.decisions.append(_since_when(numbered, grain))
        return None if numbered.where is None else sample.rows[numbered.where]
    guess.feed[_SETTINGS[grain]] = numbering.first_day.isoformat()
    if numbering.first_day == numbered.first_day:
        guess.seen.append(f"{numbered.where!r} numbers days as spreadsheets do.")
    if numbered.where is None:
        numbers = pl.Series([str(numbered.low), str(numbered.high)])
    else:
        numbers = sample.rows[numbered.where]
    days = pl.DataFrame({"number": numbers}).select(numbering.day_of(pl.col("number"))).to_series()
    _say_days(guess, days, reading)
    return None if numbered.where is None else days


def _numbering(numbered: Numbered, since: Since) -> Numbering | None:
    """What numbers count and since when; None where only a person knows and did not say it."""
    grain = numbered.grain
    if grain is None and len(since) == 1:
        [grain] = since
    first_day = None if grain is None else since.get(grain, numbered.first_day)
    return None if grain is None or first_day is None else Numbering(grain, first_day)


def _since_when(numbered: Numbered, grain: Grain) -> Decision:
    counted = f"numbers {numbered.periods}" if numbered.grain else "numbers weeks, months or days"
    others = "" if numbered.grain else "; or --months-from or --days-from, if it numbers those"
    return Decision(
        f"{numbered.shown}, {counted} and names no year: only you know the first day of {grain} 1.",
        f"{option_name(Feed, _SETTINGS[grain])} {NO_DAY}, a day such as 2024-01-01{others}",
        is_needed=True,
    )


def _say_days(guess: Guess, days: pl.Series, reading: Reading) -> None:
    read = days.drop_nulls().to_list()
    if not read:
        return
    guess.seen.append(f"Dates from {min(read)} to {max(read)}.")
    if reading.kind.has_sales and guess.grain is None:
        _say_grain(guess, Counter(read))


def _say_grain(guess: Guess, rows: Mapping[date, int]) -> None:
    if guess.reading is None or not guess.reading.kind.has_sales:
        return
    guess.grain = grain_of(rows)
    if guess.grain is None:
        guess.seen.append(f"{len(rows)} dates do not tell days from weeks or months; taken for days.")
    else:
        guess.seen.append(f"Sales are totals of {guess.grain.periods} ({len(rows):,} dates).")
