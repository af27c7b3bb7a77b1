"""The synthetic retailer is consistent with itself, with the data contract and with its declared truth."""

from __future__ import annotations

from datetime import date, timedelta

import holidays
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting_lib.demo import RetailerConfig, RetailerData, generate_retailer
from tests.forecasting_lib.demo.conftest import END_DATE

SERIES = ["item_id", "location_id"]
CLOSING_STORE = "GAL01"

CONTRACT_COLUMNS = {
    "sales": ["date", "item_id", "location_id", "units_sold", "unit_price", "on_promotion"],
    "products": [
        "item_id",
        "name",
        "category",
        "department",
        "brand",
        "unit_cost",
        "unit_price",
        "uom",
        "moq_qty",
        "order_multiple_qty",
        "supplier_id",
        "launch_date",
        "end_date",
    ],
    "locations": ["location_id", "name", "region", "country", "timezone", "type", "holiday_calendar"],
    "suppliers": ["supplier_id", "name", "lead_time_days", "lead_time_sd_days", "review_days"],
    "stock_levels": ["date", "item_id", "location_id", "on_hand_qty"],
    "purchase_orders": [
        "po_id",
        "item_id",
        "ordered_qty",
        "order_date",
        "location_id",
        "supplier_id",
        "expected_date",
        "received_date",
        "received_qty",
        "status",
    ],
    "promotions": [
        "item_id",
        "category",
        "location_id",
        "start_date",
        "end_date",
        "discount_rate",
        "type",
        "announced_date",
    ],
}

KEYS = {
    "sales": ["date", *SERIES],
    "products": ["item_id"],
    "locations": ["location_id"],
    "suppliers": ["supplier_id"],
    "stock_levels": ["date", *SERIES],
    "purchase_orders": ["po_id", "item_id"],
}


def balance(data: RetailerData) -> pl.DataFrame:
    """Every stock level with the day before's, and the receipts and net sales of the day."""
    receipts = (
        data.purchase_orders.filter(pl.col("received_date").is_not_null())
        .group_by(pl.col("received_date").alias("date"), *SERIES)
        .agg(pl.col("received_qty").sum())
    )
    return (
        data.stock_levels.join(
            data.sales.select("date", *SERIES, "units_sold"), on=["date", *SERIES], how="left"
        )
        .join(receipts, on=["date", *SERIES], how="left")
        .with_columns(pl.col("units_sold", "received_qty").fill_null(0))
        .sort(*SERIES, "date")
        .with_columns(pl.col("on_hand_qty").shift(1).over(SERIES).alias("before_qty"))
        .drop_nulls("before_qty")
    )


def assert_consistent(data: RetailerData) -> None:
    days = balance(data)
    available = pl.col("before_qty") + pl.col("received_qty")
    assert days.filter(pl.col("on_hand_qty") != available - pl.col("units_sold")).is_empty()
    assert days.filter(pl.col("units_sold") > available).is_empty()
    assert (data.stock_levels["on_hand_qty"] >= 0).all()
    assert data.sales.filter(pl.col("units_sold") == 0).is_empty()
    unstocked = data.sales.join(data.stock_levels, on=["date", *SERIES], how="anti")
    assert unstocked.is_empty()


def test_every_day_balances_and_nothing_is_sold_that_was_not_there(retailer: RetailerData) -> None:
    assert_consistent(retailer)


def test_every_receipt_is_in_the_balance(retailer: RetailerData) -> None:
    delivered = retailer.purchase_orders["received_qty"].sum()
    assert balance(retailer)["received_qty"].sum() == delivered > 0


@settings(max_examples=20, deadline=None)
@given(
    config=st.builds(
        RetailerConfig,
        end_date=st.dates(date(2015, 1, 1), date(2030, 12, 31)),
        days=st.integers(120, 260),
        n_items=st.integers(1, 12),
        n_locations=st.integers(1, 3),
        seed=st.integers(0, 2**31),
    )
)
def test_any_small_retailer_balances(config: RetailerConfig) -> None:
    data = generate_retailer(config)
    assert_consistent(data)
    assert data.stock_levels["date"].max() == config.end_date
    assert data.products.height == config.n_items
    for kind, key in KEYS.items():
        assert not data.deliveries()[kind].select(key).is_duplicated().any(), kind


def test_the_frames_have_the_contracts_columns(retailer: RetailerData) -> None:
    assert {kind: frame.columns for kind, frame in retailer.deliveries().items()} == CONTRACT_COLUMNS


