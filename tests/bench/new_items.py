"""New items whose start is known: a model's forecasts with the profile of their relatives and without.

Belongs here: origins of the invented retailer and of genuine M5 at which some series are new. Does not belong
here: profiles (``forecasting_lib.new_items``) and what is measured on them (``backtesting.newcomers``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from forecasting_lib.backtesting.newcomers import Worth, with_newcomers, worth
from forecasting_lib.backtesting.replay import replay
from forecasting_lib.benchmark.m5_files import FIRST_DAY, read_sales, since_first_sale
from forecasting_lib.demo.retailer import RetailerConfig, RetailerData, generate_retailer
from forecasting_lib.models.interface import Forecaster
from forecasting_lib.new_items.kin import Kin, new_series
from forecasting_lib.origins import Origin, cut
from forecasting_lib.panel import FloatArray, Panel

HORIZON = 28
STRIDE = 28
RETAILER_STRIDE = 7
"""The retailer launches an item or two at a time; each is looked at every week while it is new."""

LAST_DAY = date(2026, 11, 20)
_SERIES = ("item_id", "location_id")


@dataclass(frozen=True)
class Case:
    """An origin at which some series are new, with the relatives of all."""

    origin: Origin
    kin: Kin


def worth_of(model: Forecaster, cases: Sequence[Case]) -> Mapping[bool, Worth]:
    """What the profiles are worth to a model: figures without them and with them."""
    with tempfile.TemporaryDirectory() as folder:
        origins = [case.origin for case in cases]
        shown = origins if model.uses_covariates else [_without_covariates(origin) for origin in origins]
        forecasts = replay(model, shown, HORIZON, Path(folder))
        _, sums = with_newcomers(forecasts, origins, [case.kin for case in cases])
        return worth(sums)


def m5_cases(directory: Path, first: int, last: int) -> list[Case]:
    """Origins of M5's layout every four weeks back from the end, where some series are new.

    Args:
        directory: with a sales file.
        first, last: numbers of the origins that are looked at, counted from 1 for the latest.
    """
    sales = read_sales(directory)
    places = sales.places
    end = FIRST_DAY + timedelta(days=sales.last_day - 1)
    panel = Panel(tuple(map(str, range(len(sales.units)))), end, tuple(map(since_first_sale, sales.units)))
    kin = Kin(places["item_id"].to_list(), places["store_id"].to_list(), places["cat_id"].to_list())
    return list(_cases(panel, kin, range(STRIDE * first, STRIDE * last + 1, STRIDE)))


def retailer_cases(seed: int) -> list[Case]:
    """Origins of an invented retailer every week, where some series are new."""
    config = RetailerConfig(LAST_DAY, seed=seed)
    data = generate_retailer(config)
    keys = data.truth.select(_SERIES)
    demand = _demand(data, keys, config)
    products = keys.join(data.products, on="item_id", how="left", maintain_order="left")
    launched = (products["launch_date"] - config.start_date).dt.total_days().fill_null(0).to_numpy()
    left = (products["end_date"] - config.start_date).dt.total_days().fill_null(config.days).to_numpy()
    depth, known_from = _promotions(data, products, config)
    panel = Panel(
        tuple(map(str, range(keys.height))),
        config.end_date,
        tuple(row[start:] for row, start in zip(demand, launched, strict=True)),
    )
    kin = Kin(
        products["item_id"].to_list(), products["location_id"].to_list(), products["category"].to_list()
    )
    closed = _closed(demand, products["location_id"].to_numpy())
    found = []
    for case in _cases(panel, kin, range(HORIZON, config.days - 2 * 112, RETAILER_STRIDE)):
        day = (case.origin.date - config.start_date).days
        announced = np.where(known_from <= day, depth, 0.0)
        shown = replace(
            case.origin.panel,
            past_covariates={
                "promotion": [
                    row[min(start, day + 1) : day + 1] for row, start in zip(announced, launched, strict=True)
                ]
            },
            future_covariates={"promotion": list(announced[:, day + 1 : day + 1 + HORIZON])},
        )
        sold = np.flatnonzero((launched <= day) & (left > day))
        gone = day + 1 + np.arange(HORIZON) > left[sold, None]
        found.append(
            Case(
                Origin(
                    shown.select(sold.tolist()),
                    case.origin.actual[sold],
                    closed[sold, day + 1 : day + 1 + HORIZON] | gone,
                ),
                _of(kin, sold.tolist()),
            )
        )
    return found


def _cases(panel: Panel, kin: Kin, back: range) -> Iterator[Case]:
    for periods in back:
        origin = cut(panel, periods, HORIZON)
        if len(new_series(origin.panel)):
            yield Case(origin, kin)


def _of(kin: Kin, rows: Sequence[int]) -> Kin:
    """The relatives of some series."""
    return Kin(
        [kin.items[row] for row in rows],
        [kin.locations[row] for row in rows],
        [kin.categories[row] for row in rows],
    )


def _without_covariates(origin: Origin) -> Origin:
    return replace(origin, panel=replace(origin.panel, past_covariates={}, future_covariates={}))


def _demand(data: RetailerData, keys: pl.DataFrame, config: RetailerConfig) -> FloatArray:
    """(n, days) units, NaN on days out of stock, and where the location sold nothing at all."""
    sold = np.maximum(_matrix(data.sales, "units_sold", keys, config), 0.0)
    stock = _matrix(data.stock_levels, "on_hand_qty", keys, config, absent=np.nan)
    return np.where((stock <= 0.0) | _closed(sold, keys["location_id"].to_numpy()), np.nan, sold)


def _closed(demand: FloatArray, locations: np.ndarray) -> np.ndarray:
    """(n, days) whether nothing of a series' location sold."""
    units = np.nan_to_num(demand)
    return np.stack([units[locations == location].sum(axis=0) == 0.0 for location in locations])


def _matrix(
    rows: pl.DataFrame, column: str, keys: pl.DataFrame, config: RetailerConfig, absent: float = 0.0
) -> FloatArray:
    placed = rows.join(keys.with_row_index("row"), on=_SERIES)
    matrix = np.full((keys.height, config.days), absent)
    days = (placed["date"] - config.start_date).dt.total_days().to_numpy()
    matrix[placed["row"].to_numpy(), days] = placed[column].to_numpy()
    return matrix


def _promotions(
    data: RetailerData, products: pl.DataFrame, config: RetailerConfig
) -> tuple[FloatArray, FloatArray]:
    """(n, days + horizon) depth of the promotion, and the day from which it is known."""
    depth = np.zeros((products.height, config.days + HORIZON))
    known_from = np.full(depth.shape, np.inf)
    for promotion in data.promotions.iter_rows(named=True):
        of = np.ones(products.height, dtype=np.bool_)
        for name in ("item_id", "category", "location_id"):
            if promotion[name] is not None:
                of &= (products[name] == promotion[name]).to_numpy()
        start, end, known = (
            (promotion[f"{name}_date"] - config.start_date).days for name in ("start", "end", "announced")
        )
        days = slice(max(start, 0), max(end + 1, 0))
        depth[of, days] = np.maximum(depth[of, days], promotion["discount_rate"])
        known_from[of, days] = np.minimum(known_from[of, days], known)
    return depth, known_from
