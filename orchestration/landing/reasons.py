"""Every reason for saying no, with the sentence that goes with it.

Belongs here: why a row is rejected, why a file is refused, and what the operator does about it, as data.
``docs/data-contracts.md`` says the same to people; a test compares the two. Does not belong here: finding out
(the readers, ``judging``, ``whole_file``).
"""

from __future__ import annotations

import shlex
from collections.abc import Collection
from enum import StrEnum

from orchestration.errors import UserError
from orchestration.foreign_text import printable


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
    OTHER_CURRENCY = "other_currency"
    OTHER_UNIT = "other_unit"
    NEGATIVE_STOCK = "negative_stock"
    END_BEFORE_START = "end_before_start"
    FORMULA_TEXT = "formula_text"
    CONTROL_CHARACTER = "control_character"
    TOO_LONG = "too_long"
    WRONG_FIELD_COUNT = "wrong_field_count"
    NOT_AN_OBJECT = "not_an_object"
    ERROR_CELL = "error_cell"

    @property
    def sentence(self) -> str:
        """What the reason means, for people."""
        return REASON_SENTENCES[self]

    @property
    def setting(self) -> str | None:
        """The command that settles it, where all rows have it because of how the source writes."""
        return REASON_SETTINGS.get(self)


REASON_SENTENCES = {
    Reason.BAD_DATE: "The value is not a date in the format of the feed, or else of the client.",
    Reason.DATE_BEFORE_1990: "The date lies before 1990.",
    Reason.FUTURE_DATE: "The date lies in the future, or more than ten years ahead where plans are allowed.",
    Reason.DATE_AFTER_GAP: "The date lies more than max_gap_days after the client's last delivered day.",
    Reason.BAD_NUMBER: "The value is not a plain number.",
    Reason.OUT_OF_RANGE: "The number is outside what the column can hold or mean.",
    Reason.BAD_BOOLEAN: "The value is neither yes nor no.",
    Reason.MISSING_KEY: "A column that identifies the row is empty.",
    Reason.MISSING_VALUE: "A required column is empty.",
    Reason.DUPLICATE_KEY_IN_FILE: "An earlier row of the same file has the same key.",
    Reason.MIXED_GRAIN: "The day is a total in one delivery and split by order or reason in another.",
    Reason.OTHER_CURRENCY: "The amounts are in another currency than the client's.",
    Reason.OTHER_UNIT: "The quantity is in another unit of measure than the item's.",
    Reason.NEGATIVE_STOCK: "Reserved or owed units are negative.",
    Reason.END_BEFORE_START: "The end lies before the start.",
    Reason.FORMULA_TEXT: "The text would run as a formula in a spreadsheet.",
    Reason.CONTROL_CHARACTER: "The text holds a control or an invisible character.",
    Reason.TOO_LONG: "The text is longer than the column may be.",
    Reason.WRONG_FIELD_COUNT: "The row has more or fewer fields than the header.",
    Reason.NOT_AN_OBJECT: "The line of a JSON lines file is no JSON object.",
    Reason.ERROR_CELL: "A cell of a workbook holds an error such as #N/A where a value should be.",
}

REASON_SETTINGS = {
    Reason.BAD_DATE: "forecaster feed set CLIENT FEED --date-format FORMAT",
    Reason.BAD_NUMBER: "forecaster feed set CLIENT FEED --decimal MARK --thousands MARK --empty TEXT",
    Reason.DUPLICATE_KEY_IN_FILE: "forecaster feed set CLIENT FEED --lines transactions",
}


class Refusal(StrEnum):
    """Why a whole file was refused. Each has one piece of advice, which ends the file's message."""

    UNKNOWN_KIND = "unknown_kind"
    UNSAFE_NAME = "unsafe_name"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    NO_ROWS = "no_rows"
    BAD_ENCODING = "bad_encoding"
    NUL_BYTE = "nul_byte"
    LINE_TOO_LONG = "line_too_long"
    NOT_COMPRESSED = "not_compressed"
    HIDDEN_COMPRESSION = "hidden_compression"
    DAMAGED_COMPRESSION = "damaged_compression"
    EXPANDS_TOO_MUCH = "expands_too_much"
    BAD_PARQUET = "bad_parquet"
    BAD_WORKBOOK = "bad_workbook"
    WHICH_SHEET = "which_sheet"
    UNREADABLE_COLUMN = "unreadable_column"
    NOT_JSON_LINES = "not_json_lines"
    BAD_QUOTING = "bad_quoting"
    DUPLICATE_HEADER = "duplicate_header"
    MISSING_COLUMN = "missing_column"
    BAD_ITEM_COLUMN = "bad_item_column"
    BAD_DATE_FORMAT = "bad_date_format"
    OTHER_DATE_FORMAT = "other_date_format"
    BAD_EXPRESSION = "bad_expression"
    UNKNOWN_DAY = "unknown_day"
    DAY_OUT_OF_RANGE = "day_out_of_range"
    TOO_MANY_BAD_ROWS = "too_many_bad_rows"
    REMOVES_TOO_MUCH = "removes_too_much"
    COARSER_GRAIN = "coarser_grain"
    NOT_STORABLE = "not_storable"

    @property
    def advice(self) -> str:
        """What the operator does about it, as a sentence."""
        return REFUSAL_ADVICE[self]


