"""The kinds of files a client may deliver; each carries its own rules.

Belongs here: names, columns and limits as data, and which rules beyond a row's own a kind follows. A new
kind is one entry here, beside its staging table. ``docs/data-contracts.md`` says the same to people; a test
compares the two. Does not belong here: how a rule is carried out (``judging``, ``m5``, ``whole_file``).
"""

from __future__ import annotations

import sqlalchemy as sa

from forecasting_lib.grain import Grain
from orchestration.landing.contracts import Cells, Column, ColumnType
from orchestration.landing.kind import Kind
from orchestration.landing.m5 import M5Rows, is_day_label
from orchestration.landing.reasons import Reason
from orchestration.landing.targets import with_targets
from orchestration.landing.whole_file import keep_all, totals_or_orders
from orchestration.warehouse.tables import metadata

MAIN_LOCATION = "main"
"""Location of rows whose file knows no locations."""

_ID, _TEXT, _NUMBER = ColumnType.ID, ColumnType.TEXT, ColumnType.NUMBER
_WHOLE, _BOOLEAN, _DATE = ColumnType.WHOLE, ColumnType.BOOLEAN, ColumnType.DATE

_CURRENCY = Column("currency", _TEXT, "Currency of the amounts, such as EUR; the client's unless named.")
_UOM = Column("uom", _TEXT, "Unit of measure of the quantity; the item's unless named.")

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
        Column("unit_cost", _NUMBER, "Purchase cost per unit, client currency.", minimum=0, is_money=True),
        Column("unit_price", _NUMBER, "List price per unit, client currency.", minimum=0, is_money=True),
        _CURRENCY,
        Column("uom", _TEXT, "Unit of measure of its stock, orders and sales."),
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
        Column(
            "min_order_value",
            _NUMBER,
            "Smallest order value accepted, client currency.",
            minimum=0,
            is_money=True,
        ),
        _CURRENCY,
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
    key=("item_id", "location_id", "date", "order_id", "reason"),
    line_limit=16 << 20,
    cells=Cells(is_day_label, "d_1"),
    rows=M5Rows,
    whole_file=keep_all,
    totals_of=Grain.DAY,
    names_unused=False,
    columns=(
        _ITEM,
        Column("store_id", _ID, "The store.", required=True, staged_as="location_id"),
        Column("dept_id", _TEXT, "Department of the item.", staged_as="department"),
        Column("cat_id", _TEXT, "Category of the item.", staged_as="category"),
        Column("state_id", _TEXT, "State of the store.", staged_as="region"),
    ),
)
"""The day columns (``d_1``, ``d_2`` ...) come on top; the lines grow with their number."""

SALES = Kind(
    name="sales",
    patterns=("sales*", "sales_snapshot*"),
    snapshots=("sales_snapshot*",),
    table="sales",
    key=("item_id", "location_id", "date", "order_id", "reason"),
    whole_file=totals_or_orders,
    measure="units_sold",
    columns=(
        Column("date", _DATE, "Day of the sale.", required=True, follows_last_day=True),
        _ITEM,
        Column("units_sold", _NUMBER, "Units served, negative for a return or a write-off.", required=True),
        _LOCATION,
        Column("unit_price", _NUMBER, "Price paid per unit.", minimum=0, is_money=True),
        _CURRENCY,
        _UOM,
        Column("on_promotion", _BOOLEAN, "Whether the item was promoted that day."),
        Column(
            "on_hand_qty",
            _NUMBER,
            "Stock at the end of the day, or of the week or month where rows are totals of those.",
        ),
        Column(
            "order_id",
            _ID,
            "Order or receipt; its presence says that rows are transaction lines.",
            default="",
            may_be_empty=True,
        ),
        Column(
            "reason",
            _ID,
            "Why the units moved; the client's `write_off_reasons` name those that are write-offs.",
            default="",
            may_be_empty=True,
        ),
    ),
)

OPENING_DAYS = Kind(
    name="opening_days",
    patterns=("opening_days*",),
    table="opening_days",
    key=("location_id", "date"),
    columns=(
        Column("date", _DATE, "The day, past or planned.", required=True, planned=True),
        Column("is_open", _BOOLEAN, "Whether the location opens that day.", required=True),
        _LOCATION,
    ),
)

STOCK_LEVELS = Kind(
    name="stock_levels",
    patterns=("stock_levels*",),
    table="stock_levels",
    key=("item_id", "location_id", "date"),
    measure="on_hand_qty",
    columns=(
        Column("date", _DATE, "Close of business of this day.", required=True, follows_last_day=True),
        _ITEM,
        Column("on_hand_qty", _NUMBER, "Units on hand; negative books backorders.", required=True),
        _LOCATION,
        _UOM,
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

OUTLIER_VERDICTS = Kind(
    name="outlier_verdicts",
    patterns=("outlier_verdicts*",),
    table="outlier_verdicts",
    key=("item_id", "location_id", "date"),
    columns=(
        Column("date", _DATE, "The day of demand.", required=True),
        _ITEM,
        Column("keep", _BOOLEAN, "Whether the day stands as it sold; no has it cleaned.", required=True),
        _LOCATION,
        Column("clean_qty", _NUMBER, "Units to take in its place; empty leaves that to the rule.", minimum=0),
        Column("decided_by", _TEXT, "Who says so."),
        Column("note", _TEXT, "Why."),
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
        _UOM,
    ),
    ordered=(("order_date", "expected_date"), ("order_date", "received_date")),
)


PROMOTIONS = Kind(
    name="promotions",
    patterns=("promotions*",),
    table="promotions",
    key=("target_type", "target_id", "location_id", "start_date"),
    to_staging=with_targets,
    columns=(
        Column("item_id", _ID, "The item promoted; it wins where the category is named too."),
        Column("category", _ID, "The category promoted."),
        Column("start_date", _DATE, "First day.", required=True, planned=True),
        Column("end_date", _DATE, "Last day.", required=True, planned=True),
        Column("location_id", _ID, "Location; empty for all.", default="", may_be_empty=True),
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
    OPENING_DAYS,
    SALES,
    STOCK_LEVELS,
    PURCHASE_ORDERS,
    PROMOTIONS,
    OUTLIER_VERDICTS,
)
"""In the order one delivery is loaded: what describes comes before what refers to it."""

STAGING_TABLES: dict[str, sa.Table] = {kind.table: metadata.tables[f"staging.{kind.table}"] for kind in KINDS}
"""The tables that deliveries fill, by name."""


def kinds_of_table(table: str) -> list[str]:
    """The names of the kinds that fill a staging table."""
    return [kind.name for kind in KINDS if kind.table == table]


def kind_named(name: str) -> Kind | None:
    """The kind of a name, None where there is none."""
    return next((kind for kind in KINDS if kind.name == name), None)
