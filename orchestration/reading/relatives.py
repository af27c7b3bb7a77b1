"""Relatives of new series, read from the warehouse: their items' categories, and the items that they replace.

Belongs here: the queries. Does not belong here: which series is new, and what relatives say of it
(``forecasting_lib.new_items``).

Categories and successors are what products name today, also for days gone by: they say what an item is, and
no delivery says from when it was so. A client without new series is asked nothing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from forecasting_lib.grain import Grain
from forecasting_lib.new_items.kin import NEW_BELOW, Kin, new_series
from forecasting_lib.panel import FloatArray, Panel
from orchestration.reading.histories import DemandHistory
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse


def read_kin(warehouse: Warehouse, client_id: str, history: DemandHistory) -> Kin | None:
    """The relatives of a history's series; None where none of them is new.

    Args:
        warehouse: where to read.
        client_id: whose.
        history: demand up to its as-of date; nothing after it is read.
    """
    new = new_series(history.panel)
    if not len(new):
        return None
    products = read_frame(
        warehouse,
        render(
            "select item_id, category, successor_item_id from analytics.dim_item where client_id = {c}",
            c=client_id,
        ),
    )
    keys = history.keys.join(
        products.select("item_id", "category"), on="item_id", how="left", maintain_order="left"
    )
    of_new = history.keys[new].with_columns(pl.Series("row", new, dtype=pl.Int64))
    replaced = products.filter(pl.col("successor_item_id").is_in(of_new["item_id"].implode())).select(
        pl.col("item_id").alias("predecessor"), pl.col("successor_item_id").alias("item_id")
    )
    demand = (
        _read_demand(warehouse, client_id, replaced["predecessor"].to_list(), history.panel)
        if replaced.height
        else None
    )
    return Kin(
        keys["item_id"].to_list(),
        keys["location_id"].to_list(),
        keys["category"].to_list(),
        {} if demand is None else _predecessors(of_new.join(replaced, on="item_id"), demand, history.panel),
    )


def told_of(kin: Kin | None) -> Iterator[bytes]:
    """What a digest of inputs has to know of relatives; nothing where there are none."""
    if kin is None:
        return
    yield json.dumps([list(kin.categories), sorted(kin.predecessors)]).encode()
    for _, demand in sorted(kin.predecessors.items()):
        yield demand.tobytes()


def _read_demand(warehouse: Warehouse, client_id: str, items: list[str], panel: Panel) -> pl.DataFrame:
    """``item_id, location_id, date, target`` of the last periods of items, also of those that have left."""
    since = panel.grain.shift(panel.as_of_date, 1 - _periods(panel.grain))
    return read_frame(
        warehouse,
        render(
            """
            select item_id, location_id, date, demand_qty::float8 as target
            from analytics.ts_demand
            where
                client_id = {c} and item_id = any({items}::text[]) and not is_masked
                and date >= {since}::date and date <= {as_of}::date
            """,
            c=client_id,
            items=items,
            since=since,
            as_of=panel.as_of_date,
        ),
    )


def _predecessors(replaced: pl.DataFrame, demand: pl.DataFrame, panel: Panel) -> Mapping[int, FloatArray]:
    """Position -> demand of the items replaced, together, NaN in periods of which none is known.

    Args:
        replaced: ``row, location_id, predecessor`` of the new series.
        demand: of the predecessors.
        panel: whose last periods these are.
    """
    found: defaultdict[int, FloatArray] = defaultdict(lambda: np.full(_periods(panel.grain), np.nan))
    numbered = (
        replaced.join(
            demand, left_on=["predecessor", "location_id"], right_on=["item_id", "location_id"], how="inner"
        )
        .with_columns(
            (panel.grain.number_of(pl.lit(panel.as_of_date)) - panel.grain.number_of(pl.col("date"))).alias(
                "back"
            )
        )
        .group_by("row", "back")
        .agg(pl.col("target").sum())
        .sort("row", "back")
    )
    for row, back, target in numbered.iter_rows():
        found[row][-1 - back] = target
    return dict(found)


def _periods(grain: Grain) -> int:
    return 2 * NEW_BELOW[grain]