def test_the_default_size_is_two_years_of_120_items_in_three_stores(retailer: RetailerData) -> None:
    assert retailer.products.height == 120
    assert retailer.locations.height == 3
    assert retailer.truth.height == 360
    assert retailer.stock_levels["date"].min() == END_DATE - timedelta(days=729)


@pytest.mark.parametrize("kind", KEYS)
def test_keys_are_unique(retailer: RetailerData, kind: str) -> None:
    assert not retailer.deliveries()[kind].select(KEYS[kind]).is_duplicated().any()


def test_references_between_files_resolve(retailer: RetailerData) -> None:
    products, suppliers = retailer.products, retailer.suppliers
    assert products.join(suppliers, on="supplier_id", how="anti").is_empty()
    for frame in (retailer.sales, retailer.stock_levels, retailer.purchase_orders):
        assert frame.join(products, on="item_id", how="anti").is_empty()
        assert frame.join(retailer.locations, on="location_id", how="anti").is_empty()


def test_the_same_seed_gives_the_same_frames_and_another_seed_others() -> None:
    def generated(seed: int) -> RetailerData:
        return generate_retailer(RetailerConfig(end_date=END_DATE, days=200, n_items=20, seed=seed))

    first, second, other = generated(5), generated(5), generated(6)
    for kind, frame in first.deliveries().items():
        assert frame.equals(second.deliveries()[kind]), kind
    assert first.truth.equals(second.truth)
    assert not first.sales.equals(other.sales)


def test_a_closed_store_has_no_row_and_receives_nothing(retailer: RetailerData) -> None:
    public = holidays.country_holidays("IE", years=range(2023, 2026))
    calendar = pl.date_range(END_DATE - timedelta(days=729), END_DATE, eager=True).to_list()
    closed = {
        CLOSING_STORE: {day for day in calendar if day.weekday() == 6 or day in public},
        "DUB01": {day for day in calendar if (day.month, day.day) == (12, 25)},
    }
    for store, expected in closed.items():
        traded = set(retailer.sales.filter(pl.col("location_id") == store)["date"].to_list())
        received = retailer.purchase_orders.filter(pl.col("location_id") == store)["received_date"].to_list()
        assert set(calendar) - traded == expected
        assert not expected & set(received)


def test_returns_are_negative_units_and_rare(retailer: RetailerData) -> None:
    returns = retailer.sales.filter(pl.col("units_sold") < 0)
    assert 10 < returns.height < 0.002 * retailer.sales.height
    sold = retailer.sales.group_by(SERIES).agg(pl.col("units_sold").sum())
    assert (sold["units_sold"] >= 0).all()


def classified(data: RetailerData) -> pl.DataFrame:
    """ADI and squared CV of each series over the days it was open, stocked and sold (cuts 1.32 and 0.49)."""
    traded = data.sales.select("date", "location_id").unique()
    units = pl.col("units_sold").fill_null(0).clip(0)
    sizes = pl.col("units").filter(pl.col("units") > 0)
    return (
        data.stock_levels.filter(pl.col("on_hand_qty") > 0)
        .join(traded, on=["date", "location_id"], how="semi")
        .join(data.sales, on=["date", *SERIES], how="left")
        .with_columns(units.alias("units"))
        .group_by(SERIES)
        .agg((pl.len() / sizes.len()).alias("adi"), (sizes.std() / sizes.mean()).pow(2).alias("cv2"))
        .with_columns(
            pl.when(pl.col("adi") < 1.32)
            .then(pl.when(pl.col("cv2") < 0.49).then(pl.lit("smooth")).otherwise(pl.lit("erratic")))
            .otherwise(pl.when(pl.col("cv2") < 0.49).then(pl.lit("intermittent")).otherwise(pl.lit("lumpy")))
            .alias("measured_class")
        )
        .join(data.truth, on=SERIES)
    )


def test_the_four_demand_classes_are_present_as_declared(retailer: RetailerData) -> None:
    established = retailer.products.filter(pl.col("launch_date").is_null() & pl.col("end_date").is_null())
    series = classified(retailer).join(established, on="item_id", how="semi")
    assert set(series["measured_class"]) == {"smooth", "erratic", "intermittent", "lumpy"}
    by_class = series.group_by("demand_class").agg(
        (pl.col("demand_class") == pl.col("measured_class")).mean().alias("as_declared"), pl.len()
    )
    assert (by_class["as_declared"] > 0.9).all()
    assert (by_class["len"] >= 15).all()


