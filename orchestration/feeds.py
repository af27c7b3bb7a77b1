"""What a feed is: the settings by which the files of one source are read, each said once.

A company gets its sales from one system and its stock from another; each writes dates, numbers and codes in
its own way. A feed says how, for the files it names. Belongs here: the fields, and what is valid. Does not
belong here: what a kind of file holds and how the settings are carried out (``landing``).
"""

from __future__ import annotations

import codecs
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from forecasting_lib.grain import Grain
from orchestration.fields import Setting
from orchestration.timezones import valid_timezone

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
THOUSANDS = {"point": ".", "comma": ",", "apostrophe": "'", "space": " "}
DECIMALS = {"point": ".", "comma": ","}

_PIECES = "repeatable, all of them anew"

NUMBERED = {"days_from": Grain.DAY, "weeks_from": Grain.WEEK, "months_from": Grain.MONTH}
"""Settings that say when a running number began, and what it counts."""

_WRITTEN_OUT = "dates that are written out"


class Feed(BaseModel):
    """How the files of one source are read; what is None is found, or as the kind and the client have it."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    kind: Annotated[str, Field(min_length=1), Setting("Kind of its files: sales, products, stock_levels ...")]
    files: Annotated[
        list[str],
        Setting(
            "Names of its files without folder and suffix, * matching anything; the kind's own where empty.",
            option="--file",
            one_piece="A name of its files without folder and suffix, * matching anything, such as "
            f"'export_*'; {_PIECES}.",
        ),
    ] = []
    columns: Annotated[
        dict[str, str],
        Setting(
            "our column -> the source's.",
            option="--map",
            one_piece="COLUMN=THEIRS, such as item_id=SKU; repeatable, THEIRS '' unmaps.",
        ),
    ] = {}
    constants: Annotated[
        dict[str, str],
        Setting(
            "our column -> its value in every row.",
            option="--constant",
            one_piece="COLUMN=VALUE for a column that the source lacks, such as location_id=web; "
            "repeatable, VALUE '' takes it back.",
        ),
    ] = {}
    derived: Annotated[
        dict[str, str],
        Setting(
            "our column -> SQL expression over the source's columns.",
            option="--derive",
            one_piece="COLUMN=SQL over the source's columns, such as units_sold='cases * pack_size' or "
            "item_id=\"style || '-' || size\"; repeatable, SQL '' takes it back.",
        ),
    ] = {}
    date_columns: Annotated[
        str | None,
        Setting(
            "Format of column names that are dates, such as %Y-%m, in a table with one column per period; "
            "'W*' where the names are numbered",
            empty="one row per date",
        ),
    ] = None
    item_columns: Annotated[
        str | None,
        Setting(
            "Names of the columns that are items, * matching anything, in a table with one column per item",
            empty="one row per item",
        ),
    ] = None
    weeks_from: Annotated[
        str | None,
        Setting(
            "First day of week 1, such as 1989-09-14, where dates are running numbers of weeks",
            empty=_WRITTEN_OUT,
        ),
    ] = None
    months_from: Annotated[
        str | None,
        Setting(
            "First day of month 1, such as 1998-01-01, where dates are running numbers of months",
            empty=_WRITTEN_OUT,
        ),
    ] = None
    days_from: Annotated[
        str | None,
        Setting(
            "Day 1, such as 2024-01-01, where dates are running numbers of days (of spreadsheets 1899-12-31)",
            empty=_WRITTEN_OUT,
        ),
    ] = None
    date_format: Annotated[
        str | None, Setting("Format of its dates, such as %d.%m.%Y or %Y-%m", empty="the client's")
    ] = None
    timezone: Annotated[
        str | None,
        Setting("IANA zone of its time stamps, where they name none themselves", empty="the client's"),
    ] = None
    decimal: Annotated[
        Literal["point", "comma"] | None,
        Setting(
            "Decimal mark: point or comma",
            empty="a comma in a text separated by semicolons, a point elsewhere",
        ),
    ] = None
    thousands: Annotated[
        Literal["point", "comma", "apostrophe", "space"] | None,
        Setting("Mark between thousands: point, comma, apostrophe or space", empty="none"),
    ] = None
    empty_texts: Annotated[
        list[str],
        Setting(
            "Texts that stand for no value in numbers, dates and yes or no; case does not matter.",
            option="--empty",
            one_piece=f"A text that stands for no value in numbers and dates, such as NA; {_PIECES}.",
        ),
    ] = []
    separator: Annotated[
        Literal["comma", "semicolon", "tab", "pipe"] | None,
        Setting("Between fields: comma, semicolon, tab or pipe", empty="found in the header"),
    ] = None
    encoding: Annotated[
        str | None, Setting("Encoding of its text, such as utf-8, cp1252 or utf-16", empty="found")
    ] = None
    sheet: Annotated[str | None, Setting("Sheet of its workbooks", empty="found")] = None
    header_row: Annotated[
        int | None,
        Field(ge=1, le=1000),
        Setting("Row that holds the names of the columns, the first being 1; found unless named."),
    ] = None
    lines: Annotated[
        Literal["totals", "transactions"],
        Setting(
            "What a row is: totals, of which one key has one, or transactions, which are added up per key.",
        ),
    ] = "totals"
    snapshot: Annotated[
        bool,
        Setting(
            "Whether a file is all there is of its days, so that what it lacks is taken out.",
            option="--snapshot/--additions",
        ),
    ] = False
    keep_items: Annotated[
        list[str],
        Setting(
            "Items that are read, * matching anything; all where empty.",
            option="--keep-item",
            one_piece=f"An item to read, * matching anything; all unless named; {_PIECES}.",
        ),
    ] = []
    leave_out_items: Annotated[
        list[str],
        Setting(
            "Items that are left out, such as postage and fees, * matching anything.",
            option="--leave-out-item",
            one_piece=f"An item to leave out, such as POST or 'FEE*', * matching anything; {_PIECES}.",
        ),
    ] = []
    code_case: Annotated[
        Literal["as_is", "upper", "lower"],
        Setting("Letters of codes: as_is, upper or lower; a1 and A1 are one item where not as_is."),
    ] = "as_is"
    code_spaces: Annotated[
        Literal["as_is", "single", "none"],
        Setting("Spaces inside codes: as_is, single (runs become one) or none."),
    ] = "as_is"

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            codec = codecs.lookup(value)
        except LookupError as error:
            raise ValueError(f"{value!r} is not an encoding such as utf-8 or cp1252") from error
        if not codec._is_text_encoding:
            raise ValueError(f"{value!r} does not encode text")
        return codec.name

    _valid_timezone = field_validator("timezone")(valid_timezone)

    @field_validator(*NUMBERED)
    @classmethod
    def _is_day(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError as error:
            raise ValueError(f"{value!r} is not a day such as 2024-01-31") from error

    @property
    def numbered(self) -> tuple[Grain, date] | None:
        """What a running number in the place of a date counts, and the first day of number 1."""
        for field, grain in NUMBERED.items():
            first_day = getattr(self, field)
            if first_day is not None:
                return grain, date.fromisoformat(first_day)
        return None

    @model_validator(mode="after")
    def _dates_in_one_way(self) -> Self:
        ways = [field for field in (*NUMBERED, "date_format") if getattr(self, field) is not None]
        if len(ways) > 1:
            raise ValueError(
                f"dates are written in one way, not as {' and '.join(ways)} say; clear one with ''"
            )
        if self.date_columns is not None and self.item_columns is not None:
            raise ValueError("a table has a column per period or one per item, not both")
        return self

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.thousands is not None and self.thousands == self.decimal:
            raise ValueError("decimals and thousands cannot have the same mark")
        return self

    @model_validator(mode="after")
    def _one_source_a_column(self) -> Self:
        for one, other in (("columns", "constants"), ("columns", "derived"), ("constants", "derived")):
            twice = sorted(getattr(self, one).keys() & getattr(self, other).keys())
            if twice:
                raise ValueError(f"{twice[0]} is given twice, in {one} and in {other}")
        return self