REFUSAL_ADVICE = {
    Refusal.UNKNOWN_KIND: "Rename the file to one of the known names, or take it out of the folder.",
    Refusal.UNSAFE_NAME: "Deliver a plain file, no link, whose name has letters, digits, - and _ only.",
    Refusal.UNREADABLE: "Let the pipeline's user read the file, then load it with 'forecaster ingest'.",
    Refusal.EMPTY: "Export the file again; this one was cut off or never written.",
    Refusal.NO_ROWS: "Export the file again with its rows; a day without sales needs no file.",
    Refusal.BAD_ENCODING: "Export the file as UTF-8, or name its encoding with "
    "'forecaster feed set CLIENT FEED --encoding ENCODING'.",
    Refusal.NUL_BYTE: "Export the file again as plain text; where it is UTF-16 without a mark, say so with "
    "'forecaster feed set CLIENT FEED --encoding utf-16'.",
    Refusal.LINE_TOO_LONG: "Export the file again with one short record a line and every quote closed.",
    Refusal.NOT_COMPRESSED: "Compress the file, or take .gz or .zst off its name.",
    Refusal.HIDDEN_COMPRESSION: "Add .gz or .zst to the file's name, as it is compressed.",
    Refusal.DAMAGED_COMPRESSION: "Transfer the file again; its end is missing or its content was changed.",
    Refusal.EXPANDS_TOO_MUCH: "Deliver the data uncompressed, if it is meant to be this large.",
    Refusal.BAD_PARQUET: "Write the file again, or deliver CSV.",
    Refusal.BAD_WORKBOOK: "Write the workbook anew as .xlsx without a password, or deliver CSV.",
    Refusal.WHICH_SHEET: "Name the sheet with 'forecaster feed set CLIENT FEED --sheet SHEET'.",
    Refusal.UNREADABLE_COLUMN: "Write the column as text, numbers, dates or booleans, or deliver CSV.",
    Refusal.NOT_JSON_LINES: "Write one JSON object a line, without a list around them, or deliver CSV.",
    Refusal.BAD_QUOTING: "Export the file again with every quote closed and quotes inside a text doubled.",
    Refusal.DUPLICATE_HEADER: "Give every column a name of its own and deliver the file again.",
    Refusal.MISSING_COLUMN: "Add the column, or name yours with "
    "'forecaster feed set CLIENT FEED --map COLUMN=YOURS'.",
    Refusal.BAD_ITEM_COLUMN: "Give each item one column that is named by its code, or leave the column out "
    "with 'forecaster feed set CLIENT FEED --leave-out-item NAME'.",
    Refusal.BAD_DATE_FORMAT: "Correct it with 'forecaster feed set CLIENT FEED --date-format FORMAT'.",
    Refusal.OTHER_DATE_FORMAT: "Then run the client again: the file is tried once more.",
    Refusal.BAD_EXPRESSION: "Correct it with 'forecaster feed set CLIENT FEED --derive COLUMN=SQL'.",
    Refusal.UNKNOWN_DAY: "Deliver a calendar.csv that covers the file's days, then load the file with "
    "'forecaster ingest'.",
    Refusal.DAY_OUT_OF_RANGE: "Correct the calendar.csv of the delivery, or allow the gap with "
    "'forecaster client update CLIENT --max-gap-days DAYS'.",
    Refusal.TOO_MANY_BAD_ROWS: "Correct the rows that ops.rejected_rows names and deliver the file again.",
    Refusal.REMOVES_TOO_MUCH: (
        "Deliver everything of these days in one file; "
        "'forecaster delivery withdraw' takes an earlier delivery back."
    ),
    Refusal.COARSER_GRAIN: "Set it with 'forecaster client update CLIENT --grain GRAIN', or deliver shorter "
    "periods.",
    Refusal.NOT_STORABLE: "Check the file for numbers that overflow when summed, then deliver it again.",
}


class FileRefusedError(UserError):
    """Nothing of a file can be loaded; the message is what the operator reads."""

    def __init__(self, refusal: Refusal, detail: str, advice: str | None = None) -> None:
        """The refusal's own advice ends the message, unless there is one for this file."""
        self.refusal = refusal
        self._detail = detail
        self._advice = advice or refusal.advice
        super().__init__(f"{printable(detail)}. {self._advice}")

    def addressed_to(self, client_id: str, feed: str) -> FileRefusedError:
        """The refusal with its command as it is typed for one client and feed."""
        return FileRefusedError(self.refusal, self._detail, addressed(self._advice, client_id, feed))


def too_many_bad_rows(most: Reason) -> str:
    """What the operator does about a file with too many bad rows, most of them for one reason."""
    correct = Refusal.TOO_MANY_BAD_ROWS.advice
    if most.setting is None:
        return correct
    return f"Say how the source writes with '{most.setting}', or {correct[0].lower()}{correct[1:]}"


def addressed(sentence: str, client_id: str, feed: str) -> str:
    """A sentence of ours whose commands name the client and the feed.

    Args:
        sentence: it has CLIENT and FEED in their places.
        client_id: the client's slug.
        feed: what ``feed_to_set`` says.
    """
    return sentence.replace(" CLIENT FEED ", f" {client_id} {feed} ").replace(" CLIENT ", f" {client_id} ")


def feed_to_set(feed: str | None, kind: str, others: Collection[str]) -> str:
    """What stands for FEED in a command that changes how a file is read.

    >>> feed_to_set("my till", "sales", ["my till"])
    "'my till'"
    >>> feed_to_set(None, "sales", []), feed_to_set(None, "sales", ["sales"])
    ('sales', 'sales_2 --kind sales')

    Args:
        feed: the feed that reads the file; None where the client has none for it.
        kind: what the file holds; a new feed is of the kind it is named after.
        others: the names of the client's feeds.
    """
    if feed is not None:
        return shlex.quote(feed)
    return kind if kind not in others else f"{kind}_2 --kind {kind}"
