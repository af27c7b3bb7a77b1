"""Days on which a series cannot sell: an item's planned last day counts from the delivery that named it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from forecasting_lib.panel import Panel
from orchestration.clients import Client
from orchestration.landing.load import load_file
from orchestration.reading.histories import DemandHistory, with_series_ids
from orchestration.reading.known_facts import history_as_known
from orchestration.warehouse.server import Warehouse

AS_OF = date(2024, 3, 1)
SOLD_ON = "date,item_id,units_sold\n2024-03-{:02d},tea,3\n"
TEA_LEAVES = "item_id,end_date\ntea,2024-03-03\nrice,\n"
STAYS, LEAVES = [False] * 5, [False, False, True, True, True]


@pytest.fixture
def delivered(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> Callable[..., list[bool]]:
    """Load files, given as (run, name, content), and return the days on which tea cannot sell."""
    client = new_client()
    keys = with_series_ids(pl.DataFrame({"item_id": ["rice", "tea"], "location_id": ["main", "main"]}))
    panel = Panel(tuple(keys["series_id"]), AS_OF, (np.ones(9), np.ones(9)))
    history = DemandHistory(panel, keys, keys.select("item_id", "location_id").clear(), None)

    def load(*files: tuple[str, str, str]) -> list[bool]:
        for run_id, name, content in files:
            (tmp_path / name).write_text(content)
            assert load_file(warehouse, client, tmp_path / name, name, run_id=run_id).status == "loaded"
        shut = history_as_known(warehouse, client.client_id, history, horizon=5, covariates=False).shut_ahead
        assert shut is not None
        assert not shut[0].any(), "rice stays"
        found: list[bool] = shut[1].tolist()
        return found

    return load


def test_a_planned_last_day_shuts_the_days_after_it(delivered: Callable[..., list[bool]]) -> None:
    first = ("monday", "sales.csv", SOLD_ON.format(1))
    assert delivered(first, ("monday", "products.csv", TEA_LEAVES)) == LEAVES
    assert delivered(("tuesday", "sales2.csv", SOLD_ON.format(2))) == LEAVES, "it was known on the day"


def test_a_plan_that_came_with_later_days_was_not_known(delivered: Callable[..., list[bool]]) -> None:
    products = ("monday", "products.csv", TEA_LEAVES)
    assert delivered(products, ("monday", "sales.csv", SOLD_ON.format(2))) == STAYS


def test_a_plan_that_came_after_later_days_was_not_known(delivered: Callable[..., list[bool]]) -> None:
    sales = ("monday", "sales.csv", SOLD_ON.format(2))
    assert delivered(sales, ("tuesday", "products.csv", TEA_LEAVES)) == STAYS
