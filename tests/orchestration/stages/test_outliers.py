"""Odd days in the warehouse: raw and cleaned side by side, people's verdicts, and what a look begins with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from forecasting_lib.outliers import LEAST_DAYS
from orchestration.clients import Client, update_client
from orchestration.landing.withdrawal import withdraw
from orchestration.reading.demand_days import YEAR_DAYS, first_to_judge
from orchestration.reading.histories import read_history
from orchestration.reading.odd_days import cleaned
from orchestration.resources import Installation
from orchestration.stages.ingestion import ingest_files
from orchestration.stages.outliers import demand_outliers
from orchestration.warehouse.bulk import insert_frame, read_frame, render
from orchestration.warehouse.server import Warehouse

NewClient = Callable[..., Client]

LAST = date(2026, 3, 31)
DAYS, ODD = 140, 100
ODD_DAY = LAST - timedelta(days=DAYS - 1 - ODD)


class Shop:
    """A client with items of steady demand, whose hundredth day is odd for all of them.

    What could explain the day differs from item to item.
    """

    ITEMS = ("plain", "promotion", "holiday", "masked", "ran out", "quiet")

    def __init__(self, warehouse: Warehouse, client: Client, folder: Path) -> None:
        self.warehouse, self.client, self.folder = warehouse, client, folder
        units = np.random.default_rng(5).poisson(20.0, (len(self.ITEMS), DAYS)).astype(float)
        units[:-1, ODD] = 400.0
        days = [LAST - timedelta(days=DAYS - 1 - number) for number in range(DAYS)]
        demand = pl.DataFrame(
            {
                "client_id": client.client_id,
                "item_id": np.repeat(self.ITEMS, DAYS),
                "location_id": "main",
                "date": days * len(self.ITEMS),
                "demand_qty": units.ravel(),
            }
        ).with_columns(
            pl.col("demand_qty").alias("net_sold_qty"),
            pl.lit(0.0).alias("clipped_qty"),
            *(
                ((pl.col("item_id") == why) & (pl.col("date") == ODD_DAY)).alias(f"is_{why}")
                for why in ("promotion", "holiday", "masked")
            ),
            pl.lit(value=False).alias("is_closed"),
            pl.lit(value=False).alias("is_stocked_out"),
            pl.when(pl.col("item_id") == "ran out", pl.col("date") == ODD_DAY).then(0.0).alias("on_hand_qty"),
        )
        series = demand.group_by("client_id", "item_id", "location_id").agg(
            pl.col("date").min().alias("listed_date"),
            pl.col("date").min().alias("first_sale_date"),
            pl.len().cast(pl.Int32).alias("history_days"),
            pl.len().cast(pl.Int32).alias("demand_days"),
        )
        self.units = units
        with warehouse.transaction() as connection:
            insert_frame(connection, "analytics.ts_demand_daily", demand)
            insert_frame(connection, "analytics.dim_series", series)

    def look(self) -> dict[str, Any]:
        with dg.DagsterInstance.ephemeral() as instance:
            instance.add_dynamic_partitions("clients", [self.client.client_id])
            result = dg.materialize(
                [demand_outliers],
                instance=instance,
                partition_key=self.client.client_id,
                resources={"installation": Installation()},
            )
        assert result.success
        (event,) = result.get_asset_materialization_events()
        return {name: value.value for name, value in event.materialization.metadata.items()}

    def says(self, name: str, rows: str) -> None:
        path = self.folder / f"outlier_verdicts_{name}.csv"
        path.write_text(f"date,item_id,keep,clean_qty,decided_by,note\n{rows}")
        (outcome,) = ingest_files(self.warehouse, self.client, [path])
        assert outcome.status == "loaded", outcome.message

    def rows(self) -> dict[tuple[str, date], dict[str, Any]]:
        found = read_frame(
            self.warehouse,
            render(
                """
                select
                    item_id, date, raw_qty::float8 as raw_qty, expected_qty, cleaned_qty, reason, score, keep,
                    decided_by, note
                from analytics.demand_outliers where client_id = {c}
                """,
                c=self.client.client_id,
            ),
        )
        return {(row["item_id"], row["date"]): row for row in found.to_dicts()}


@pytest.fixture
def shop(warehouse: Warehouse, new_client: NewClient, tmp_path: Path) -> Shop:
    return Shop(warehouse, new_client(prefix="odd"), tmp_path)


def test_an_odd_day_stands_beside_what_was_to_be_expected_and_an_explained_one_is_none(shop: Shop) -> None:
    told = shop.look()
    rows = shop.rows()
    assert set(rows) == {("plain", ODD_DAY)}
    (row,) = rows.values()
    assert (row["raw_qty"], row["reason"], row["keep"]) == (400.0, "high", None)
    assert row["cleaned_qty"] == row["expected_qty"] == pytest.approx(20.0, abs=6.0)
    assert row["score"] > 6
    assert told["days_judged"] == len(Shop.ITEMS) * (DAYS - LEAST_DAYS) - 4
    assert (told["days_found"], told["days_in_all"]) == (1, 1)


def test_people_keep_a_day_clean_another_and_take_it_back(shop: Shop) -> None:
    shop.look()
    expected = shop.rows()["plain", ODD_DAY]["expected_qty"]
    calm = LAST - timedelta(days=3)
    shop.says("1", f"{ODD_DAY},plain,yes,,Ann,A wedding\n{calm},quiet,no,7,Ann,Typed twice\n")
    shop.look()
    rows = shop.rows()
    kept, cleaned = rows["plain", ODD_DAY], rows["quiet", calm]
    assert (kept["keep"], kept["cleaned_qty"], kept["decided_by"]) == (True, 400.0, "Ann")
    assert kept["expected_qty"] == expected
    assert (cleaned["reason"], cleaned["keep"], cleaned["cleaned_qty"]) == ("person", False, 7.0)
    assert (cleaned["score"], cleaned["note"]) == (None, "Typed twice")
    shop.says("2", f"{ODD_DAY},plain,no,35,Bob,\n{calm},quiet,no,,Bob,\n")
    shop.look()
    rows = shop.rows()
    assert rows["plain", ODD_DAY]["cleaned_qty"] == 35.0
    assert rows["quiet", calm]["cleaned_qty"] is None
    for name in ("2", "1"):
        withdraw(shop.warehouse, shop.client, f"outlier_verdicts_{name}.csv", shop.folder)
    shop.look()
    rows = shop.rows()
    assert set(rows) == {("plain", ODD_DAY)}
    assert (rows["plain", ODD_DAY]["keep"], rows["plain", ODD_DAY]["cleaned_qty"]) == (None, expected)


def test_only_days_that_changed_since_the_last_look_are_judged_again(shop: Shop) -> None:
    c = shop.client.client_id
    year = LAST - timedelta(days=YEAR_DAYS - 1)
    assert first_to_judge(shop.warehouse, c, LAST) == year
    shop.look()
    before = shop.rows()
    assert first_to_judge(shop.warehouse, c, LAST) == LAST + timedelta(days=1)
    assert shop.look()["days_judged"] == 0
    assert shop.rows() == before
    for built_after, first in (
        (LAST - timedelta(days=9), LAST - timedelta(days=8)),
        (LAST - timedelta(days=30), LAST - timedelta(days=29)),
        (LAST - timedelta(days=20), LAST - timedelta(days=29)),
        (None, year),
    ):
        built(shop, built_after)
        assert first_to_judge(shop.warehouse, c, LAST) == first
    with shop.warehouse.transaction() as connection:
        connection.execute(
            """
            update analytics.ts_demand_daily set demand_qty = 21
            where client_id = %s and item_id = 'plain' and date = %s
            """,
            (c, ODD_DAY),
        )
    shop.look()
    assert shop.rows() == {}


def built(shop: Shop, built_after: date | None) -> None:
    """Demand was built after a look."""
    with shop.warehouse.transaction() as connection:
        connection.execute(
            """
            insert into analytics.demand_runs (
                client_id, dagster_run_id, digest, code_version, built_after, last_date, ended_at
            ) values (%s, %s, '', '', %s, %s, %s)
            """,
            (
                *(shop.client.client_id, str(built_after), built_after, LAST),
                datetime.now().astimezone() + timedelta(seconds=1),
            ),
        )


def test_a_client_without_days_is_told_that_nothing_is_judged(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    shop = Shop(warehouse, new_client(prefix="odd"), tmp_path)
    with warehouse.transaction() as connection:
        for table in ("ts_demand_daily", "dim_series"):
            connection.execute(
                f"delete from analytics.{table} where client_id = %s".encode(), (shop.client.client_id,)
            )
    assert "no demand yet" in shop.look()["nothing_judged"]


def test_a_model_sees_cleaned_days_where_the_client_says_so_and_demand_stays(shop: Shop) -> None:
    shop.look()
    seen = read_history(shop.warehouse, shop.client.client_id, LAST)
    row = seen.keys["item_id"].to_list().index("plain")
    assert cleaned(shop.warehouse, shop.client.client_id, seen) is seen
    update_client(shop.warehouse, shop.client.client_id, outlier_handling="clean")
    shown = cleaned(shop.warehouse, shop.client.client_id, seen)
    expected = shop.rows()["plain", ODD_DAY]["expected_qty"]
    assert (seen.panel.history[row][ODD], shown.panel.history[row][ODD]) == (400.0, expected)
    np.testing.assert_array_equal(
        np.delete(shown.panel.history[row], ODD), np.delete(seen.panel.history[row], ODD)
    )
    masked = seen.keys["item_id"].to_list().index("masked")
    shop.says("1", f"{ODD_DAY},plain,yes,,,\n{LAST},quiet,no,,,\n{ODD_DAY},masked,no,9,,\n")
    shop.look()
    told = cleaned(shop.warehouse, shop.client.client_id, seen).panel.history
    assert told[row][ODD] == 400.0
    assert np.isnan(told[seen.keys["item_id"].to_list().index("quiet")][-1])
    assert np.isnan(told[masked][ODD])
    before = read_history(shop.warehouse, shop.client.client_id, ODD_DAY - timedelta(days=1))
    assert cleaned(shop.warehouse, shop.client.client_id, before) is before


def test_a_client_that_wants_none_has_none_looked_for(shop: Shop) -> None:
    update_client(shop.warehouse, shop.client.client_id, outlier_handling="off")
    assert "outlier_handling is off" in shop.look()["nothing_judged"]
    assert shop.rows() == {}
