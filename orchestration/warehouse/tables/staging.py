"""Schema ``staging``: typed rows, the latest delivery of each key, and what is computed of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Date, PrimaryKeyConstraint, Table, Text, text

from orchestration.warehouse.tables.columns import (
    BY_CLIENT,
    book,
    client_key,
    day,
    key,
    metadata,
    one_of,
    whole,
    words,
    yes_no,
)
from orchestration.warehouse.tables.vocabulary import PromotionTarget


def _file_id() -> Column[int]:
    return Column(
        "file_id", BigInteger, nullable=False, comment="Delivery the row came in (ops.landing_files)."
    )


CURRENCY = "Currency of the amounts as delivered, always the client's; NULL where no file named it."
UOM = "Unit of measure of the quantity as delivered, always the item's; NULL where no file named it."

sales = Table(
    "sales",
    metadata,
    client_key(),
    key("item_id", "Item."),
    key("location_id", "Location; main where the file names none."),
    key("date", "Day of the sale.", Date),
    Column(
        "order_id", Text, primary_key=True, server_default=text("''"), comment="Order, empty in a daily feed."
    ),
    Column(
        "reason",
        Text,
        primary_key=True,
        server_default=text("''"),
        comment="Why the units moved, as delivered; empty where no reason is.",
    ),
    book("units_sold", "Units served, negative for a return or a write-off.", nullable=False),
    book("unit_price", "Price paid per unit."),
    words("currency", CURRENCY),
    words("uom", UOM),
    yes_no(
        "on_promotion", "True where the delivery says the item was promoted.", nullable=True, default=None
    ),
    book("on_hand_qty", "Stock at the end of the day, where the sales feed carries it."),
    _file_id(),
    PrimaryKeyConstraint("date", "item_id", "location_id", "order_id", "reason", "client_id"),
    schema="staging",
    comment="One row per day, item, location, order and reason as last delivered.",
    postgresql_partition_by=BY_CLIENT,
)

PARTITIONED = (sales,)
"""One partition per client, made with the client's first rows."""

products = Table(
    "products",
    metadata,
    client_key(),
    key("item_id", "Item."),
    words("name", "Name people use."),
    words("category", "Category."),
    words("department", "Department."),
    words("brand", "Brand."),
    book("unit_cost", "Purchase cost per unit, client currency."),
    book("unit_price", "List price per unit, client currency."),
    words("currency", CURRENCY),
    words("uom", "Unit of measure of the stock."),
    book("moq_qty", "Minimum order quantity."),
    book("order_multiple_qty", "Orders are multiples of this."),
    whole("shelf_life_days", "Days until the item expires."),
    words("supplier_id", "Usual supplier."),
    day("launch_date", "First day on sale."),
    day("end_date", "Last day on sale."),
    words("successor_item_id", "Item that replaces this one."),
    _file_id(),
    schema="staging",
    comment="One row per item as last delivered.",
)

locations = Table(
    "locations",
    metadata,
    client_key(),
    key("location_id", "Location."),
    words("name", "Name people use."),
    words("region", "Region."),
    words("country", "ISO country code."),
    words("timezone", "IANA time zone."),
    words("type", "store, warehouse, web ..."),
    words("holiday_calendar", "Country or country-subdivision of the holiday calendar, such as US or US-CA."),
    _file_id(),
    schema="staging",
    comment="One row per location as last delivered.",
)

suppliers = Table(
    "suppliers",
    metadata,
    client_key(),
    key("supplier_id", "Supplier."),
    words("name", "Name people use."),
    book("lead_time_days", "Mean days from order to availability."),
    book("lead_time_sd_days", "Standard deviation of the lead time."),
    whole("review_days", "Days between two orders to this supplier."),
    words("order_weekdays", "Weekdays an order may be placed, such as mon,thu."),
    book("min_order_value", "Smallest order value accepted, client currency."),
    words("currency", CURRENCY),
    _file_id(),
    schema="staging",
    comment="One row per supplier as last delivered.",
)

stock_levels = Table(
    "stock_levels",
    metadata,
    client_key(),
    key("item_id", "Item."),
    key("location_id", "Location."),
    key("date", "Close of business of this day.", Date),
    book("on_hand_qty", "Units on hand; negative is a booking of backorders.", nullable=False),
    book("reserved_qty", "Units allocated to orders."),
    book("backorder_qty", "Units owed to customers."),
    words("uom", UOM),
    _file_id(),
    schema="staging",
    comment="One row per day, item and location as last delivered.",
)

