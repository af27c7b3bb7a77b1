"""What people query of demand: its days, its dimensions and the calendar. Filled by dbt."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Date, Index, Table, text

from forecasting_lib.grain import Grain
from orchestration.warehouse.tables.columns import (
    BY_CLIENT,
    book,
    client_key,
    day,
    key,
    metadata,
    model,
    one_of,
    only,
    series_key,
    total,
    whole,
    words,
    yes_no,
)
from orchestration.warehouse.tables.vocabulary import (
    DemandClassOrNone,
)

ts_demand_daily = Table(
    "ts_demand_daily",
    metadata,
    client_key(),
    *series_key(),
    key("date", "Day.", Date),
    book("demand_qty", "Units demanded and served, returns netted, clipped at zero.", nullable=False),
    book("net_sold_qty", "Units sold less the returns netted, before clipping.", nullable=False),
    book("clipped_qty", "What clipping at zero added: demand_qty - net_sold_qty.", nullable=False),
    book("sold_qty", "Units sold, before returns."),
    book("returned_qty", "Units that came back that day, whatever became of them."),
    book("netted_qty", "Returned units taken off this day's sales: sold_qty - net_sold_qty."),
    book("written_off_qty", "Units written off that day; no part of demand."),
    book("unit_price", "Selling price per unit; carried forward from the last known day."),
    yes_no("is_promotion", "The item was promoted that day.", nullable=False),
    book("discount_rate", "Discount of the promotion, as a share of the price."),
    day("promotion_known_date", "Day from which the promotion was known."),
    yes_no("is_holiday", "A public holiday or an event of the calendar.", nullable=False),
    words("holiday_name", "Its name."),
    yes_no(
        "is_snap", "SNAP purchases allowed at the location; NULL outside M5.", nullable=True, default=None
    ),
    yes_no("is_closed", "The location was closed that day, as location_calendar says.", nullable=False),
    yes_no("is_stocked_out", "Nothing sold and no stock at the end of the day.", nullable=False),
    yes_no("is_masked", "Closed or stocked out: the zero is not demand, and counts neither for nor against."),
    book("on_hand_qty", "Stock at the end of the day, where known."),
    model(
        "lost_sales_qty",
        "Estimate of what was wanted beyond demand_qty on a day with an empty shelf at its end, by the eight"
        " weeks before; NULL on other days, and where these tell nothing.",
    ),
    CheckConstraint("demand_qty >= 0", name="demand"),
    Index("ix_ts_demand_daily_date", "date"),
    Index(
        "ix_ts_demand_daily_empty_shelf",
        "client_id",
        "date",
        postgresql_where=text("not is_closed and (is_stocked_out or (demand_qty > 0 and on_hand_qty = 0))"),
        postgresql_include=["item_id", "location_id", "lost_sales_qty", "unit_price"],
    ),
    schema="analytics",
    postgresql_partition_by=BY_CLIENT,
    comment="One row per client, item, location and day, without gaps from first sale to last delivered day.",
)

ts_demand_periods = Table(
    "ts_demand_periods",
    metadata,
    client_key(),
    one_of("grain", (Grain.WEEK, Grain.MONTH), "{}: what a period is.", nullable=False),
    *series_key(),
    key("date", "First day of the period; weeks begin on Monday.", Date),
    day("last_date", "Last day of the period.", nullable=False),
    book("demand_qty", "Units demanded and served, returns netted, clipped at zero.", nullable=False),
    book("net_sold_qty", "Units sold less the returns netted, before clipping.", nullable=False),
    book("clipped_qty", "What clipping at zero added: demand_qty - net_sold_qty.", nullable=False),
    book("sold_qty", "Units sold, before returns."),
    book("returned_qty", "Units that came back in the period."),
    book("netted_qty", "Returned units taken off this period's sales: sold_qty - net_sold_qty."),
    book("written_off_qty", "Units written off in the period; no part of demand."),
    book("unit_price", "Selling price per unit; carried forward from the last known period."),
    yes_no("is_promotion", "The item was promoted on a day of the period.", nullable=False),
    yes_no("is_closed", "No row of any item at the location in the period: it was closed.", nullable=False),
    yes_no("is_stocked_out", "Nothing sold and no stock at the last count of the period.", nullable=False),
    yes_no("is_masked", "Closed or stocked out: the zero is not demand, and counts neither for nor against."),
    book("on_hand_qty", "Stock at the last count of the period, where known."),
    model(
        "lost_sales_qty",
        "Estimate of demand lost to a stock-out: mean of the eight weeks or twelve months before.",
    ),
    CheckConstraint("demand_qty >= 0", name="demand"),
    only("grain", (Grain.WEEK, Grain.MONTH)),
    schema="analytics",
    comment="One row per client, item, location and week or month, of clients planned in these; without gaps"
    " from first sale to last complete period.",
)

demand_by_month = Table(
    "demand_by_month",
    metadata,
    client_key(),
    *series_key(),
    key("month", "First day of the calendar month.", Date),
    whole(
        "n_periods", "Days with demand history, or weeks or months that begin in this one.", nullable=False
    ),
    whole("n_days", "Days that these hold.", nullable=False),
    day("first_sale_date", "First day of the first period with net sales other than zero."),
    day("last_sale_date", "First day of the last period with demand."),
    whole("known_periods", "Periods that are not masked.", nullable=False),
    whole("demand_periods", "Periods with demand.", nullable=False),
    total("demand_qty", "Units demanded and served.", nullable=False),
    total("squared_demand_qty", "Sum of the periods' squared demand.", nullable=False),
    total("known_qty", "Units demanded in periods that are not masked.", nullable=False),
    total("sold_qty", "Units sold, before returns."),
    total("returned_qty", "Units that came back, whatever became of them."),
    total("netted_qty", "Returned units taken off these sales."),
    total("clipped_qty", "What clipping the periods at zero added.", nullable=False),
    total("written_off_qty", "Units written off; no part of demand."),
    day("last_priced_date", "First day of the last period with a price."),
    total("revenue_value", "Demand times price, client currency; NULL without a price."),
    whole("masked_days", "Days of periods that are closed or stocked out.", nullable=False),
    whole("closed_days", "Days of periods on which the location was closed.", nullable=False),
    whole("stocked_out_days", "Days of periods that were stocked out.", nullable=False),
    whole("promoted_periods", "Periods with a promotion that are not masked.", nullable=False),
    total("promoted_qty", "Units demanded in these.", nullable=False),
    model("lost_sales_qty", "Estimate of demand lost to stock-outs; NULL without any."),
    schema="analytics",
    comment="One row per client, item, location and calendar month: what its periods of demand add up to.",
)

dim_item = Table(
    "dim_item",
    metadata,
    client_key(),
    key("item_id", "Item."),
    words("name", "Name people use; the item's id where none was delivered.", nullable=False),
    words("category", "Category."),
    words("department", "Department."),
    words("brand", "Brand."),
    book("unit_cost", "Purchase cost per unit, client currency."),
    book("unit_price", "List price, else the last price paid, client currency."),
    words("uom", "Unit of measure of the stock."),
    book("moq_qty", "Minimum order quantity."),
    book("order_multiple_qty", "Orders are multiples of this."),
    whole("shelf_life_days", "Days until the item expires."),
    words("supplier_id", "Usual supplier."),
    day("launch_date", "First day on sale."),
    day("end_date", "Last day on sale."),
    words("successor_item_id", "Item that replaces this one."),
    yes_no(
        "is_described", "False: the item appears in sales only, no product file names it.", nullable=False
    ),
    schema="analytics",
    comment="One row per client and item that was sold or described.",
)

dim_location = Table(
    "dim_location",
    metadata,
    client_key(),
    key("location_id", "Location."),
    words("name", "Name people use; the location's id where none was delivered.", nullable=False),
    words("region", "Region; M5's state."),
    words("country", "ISO country code."),
    words("timezone", "IANA time zone."),
    words("type", "store, warehouse, web ..."),
    words("holiday_calendar", "Country or country-subdivision of the holiday calendar."),
    yes_no("is_described", "False: the location appears in sales only.", nullable=False),
    schema="analytics",
    comment="One row per client and location that sold something or was described.",
)

dim_series = Table(
    "dim_series",
    metadata,
    client_key(),
    *series_key(),
    one_of("grain", Grain, "{}: what a period of its demand is.", nullable=False, default=str(Grain.DAY)),
    day("listed_date", "First day the series was delivered, sold or not.", nullable=False),
    day(
        "first_sale_date",
        "First day of the first period with net sales other than zero; NULL where it never sold.",
    ),
    day("last_sale_date", "First day of the last period with demand."),
    whole(
        "history_days",
        "Days from the first period with a sale to the end of the last complete one.",
        nullable=False,
    ),
    whole("demand_days", "Periods with demand: days, weeks or months.", nullable=False),
    model("mean_demand_qty", "Mean demand of unmasked periods."),
    model("adi", "Average demand interval: unmasked periods per period with demand."),
    model("cv2", "Squared coefficient of variation of the non-zero demand sizes (ddof 0)."),
    one_of("demand_class", DemandClassOrNone, "{}; cuts 1.32 and 0.49, none without demand."),
    book(
        "revenue_365d_value",
        "Demand times price over the last 365 days, 52 weeks or 12 months; client currency.",
    ),
    only("grain", Grain),
    schema="analytics",
    comment="One row per client, item and location that was ever delivered.",
)

promoted_days = Table(
    "promoted_days",
    metadata,
    client_key(),
    *series_key(),
    key("date", "Day the item was or will be promoted.", Date),
    key(
        "known_date", "Day from which this was known: the announcement, else the promotion's first day.", Date
    ),
    book("discount_rate", "Discount announced that day, as a share of the price; NULL where none was named."),
    schema="analytics",
    comment="One row per client, item, location, promoted day and announcement, the horizon's days included.",
)

location_calendar = Table(
    "location_calendar",
    metadata,
    client_key(),
    key("location_id", "Location."),
    key("date", "Day, the horizon's included.", Date),
    yes_no("is_holiday", "A public holiday or an event of the calendar.", nullable=False),
    words("holiday_name", "Its name."),
    yes_no(
        "is_snap", "SNAP purchases allowed at the location; NULL outside M5.", nullable=True, default=None
    ),
    yes_no(
        "is_closed",
        "Closed: it sold nothing, and an opening calendar or the rule says so; NULL ahead where none does.",
        nullable=True,
        default=None,
    ),
    schema="analytics",
    comment="One row per client, location and day, from its first delivered day to the end of the horizon.",
)
