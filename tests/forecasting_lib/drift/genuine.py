"""A genuine retailer's years, looked at as of any day: 280 series of M5 and a simple forecast of them.

The forecast is the mean of the last eight days of the same weekday, one day ahead, as ``hist_dow`` has it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting_lib.drift.episodes import Open, Place, turns
from forecasting_lib.drift.errors import CUSUM_LIMIT, LEAST_SERIES, PART_LIMIT, baseline_of, error_drift
from forecasting_lib.drift.findings import Drift, DriftKind, Finding
from forecasting_lib.drift.look import look
from forecasting_lib.drift.window import WINDOW_DAYS, DemandWindow
from forecasting_lib.inventory.classification import adi_and_cv2, demand_class
from forecasting_lib.panel import FloatArray

FIRST = date(2011, 1, 29)
WATCHED, EARLIER = 28, 182


@dataclass(frozen=True)
class Years:
    """Demand and prices of every series from the first day on.

    Attributes:
        items: (n,) item of each series.
        stores: (n,) its store.
        demand: (n, T) units; NaN before the first sale and where the whole store sold nothing.
        prices: (n, T) price per unit; NaN where unknown.
    """

    items: npt.NDArray[np.object_]
    stores: npt.NDArray[np.object_]
    demand: FloatArray
    prices: FloatArray

    @property
    def last(self) -> int:
        return int(self.demand.shape[1]) - 1

    def number(self, day: date) -> int:
        return (day - FIRST).days

    def window(self, day: int) -> DemandWindow:
        """What is seen at the end of a day."""
        begin = day - WINDOW_DAYS + 1
        known = np.isfinite(self.demand)
        started = np.where(known.any(axis=1), known.argmax(axis=1), self.last + 1)
        on = started <= day
        return DemandWindow(
            self.items[on],
            self.stores[on],
            FIRST + timedelta(days=day),
            self.demand[on, begin : day + 1],
            self.prices[on, begin : day + 1],
            np.maximum(started - begin, -1)[on],
        )

    @cached_property
    def classes(self) -> npt.NDArray[np.str_]:
        """(n,) demand class of each series by its whole history."""
        found = [adi_and_cv2(row[np.isfinite(row)]) for row in self.demand]
        return np.array(["none" if one is None else str(demand_class(*one)) for one in found])

    @cached_property
    def expected(self) -> FloatArray:
        """(n, T) mean of the last eight days of the same weekday; NaN in the first eight weeks."""
        found = np.full(self.demand.shape, np.nan)
        before = np.stack([self.demand[:, 7 * k : -56 + 7 * k] for k in range(8)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a series that is new has no mean
            found[:, 56:] = np.nanmean(before, axis=0)
        return found

    def totals(
        self, first: int, last: int, series: npt.NDArray[np.bool_] | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Forecast and actual totals of the days from ``first`` to ``last``, of some of the series or all."""
        of = slice(None) if series is None else series
        days = slice(first, last + 1)
        both = np.isfinite(self.expected[of, days]) & np.isfinite(self.demand[of, days])
        known = both.any(axis=0)
        forecast, actual = (
            np.where(known, np.where(both, values[of, days], 0.0).sum(axis=0), np.nan)
            for values in (self.expected, self.demand)
        )
        return forecast, actual

    def with_demand(self, demand: FloatArray) -> Years:
        return replace(self, demand=demand)


def read_years(folder: Path) -> Years:
    sales = pl.read_csv(folder / "sales_train_evaluation.csv.gz")
    days = [name for name in sales.columns if name.startswith("d_")]
    weeks = pl.read_csv(folder / "calendar.csv")["wm_yr_wk"].to_list()[: len(days)]
    numbers = {week: number for number, week in enumerate(sorted(set(weeks)))}
    demand = sales.select(days).to_numpy().astype(float)
    items, stores = (np.array(sales[name].to_list(), dtype=object) for name in ("item_id", "store_id"))
    places = {pair: row for row, pair in enumerate(zip(items, stores, strict=True))}
    weekly = np.full((len(demand), len(numbers)), np.nan)
    prices = pl.read_csv(folder / "sell_prices.csv.gz")
    for store, item, week, price in prices.select(
        "store_id", "item_id", "wm_yr_wk", "sell_price"
    ).iter_rows():
        if (item, store) in places and week in numbers:
            weekly[places[item, store], numbers[week]] = price
    begun = (demand > 0).argmax(axis=1)
    demand[np.arange(demand.shape[1]) < begun[:, None]] = np.nan
    for store in np.unique(stores.astype(str)):
        of_store = stores == store
        demand[np.ix_(of_store, np.nansum(demand[of_store], axis=0) == 0)] = np.nan
    return Years(items, stores, demand, weekly[:, [numbers[week] for week in weeks]])


def findings(years: Years, day: int) -> dict[Place, Finding]:
    """Everything that is found at the end of a day: of the client, and of each class where that is steady."""
    found: dict[Place, Finding] = {(one.kind, "client", "m5"): one for one in look(years.window(day))}
    whole = of_the_errors(years, day)
    found[whole.kind, "client", "m5"] = whole
    if not isinstance(whole, Drift):
        for of in np.unique(years.classes):
            part = years.classes == of
            if part.sum() >= LEAST_SERIES:
                found[whole.kind, "demand_class", str(of)] = of_the_errors(years, day, part, PART_LIMIT)
    return found


def of_the_errors(
    years: Years, day: int, series: npt.NDArray[np.bool_] | None = None, limit: float = CUSUM_LIMIT
) -> Finding:
    """What the errors of the last four weeks tell beside those of the half year before."""
    forecast, actual = years.totals(day - WATCHED - EARLIER + 1, day, series)
    with np.errstate(invalid="ignore"):
        errors = 1 - actual / forecast
    baseline = baseline_of(errors[:-WATCHED], "the half year before")
    return error_drift(forecast[-WATCHED:], actual[-WATCHED:], FIRST + timedelta(days=day), baseline, limit)


def episodes(years: Years, first: int, last: int, step: int = 1) -> list[tuple[date, DriftKind, str]]:
    """The episodes that a look every ``step`` days tells of: the day, the kind and the sentence of each."""
    told: list[tuple[date, DriftKind, str]] = []
    going_on: dict[Place, Open] = {}
    for day in range(first, last + 1, step):
        today = FIRST + timedelta(days=day)
        becomes = turns(going_on, findings(years, day), today)
        for place, episode in becomes.begun.items():
            going_on[place] = Open(episode.drift.first_date, today)
            if episode.part_of is None:
                told.append((today, place[0], f"{place[2]}: {episode.drift.sentence}"))
        for place in becomes.going_on:
            going_on[place] = Open(going_on[place].first_date, today)
        for place in becomes.over:
            del going_on[place]
    return told


def drifting(years: Years, day: int) -> set[DriftKind]:
    """The kinds of drift that are found of the whole client at the end of a day."""
    return {
        place[0]
        for place, one in findings(years, day).items()
        if place[1] == "client" and isinstance(one, Drift)
    }
