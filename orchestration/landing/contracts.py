"""What a client may deliver: the kinds of files, their columns, and every reason for saying no.

Belongs here: names, types, limits and sentences, as data. ``docs/data-contracts.md`` says the same to people;
a test compares the two. Does not belong here: reading (``reader``) and judging (``validation``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from orchestration.errors import UserError

SUFFIXES = (".csv", ".csv.gz", ".parquet")

DEFAULT_LINE_LIMIT = 1 << 20
"""Bytes one line may have; a longer one is refused before it is read."""

M5_LINE_LIMIT = 16 << 20
"""M5's wide lines grow with the number of days."""

MAX_ID_LENGTH = 200
MAX_TEXT_LENGTH = 2_000


class Reason(StrEnum):
    """Why a row was rejected; the value is what ``ops.rejected_rows.reason`` holds."""

    BAD_DATE = "bad_date"
    DATE_BEFORE_1990 = "date_before_1990"
    FUTURE_DATE = "future_date"
    DATE_AFTER_GAP = "date_after_gap"
    BAD_NUMBER = "bad_number"
    OUT_OF_RANGE = "out_of_range"
    BAD_BOOLEAN = "bad_boolean"
    MISSING_KEY = "missing_key"
    MISSING_VALUE = "missing_value"
    DUPLICATE_KEY_IN_FILE = "duplicate_key_in_file"
    MIXED_GRAIN = "mixed_grain"
    NEGATIVE_STOCK = "negative_stock"
    END_BEFORE_START = "end_before_start"
    FORMULA_TEXT = "formula_text"
    CONTROL_CHARACTER = "control_character"
    TOO_LONG = "too_long"
    WRONG_FIELD_COUNT = "wrong_field_count"

    @property
    def sentence(self) -> str:
        """What the reason means, for people."""
        return REASON_SENTENCES[self]


REASON_SENTENCES = {
    Reason.BAD_DATE: "The value is not a date in the client's date format.",
    Reason.DATE_BEFORE_1990: "The date lies before 1990.",
    Reason.FUTURE_DATE: "The date lies in the future, or more than ten years ahead where plans are allowed.",
    Reason.DATE_AFTER_GAP: "The date lies more than max_gap_days after the client's last delivered day.",
    Reason.BAD_NUMBER: "The value is not a plain number.",
    Reason.OUT_OF_RANGE: "The number is outside what the column can hold or mean.",
    Reason.BAD_BOOLEAN: "The value is neither yes nor no.",
    Reason.MISSING_KEY: "A column that identifies the row is empty.",
    Reason.MISSING_VALUE: "A required column is empty.",
    Reason.DUPLICATE_KEY_IN_FILE: "An earlier row of the same file has the same key.",
    Reason.MIXED_GRAIN: "The day is a total in one delivery and order lines in another; both would count.",
    Reason.NEGATIVE_STOCK: "Reserved or owed units are negative.",
    Reason.END_BEFORE_START: "The end lies before the start.",
    Reason.FORMULA_TEXT: "The text would run as a formula in a spreadsheet.",
    Reason.CONTROL_CHARACTER: "The text holds a control or an invisible character.",
    Reason.TOO_LONG: "The text is longer than the column may be.",
    Reason.WRONG_FIELD_COUNT: "The row has more or fewer fields than the header.",
}


class Refusal(StrEnum):
    """Why a whole file was refused. Each has one piece of advice, which ends the file's message."""

    UNKNOWN_KIND = "unknown_kind"
    UNSAFE_NAME = "unsafe_name"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    NO_ROWS = "no_rows"
    NOT_UTF8 = "not_utf8"
    NUL_BYTE = "nul_byte"
    LINE_TOO_LONG = "line_too_long"
    NOT_GZIP = "not_gzip"
    HIDDEN_GZIP = "hidden_gzip"
    DAMAGED_GZIP = "damaged_gzip"
    EXPANDS_TOO_MUCH = "expands_too_much"
    BAD_PARQUET = "bad_parquet"
    BAD_QUOTING = "bad_quoting"
    DUPLICATE_HEADER = "duplicate_header"
    MISSING_COLUMN = "missing_column"
    BAD_DATE_FORMAT = "bad_date_format"
    UNKNOWN_DAY = "unknown_day"
    DAY_OUT_OF_RANGE = "day_out_of_range"
    TOO_MANY_BAD_ROWS = "too_many_bad_rows"
    NOT_STORABLE = "not_storable"

    @property
    def advice(self) -> str:
        """What the operator does about it, as a sentence."""
        return REFUSAL_ADVICE[self]


