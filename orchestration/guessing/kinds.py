"""Which kind of file an export is, and where it keeps what the kind needs.

Belongs here: choosing among the kinds. Does not belong here: a single column (``columns``), the settings that
follow (``settings``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

import polars as pl

from orchestration.guessing.columns import Look, Match, matched
from orchestration.guessing.item_columns import ItemTable, item_table
from orchestration.guessing.logarithms import Logarithm, logarithm_of_units
from orchestration.guessing.numbered import Numbered, numbered_column, numbered_names
from orchestration.guessing.periods import DateParts, date_columns, date_parts
from orchestration.guessing.vocabulary import EXACT, NAMES, UNITS, likeness, plain
from orchestration.landing.file_names import kind_of
from orchestration.landing.kind import Kind
from orchestration.landing.kinds import KINDS, OPENING_DAYS, SALES, STOCK_LEVELS

_STEMS: Mapping[str, tuple[str, ...]] = {
    "sales": (
        "sale",
        "sold",
        "verkauf",
        "umsatz",
        "absatz",
        "invoice",
        "transaction",
        "venta",
        "vendas",
        "till",
    ),
    "stock_levels": ("stock", "bestand", "inventory", "on hand", "onhand", "estoque"),
    "products": ("product", "artikel", "article", "item", "material", "sku", "produkt"),
    "suppliers": ("supplier", "vendor", "lieferant"),
    "locations": ("location", "store", "filial", "site", "warehouse", "shop"),
    "purchase_orders": ("purchase", "bestell", "replenishment", "po "),
    "promotions": ("promo", "aktion", "campaign"),
    "opening_days": ("opening", "oeffnung", "closed"),
    "outlier_verdicts": ("outlier", "verdict", "ausreisser"),
}
"""What is in a file's name."""

_BONUS = 5.0
_OPTIONAL = 0.2
"""What a column counts that a kind may have, beside one that it must have."""

_OF_CELLS = 1.0
"""Cells of a table say of no kind that they are its; most are sales."""

_SURE = 3.0


@dataclass(frozen=True)
class Reading:
    """A kind, and where a file keeps its columns.

    Attributes:
        kind: the kind.
        matches: our column -> the file's.
        parts: the date, where it is made of several columns.
        numbered: the periods, where they are running numbers.
        periods: the format of the column names that are periods, and those names.
        items: the columns, where there is one per item.
        logarithm: the column that holds the logarithm of the units.
        constants: our column -> its value, where the file has no such column.
        supposed: our required columns that were found by what is left, not by their name.
    """

    kind: Kind
    matches: Mapping[str, Match]
    parts: DateParts | None = None
    numbered: Numbered | None = None
    items: ItemTable | None = None
    logarithm: Logarithm | None = None
    periods: tuple[str, list[str]] | None = None
    constants: Mapping[str, str] = field(default_factory=dict)
    supposed: tuple[str, ...] = ()

    def theirs(self, column: str) -> str | None:
        """The file's column that is taken for one of ours."""
        match = self.matches.get(column)
        return None if match is None else match.theirs

    @property
    def cells(self) -> list[str]:
        """The columns of a table with one for each period or item."""
        return list(self.periods[1] if self.periods else self.items.names if self.items else ())

    @property
    def used(self) -> set[str]:
        """The file's columns that are read."""
        return {
            *(match.theirs for match in self.matches.values()),
            *(self.parts.columns if self.parts else ()),
            *((self.numbered.where,) if self.numbered and self.numbered.where else ()),
            *self.cells,
            *((self.logarithm.column,) if self.logarithm else ()),
        }

    @property
    def found(self) -> set[str]:
        """Our columns that the file gives."""
        return {
            *self.matches,
            *(("date",) if self.parts or self.numbered or self.periods else ()),
            *((str(self.kind.measure),) if self.periods or self.items or self.logarithm else ()),
            *(("item_id",) if self.items else ()),
        }


def reading_of(file_name: str, looks: Mapping[str, Look], rows: pl.DataFrame) -> Reading | None:
    """The kind that a file most likely is; None where it has what no kind needs, or a published layout.

    Args:
        file_name: its name counts, too.
        looks: its columns.
        rows: a sample of them.
    """
    said = kind_of(file_name, {})
    if said is not None and said.cells is not None:
        return None
    readings: list[tuple[float, Reading]] = []
    for kind in KINDS:
        if kind.name not in NAMES:
            continue
        reading = _read_as(kind, file_name, looks, rows)
        if reading is not None:
            readings.append((_sign(reading, file_name) + (2 * _BONUS if kind is said else 0), reading))
    return max(readings, key=lambda entry: entry[0])[1] if readings else None


def _sign(reading: Reading, file_name: str) -> float:
    required = {column.name for column in reading.kind.columns if column.required}
    sign = sum(
        match.sign if name in required else _OPTIONAL * match.sign for name, match in reading.matches.items()
    )
    if reading.periods or reading.parts or reading.numbered:
        sign += 10
    if (reading.periods or reading.items) and reading.kind is SALES:
        sign += _OF_CELLS
    stem = plain(PurePath(file_name).stem)
    return sign + (_BONUS if any(word in stem for word in _STEMS[reading.kind.name]) else 0)