def test_new_and_ended_items_sell_only_while_they_are_sold(retailer: RetailerData) -> None:
    lives = retailer.products.select("item_id", "launch_date", "end_date")
    sold = retailer.sales.join(lives, on="item_id")
    assert sold.filter(pl.col("date") < pl.col("launch_date")).is_empty()
    assert sold.filter(pl.col("date") > pl.col("end_date")).is_empty()
    assert lives["launch_date"].count() == 6
    assert lives["end_date"].count() == 5
    youngest = max(lives["launch_date"].drop_nulls())
    assert END_DATE - timedelta(days=14) < youngest < END_DATE


def test_every_series_that_is_not_new_has_a_history_of_hundreds_of_days(retailer: RetailerData) -> None:
    established = retailer.products.filter(pl.col("launch_date").is_null())
    spans = (
        retailer.sales.join(established, on="item_id", how="semi")
        .group_by(SERIES)
        .agg((pl.col("date").max() - pl.col("date").min()).dt.total_days().alias("days"))
    )
    assert spans.height == established.height * 3
    assert (spans["days"] > 300).all()


def test_the_week_and_the_year_are_visible(retailer: RetailerData) -> None:
    totals = (
        retailer.sales.filter(pl.col("location_id") == "DUB01")
        .group_by("date")
        .agg(pl.col("units_sold").sum())
    )
    by_weekday = dict(
        totals.group_by(pl.col("date").dt.weekday().alias("weekday"))
        .agg(pl.col("units_sold").mean())
        .iter_rows()
    )
    assert by_weekday[6] > 1.2 * by_weekday[2]
    ice_cream = retailer.sales.filter(pl.col("item_id") == "ICE001")
    by_month = dict(
        ice_cream.group_by(pl.col("date").dt.month().alias("month"))
        .agg(pl.col("units_sold").mean())
        .iter_rows()
    )
    assert by_month[7] > 1.8 * by_month[1]


def test_promotions_are_announced_ahead_and_some_are_still_to_come(retailer: RetailerData) -> None:
    promotions = retailer.promotions
    assert promotions.filter(pl.col("announced_date") >= pl.col("start_date")).is_empty()
    assert promotions.filter(pl.col("announced_date") > END_DATE).is_empty()
    assert promotions.filter(pl.col("item_id").is_null() == pl.col("category").is_null()).is_empty()
    assert promotions.filter(pl.col("start_date") > END_DATE).height >= 5


def promoted_days(data: RetailerData) -> pl.DataFrame:
    """The days, items and stores that the promotions file covers."""
    items = data.products.select("item_id", "category")
    stores = data.locations.select("location_id")
    by_item = data.promotions.filter(pl.col("item_id").is_not_null()).drop("category")
    by_category = (
        data.promotions.filter(pl.col("item_id").is_null()).drop("item_id").join(items, on="category")
    )
    lines = pl.concat([by_item, by_category.select(by_item.columns)]).rename({"location_id": "only_location"})
    return (
        lines.join(stores, how="cross")
        .filter(pl.col("only_location").is_null() | (pl.col("only_location") == pl.col("location_id")))
        .with_columns(pl.date_ranges("start_date", "end_date").alias("date"))
        .explode("date")
        .select("date", *SERIES)
        .unique()
    )


def test_the_promotion_flag_of_a_sale_is_what_the_promotions_file_says(retailer: RetailerData) -> None:
    flagged = retailer.sales.filter("on_promotion").select("date", *SERIES)
    promised = retailer.sales.join(promoted_days(retailer), on=["date", *SERIES], how="semi")
    assert flagged.equals(promised.select("date", *SERIES))


def test_a_promotion_lifts_sales_by_about_its_true_factor(retailer: RetailerData) -> None:
    lowered = retailer.promotions.filter(pl.col("item_id").is_not_null())["discount_rate"].mean()
    smooth = retailer.truth.filter(pl.col("demand_class") == "smooth")
    measured = (
        retailer.sales.join(smooth, on=SERIES)
        .join(retailer.stock_levels.filter(pl.col("on_hand_qty") > 0), on=["date", *SERIES], how="semi")
        .group_by(*SERIES, "promotion_uplift_factor")
        .agg(
            pl.col("units_sold").filter("on_promotion").mean().alias("promoted"),
            pl.col("units_sold").filter(~pl.col("on_promotion")).mean().alias("ordinary"),
            pl.col("on_promotion").sum().alias("days"),
        )
        .filter(pl.col("days") >= 28)
    )
    expected = 1 + (measured["promotion_uplift_factor"] - 1) * lowered / 0.25
    ratio = (measured["promoted"] / measured["ordinary"]) / expected
    assert measured.height >= 30
    assert 0.85 < np.median(ratio.to_numpy()) < 1.15


