"""Demand that is read in parts is the demand that is there, row by row."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest

from forecasting_lib.panel import Panel
from forecasting_lib.ragged import Ragged
from orchestration.clients import Client
from orchestration.reading.handed_on import hand_on, taken_over
from orchestration.reading.histories import (
    SERIES_COLUMNS,
    current_champion,
    last_demand_day,
    read_forecast,
    read_history,
)
from orchestration.warehouse.bulk import Snapshot, read_frame, render
from orchestration.warehouse.server import Warehouse


@pytest.fixture
def rows(warehouse: Warehouse, pipeline_client: Client) -> pl.DataFrame:
    """All of the client's demand and prices, read at once."""
    query = """
        select
            item_id,
            location_id,
            date,
            case when not is_masked then demand_qty::float8 end as target,
            unit_price::float8 as unit_price
        from analytics.ts_demand_daily
        where client_id = {c}
    """
    return read_frame(warehouse, render(query, c=pipeline_client.client_id))


@pytest.mark.parametrize("part", [7, 1_000, 1_000_000])
def test_the_panel_read_in_parts_is_that_of_all_rows(
    part: int,
    warehouse: Warehouse,
    pipeline_client: Client,
    rows: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    last = last_demand_day(warehouse, pipeline_client.client_id)
    assert last is not None
    sent = Snapshot.parts

    def in_parts(self: Snapshot, query: str) -> Iterator[pl.DataFrame]:
        for frame in sent(self, query):
            yield from frame.iter_slices(part)

    monkeypatch.setattr(Snapshot, "parts", in_parts)
    history = read_history(warehouse, pipeline_client.client_id, last, prices=True)
    assert isinstance(history.panel.history, Ragged)
    whole = Panel.from_frame(
        rows.join(history.keys, on=SERIES_COLUMNS).select("series_id", "date", "target"), last
    )
    expected = dict(zip(whole.series_ids, whole.history, strict=True))
    assert len(expected) > 0
    for series_id, found in zip(history.panel.series_ids, history.panel.history, strict=True):
        np.testing.assert_array_equal(found, expected.get(series_id, np.empty(0)))


def test_prices_are_those_of_the_days_on_which_they_change(
    warehouse: Warehouse, pipeline_client: Client
) -> None:
    last = last_demand_day(warehouse, pipeline_client.client_id)
    assert last is not None
    history = read_history(warehouse, pipeline_client.client_id, last, prices=True)
    query = """
        select item_id, location_id, date, unit_price::float8 as unit_price
        from (
            select
                item_id,
                location_id,
                date,
                unit_price,
                lag(unit_price) over (partition by item_id, location_id order by date) as price_before
            from analytics.ts_demand_daily
            where client_id = {c} and date <= {as_of}::date
        ) as priced
        where unit_price is distinct from price_before and unit_price is not null
    """
    found = read_frame(warehouse, render(query, c=pipeline_client.client_id, as_of=last))
    expected = found.join(history.keys, on=SERIES_COLUMNS).select("series_id", "date", "unit_price")
    assert history.prices is not None
    assert history.prices.height > len(history.panel)
    order = ["series_id", "date"]
    assert history.prices.sort(order).equals(expected.sort(order))


def test_a_forecast_is_handed_on_once_and_to_its_own_plan_only(
    warehouse: Warehouse, pipeline_client: Client
) -> None:
    last = last_demand_day(warehouse, pipeline_client.client_id)
    assert last is not None
    champion = current_champion(warehouse, pipeline_client.client_id, last)
    assert champion is not None
    forecast, _ = read_forecast(warehouse, pipeline_client.client_id, *champion)
    history = read_history(warehouse, pipeline_client.client_id, last)
    hand_on(champion, forecast, history)
    assert taken_over(("another run", champion[1])) is None
    assert taken_over(champion) is None
    hand_on(champion, forecast, history)
    found = taken_over(champion)
    assert found is not None
    assert found.forecast is forecast
    assert taken_over(champion) is None