def _read_as(kind: Kind, file_name: str, looks: Mapping[str, Look], rows: pl.DataFrame) -> Reading | None:
    """A file as one of a kind; None where something is missing that the kind needs."""
    if kind is OPENING_DAYS and any(likeness(name, UNITS) >= EXACT for name in looks):
        return None
    reading = _dated(kind, looks) if kind in (SALES, STOCK_LEVELS) else Reading(kind, _matches(kind, looks))
    if kind in (SALES, STOCK_LEVELS) and "date" in reading.found and not reading.periods:
        reading = _with_items(reading, looks, rows)
    if kind is SALES:
        reading = _with_logarithm(reading, looks)
    missing = [column.name for column in kind.columns if column.required and column.name not in reading.found]
    missing += [" or ".join(group) for group in kind.one_of if not reading.found & set(group)]
    if not missing:
        is_told_apart = len(kind.key) > 1 or looks[reading.matches[kind.key[0]].theirs].names_rows
        says_something = len(kind.key) > 1 or len(reading.matches) > 1
        return reading if is_told_apart and says_something else None
    if kind is not SALES or "date" in missing:
        return None
    return _with_supposed(reading, missing, file_name, looks)


def _matches(kind: Kind, looks: Mapping[str, Look]) -> dict[str, Match]:
    return {
        name: match
        for name, match in matched(kind, looks).items()
        if match.sign >= _SURE or not kind.column(name).required
    }


def _dated(kind: Kind, looks: Mapping[str, Look]) -> Reading:
    """A file as one of a kind, with its dates wherever it keeps them; without, where it has none."""
    periods, numbered = date_columns(list(looks)), None
    if periods is None and (numbered := numbered_names(list(looks))):
        periods = numbered.pattern, list(numbered.names)
    if periods:
        beside = {name: look for name, look in looks.items() if name not in set(periods[1])}
        return Reading(kind, _matches(kind, beside), numbered=numbered, periods=periods)
    matches = _matches(kind, looks)
    if "date" in matches:
        return Reading(kind, matches)
    parts = date_parts(looks)
    numbered = None if parts else numbered_column(looks)
    taken = {*(parts.columns if parts else ()), *((numbered.where,) if numbered else ())}
    return Reading(
        kind,
        {name: match for name, match in matches.items() if match.theirs not in taken},
        parts=parts,
        numbered=numbered,
    )


def _with_items(reading: Reading, looks: Mapping[str, Look], rows: pl.DataFrame) -> Reading:
    """A file that may have a column per item, which then are no columns of ours."""
    dated_by = [reading.matches["date"].theirs] if "date" in reading.matches else []
    dated_by += reading.parts.columns if reading.parts else []
    dated_by += [reading.numbered.where] if reading.numbered and reading.numbered.where else []
    items = item_table(reading.matches, dated_by, looks, rows)
    if items is None:
        return reading
    matches = {name: match for name, match in reading.matches.items() if match.theirs in items.key}
    return replace(reading, matches=matches, items=items)


def _with_logarithm(reading: Reading, looks: Mapping[str, Look]) -> Reading:
    """Sales whose units stand in the file as their logarithm only."""
    units = reading.matches.get("units_sold")
    if reading.periods or reading.items or (units is not None and units.sign >= EXACT):
        return reading
    logarithm = logarithm_of_units(looks)
    if logarithm is None:
        return reading
    matches = {
        name: match
        for name, match in reading.matches.items()
        if name != "units_sold" and match.theirs != logarithm.column
    }
    return replace(reading, matches=matches, logarithm=logarithm)


def _with_supposed(
    reading: Reading, missing: Sequence[str], file_name: str, looks: Mapping[str, Look]
) -> Reading | None:
    """Sales whose quantity or item has a name that nobody knows: what is left, if only one thing is."""
    matches, constants = dict(reading.matches), {}
    left = {name: look for name, look in looks.items() if name not in reading.used}
    if "units_sold" in missing:
        numbers = [name for name, look in left.items() if look.numbers is not None]
        named = [name for name in numbers if likeness(name, UNITS) > 0]
        numbers = named if len(named) == 1 else numbers
        if len(numbers) != 1:
            return None
        matches["units_sold"] = Match(numbers[0], 0)
        del left[numbers[0]]
    if "item_id" in missing:
        codes = [name for name, look in left.items() if look.numbers is None and look.dates is None]
        if len(codes) > 1:
            return None
        if codes:
            matches["item_id"] = Match(codes[0], 0)
        else:
            constants["item_id"] = plain(PurePath(file_name).stem).replace(" ", "_") or "item"
    return replace(reading, matches=matches, constants=constants, supposed=tuple(missing))
