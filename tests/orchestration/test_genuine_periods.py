"""Genuine weekly and monthly data, from files to orders by the commands a new user has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.clients import get_client
from orchestration.settings import Settings
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]

WEEKLY = "vn2_weekly_599x157"
MONTHLY = "usaid_inventory_monthly"
SERIES = ["item_id", "location_id"]


def forecaster(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result


def ask(warehouse: Warehouse, query: str, **values: Any) -> pl.DataFrame:
    return read_frame(warehouse, render(query, **values))


def ingest(client_id: str, folder: Path, files: dict[str, pl.DataFrame]) -> str:
    for name, frame in files.items():
        frame.write_csv(folder / f"{name}.csv")
    paths = [str(folder / f"{name}.csv") for name in files]
    return forecaster("ingest", "--client", client_id, *paths).output


def weekly_files(source: Path) -> dict[str, pl.DataFrame]:
    """VN2's week 0: sales, weeks out of stock, the stock at the end of the last week, what is on its way."""
    names = {"Store": "location_id", "Product": "item_id"}

    def long(file: str, value: str) -> pl.DataFrame:
        wide = pl.read_csv(source / file).rename(names)
        return wide.unpivot(index=[*names.values()], variable_name="date", value_name=value)

    out_of_stock = long("in_stock_wide.csv.gz", "in_stock").filter(~pl.col("in_stock"))
    state = pl.read_csv(source / "initial_state.csv").rename(names)
    number = pl.concat_str("location_id", "item_id", separator="-")
    on_the_way = [
        state.filter(pl.col(column) > 0).select(
            (number + f"-{column[-2:]}").alias("po_id"),
            *SERIES,
            pl.col(column).alias("ordered_qty"),
            pl.lit("2024-04-08").alias("order_date"),
            pl.lit(day).alias("expected_date"),
        )
        for column, day in (("In Transit W+1", "2024-04-15"), ("In Transit W+2", "2024-04-22"))
    ]
    counted = state.select(pl.lit("2024-04-14").alias("date"), *SERIES, on_hand_qty="End Inventory")
    empty = out_of_stock.select("date", *SERIES, pl.lit(0, pl.Int64).alias("on_hand_qty"))
    return {
        "sales": long("sales_wide.csv.gz", "units_sold"),
        "stock_levels": pl.concat([empty, counted]),
        "purchase_orders": pl.concat(on_the_way),
    }


