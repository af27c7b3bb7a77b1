"""The demo clients at their default size, generated once, and small ones for properties."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from forecasting_lib.demo import (
    M5Config,
    M5Data,
    RetailerConfig,
    RetailerData,
    generate_m5_layout,
    generate_retailer,
)

END_DATE = date(2025, 6, 30)


@pytest.fixture(scope="session")
def retailer() -> RetailerData:
    return generate_retailer(RetailerConfig(end_date=END_DATE))


@pytest.fixture(scope="session")
def m5() -> M5Data:
    return generate_m5_layout(M5Config(end_date=END_DATE))


@pytest.fixture(scope="session")
def m5_sales_long(m5: M5Data) -> pl.DataFrame:
    """The wide M5 sales as one row per day and series."""
    wide = m5.sales_train_evaluation
    return (
        wide.unpivot(
            index=["item_id", "store_id"],
            on=[column for column in wide.columns if column.startswith("d_")],
            variable_name="d",
            value_name="units_sold",
        )
        .join(m5.calendar.select("d", "date"), on="d")
        .select("date", "item_id", pl.col("store_id").alias("location_id"), "units_sold")
    )
