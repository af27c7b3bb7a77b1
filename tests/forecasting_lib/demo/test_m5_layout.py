"""The synthetic M5 client has M5's file layout and nothing of M5's content."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting_lib.demo import M5Config, M5Data, generate_m5_layout
from forecasting_lib.demo.m5_layout import SNAP_DAYS, walmart_week
from tests.forecasting_lib.demo.conftest import END_DATE

SALES_ID_HEADER = ["id", "item_id", "dept_id", "cat_id", "store_id", "state_id"]
CALENDAR_HEADER = [
    "date",
    "wm_yr_wk",
    "weekday",
    "wday",
    "month",
    "year",
    "d",
    "event_name_1",
    "event_type_1",
    "event_name_2",
    "event_type_2",
    "snap_CA",
    "snap_TX",
    "snap_WI",
]
PRICES_HEADER = ["store_id", "item_id", "wm_yr_wk", "sell_price"]


def day_columns(frame: pl.DataFrame) -> list[str]:
    return [column for column in frame.columns if column.startswith("d_")]


def test_headers_are_m5s(m5: M5Data) -> None:
    sales = m5.sales_train_evaluation
    assert sales.columns == SALES_ID_HEADER + [f"d_{day}" for day in range(1, 731)]
    assert m5.calendar.columns == CALENDAR_HEADER
    assert m5.sell_prices.columns == PRICES_HEADER


@pytest.mark.shared_data
def test_headers_are_those_of_the_genuine_files(m5: M5Data, shared_data: Path) -> None:
    folder = shared_data / "m5_280x1941"

    def genuine(name: str) -> list[str]:
        return pl.read_csv(folder / name, n_rows=1).columns

    header = genuine("sales_train_evaluation.csv.gz")
    assert m5.sales_train_evaluation.columns == header[: 6 + 730]
    assert m5.calendar.columns == genuine("calendar.csv")
    assert m5.sell_prices.columns == genuine("sell_prices.csv.gz")


@pytest.mark.shared_data
def test_weeks_weekdays_and_snap_days_are_numbered_as_in_the_genuine_calendar(shared_data: Path) -> None:
    genuine = pl.read_csv(shared_data / "m5_280x1941" / "calendar.csv", try_parse_dates=True)
    sales_days = genuine.height - 28
    end_date = genuine["date"][sales_days - 1]
    ours = generate_m5_layout(
        M5Config(end_date=end_date, days=sales_days, n_items=1, stores=("CA_1",))
    ).calendar
    dated = [column for column in CALENDAR_HEADER if not column.startswith("event")]
    assert ours.select(dated).equals(genuine.select(dated))


@pytest.mark.shared_data
def test_no_item_is_one_of_the_genuine_ones(m5: M5Data, shared_data: Path) -> None:
    genuine = pl.read_csv(
        shared_data / "m5_ca1_3049x447" / "sales_train_evaluation.csv.gz", columns=["item_id"]
    )
    assert m5.sales_train_evaluation.join(genuine, on="item_id", how="semi").is_empty()


def test_ids_are_put_together_as_in_m5(m5: M5Data) -> None:
    sales = m5.sales_train_evaluation
    assert sales.height == 60 * 3
    assert sales["id"].n_unique() == sales.height
    rebuilt = sales.select(
        pl.format("{}_{}_evaluation", "item_id", "store_id").alias("id"),
        pl.col("item_id").str.replace(r"_\d{3}$", "").alias("dept_id"),
        pl.col("dept_id").str.replace(r"_\d$", "").alias("cat_id"),
        pl.col("store_id").str.head(2).alias("state_id"),
    )
    assert rebuilt.equals(sales.select(rebuilt.columns))


def test_calendar_runs_28_days_longer_than_the_sales(m5: M5Data) -> None:
    assert m5.calendar.height == 730 + 28
    assert m5.calendar["d"].to_list() == [f"d_{day}" for day in range(1, 759)]
    assert m5.calendar.filter(pl.col("d") == "d_730")["date"].item() == END_DATE


def test_some_days_have_two_events(m5: M5Data) -> None:
    events = m5.calendar
    assert events.filter(pl.col("event_name_2").is_not_null() & pl.col("event_name_1").is_null()).is_empty()
    assert events["event_name_2"].count() >= 2
    kinds = set(events["event_type_1"].drop_nulls()) | set(events["event_type_2"].drop_nulls())
    assert kinds == {"National", "Cultural", "Sporting", "Religious"}


def test_every_sale_has_a_price_and_prices_reach_the_end_of_the_calendar(
    m5: M5Data, m5_sales_long: pl.DataFrame
) -> None:
    sold = (
        m5_sales_long.filter(pl.col("units_sold") > 0)
        .join(m5.calendar.select("date", "wm_yr_wk"), on="date")
        .rename({"location_id": "store_id"})
    )
    keys = ["store_id", "item_id", "wm_yr_wk"]
    assert sold.join(m5.sell_prices, on=keys, how="anti").is_empty()
    assert not m5.sell_prices.select(keys).is_duplicated().any()
    assert (m5.sell_prices["sell_price"] > 0).all()
    last_weeks = m5.sell_prices.group_by("store_id", "item_id").agg(pl.col("wm_yr_wk").max())
    assert set(last_weeks["wm_yr_wk"]) == {m5.calendar["wm_yr_wk"].max()}


def test_sales_look_like_m5s_with_many_zeros_late_starters_and_no_christmas(
    m5: M5Data, m5_sales_long: pl.DataFrame
) -> None:
    assert 0.3 < (m5_sales_long["units_sold"] == 0).to_numpy().mean() < 0.7
    assert m5_sales_long["units_sold"].min() == 0
    christmas = m5_sales_long.filter((pl.col("date").dt.month() == 12) & (pl.col("date").dt.day() == 25))
    assert christmas["units_sold"].sum() == 0
    weeks = m5.sell_prices.group_by("store_id", "item_id").agg(pl.len())
    assert weeks.filter(pl.col("len") < weeks["len"].max()).height >= 10


def test_every_series_sells(m5_sales_long: pl.DataFrame) -> None:
    sold = m5_sales_long.group_by("item_id", "location_id").agg(pl.col("units_sold").sum())
    assert (sold["units_sold"] > 0).all()


def test_food_sells_better_on_snap_days(m5: M5Data, m5_sales_long: pl.DataFrame) -> None:
    foods = (
        m5_sales_long.filter(pl.col("item_id").str.starts_with("FOODS_3"), pl.col("location_id") == "TX_1")
        .join(m5.calendar.select("date", "snap_TX"), on="date")
        .group_by("snap_TX")
        .agg(pl.col("units_sold").mean())
        .sort("snap_TX")["units_sold"]
    )
    assert foods[1] > 1.05 * foods[0]


@settings(max_examples=15, deadline=None)
@given(
    config=st.builds(
        M5Config,
        end_date=st.dates(date(2012, 1, 1), date(2030, 12, 31)),
        days=st.integers(56, 120),
        n_items=st.integers(1, 20),
        stores=st.lists(st.sampled_from(["CA_1", "CA_2", "TX_1", "WI_3"]), min_size=1, unique=True).map(
            tuple
        ),
        seed=st.integers(0, 2**31),
    )
)
def test_any_small_client_has_the_layout_and_repeats_itself(config: M5Config) -> None:
    data, again = generate_m5_layout(config), generate_m5_layout(config)
    sales = data.sales_train_evaluation
    assert sales.shape == (config.n_items * len(config.stores), 6 + config.days)
    assert sales["id"].n_unique() == sales.height
    assert all((sales[column] >= 0).all() for column in day_columns(sales))
    for name, frame in data.deliveries().items():
        assert frame.equals(again.deliveries()[name]), name


def test_another_seed_gives_other_sales(m5: M5Data) -> None:
    other = generate_m5_layout(M5Config(end_date=END_DATE, seed=21))
    assert not other.sales_train_evaluation.equals(m5.sales_train_evaluation)
    assert other.calendar.equals(m5.calendar)


def test_as_many_items_as_ids_allow_are_all_distinct() -> None:
    data = generate_m5_layout(M5Config(end_date=END_DATE, days=56, n_items=693, stores=("WI_1",)))
    assert data.sales_train_evaluation["item_id"].n_unique() == 693


@pytest.mark.parametrize(
    ("day", "week"),
    [
        (date(2024, 1, 26), 12_352),
        (date(2024, 1, 27), 12_401),
        (date(2025, 1, 31), 12_453),
        (date(2025, 2, 1), 12_501),
        (date(2025, 2, 7), 12_501),
        (date(2025, 2, 8), 12_502),
    ],
)
def test_weeks_begin_on_saturday_and_some_years_have_53(day: date, week: int) -> None:
    assert walmart_week(day) == week


def test_snap_days_are_ten_a_month() -> None:
    assert {state: len(days) for state, days in SNAP_DAYS.items()} == {"CA": 10, "TX": 10, "WI": 10}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"days": 55}, "days is 55"),
        ({"n_items": 694}, "n_items is 694"),
        ({"stores": ("NY_1",)}, "lie in no state of M5"),
        ({"stores": ("CA_1", "CA_1")}, "each once"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        M5Config(end_date=END_DATE, **fields)  # type: ignore[arg-type]
