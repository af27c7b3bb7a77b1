"""M5's wide sales: one line per item and store, one column per day.

Belongs here: what only this layout has: day labels and the calendar behind them, descriptions of items and
stores inside the sales file. Does not belong here: one column per period (``wide``), M5's calendar and
prices, which are ordinary kinds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import polars as pl

from orchestration.landing.delivery import Delivery
from orchestration.landing.reasons import FileRefusedError, Refusal
from orchestration.landing.wide import DatedColumns

PUBLISHED_FIRST_DAY = date(2011, 1, 29)
"""Date of ``d_1`` in the competition's calendar."""

COUNTRY = "US"
"""All of M5's stores are there."""

_DAY_LABEL = re.compile(r"d_[1-9]\d{0,5}")


def is_day_label(name: str) -> bool:
    """Whether a column is one of the layout's days."""
    return _DAY_LABEL.fullmatch(name) is not None


class M5Rows(DatedColumns):
    """The rows of a sales file, and the items and stores that it describes.

    Arguments are those of ``WideRows``; the client's calendar is read in the delivery's transaction.

    Raises:
        FileRefusedError: a day is not in the calendar, or its date is not acceptable.
    """

    def dates(self, labels: Sequence[str]) -> Mapping[str, date]:
        return day_dates(labels, _staged_calendar(self._delivery), self._delivery.identity.path)

    def described(self) -> Mapping[str, pl.DataFrame]:
        """The items and the stores of the lines that were accepted."""
        absent = pl.lit(None, dtype=pl.String)
        described = pl.concat(
            lines.select(
                pl.col(name) if name in lines.columns else absent.alias(name)
                for name in ("item_id", "location_id", "department", "category", "region")
            )
            for lines in self.lines
        ).unique(maintain_order=True)
        items = described.unique("item_id", maintain_order=True)
        stores = described.unique("location_id", maintain_order=True)
        return {
            "products": items.select("item_id", "category", "department"),
            "locations": stores.select("location_id", "region", country=pl.lit(COUNTRY)),
        }


def day_dates(labels: Sequence[str], calendar: Mapping[str, date], path: str) -> dict[str, date]:
    """The date of each day label, from the client's calendar or, where there is none, the published one.

    Args:
        labels: ``d_1``, ``d_2`` ...
        calendar: label -> date.
        path: for the message.

    Raises:
        FileRefusedError: the client's calendar lacks a label.
    """
    if not calendar:
        return {
            label: PUBLISHED_FIRST_DAY + timedelta(days=int(label.removeprefix("d_")) - 1) for label in labels
        }
    unknown = [label for label in labels if label not in calendar]
    if unknown:
        raise FileRefusedError(
            Refusal.UNKNOWN_DAY,
            f"{path}: the client's calendar does not know {unknown[0]} ({len(unknown):,} days)",
        )
    return {label: calendar[label] for label in labels}


def _staged_calendar(delivery: Delivery) -> dict[str, date]:
    """The client's own calendar, day label -> date; empty where none was delivered."""
    rows = delivery.connection.execute(
        "select d, date from staging.calendar where client_id = %s and d is not null", (delivery.client_id,)
    )
    return dict(rows.fetchall())
