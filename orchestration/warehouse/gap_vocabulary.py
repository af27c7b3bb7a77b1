"""What may be missing, outdated or at odds with itself, and what people are told of it: a sentence per gap.

Belongs here: the codes of ``analytics.planning_gaps`` and the shape of what is said of each. Does not belong
here: the sentences (``delivery_gaps``, ``gap_meanings``), finding a gap, which is the view's
(``dbt_project/models/reporting/planning_gaps.sql``), and asking for one (``reading.gaps``).

A sentence may name ``{affected}`` of ``{total}`` things, a ``{day}``, a ``{detail}`` and the ``{client}``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from forecasting_lib.inventory import Severity

Concern = Literal["deliveries", "forecast", "accuracy", "orders", "values"]
"""Which answer a gap is about."""


class Gap(StrEnum):
    """The codes, in the order in which people read them: what stands in the way of the rest comes first."""

    CLIENT_INACTIVE = "CLIENT_INACTIVE"
    NOTHING_DELIVERED = "NOTHING_DELIVERED"
    EVERYTHING_REFUSED = "EVERYTHING_REFUSED"
    NO_SALES = "NO_SALES"
    NOT_RUN_YET = "NOT_RUN_YET"
    NO_DEMAND = "NO_DEMAND"
    NO_FORECAST = "NO_FORECAST"
    NO_LEADING_MODEL = "NO_LEADING_MODEL"
    NO_PLAN = "NO_PLAN"
    STOCKED_OUT_UNDECIDED = "STOCKED_OUT_UNDECIDED"
    NO_STOCK = "NO_STOCK"
    STOCK_OF_OTHERS = "STOCK_OF_OTHERS"
    STOCK_TOO_LATE = "STOCK_TOO_LATE"
    NO_LEAD_TIME = "NO_LEAD_TIME"
    SUPPLIERS_UNLINKED = "SUPPLIERS_UNLINKED"
    FILES_REFUSED = "FILES_REFUSED"
    FEED_LATE = "FEED_LATE"
    DEMAND_BEHIND = "DEMAND_BEHIND"
    FORECAST_HELD_BACK = "FORECAST_HELD_BACK"
    FORECAST_BEHIND = "FORECAST_BEHIND"
    PLAN_BEHIND = "PLAN_BEHIND"
    BANDS_DO_NOT_HOLD = "BANDS_DO_NOT_HOLD"
    MODEL_SKIPPED = "MODEL_SKIPPED"
    SERIES_NOT_FORECAST = "SERIES_NOT_FORECAST"
    STALE_STOCK = "STALE_STOCK"
    NEGATIVE_STOCK = "NEGATIVE_STOCK"
    NO_PURCHASE_ORDERS = "NO_PURCHASE_ORDERS"
    OVERDUE_ORDERS = "OVERDUE_ORDERS"
    UNDATED_ORDERS = "UNDATED_ORDERS"
    HORIZON_TOO_SHORT = "HORIZON_TOO_SHORT"
    SILENT_LOCATIONS = "SILENT_LOCATIONS"
    ROWS_REJECTED = "ROWS_REJECTED"
    NEVER_SOLD = "NEVER_SOLD"
    NOT_SCORED = "NOT_SCORED"
    FORECAST_REPLACED = "FORECAST_REPLACED"
    SHORT_HISTORY = "SHORT_HISTORY"
    LEAD_TIME_ASSUMED = "LEAD_TIME_ASSUMED"
    LEAD_TIME_SPREAD_UNKNOWN = "LEAD_TIME_SPREAD_UNKNOWN"
    NO_SUPPLIER = "NO_SUPPLIER"
    NO_COST = "NO_COST"
    NO_PRICE = "NO_PRICE"
    NO_PRODUCTS = "NO_PRODUCTS"
    NO_LOCATIONS = "NO_LOCATIONS"
    NO_PROMOTIONS = "NO_PROMOTIONS"
    NO_HOLIDAYS = "NO_HOLIDAYS"


@dataclass(frozen=True)
class GapMeaning:
    """What people are told of a gap.

    Attributes:
        severity: error where something cannot be computed, warning where what is computed may be wrong, info
            where it is right and less than it could be.
        concerns: which answer it is about.
        sentence: what is the matter.
        costs: what cannot be known for want of it, as a sentence.
        remedy: what to deliver or to decide, as a sentence.
        command: the next command, where there is one.
    """

    severity: Severity
    concerns: Concern
    sentence: str
    costs: str
    remedy: str
    command: str | None = None

    def advice(self, client: str, affected: int, total: int) -> str:
        """Of a counted gap, what is the matter and what to do, as the view ``planning_gaps`` says it."""
        text = f"{self.sentence} {self.remedy}" + (f" Next: {self.command}" if self.command else "")
        values = {"affected": f"{affected:,}", "total": f"{total:,}", "client": client}
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text


MISSING_KINDS = {
    "sales": "no forecast and no orders",
    "stock_levels": "no orders, unless the sales carry on_hand_qty",
    "suppliers": "no lead times but those of receipts or the default",
    "purchase_orders": "nothing counts as on order, and lead times are not measured",
    "products": "no names, categories, costs, suppliers or minimum orders",
    "locations": "no names of locations and no holidays of their own",
    "promotions": "promoted days count as ordinary ones, behind and ahead",
}
"""Kind of delivery -> what its absence costs; the kinds any client may have, the most needed first."""