REFUSAL_ADVICE = {
    Refusal.UNKNOWN_KIND: "Rename the file to one of the known names.",
    Refusal.UNSAFE_NAME: "Deliver a plain file with a plain name.",
    Refusal.UNREADABLE: "Let the pipeline's user read the file, then ingest it again.",
    Refusal.EMPTY: "Export the file again.",
    Refusal.NO_ROWS: "Export the file again with its rows; a day without sales needs no file.",
    Refusal.NOT_UTF8: "Export the file as UTF-8.",
    Refusal.NUL_BYTE: "Export the file again as plain CSV text.",
    Refusal.LINE_TOO_LONG: "Export the file again with one short record a line and every quote closed.",
    Refusal.NOT_GZIP: "Compress the file with gzip, or name it .csv.",
    Refusal.HIDDEN_GZIP: "Name the file .csv.gz.",
    Refusal.DAMAGED_GZIP: "Transfer the file again; its end is missing or its content was changed.",
    Refusal.EXPANDS_TOO_MUCH: "Deliver the data uncompressed, if it is meant to be this large.",
    Refusal.BAD_PARQUET: "Write the file again with flat columns, or deliver CSV.",
    Refusal.BAD_QUOTING: "Close every quote and double the quotes inside a text.",
    Refusal.DUPLICATE_HEADER: "Give every column a name of its own.",
    Refusal.MISSING_COLUMN: "Add the column, or map the client's own name to it in column_map.",
    Refusal.BAD_DATE_FORMAT: "Correct date_format with 'forecaster client update'.",
    Refusal.UNKNOWN_DAY: "Deliver a calendar.csv that covers the file's days, then ingest the file again.",
    Refusal.DAY_OUT_OF_RANGE: "Check the calendar.csv of the delivery and the client's max_gap_days.",
    Refusal.TOO_MANY_BAD_ROWS: "Correct the rows in ops.rejected_rows and deliver the file again.",
    Refusal.NOT_STORABLE: "Check the file for numbers that overflow when summed, then deliver it again.",
}


class FileRefusedError(UserError):
    """Nothing of a file can be loaded; the message is what the operator reads."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        self.refusal = refusal
        super().__init__(f"{detail}. {refusal.advice}")


class ColumnType(StrEnum):
    """How a column's text is read."""

    ID = "id"
    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole"
    BOOLEAN = "boolean"
    DATE = "date"