def test_orders_respect_minimum_and_multiple(retailer: RetailerData) -> None:
    lines = retailer.purchase_orders.join(retailer.products.select("item_id", "^.*_qty$"), on="item_id")
    assert lines.filter(pl.col("ordered_qty") < pl.col("moq_qty")).is_empty()
    assert lines.filter(pl.col("ordered_qty") % pl.col("order_multiple_qty") != 0).is_empty()


def test_what_has_not_arrived_is_open_and_some_of_it_is_overdue(retailer: RetailerData) -> None:
    orders = retailer.purchase_orders
    open_lines = orders.filter(pl.col("status") == "open")
    assert orders.filter((pl.col("status") == "received") != pl.col("received_date").is_not_null()).is_empty()
    assert open_lines["received_qty"].sum() == 0
    assert orders.filter(pl.col("received_date") <= pl.col("order_date")).is_empty()
    assert open_lines.filter(pl.col("expected_date") < END_DATE).height >= 3
    assert open_lines.filter(pl.col("expected_date") > END_DATE).height >= 30


def test_lead_times_vary_about_the_suppliers_own(retailer: RetailerData) -> None:
    measured = (
        retailer.purchase_orders.unique("po_id")
        .drop_nulls("received_date")
        .with_columns((pl.col("received_date") - pl.col("order_date")).dt.total_days().alias("days"))
        .group_by("supplier_id")
        .agg(pl.col("days").mean().alias("mean"), pl.col("days").std().alias("sd"))
        .join(retailer.suppliers, on="supplier_id")
    )
    assert measured.height == retailer.suppliers.height
    assert (measured["mean"] / measured["lead_time_days"]).is_between(0.9, 1.35).all()
    assert (measured["sd"] / measured["lead_time_sd_days"]).is_between(0.5, 2.5).all()


def test_stock_outs_are_there_and_cost_sales(retailer: RetailerData) -> None:
    share = (retailer.stock_levels["on_hand_qty"] == 0).to_numpy().mean()
    assert 0.01 < share < 0.06
    assert 0 < float(retailer.truth["lost_qty"].sum()) < 0.06 * float(retailer.sales["units_sold"].sum())


@pytest.mark.parametrize("seed", [20, 1, 2])
def test_some_items_are_about_to_run_out(seed: int) -> None:
    data = generate_retailer(RetailerConfig(end_date=END_DATE, seed=seed))
    recent = (
        data.sales.filter(pl.col("date") > END_DATE - timedelta(days=28))
        .group_by(SERIES)
        .agg((pl.col("units_sold").sum() / 28).alias("daily_qty"))
    )
    lead = data.products.join(data.suppliers, on="supplier_id").select("item_id", "lead_time_days")
    last = (
        data.stock_levels.filter(pl.col("date") == END_DATE).join(recent, on=SERIES).join(lead, on="item_id")
    )
    urgent = last.filter(
        (pl.col("on_hand_qty") > 0)
        & (pl.col("lead_time_days") >= 5)
        & (pl.col("on_hand_qty") < 3 * pl.col("daily_qty"))
    )
    assert 5 <= urgent.height <= 60


def test_prices_move_and_margins_are_positive(retailer: RetailerData) -> None:
    assert retailer.products.filter(pl.col("unit_cost") >= pl.col("unit_price")).is_empty()
    list_prices = (
        retailer.sales.filter(~pl.col("on_promotion") & (pl.col("location_id") == "DUB01"))
        .group_by("item_id")
        .agg(pl.col("unit_price").n_unique().alias("prices"))
    )
    assert list_prices["prices"].max() == 4
    assert (list_prices["prices"] > 1).to_numpy().mean() > 0.5


@pytest.mark.parametrize(
    ("field", "value"),
    [("days", 119), ("n_items", 0), ("n_items", 121), ("n_locations", 4), ("seed", -1)],
)
def test_a_size_out_of_range_is_refused_by_name(field: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{field} is {value}"):
        RetailerConfig(end_date=END_DATE, **{field: value})
