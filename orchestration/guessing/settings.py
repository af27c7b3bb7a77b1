"""The settings of a feed that follow from how a file is read, what was seen, and what a person has to say.

Belongs here: from a reading to a feed. Does not belong here: choosing the kind (``kinds``), the commands that
carry it out (``proposal``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from glob import escape
from pathlib import Path

import polars as pl

from orchestration.feeds import DECIMALS, THOUSANDS
from orchestration.foreign_text import some_of
from orchestration.guessing.columns import Look, looks_of
from orchestration.guessing.content import Numbers, thousands_or_decimals
from orchestration.guessing.dates import Since, say_dates
from orchestration.guessing.guess import SHOWN, Decision, Guess
from orchestration.guessing.item_columns import SURELY_ITEMS, ItemTable
from orchestration.guessing.items import say_sales
from orchestration.guessing.kinds import Reading, reading_of
from orchestration.guessing.logarithms import Logarithm
from orchestration.guessing.periods import quoted
from orchestration.guessing.sample import Sample, read_sample, sheets_of
from orchestration.landing.contracts import ColumnType
from orchestration.landing.file_names import kind_of
from orchestration.landing.layout import Layout
from orchestration.landing.reasons import FileRefusedError
from orchestration.landing.values import Marks

_SHOWN = 5
_SHOWN_UNUSED = 20
_ENOUGH_LETTERS = 4
"""In a pattern of file names, below which it would be those of other files, too."""

_WORDS = {mark: word for word, mark in DECIMALS.items()}


def guess_file(path: Path, since: Since | None = None) -> Guess:
    """Look at a file.

    Args:
        path: the file.
        since: since when days, weeks or months count, should they be running numbers.

    Raises:
        FileRefusedError: it cannot be read at all.
        OSError: it cannot be opened.
    """
    sheets = sheets_of(path)
    sample, looks, reading = max(
        (_looked_at(path, sheet) for sheet in sheets),
        key=lambda looked_at: (looked_at[2] is not None, looked_at[0].rows.height),
    )
    guess = Guess(path, reading)
    rows = f"{sample.rows.height:,} rows" if sample.is_whole else f"the first {sample.rows.height:,} rows"
    guess.seen.append(f"{len(looks)} columns, {rows} looked at.")
    guess.seen += sample.remarks
    others = [sheet for sheet in sheets if sheet is not None and sheet != sample.layout.sheet]
    if others:
        guess.seen.append(f"Sheet {sample.layout.sheet!r}; not read: {some_of(others, SHOWN)}.")
    if reading is None:
        return guess
    guess.feed["kind"] = reading.kind.name
    if kind_of(path.name, {}) != reading.kind:
        guess.feed["files"] = [_pattern(path)]
    _say_layout(guess, sample)
    _say_columns(guess, reading, looks)
    marks = _say_marks(guess, reading, looks)
    periods = say_dates(guess, reading, looks, sample, since or {})
    if reading.kind.has_sales:
        say_sales(guess, reading, sample, marks, periods)
    return guess


def _looked_at(path: Path, sheet: str | None) -> tuple[Sample, dict[str, Look], Reading | None]:
    """A file, or one sheet of it; a sheet that cannot be read is an empty one."""
    try:
        sample = read_sample(path, sheet)
    except FileRefusedError:
        if sheet is None:
            raise
        sample = Sample(path, pl.DataFrame(), True, Layout(sheet=sheet), False, ())
    looks = looks_of(sample)
    return sample, looks, reading_of(path.name, looks, sample.rows)


def _pattern(path: Path) -> str:
    """The names of a series of files, of which this is one: dates and numbers may differ."""
    stem = path.name.split(".")[0]
    pattern = re.sub(r"\d[\d_.-]*", "*", stem)
    return pattern if len(pattern.replace("*", "")) >= _ENOUGH_LETTERS else stem


def _say_layout(guess: Guess, sample: Sample) -> None:
    if sample.layout.header_row is not None:
        guess.feed["header_row"] = sample.layout.header_row
    if sample.layout.sheet is not None:
        guess.feed["sheet"] = sample.layout.sheet


def _say_columns(guess: Guess, reading: Reading, looks: Mapping[str, Look]) -> None:
    columns = {
        ours: match.theirs
        for ours, match in reading.matches.items()
        if ours.casefold() != match.theirs.strip().casefold()
    }
    if columns:
        guess.feed["columns"] = columns
    if reading.constants:
        guess.feed["constants"] = dict(reading.constants)
    if reading.numbered and reading.numbered.where and reading.numbered.where.casefold() != "date":
        guess.feed["columns"] = columns | {"date": reading.numbered.where}
    if reading.parts:
        guess.feed["derived"] = {"date": reading.parts.formula}
        guess.feed["date_format"] = reading.parts.date_format
    if reading.logarithm:
        _say_logarithm(guess, reading.logarithm)
    if reading.items:
        _say_items(guess, reading.items)
    if reading.periods:
        guess.feed["date_columns"] = reading.periods[0]
        first, last = reading.periods[1][0], reading.periods[1][-1]
        guess.seen.append(f"{len(reading.periods[1])} columns are periods, {first} to {last}.")
    nothing = {
        text
        for ours, match in reading.matches.items()
        if reading.kind.column(ours).type not in (ColumnType.ID, ColumnType.TEXT)
        for text in looks[match.theirs].nothing
    }
    nothing |= {text for name in reading.cells for text in looks[name].nothing}
    if nothing:
        guess.feed["empty_texts"] = sorted(nothing)
    unused = [name for name in looks if name not in reading.used]
    if unused:
        guess.seen.append(f"Columns not used: {some_of(unused, _SHOWN_UNUSED)}.")
    for ours, match in reading.matches.items():
        if match.others and reading.kind.column(ours).required:
            others = some_of(match.others, SHOWN)
            guess.decisions.append(
                Decision(
                    f"{match.theirs!r} is taken for {ours}; {others} could be meant as well.",
                    f"--map {ours}={match.others[0]}",
                )
            )
    for ours in reading.supposed:
        taken = reading.theirs(ours)
        what = (
            f"{taken!r}, which is what is left," if taken else f"the one item {reading.constants.get(ours)!r}"
        )
        guess.decisions.append(
            Decision(f"No column is named like {ours}: {what} is taken.", f"--map {ours}=COLUMN")
        )


def _say_logarithm(guess: Guess, logarithm: Logarithm) -> None:
    guess.feed["derived"] = guess.feed.get("derived", {}) | {"units_sold": logarithm.formula}
    if logarithm.is_proven:
        guess.seen.append(
            f"{logarithm.column!r} is the logarithm of the units: {logarithm.formula} gives whole numbers."
        )
        return
    guess.decisions.append(
        Decision(
            f"{logarithm.column!r} is taken for the natural logarithm of the units, which then are no whole "
            "numbers.",
            f"--derive 'units_sold=pow(10, {quoted(logarithm.column)})'",
        )
    )


def _say_items(guess: Guess, items: ItemTable) -> None:
    guess.feed["item_columns"] = "*"
    if items.left_out:
        guess.feed["leave_out_items"] = [escape(name) for name in items.left_out]
    guess.seen.append(f"{len(items.names):,} columns are items, {items.names[0]} to {items.names[-1]}.")
    if len(items.names) < SURELY_ITEMS:
        guess.decisions.append(
            Decision(
                "No column is named like an item or a quantity: each of the columns "
                f"{some_of(items.names, SHOWN)} is taken for an item, and its cells for units.",
                "--leave-out-item COLUMN",
            )
        )


def _say_marks(guess: Guess, reading: Reading, looks: Mapping[str, Look]) -> Marks:
    """Settle how numbers are written; what the file does not tell becomes a decision."""
    ours_of = {
        match.theirs: ours
        for ours, match in reading.matches.items()
        if reading.kind.column(ours).type in (ColumnType.NUMBER, ColumnType.WHOLE)
    }
    required = [name for name, ours in ours_of.items() if reading.kind.column(ours).required]
    if reading.items:
        return _say_marks_of(guess, reading.items.numbers.marks, looks, reading.items.names)
    measured = [*required, *(reading.periods[1][-_SHOWN:] if reading.periods else [])]
    measured += [reading.logarithm.column] if reading.logarithm else []
    optional = [name for name in ours_of if name not in required]
    numbers = {name: found for name in (*measured, *optional) if (found := looks[name].numbers) is not None}
    if not numbers:
        return Marks()
    common = _common_marks(list(numbers.values()), of_all=len(measured))
    chosen = _say_marks_of(guess, common, looks, list(numbers))
    for name in optional:
        if name in numbers and chosen not in numbers[name].marks:
            theirs = numbers[name].marks[0].decimal
            guess.feed.setdefault("derived", {})[ours_of[name]] = (
                f"replace({quoted(name)}, '{theirs}', '{chosen.decimal}')"
            )
            guess.feed.get("columns", {}).pop(ours_of[name], None)
    return chosen


def _say_marks_of(
    guess: Guess, marks: Sequence[Marks], looks: Mapping[str, Look], names: Sequence[str]
) -> Marks:
    """Settle the marks of some columns of numbers; the first are taken, and asked about where others fit."""
    chosen = marks[0]
    if (chosen.decimal == ",") is not any(looks[name].has_decimal_commas for name in names):
        guess.feed["decimal"] = _WORDS[chosen.decimal]
    if chosen.thousands is not None:
        guess.feed["thousands"] = next(word for word, mark in THOUSANDS.items() if mark == chosen.thousands)
    _say_ambiguous_marks(guess, looks, names, marks)
    return chosen


def _common_marks(numbers: Sequence[Numbers], *, of_all: int) -> list[Marks]:
    """The marks in which as many columns as possible are numbers; the first ``of_all`` count most."""
    needed = [found.marks for found in numbers[: max(1, of_all)]]
    common = [marks for marks in needed[0] if all(marks in other for other in needed)] or [needed[0][0]]
    for found in numbers[max(1, of_all) :]:
        common = [marks for marks in common if marks in found.marks] or common
    return common


def _say_ambiguous_marks(
    guess: Guess, looks: Mapping[str, Look], names: Sequence[str], marks: Sequence[Marks]
) -> None:
    """Ask about the first column whose numbers would be others in other marks."""
    for name in names:
        values = looks[name].values
        if not values.str.contains("[.,]").any() or not thousands_or_decimals(values, marks):
            continue
        example = next(text for text in values.to_list() if "." in text or "," in text)
        mark = _WORDS[marks[0].decimal]
        other = "comma" if mark == "point" else "point"
        guess.decisions.append(
            Decision(
                f"{example!r} in {name!r} is taken for a number with a decimal {mark}; the mark could stand "
                "between thousands.",
                f"--thousands {mark} --decimal {other}",
            )
        )
        return