@dataclass(frozen=True)
class Column:
    """One column of a kind.

    Attributes:
        name: what the contract calls it, and what ``column_map`` maps to the client's own name.
        type: how its text is read.
        meaning: one sentence for people.
        required: the file must have the column and every row a value.
        default: value of every row where the file lacks the column.
        staged_as: column of the staging table, where it has another name.
        minimum: smallest number allowed.
        maximum: largest number allowed.
        below_minimum: reason given below the minimum.
        planned: dates may lie ahead.
        follows_last_day: dates may not lie more than ``max_gap_days`` after the client's last day.
    """

    name: str
    type: ColumnType
    meaning: str
    required: bool = False
    default: str | None = None
    staged_as: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    below_minimum: Reason = Reason.OUT_OF_RANGE
    planned: bool = False
    follows_last_day: bool = False

    @property
    def staged(self) -> str:
        return self.staged_as or self.name


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        name: value of ``ops.landing_files.kind``.
        patterns: file names without their suffix, in lower case, ``*`` matching anything.
        table: table of the schema ``staging`` it fills.
        columns: its columns, in the order of the documentation.
        key: staging columns that identify a row, the client apart.
        one_of: groups of columns of which the file and every row need at least one.
        ordered: pairs of columns (start, end); the end may not come first.
        iso_dates: dates are ISO whatever the client's date_format says, because the layout is published.
        line_limit: bytes one line may have.
    """

    name: str
    patterns: tuple[str, ...]
    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    one_of: tuple[tuple[str, ...], ...] = ()
    ordered: tuple[tuple[str, str], ...] = ()
    iso_dates: bool = False
    line_limit: int = field(default=DEFAULT_LINE_LIMIT)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


MAIN_LOCATION = "main"
"""Location of rows whose file knows no locations."""

_ID, _TEXT, _NUMBER = ColumnType.ID, ColumnType.TEXT, ColumnType.NUMBER
_WHOLE, _BOOLEAN, _DATE = ColumnType.WHOLE, ColumnType.BOOLEAN, ColumnType.DATE

_ITEM = Column("item_id", _ID, "The item.", required=True)
_LOCATION = Column("location_id", _ID, "The location; main where the file names none.", default=MAIN_LOCATION)

PRODUCTS = Kind(
    name="products",
    patterns=("products*",),
    table="products",
    key=("item_id",),
    columns=(
        _ITEM,
        Column("name", _TEXT, "Name people use."),
        Column("category", _TEXT, "Category; promotions may name it."),
        Column("department", _TEXT, "Department."),
        Column("brand", _TEXT, "Brand."),
        Column("unit_cost", _NUMBER, "Purchase cost per unit, client currency.", minimum=0),
        Column("unit_price", _NUMBER, "List price per unit, client currency.", minimum=0),
        Column("uom", _TEXT, "Unit of measure of the stock."),
        Column("moq_qty", _NUMBER, "Minimum order quantity.", minimum=0),
        Column("order_multiple_qty", _NUMBER, "Orders are multiples of this.", minimum=0),
        Column("shelf_life_days", _WHOLE, "Days until the item expires.", minimum=0),
        Column("supplier_id", _ID, "Usual supplier."),
        Column("launch_date", _DATE, "First day on sale.", planned=True),
        Column("end_date", _DATE, "Last day on sale; empty while there is none.", planned=True),
        Column("successor_item_id", _ID, "Item that replaces this one."),
    ),
    ordered=(("launch_date", "end_date"),),
)

LOCATIONS = Kind(
    name="locations",
    patterns=("locations*",),
    table="locations",
    key=("location_id",),
    columns=(
        Column("location_id", _ID, "The location.", required=True),
        Column("name", _TEXT, "Name people use."),
        Column("region", _TEXT, "Region."),
        Column("country", _TEXT, "ISO country code."),
        Column("timezone", _TEXT, "IANA time zone."),
        Column("type", _TEXT, "store, warehouse, web ..."),
        Column("holiday_calendar", _TEXT, "Country or subdivision of its holidays, such as US or US-CA."),
    ),
)

SUPPLIERS = Kind(
    name="suppliers",
    patterns=("suppliers*",),
    table="suppliers",
    key=("supplier_id",),
    columns=(
        Column("supplier_id", _ID, "The supplier.", required=True),
        Column("name", _TEXT, "Name people use."),
        Column("lead_time_days", _NUMBER, "Mean days from order to availability.", minimum=0, maximum=3650),
        Column("lead_time_sd_days", _NUMBER, "Standard deviation of the lead time.", minimum=0, maximum=3650),
        Column("review_days", _WHOLE, "Days between two orders to this supplier.", minimum=1, maximum=365),
        Column("order_weekdays", _TEXT, "Weekdays an order may be placed, such as mon,thu."),
        Column("min_order_value", _NUMBER, "Smallest order value accepted, client currency.", minimum=0),
    ),
)

M5_CALENDAR = Kind(
    name="calendar",
    patterns=("calendar",),
    table="calendar",
    key=("date",),
    iso_dates=True,
    columns=(
        Column("date", _DATE, "The day.", required=True, planned=True),
        Column("wm_yr_wk", _WHOLE, "M5's week number; prices are by week.", required=True, minimum=0),
        Column("d", _ID, "M5's day label, d_1 the first.", required=True),
        Column("event_name_1", _TEXT, "Event of the day."),
        Column("event_type_1", _TEXT, "Its type."),
        Column("event_name_2", _TEXT, "Second event of the day."),
        Column("event_type_2", _TEXT, "Its type."),
        Column("snap_CA", _BOOLEAN, "SNAP purchases allowed in California.", staged_as="snap_ca"),
        Column("snap_TX", _BOOLEAN, "SNAP purchases allowed in Texas.", staged_as="snap_tx"),
        Column("snap_WI", _BOOLEAN, "SNAP purchases allowed in Wisconsin.", staged_as="snap_wi"),
    ),
)

M5_PRICES = Kind(
    name="prices",
    patterns=("sell_prices",),
    table="prices",
    key=("item_id", "location_id", "wm_yr_wk"),
    columns=(
        Column("store_id", _ID, "The store.", required=True, staged_as="location_id"),
        _ITEM,
        Column("wm_yr_wk", _WHOLE, "Week number of the calendar.", required=True, minimum=0),
        Column(
            "sell_price",
            _NUMBER,
            "Selling price of the week.",
            required=True,
            minimum=0,
            staged_as="unit_price",
        ),
    ),
)

M5_SALES = Kind(
    name="m5_sales",
    patterns=("sales_train_*",),
    table="sales",
    key=("item_id", "location_id", "date", "order_id"),
    line_limit=M5_LINE_LIMIT,
    columns=(
        _ITEM,
        Column("store_id", _ID, "The store.", required=True, staged_as="location_id"),
        Column("dept_id", _TEXT, "Department of the item.", staged_as="department"),
        Column("cat_id", _TEXT, "Category of the item.", staged_as="category"),
        Column("state_id", _TEXT, "State of the store.", staged_as="region"),
    ),
)
"""The day columns (``d_1``, ``d_2`` ...) come on top: any subset, at least one."""

SALES = Kind(
    name="sales",
    patterns=("sales*",),
    table="sales",
    key=("item_id", "location_id", "date", "order_id"),
    columns=(
        Column("date", _DATE, "Day of the sale.", required=True, follows_last_day=True),
        _ITEM,
        Column("units_sold", _NUMBER, "Units served, negative for a return.", required=True),
        _LOCATION,
        Column("unit_price", _NUMBER, "Price paid per unit.", minimum=0),
        Column("on_promotion", _BOOLEAN, "Whether the item was promoted that day."),
        Column("on_hand_qty", _NUMBER, "Stock at the end of the day."),
        Column("order_id", _ID, "Order or receipt; its presence says that rows are transaction lines."),
    ),
)

STOCK_LEVELS = Kind(
    name="stock_levels",
    patterns=("stock_levels*",),
    table="stock_levels",
    key=("item_id", "location_id", "date"),
    columns=(
        Column("date", _DATE, "Close of business of this day.", required=True, follows_last_day=True),
        _ITEM,
        Column("on_hand_qty", _NUMBER, "Units on hand; negative books backorders.", required=True),
        _LOCATION,
        Column(
            "reserved_qty",
            _NUMBER,
            "Units allocated to orders.",
            minimum=0,
            below_minimum=Reason.NEGATIVE_STOCK,
        ),
        Column(
            "backorder_qty",
            _NUMBER,
            "Units owed to customers.",
            minimum=0,
            below_minimum=Reason.NEGATIVE_STOCK,
        ),
    ),
)

PURCHASE_ORDERS = Kind(
    name="purchase_orders",
    patterns=("purchase_orders*",),
    table="purchase_orders",
    key=("po_id", "item_id", "location_id"),
    columns=(
        Column("po_id", _ID, "The order; its number and line where an item appears twice.", required=True),
        _ITEM,
        Column("ordered_qty", _NUMBER, "Units ordered.", required=True, minimum=0),
        Column("order_date", _DATE, "Day the order was placed.", required=True),
        Column("location_id", _ID, "Receiving location; main where none is named.", default=MAIN_LOCATION),
        Column("supplier_id", _ID, "Supplier."),
        Column("expected_date", _DATE, "Promised day of availability.", planned=True),
        Column("received_date", _DATE, "Day of receipt; empty while open."),
        Column("received_qty", _NUMBER, "Units received so far.", minimum=0),
        Column("status", _TEXT, "open, received, cancelled ..."),
    ),
    ordered=(("order_date", "expected_date"), ("order_date", "received_date")),
)

PROMOTIONS = Kind(
    name="promotions",
    patterns=("promotions*",),
    table="promotions",
    key=("target_type", "target_id", "location_id", "start_date"),
    columns=(
        Column("item_id", _ID, "The item promoted; it wins where the category is named too."),
        Column("category", _ID, "The category promoted."),
        Column("start_date", _DATE, "First day.", required=True, planned=True),
        Column("end_date", _DATE, "Last day.", required=True, planned=True),
        Column("location_id", _ID, "Location; empty for all."),
        Column("discount_rate", _NUMBER, "Discount as a share of the price.", minimum=0, maximum=1),
        Column("type", _TEXT, "Kind of promotion."),
        Column("announced_date", _DATE, "Day from which it was known; its first day if empty.", planned=True),
    ),
    one_of=(("item_id", "category"),),
    ordered=(("start_date", "end_date"),),
)

KINDS = (
    PRODUCTS,
    LOCATIONS,
    SUPPLIERS,
    M5_CALENDAR,
    M5_PRICES,
    M5_SALES,
    SALES,
    STOCK_LEVELS,
    PURCHASE_ORDERS,
    PROMOTIONS,
)
"""In the order one delivery is loaded: what describes comes before what refers to it."""


def kind_of(path: str) -> Kind | None:
    """The kind a file's name says, or None. Upper and lower case are the same."""
    name = PurePosixPath(path).name.casefold()
    suffix = next(
        (suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(suffix)), None
    )
    if suffix is None:
        return None
    stem = name.removesuffix(suffix)
    return next((kind for kind in KINDS if any(fnmatchcase(stem, p) for p in kind.patterns)), None)


def known_names() -> str:
    """The file names there are, for a message."""
    return ", ".join(f"{pattern}.csv" for kind in KINDS for pattern in kind.patterns)


def is_day_label(column: str) -> bool:
    """Whether a column is one of M5's days: ``d_1``, ``d_2`` ..."""
    return re.fullmatch(r"d_[1-9]\d{0,5}", column) is not None
