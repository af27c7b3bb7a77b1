"""The listings of what to buy first and of how suppliers kept their word.

Belongs here: what may be asked of these relations, as data. Does not belong here: all other listings and the
list of them (``catalogue``), the query (``listings``).
"""

from __future__ import annotations

from typing import LiteralString

from orchestration.reporting.listings import Listing, fields
from orchestration.reporting.questions import latest_plan


def of_latest_plan(table: LiteralString) -> LiteralString:
    """The rows of a table of plans that are of a client's latest plan."""
    return f"""(
        select listed.*, runs.as_of_date from ({latest_plan("{client}")}) as runs
        inner join analytics.{table} as listed using (client_id, run_id)
    )"""


PURCHASES = Listing(
    name="purchases",
    sentence="One lot of one item at one location to buy where money is short, the best first.",
    relation=of_latest_plan("purchase_priorities"),
    fields=fields(
        "priority_rank:whole item_id location_id supplier_id lot_no:whole order_qty:number "
        "order_value:number benefit_value:number benefit_per_money:number spent_value:number "
        "as_of_date:day run_id:uuid"
    ),
    key=("priority_rank",),
    filters=("item_id", "location_id", "supplier_id"),
    concerns=("deliveries", "forecast", "orders"),
)

SUPPLIERS = Listing(
    name="suppliers",
    sentence="One supplier: its stated lead time against its receipts, lateness and overdue orders.",
    relation=of_latest_plan("supplier_lead_times"),
    fields=fields(
        "supplier_id stated_days:number stated_sd_days:number n_receipts:whole mean_days:number "
        "median_days:number sd_days:number n_promised:whole late_share:number mean_days_late:number "
        "n_open:whole n_overdue:whole longest_overdue_days:whole n_faulty:whole n_forgotten:whole "
        "expected_days:number expected_sd_days:number as_of_date:day run_id:uuid"
    ),
    key=("supplier_id",),
    concerns=("deliveries", "orders"),
)
