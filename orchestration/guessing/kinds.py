"""Which kind of file an export is, and where it keeps what the kind needs.

Belongs here: choosing among the kinds. Does not belong here: a single column (``columns``), the settings that
follow (``settings``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from orchestration.guessing.columns import Look, Match, matched
from orchestration.guessing.periods import DateParts, date_columns, date_parts
from orchestration.guessing.vocabulary import NAMES, plain
from orchestration.landing.file_names import kind_of
from orchestration.landing.kinds import KINDS, SALES, STOCK_LEVELS, Kind

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
}
"""What is in a file's name."""

_BONUS = 5.0
_OPTIONAL = 0.2
"""What a column counts that a kind may have, beside one that it must have."""

_SURE = 3.0


@dataclass(frozen=True)
class Reading:
    """A kind, and where a file keeps its columns.

    Attributes:
        kind: the kind.
        matches: our column -> the file's.
        parts: the date, where it is made of several columns.
        periods: the format of the column names that are dates, and those names.
        constants: our column -> its value, where the file has no such column.
        supposed: our required columns that were found by what is left, not by their name.
    """

    kind: Kind
    matches: Mapping[str, Match]
    parts: DateParts | None = None
    periods: tuple[str, list[str]] | None = None
    constants: Mapping[str, str] = field(default_factory=dict)
    supposed: tuple[str, ...] = ()

    def theirs(self, column: str) -> str | None:
        """The file's column that is taken for one of ours."""
        match = self.matches.get(column)
        return None if match is None else match.theirs

    @property
    def used(self) -> set[str]:
        """The file's columns that are read."""
        used = {match.theirs for match in self.matches.values()}
        return (
            used
            | set(self.parts.columns if self.parts else ())
            | set(self.periods[1] if self.periods else ())
        )


def reading_of(file_name: str, looks: Mapping[str, Look]) -> Reading | None:
    """The kind that a file most likely is; None where it has what no kind needs.

    Args:
        file_name: its name counts, too.
        looks: its columns.
    """
    said = kind_of(file_name, {})
    readings: list[tuple[float, Reading]] = []
    for kind in KINDS:
        if kind.name not in NAMES:
            continue
        reading = _read_as(kind, file_name, looks)
        if reading is not None:
            readings.append((_sign(reading, file_name) + (2 * _BONUS if kind is said else 0), reading))
    return max(readings, key=lambda entry: entry[0])[1] if readings else None


def _sign(reading: Reading, file_name: str) -> float:
    required = {column.name for column in reading.kind.columns if column.required}
    sign = sum(
        match.sign if name in required else _OPTIONAL * match.sign for name, match in reading.matches.items()
    )
    if reading.periods or reading.parts:
        sign += 10
    stem = plain(PurePath(file_name).stem)
    return sign + (_BONUS if any(word in stem for word in _STEMS[reading.kind.name]) else 0)


def _read_as(kind: Kind, file_name: str, looks: Mapping[str, Look]) -> Reading | None:
    """A file as one of a kind; None where something is missing that the kind needs."""
    periods = date_columns(list(looks)) if kind in (SALES, STOCK_LEVELS) else None
    if periods:
        looks = {name: look for name, look in looks.items() if name not in periods[1]}
    matches = {
        name: match
        for name, match in matched(kind, looks).items()
        if match.sign >= _SURE or not kind.column(name).required
    }
    found = set(matches) | ({"date", str(kind.measure)} if periods else set())
    parts = date_parts(looks) if kind in (SALES, STOCK_LEVELS) and "date" not in found else None
    if parts:
        matches = {name: match for name, match in matches.items() if match.theirs not in parts.columns}
        found = {*matches, "date"}
    missing = [column.name for column in kind.columns if column.required and column.name not in found]
    missing += [" or ".join(group) for group in kind.one_of if not found & set(group)]
    if not missing:
        is_told_apart = len(kind.key) > 1 or looks[matches[kind.key[0]].theirs].names_rows
        says_something = len(kind.key) > 1 or len(matches) > 1
        return Reading(kind, matches, parts, periods) if is_told_apart and says_something else None
    if kind is not SALES or "date" in missing:
        return None
    return _with_supposed(Reading(kind, matches, parts, periods), missing, file_name, looks)


def _with_supposed(
    reading: Reading, missing: Sequence[str], file_name: str, looks: Mapping[str, Look]
) -> Reading | None:
    """Sales whose quantity or item has a name that nobody knows: what is left, if only one thing is."""
    matches, constants = dict(reading.matches), {}
    left = {name: look for name, look in looks.items() if name not in reading.used}
    if "units_sold" in missing:
        numbers = [name for name, look in left.items() if look.numbers is not None]
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
    return Reading(reading.kind, matches, reading.parts, reading.periods, constants, tuple(missing))
