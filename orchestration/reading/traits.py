"""What a backtest knows of series beside their demand, read from the warehouse.

Belongs here: values, categories, and what the backtest before had chosen. Does not belong here: what follows
from it (``forecasting_lib.backtesting``).
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from forecasting_lib.backtesting.evidence import Traits
from orchestration.reading.histories import SERIES_COLUMNS
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse


def read_traits(warehouse: Warehouse, client_id: str, keys: pl.DataFrame) -> Traits:
    """The traits of series.

    Args:
        warehouse: where to read.
        client_id: whose.
        keys: ``series_id, item_id, location_id``.
    """
    items = read_frame(
        warehouse,
        render(
            """
            select item_id, category, coalesce(unit_price, unit_cost)::float8 as unit_value
            from analytics.dim_item where client_id = {c}
            """,
            c=client_id,
        ),
    ).join(keys, on="item_id")
    before = read_frame(
        warehouse,
        render(
            """
            select series.item_id, series.location_id, series.model, series.scores::text as scores
            from analytics.backtest_series as series
            where
                series.client_id = {c}
                and series.run_id in (
                    select run_id from analytics.backtest_runs where client_id = {c} and is_current
                )
            """,
            c=client_id,
        ),
    ).join(keys, on=SERIES_COLUMNS)
    return Traits(
        unit_values=_pairs(items, "unit_value"),
        categories=_pairs(items, "category"),
        leaders=_pairs(before, "model"),
        scores={
            (series_id, model): float(score)
            for series_id, scores in before.select("series_id", "scores").iter_rows()
            for model, score in json.loads(scores).items()
        },
    )


def _pairs(rows: pl.DataFrame, column: str) -> dict[str, Any]:
    return dict(rows.select("series_id", column).drop_nulls().iter_rows())
