"""What people are told of gaps in what was delivered.

Belongs here: sentences. Does not belong here: those about what is made of it (``gap_meanings``).
"""

from __future__ import annotations

from forecasting_lib.inventory import Severity
from orchestration.warehouse.gap_vocabulary import Gap, GapMeaning

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING
_INFO = Severity.INFO
_INGEST = "forecaster ingest FILE --client {client}"
_CHECK = "forecaster client check {client}"

DELIVERY_GAPS: dict[Gap, GapMeaning] = {
    Gap.CLIENT_INACTIVE: GapMeaning(
        _WARNING,
        "deliveries",
        "The client is inactive: no schedule and no sensor runs it.",
        "What is shown is as of the last run, however long ago.",
        "Activate the client, or run it by hand.",
        "forecaster client update {client} --active",
    ),
    Gap.NOTHING_DELIVERED: GapMeaning(
        _ERROR,
        "deliveries",
        "Nothing was delivered yet.",
        "Nothing can be forecast, ordered or scored.",
        "Deliver `sales*.csv` into the client's landing folder, or load it by hand.",
        "forecaster ingest FILE --client {client}",
    ),
    Gap.EVERYTHING_REFUSED: GapMeaning(
        _ERROR,
        "deliveries",
        "All {affected} delivered files were refused; the last one: {detail}",
        "Nothing can be forecast, ordered or scored.",
        "Do what the sentence of each refused file says, and deliver it again.",
        _CHECK,
    ),
    Gap.NO_SALES: GapMeaning(
        _ERROR,
        "deliveries",
        "No sales were delivered, only {detail}.",
        "Nothing can be forecast, ordered or scored.",
        "Deliver `sales*.csv`: one row per day, item and location.",
        _INGEST,
    ),
    Gap.FILES_REFUSED: GapMeaning(
        _WARNING,
        "deliveries",
        "{affected} of {total} delivered files are refused and not made good yet; the last one: {detail}",
        "What is in them is missing from demand, stock or prices.",
        "Do what the sentence of the file says; a correction may have any name. A file that nobody needs is "
        "dismissed by its name.",
        "forecaster client dismiss {client} FILE",
    ),
    Gap.FEED_LATE: GapMeaning(
        _WARNING,
        "deliveries",
        "The last day of sales is {day}, {affected} days ago; {total} are usual at most.",
        "Forecasts, stock and orders are as of that day.",
        "Deliver the sales since then, or see whether the feed still runs.",
        _INGEST,
    ),
    Gap.SILENT_LOCATIONS: GapMeaning(
        _WARNING,
        "deliveries",
        "{affected} of {total} locations sold nothing in the last 28 days, such as {detail}.",
        "Their days may be missing, and are taken as closed.",
        "Deliver their sales, if they are open.",
        _INGEST,
    ),
    Gap.ROWS_REJECTED: GapMeaning(
        _WARNING,
        "deliveries",
        "{affected} of {total} delivered rows were rejected.",
        "Their sales, stock or orders are missing.",
        "Correct the rows in `ops.rejected_rows`, and deliver them again in a new file.",
        _CHECK,
    ),
    Gap.NO_LOCATIONS: GapMeaning(
        _INFO,
        "deliveries",
        "{affected} of {total} locations are in no location file.",
        "They have no name and no holidays of their own.",
        "Deliver `locations*.csv`.",
        _INGEST,
    ),
}
