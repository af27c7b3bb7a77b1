"""Faults put into what a client delivers: each is named by the first run of its pipeline that could know.

A level that doubles needs forecasts that were scored before: ``stages.test_drift`` has it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import dagster as dg
import numpy as np
import polars as pl
import pytest

from orchestration.clients import Client
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse
from tests.conftest import deliver

pytestmark = pytest.mark.slow

CLEAN = date(2026, 3, 20)
"""The last day before each fault."""

DAYS, ITEMS = 150, 60
"""Days before the fault, more than drift is looked for in, and items."""

AHEAD = 14
WEEK = np.array([0.8, 0.8, 0.8, 0.9, 1.1, 1.4, 1.2])


def sales() -> pl.DataFrame:
    """``date, item_id, location_id, units_sold, unit_price`` of steady demand, every day of every item."""
    random = np.random.default_rng(7)
    dates = [CLEAN + timedelta(days=number) for number in range(1 - DAYS, AHEAD + 1)]
    mean = random.gamma(2.0, 10.0, ITEMS)[:, None] * WEEK[[day.weekday() for day in dates]]
    return pl.DataFrame(
        {
            "date": dates * ITEMS,
            "item_id": np.repeat([f"item {number:02}" for number in range(ITEMS)], len(dates)),
            "location_id": np.repeat(["north", "south"] * (ITEMS // 2), len(dates)),
            "units_sold": random.poisson(mean).ravel(),
            "unit_price": np.repeat(random.uniform(1, 20, ITEMS).round(2), len(dates)),
        }
    )


def frozen(later: pl.DataFrame) -> pl.DataFrame:
    """The first day again and again."""
    return later.with_columns(pl.col("units_sold").sort_by("date").first().over("item_id"))


def renamed(later: pl.DataFrame) -> pl.DataFrame:
    """A third of the items under other codes."""
    is_renamed = pl.col("item_id").str.slice(-2).cast(pl.Int64) % 3 == 0
    return later.with_columns(
        pl.when(is_renamed).then("new " + pl.col("item_id")).otherwise("item_id").alias("item_id")
    )


def dearer(later: pl.DataFrame) -> pl.DataFrame:
    """A tenth of the items at ten times the price, as a lost decimal point makes it."""
    factor = pl.when(pl.col("item_id").str.ends_with("0")).then(10.0).otherwise(1.0)
    return later.with_columns(pl.col("unit_price") * factor)


def levelled(later: pl.DataFrame) -> pl.DataFrame:
    """Every day of the week alike, at the level of before."""
    weekday = pl.col("date").dt.weekday() - 1
    usual = weekday.replace_strict(dict(enumerate(WEEK.tolist())), return_dtype=pl.Float64)
    return later.with_columns((pl.col("units_sold") / usual).round().cast(pl.Int64))


def twice(later: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([later, later.gather_every(10)])


FAULTS: dict[str, tuple[Callable[[pl.DataFrame], pl.DataFrame], int, str | None, str]] = {
    "feed frozen": (frozen, 5, "feed_frozen", "on all 5 days from"),
    "items renamed": (renamed, 1, "items_renamed", "item codes may have been renamed"),
    "prices tenfold": (dearer, 1, "price_level", "its unit may have changed"),
    "seasonality removed": (levelled, 8, "weekly_pattern", "of the weekly pattern is left"),
    "rows twice": (twice, 1, None, "twice"),
}
"""The fault, the days of it that have to be known, the kind of event, and a part of what is said."""


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_by_the_first_run_that_could_know(
    settings: Settings,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    new_client: Callable[..., Client],
    name: str,
) -> None:
    put_in, days, kind, said = FAULTS[name]
    client = new_client(models=["hist_dow", "ma7"], champion="first")
    instance.add_dynamic_partitions("clients", [client.client_id])
    everything = sales()

    def run(job: str) -> str:
        outcome = run_job(warehouse, instance, find_job(job), client.client_id)
        return " ".join(outcome.problems)

    def kinds() -> list[str]:
        query = "select kind from analytics.drift_events where client_id = {c} and is_current"
        return read_frame(warehouse, render(query, c=client.client_id))["kind"].to_list()

    deliver(settings, client.client_id, {"sales": everything.filter(pl.col("date") <= CLEAN)}, "_before")
    run("client_pipeline")
    later = put_in(everything.filter(pl.col("date") > CLEAN))
    known = CLEAN
    for until in sorted({days - 1, days} - {0}):
        day = CLEAN + timedelta(days=until)
        part = later.filter(pl.col("date") > known, pl.col("date") <= day)
        deliver(settings, client.client_id, {"sales": part}, f"_{until}")
        problems = run("client_pipeline")
        known = day
        if until < days:
            assert kind not in kinds(), problems
    assert said in problems, problems
    if kind is not None:
        assert kind in kinds(), problems
