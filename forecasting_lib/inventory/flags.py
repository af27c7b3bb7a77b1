"""The closed vocabulary of flags: why a number is empty, estimated or worth a look.

Belongs here: the codes, their severity and their one-sentence meaning (published as a lookup table).
Does not belong here: the decision to raise one, which stands beside the number it explains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Flag(StrEnum):
    NO_DEMAND = "NO_DEMAND"
    MISSING_STOCK = "MISSING_STOCK"
    STALE_STOCK = "STALE_STOCK"
    MISSING_LEAD_TIME = "MISSING_LEAD_TIME"
    MISSING_LEAD_TIME_SD = "MISSING_LEAD_TIME_SD"
    ZERO_LEAD_TIME = "ZERO_LEAD_TIME"
    LT_FROM_DEFAULT = "LT_FROM_DEFAULT"
    MISSING_SUPPLIER = "MISSING_SUPPLIER"
    MISSING_PRICE = "MISSING_PRICE"
    BACKORDER = "BACKORDER"
    NEGATIVE_STOCK_ZEROED = "NEGATIVE_STOCK_ZEROED"
    NEGATIVE_RESERVED = "NEGATIVE_RESERVED"
    OVERDUE_PO = "OVERDUE_PO"
    UNDATED_PO = "UNDATED_PO"
    DIR_CENSORED = "DIR_CENSORED"
    HORIZON_TOO_SHORT = "HORIZON_TOO_SHORT"
    SHORT_HISTORY = "SHORT_HISTORY"
    NEGATIVE_SAFETY_STOCK = "NEGATIVE_SAFETY_STOCK"
    SS_CLIPPED = "SS_CLIPPED"
    MOQ_OVERSHOOT = "MOQ_OVERSHOOT"
    EXCESS = "EXCESS"
    DEAD_STOCK = "DEAD_STOCK"
    CALIBRATION_STALE = "CALIBRATION_STALE"
    NOT_CALIBRATED = "NOT_CALIBRATED"


@dataclass(frozen=True)
class FlagMeaning:
    severity: Severity
    meaning: str


FLAG_VOCABULARY: Mapping[Flag, FlagMeaning] = {
    Flag.NO_DEMAND: FlagMeaning(
        Severity.INFO, "The forecast is zero throughout: safety stock, reorder point and order are zero."
    ),
    Flag.MISSING_STOCK: FlagMeaning(
        Severity.ERROR, "No stock on hand is known, so positions, cover and orders are empty."
    ),
    Flag.STALE_STOCK: FlagMeaning(
        Severity.WARNING, "The stock snapshot is older than the as-of date; sales since then are not in it."
    ),
    Flag.MISSING_LEAD_TIME: FlagMeaning(
        Severity.ERROR, "No lead time is known from any source, so reorder point and order are empty."
    ),
    Flag.MISSING_LEAD_TIME_SD: FlagMeaning(
        Severity.WARNING,
        "The lead time's variability is unknown and taken as zero: safety stock is a minimum.",
    ),
    Flag.ZERO_LEAD_TIME: FlagMeaning(
        Severity.INFO, "The lead time is zero days: the protection interval is the review period alone."
    ),
    Flag.LT_FROM_DEFAULT: FlagMeaning(
        Severity.WARNING, "The lead time is the client's default, not one of this item, supplier or location."
    ),
    Flag.MISSING_SUPPLIER: FlagMeaning(
        Severity.WARNING, "No supplier is known; the order is computed but has no addressee."
    ),
    Flag.MISSING_PRICE: FlagMeaning(
        Severity.WARNING, "Neither unit cost nor unit price is known, so values and the ABC class are empty."
    ),
    Flag.BACKORDER: FlagMeaning(
        Severity.ERROR, "More is owed to customers than is free on the shelf, or backorders are open."
    ),
    Flag.NEGATIVE_STOCK_ZEROED: FlagMeaning(
        Severity.WARNING, "Stock on hand was booked below zero and is taken as zero, as the client chose."
    ),
    Flag.NEGATIVE_RESERVED: FlagMeaning(
        Severity.WARNING, "A reserved or backordered quantity was delivered below zero and is taken as zero."
    ),
    Flag.OVERDUE_PO: FlagMeaning(
        Severity.WARNING,
        "A purchase order was expected before the as-of date and is still open; it is projected for day 1.",
    ),
    Flag.UNDATED_PO: FlagMeaning(
        Severity.WARNING,
        "An open purchase order can be given no date: it counts as on order but not in the projection.",
    ),
    Flag.DIR_CENSORED: FlagMeaning(
        Severity.INFO, "The stock outlasts the forecast horizon: cover is at least dir_lower_bound_days."
    ),
    Flag.HORIZON_TOO_SHORT: FlagMeaning(
        Severity.WARNING,
        "The protection interval, late deliveries included, ends after the forecast; "
        "last season's mean demand extends it.",
    ),
    Flag.SHORT_HISTORY: FlagMeaning(
        Severity.WARNING,
        "Less than eight weeks of history or fewer than ten days, weeks or months with demand.",
    ),
    Flag.NEGATIVE_SAFETY_STOCK: FlagMeaning(
        Severity.WARNING, "The service target lies below one half, so the safety stock is negative."
    ),
    Flag.SS_CLIPPED: FlagMeaning(
        Severity.WARNING, "The computed safety stock was negative and is clipped at zero by policy."
    ),
    Flag.MOQ_OVERSHOOT: FlagMeaning(
        Severity.WARNING,
        "The minimum order or its multiple raises the order to more cover than the excess horizon.",
    ),
    Flag.EXCESS: FlagMeaning(
        Severity.WARNING, "Stock and orders exceed what the excess horizon needs, safety stock included."
    ),
    Flag.DEAD_STOCK: FlagMeaning(
        Severity.WARNING, "There is stock, the forecast is zero, and last season's demand was zero as well."
    ),
    Flag.CALIBRATION_STALE: FlagMeaning(
        Severity.WARNING,
        "The backtest that the service level was calibrated on is of days too long ago; make a new one.",
    ),
    Flag.NOT_CALIBRATED: FlagMeaning(
        Severity.INFO,
        "No backtest has measured how errors of this forecast add up: a usual factor stands in, and the "
        "service predicted is no measured one.",
    ),
}
"""Code -> severity and meaning; every code of :class:`Flag` is there."""


def flag_lists(masks: Mapping[Flag, BoolArray], rows: int) -> list[list[str]]:
    """Per row the codes whose mask is true there, in the order of ``masks``.

    Args:
        masks: flag -> (rows,) boolean array.
        rows: number of rows, so that no mask at all still gives ``rows`` empty lists.
    """
    lists: list[list[str]] = [[] for _ in range(rows)]
    for flag, mask in masks.items():
        for row in np.flatnonzero(mask):
            lists[row].append(flag.value)
    return lists