def test_a_weekly_client_gets_from_files_to_orders(
    shared_data: Path, warehouse: Warehouse, settings: Settings, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    files = weekly_files(shared_data / WEEKLY)
    c = "vn2"
    forecaster(
        *("client", "add", c, "--name", "VN2", "--model", "seasonal_naive", "--model", "hist_q"),
        *("--review-days", "7", "--default-lead-time-days", "14", "--unmet-demand", "lost"),
    )
    assert "weekly" in ingest(c, tmp_path, files)
    assert get_client(warehouse, c).grain == "week"
    forecaster("run", "--client", c, "--as-of", "2023-08-06")
    forecaster("run", "--client", c)

    demand = ask(
        warehouse,
        """
        select grain, count(distinct date), sum(net_sold_qty)::float8, max(last_date)::text
        from analytics.ts_demand where client_id = {c} group by grain
        """,
        c=c,
    )
    assert demand.rows() == [("week", 157, files["sales"]["units_sold"].sum(), "2024-04-14")]
    runs = ask(
        warehouse,
        """
        select distinct as_of_date::text, grain, horizon_days from analytics.forecast_runs
        where client_id = {c} and is_current order by 1
        """,
        c=c,
    )
    assert runs.rows() == [("2023-08-06", "week", 91), ("2024-04-14", "week", 91)]

    scores = ask(
        warehouse,
        """
        select model, lag_bucket, wql, bias, mase from analytics.forecast_quality
        where client_id = {c} and is_current and grain = 'client'
        """,
        c=c,
    )
    assert set(scores["lag_bucket"]) == {"1", "2-4", "5-13", "all"}
    overall = {row["model"]: row for row in scores.filter(pl.col("lag_bucket") == "all").to_dicts()}
    assert overall["hist_q"]["wql"] < overall["seasonal_naive"]["wql"] < 1.0
    assert abs(overall["hist_q"]["bias"]) < 0.1

    orders = ask(
        warehouse,
        """
        select sum(order_qty)::float8 as units, min(receipt_date)::text as arrival
        from analytics.replenishment_plan_current
        where client_id = {c} and action = 'order' and order_date = date '2024-04-15'
        """,
        c=c,
    ).row(0, named=True)
    sold_in_three_weeks = files["sales"].filter(pl.col("date") >= "2024-03-25")["units_sold"].sum()
    assert 0.3 < orders["units"] / sold_in_three_weeks < 1.5
    assert orders["arrival"] == "2024-04-29", "on the shelf at the start of the third week after the order's"

    report = settings.reports_dir / f"{c}.html"
    forecaster("report", "--client", c)
    page = report.read_text(encoding="utf-8")
    assert "13 weeks ahead" in page
    assert "units a week" in page
    assert "2024-04-14" in page
    forecaster("client", "remove", c, "--yes")


def monthly_files(source: Path) -> dict[str, pl.DataFrame]:
    """Issues as sales and the closing balance as stock, both dated by the last day of the month."""
    months = pl.read_csv(source / "contraceptive_logistics_data.csv.gz").select(
        pl.date("year", "month", 1).dt.month_end().alias("date"),
        pl.col("product_code").alias("item_id"),
        pl.col("site_code").alias("location_id"),
        pl.col("stock_distributed").alias("units_sold"),
        pl.col("stock_end").alias("on_hand_qty"),
    )
    return {
        "sales": months.drop("on_hand_qty"),
        "stock_levels": months.drop("units_sold"),
    }


def test_a_monthly_client_gets_its_balances_back_and_orders_of_the_size_it_uses(
    shared_data: Path, warehouse: Warehouse, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    files = monthly_files(shared_data / MONTHLY)
    c = "monthly_stock"
    forecaster("client", "add", c, "--name", "Sites", "--model", "hist_q", "--default-lead-time-days", "30")
    assert "monthly" in ingest(c, tmp_path, files)
    assert get_client(warehouse, c).grain == "month"
    forecaster("run", "--client", c, "--as-of", "2019-04-30")

    kept = ask(
        warehouse,
        """
        select item_id, location_id, last_date as date, on_hand_qty::float8 as kept
        from analytics.ts_demand_periods where client_id = {c}
        """,
        c=c,
    )
    # a series begins with its first issue
    begun = files["sales"].filter(pl.col("units_sold") > 0).group_by(SERIES).agg(first=pl.col("date").min())
    since = files["stock_levels"].join(begun, on=SERIES).filter(pl.col("date") >= pl.col("first"))
    balances = since.join(kept, on=["date", *SERIES])
    assert balances.height == since.height > 0.7 * files["stock_levels"].height
    assert (balances["kept"] == balances["on_hand_qty"]).all()
    planned = ask(
        warehouse,
        """
        select item_id, location_id, snapshot_date as date, on_hand_qty::float8 as planned
        from analytics.inventory_metrics_current where client_id = {c} and on_hand_qty is not null
        """,
        c=c,
    ).join(files["stock_levels"], on=["date", *SERIES])
    assert (planned["planned"] == planned["on_hand_qty"]).all()

    # what is ordered now has to last through lead time and review: two months
    proposed = ask(
        warehouse,
        """
        select sum(order_qty)::float8 from analytics.replenishment_plan_current
        where client_id = {c} and action = 'order' and order_date = date '2019-05-01'
        """,
        c=c,
    ).item()
    used = files["sales"].filter(pl.col("date").is_between(pl.date(2019, 5, 1), pl.date(2019, 6, 30)))
    assert 0.5 <= proposed / used["units_sold"].sum() <= 2.0
    forecaster("client", "remove", c, "--yes")