purchase_orders = Table(
    "purchase_orders",
    metadata,
    client_key(),
    key("po_id", "Purchase order."),
    key("item_id", "Item."),
    key("location_id", "Receiving location; main where the file names none."),
    words("supplier_id", "Supplier."),
    book("ordered_qty", "Units ordered.", nullable=False),
    day("order_date", "Day the order was placed.", nullable=False),
    day("expected_date", "Promised day of availability."),
    day("received_date", "Day of receipt."),
    book("received_qty", "Units received so far."),
    words("status", "open, received, cancelled ... as delivered."),
    words("uom", UOM),
    _file_id(),
    schema="staging",
    comment="One row per order line as last delivered.",
)

promotions = Table(
    "promotions",
    metadata,
    client_key(),
    one_of("target_type", PromotionTarget, "{}: what the promotion names.", primary_key=True),
    key("target_id", "The item or the category."),
    key("location_id", "Location, empty for all."),
    key("start_date", "First day.", Date),
    day("end_date", "Last day.", nullable=False),
    book("discount_rate", "Discount as a share of the price."),
    words("type", "Kind of promotion."),
    day("announced_date", "Day from which the promotion was known; NULL means its first day."),
    _file_id(),
    schema="staging",
    comment="One row per promotion as last delivered.",
)

calendar = Table(
    "calendar",
    metadata,
    client_key(),
    key("date", "Day.", Date),
    words("d", "M5's day label, d_1 the first."),
    whole("wm_yr_wk", "M5's week number; prices are by week."),
    words("event_name_1", "Event of the day."),
    words("event_type_1", "Its type."),
    words("event_name_2", "Second event of the day."),
    words("event_type_2", "Its type."),
    yes_no("snap_ca", "SNAP purchases allowed in California.", nullable=True, default=None),
    yes_no("snap_tx", "SNAP purchases allowed in Texas.", nullable=True, default=None),
    yes_no("snap_wi", "SNAP purchases allowed in Wisconsin.", nullable=True, default=None),
    _file_id(),
    schema="staging",
    comment="One row per day of M5's calendar.csv.",
)

prices = Table(
    "prices",
    metadata,
    client_key(),
    key("item_id", "Item."),
    key("location_id", "M5's store."),
    key("wm_yr_wk", "Week number of calendar.", whole("wm_yr_wk", "").type),
    book("unit_price", "Selling price of the week.", nullable=False),
    _file_id(),
    schema="staging",
    comment="One row per store, item and week of M5's sell_prices.csv.",
)

opening_days = Table(
    "opening_days",
    metadata,
    client_key(),
    key("location_id", "Location; main where the file names none."),
    key("date", "The day, past or planned.", Date),
    yes_no("is_open", "Whether the location opens that day.", nullable=False, default=None),
    _file_id(),
    schema="staging",
    comment="One row per location and day as last delivered.",
)

outlier_verdicts = Table(
    "outlier_verdicts",
    metadata,
    client_key(),
    key("item_id", "Item."),
    key("location_id", "Location; main where the file names none."),
    key("date", "The day of demand.", Date),
    yes_no("keep", "Whether the day stands as it sold.", nullable=False, default=None),
    book("clean_qty", "Units to take in its place; NULL leaves that to the rule."),
    words("decided_by", "Who says so."),
    words("note", "Why."),
    _file_id(),
    schema="staging",
    comment="One row per item, location and day that somebody judged, as last delivered.",
)

holidays = Table(
    "holidays",
    metadata,
    client_key(),
    key("holiday_calendar", "Country or country-subdivision, such as US or US-CA."),
    key("date", "Day.", Date),
    words("name", "Name of the holiday.", nullable=False),
    schema="staging",
    comment="One row per holiday calendar of a client and public holiday; computed, not delivered.",
)

series = Table(
    "series",
    metadata,
    client_key(),
    key("item_id", "Item."),
    key("location_id", "Location."),
    day("listed_date", "First day the series was delivered, sold or not.", nullable=False),
    day("first_sale_date", "First day on which it moved; NULL where it never did."),
    day("last_movement_date", "Last day on which it moved."),
    words("category", "Category of the item; promotions may name it."),
    book("list_price", "List price of the item, client currency."),
    day("first_date", "First day of its demand history; NULL where it has none."),
    day("last_date", "Last day of its demand history."),
    schema="staging",
    comment="One row per series delivered up to the last demand day; computed.",
)

location_sales = Table(
    "location_sales",
    metadata,
    client_key(),
    key("date", "Day.", Date),
    key("location_id", "Location."),
    book("sold_qty", "Units that all its items sold.", nullable=False),
    schema="staging",
    comment="One row per location and day with a row of sales up to the last demand day; computed.",
)
