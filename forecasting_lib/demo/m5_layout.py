"""Synthetic sales in the exact file layout of the M5 competition.

Belongs here: the three M5 frames (wide sales, calendar, weekly prices), with invented items and events.
Does not belong here: reading M5 files, and stock, which M5 does not have.

Layout, week numbering, weekday numbering and SNAP days are those of the published data set (M5 Forecasting -
Accuracy, University of Nicosia, 2020); every number in the frames is drawn here. Item numbers start at 901,
above any of the original, so that the two cannot be mistaken for each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import holidays
import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting_lib.demo.assortment import DemandClass
from forecasting_lib.demo.processes import (
    Days,
    FloatMatrix,
    IntMatrix,
    calendar_days,
    dates_at,
    mean_size,
    random_stream,
    sample_demand,
    weekdays,
    weekly_drift,
    yearly_wave,
)

ID_COLUMNS = ("id", "item_id", "dept_id", "cat_id", "store_id", "state_id")

CALENDAR_DAYS_AHEAD = 28
"""M5's calendar and prices run this much longer than its sales."""

SNAP_DAYS: dict[str, tuple[int, ...]] = {
    "CA": tuple(range(1, 11)),
    "TX": (1, 3, 5, 6, 7, 9, 11, 12, 13, 15),
    "WI": (2, 3, 5, 6, 8, 9, 11, 12, 14, 15),
}
"""Days of the month on which food stamps are paid out, by state."""

_FIRST_ITEM_NUMBER = 901
_ITEMS_PER_DEPARTMENT = 99
_MONDAY, _SUNDAY = 0, 6


@dataclass(frozen=True)
class _Department:
    dept_id: str
    share: float
    median_rate: float
    median_price: float
    weekend: float
    snap_uplift: float
    yearly_amplitude: float

    @property
    def cat_id(self) -> str:
        return self.dept_id.rsplit("_", 1)[0]


_DEPARTMENTS = (
    _Department("HOBBIES_1", 0.14, 0.9, 5.5, 0.25, 0.0, 0.10),
    _Department("HOBBIES_2", 0.05, 0.3, 2.9, 0.20, 0.0, 0.10),
    _Department("HOUSEHOLD_1", 0.17, 1.2, 4.9, 0.30, 0.02, 0.06),
    _Department("HOUSEHOLD_2", 0.17, 0.4, 6.5, 0.30, 0.0, 0.06),
    _Department("FOODS_1", 0.07, 1.5, 3.0, 0.20, 0.10, 0.08),
    _Department("FOODS_2", 0.13, 1.2, 3.5, 0.20, 0.15, 0.08),
    _Department("FOODS_3", 0.27, 3.2, 2.5, 0.25, 0.20, 0.08),
)


MOST_ITEMS = _ITEMS_PER_DEPARTMENT * len(_DEPARTMENTS)
"""Items that ids in M5's style have room for."""


@dataclass(frozen=True)
class M5Config:
    """Size and seed of the synthetic M5 client.

    Attributes:
        end_date: the day of the last ``d_`` column.
        days: number of ``d_`` columns, at least 56.
        n_items: items, each sold in every store; 1 to 693.
        stores: store ids in M5's style, state first; states are CA, TX and WI.
        seed: the same seed and size give the same frames, bit by bit.

    Raises:
        ValueError: a size is out of its range, or a store lies in another state.
    """

    end_date: date
    days: int = 730
    n_items: int = 60
    stores: tuple[str, ...] = ("CA_1", "TX_1", "WI_1")
    seed: int = 20

    def __post_init__(self) -> None:
        if self.days < 56:
            raise ValueError(f"days is {self.days}; a history needs at least 56 days")
        if not 1 <= self.n_items <= MOST_ITEMS:
            raise ValueError(f"n_items is {self.n_items}; item ids in M5's style allow 1 to {MOST_ITEMS}")
        if not self.stores or len(set(self.stores)) != len(self.stores):
            raise ValueError("stores must be at least one id, each once")
        foreign = [store for store in self.stores if store.split("_")[0] not in SNAP_DAYS]
        if foreign:
            raise ValueError(f"stores {foreign} lie in no state of M5; use {', '.join(SNAP_DAYS)}")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; it cannot be negative")

    @property
    def start_date(self) -> date:
        """The day of ``d_1``."""
        return self.end_date - timedelta(days=self.days - 1)


@dataclass(frozen=True)
class M5Data:
    """The three frames of an M5 delivery, in M5's column order."""

    sales_train_evaluation: pl.DataFrame
    calendar: pl.DataFrame
    sell_prices: pl.DataFrame

    def deliveries(self) -> dict[str, pl.DataFrame]:
        """The frames by M5's file name, without its ending."""
        return {
            "sales_train_evaluation": self.sales_train_evaluation,
            "calendar": self.calendar,
            "sell_prices": self.sell_prices,
        }


def generate_m5_layout(config: M5Config) -> M5Data:
    """Generate a client that delivers files like M5's; see ``docs/demo-data.md`` for what they contain."""
    whole_calendar = calendar_days(config.start_date, config.days + CALENDAR_DAYS_AHEAD)
    calendar = _calendar_frame(whole_calendar)
    departments, item_ids = _items(config)
    item_of = np.tile(np.arange(config.n_items), len(config.stores))
    store_of = np.repeat(np.arange(len(config.stores)), config.n_items)
    series_departments = [departments[item] for item in item_of]

    first_day = _first_days(config, len(item_of))
    week_of, price = _weekly_prices(config, calendar, departments, item_of)
    daily_price = price[week_of[: config.days]]
    demand_class, rate = _levels(config, series_departments, store_of)
    rate = (
        rate
        * _calendar_effect(whole_calendar[: config.days], calendar, series_departments, config, store_of)
        * (daily_price / price[0]) ** -1.3
        * weekly_drift(random_stream(config.seed, "m5 drift"), config.days, len(item_of), 0.15)
        * (np.arange(config.days)[:, None] >= first_day)
    )
    units = sample_demand(random_stream(config.seed, "m5 demand"), rate, demand_class)

    store_ids = [config.stores[store] for store in store_of]
    identity = pl.DataFrame({"item_id": [item_ids[item] for item in item_of], "store_id": store_ids}).select(
        pl.format("{}_{}_evaluation", "item_id", "store_id").alias("id"),
        "item_id",
        pl.Series("dept_id", [department.dept_id for department in series_departments]),
        pl.Series("cat_id", [department.cat_id for department in series_departments]),
        "store_id",
        pl.Series("state_id", [store.split("_")[0] for store in store_ids]),
    )
    wide = pl.DataFrame(units.T, schema=[f"d_{day}" for day in range(1, config.days + 1)], orient="row")
    return M5Data(
        sales_train_evaluation=pl.concat([identity, wide], how="horizontal"),
        calendar=calendar,
        sell_prices=_price_frame(calendar, identity, week_of, price, first_day),
    )


def _items(config: M5Config) -> tuple[list[_Department], list[str]]:
    """The department and the id of every item; departments get M5's share of the items."""
    edges = np.cumsum([department.share for department in _DEPARTMENTS]) * config.n_items
    of_item = np.searchsorted(np.round(edges), np.arange(config.n_items), side="right")
    of_item = np.minimum(of_item, len(_DEPARTMENTS) - 1)
    if np.bincount(of_item).max() > _ITEMS_PER_DEPARTMENT:
        of_item = np.sort(np.arange(config.n_items) % len(_DEPARTMENTS))
    departments = [_DEPARTMENTS[position] for position in of_item]
    numbers = [int((of_item[:item] == of_item[item]).sum()) for item in range(config.n_items)]
    return departments, [
        f"{department.dept_id}_{_FIRST_ITEM_NUMBER + number}"
        for department, number in zip(departments, numbers, strict=True)
    ]


def _first_days(config: M5Config, series: int) -> IntMatrix:
    """(series,): four in five are sold from ``d_1``, the others start in the first 60 % of the days."""
    rng = random_stream(config.seed, "m5 starts")
    late = rng.random(series) < 0.2
    return np.where(late, rng.integers(1, int(config.days * 0.6), series), 0)


def _levels(
    config: M5Config, departments: list[_Department], store_of: IntMatrix
) -> tuple[list[DemandClass], FloatMatrix]:
    """The demand process and its rate for each series; slow sellers come by occasions, some in bulk."""
    rng = random_stream(config.seed, "m5 levels")
    median = np.array([department.median_rate for department in departments])
    store_size = rng.uniform(0.7, 1.3, len(config.stores))
    units = median * np.exp(rng.normal(0.0, 0.9, len(departments))) * store_size[store_of]
    unsteady = rng.random(len(departments)) < 0.15
    classes: list[DemandClass] = []
    for daily_units, is_unsteady in zip(units, unsteady, strict=True):
        if daily_units >= 1.0:
            classes.append("erratic" if is_unsteady else "smooth")
        else:
            classes.append("lumpy" if is_unsteady else "intermittent")
    return classes, units / np.array([mean_size(name) for name in classes])


def _calendar_effect(
    calendar: Days,
    calendar_frame: pl.DataFrame,
    departments: list[_Department],
    config: M5Config,
    store_of: IntMatrix,
) -> FloatMatrix:
    """(days, series): weekends, food-stamp days, the year, events; nothing is sold on Christmas Day."""
    rng = random_stream(config.seed, "m5 seasons")
    at_weekend = np.isin(weekdays(calendar), (5, 6))[:, None]
    effect = 1.0 + at_weekend * np.array([department.weekend for department in departments])
    amplitude = np.array([department.yearly_amplitude for department in departments])
    effect = effect * yearly_wave(calendar, rng.uniform(0, 365, len(departments)), amplitude)

    days = calendar_frame.head(len(calendar))
    snap_uplift = np.array([department.snap_uplift for department in departments])
    snap_by_store = np.stack(
        [days[f"snap_{store.split('_')[0]}"].to_numpy() for store in config.stores], axis=1
    )
    effect = effect * (1.0 + snap_by_store[:, store_of] * snap_uplift)

    national = (days["event_type_1"] == "National").fill_null(value=False).to_numpy()
    sporting = (days["event_type_1"] == "Sporting").fill_null(value=False).to_numpy()
    is_food = np.array([department.cat_id == "FOODS" for department in departments])
    effect = effect * np.where(national, 0.85, 1.0)[:, None]
    effect = effect * (1.0 + 0.25 * sporting[:, None] * is_food)
    christmas = ((days["date"].dt.month() == 12) & (days["date"].dt.day() == 25)).to_numpy()
    return np.asarray(effect * ~christmas[:, None])


def _weekly_prices(
    config: M5Config, calendar: pl.DataFrame, departments: list[_Department], item_of: IntMatrix
) -> tuple[npt.NDArray[np.int64], FloatMatrix]:
    """The position of every calendar day's week, and the price of every week and series.

    A store's price moves by -12 to +12 % about once a year and then stays.
    """
    rng = random_stream(config.seed, "m5 prices")
    week_of = calendar["wm_yr_wk"].rle_id().to_numpy().astype(np.int64)
    weeks = int(week_of[-1]) + 1
    median = np.array([department.median_price for department in departments])
    item_price = median * np.exp(rng.normal(0.0, 0.5, len(departments)))
    moves = rng.random((weeks, len(item_of))) < 1 / 52
    moves[0] = False
    steps = np.where(moves, rng.uniform(0.88, 1.12, moves.shape), 1.0)
    price = np.round(item_price[item_of] * np.cumprod(steps, axis=0), 2)
    return week_of, np.maximum(price, 0.25)


def _price_frame(
    calendar: pl.DataFrame,
    identity: pl.DataFrame,
    week_of: npt.NDArray[np.int64],
    price: FloatMatrix,
    first_day: IntMatrix,
) -> pl.DataFrame:
    """As in M5, a price exists from the week in which the series is first sold."""
    weeks = calendar["wm_yr_wk"].unique(maintain_order=True).to_numpy()
    series, week = np.nonzero(np.arange(len(weeks)) >= week_of[first_day][:, None])
    return pl.DataFrame(
        {
            "store_id": identity["store_id"].gather(series),
            "item_id": identity["item_id"].gather(series),
            "wm_yr_wk": weeks[week],
            "sell_price": price[week, series],
        }
    )


def walmart_week(day: date) -> int:
    """M5's ``wm_yr_wk`` of a day: 1, two digits of the fiscal year, two digits of the week.

    Weeks run from Saturday to Friday; a fiscal year begins with the last Saturday up to 1 February.
    """
    year = day.year if day >= _fiscal_year_start(day.year) else day.year - 1
    week = (day - _fiscal_year_start(year)).days // 7 + 1
    return 10_000 + year % 100 * 100 + week


def _fiscal_year_start(year: int) -> date:
    latest = date(year, 2, 1)
    return latest - timedelta(days=(latest.weekday() + 2) % 7)


def _calendar_frame(calendar: Days) -> pl.DataFrame:
    dates: list[date] = calendar.astype("datetime64[D]").tolist()
    events = _events(range(dates[0].year, dates[-1].year + 1))

    def event(position: int, part: int, name: str) -> pl.Series:
        found = [events.get(day, []) for day in dates]
        values = [today[position][part] if len(today) > position else None for today in found]
        return pl.Series(name, values, dtype=pl.String)

    return pl.DataFrame(
        {
            "date": dates_at(calendar, np.arange(len(calendar))),
            "wm_yr_wk": [walmart_week(day) for day in dates],
            "weekday": [f"{day:%A}" for day in dates],
            "wday": (weekdays(calendar) + 2) % 7 + 1,
            "month": [day.month for day in dates],
            "year": [day.year for day in dates],
            "d": [f"d_{number}" for number in range(1, len(dates) + 1)],
            "event_name_1": event(0, 0, "event_name_1"),
            "event_type_1": event(0, 1, "event_type_1"),
            "event_name_2": event(1, 0, "event_name_2"),
            "event_type_2": event(1, 1, "event_type_2"),
            **{f"snap_{state}": [int(day.day in paid) for day in dates] for state, paid in SNAP_DAYS.items()},
        }
    )


def _events(years: range) -> dict[date, list[tuple[str, str]]]:
    """Events by day: public holidays of the United States, and invented ones of M5's other types."""
    events: dict[date, list[tuple[str, str]]] = {}
    for day, name in sorted(holidays.country_holidays("US", years=years, observed=False).items()):
        events.setdefault(day, []).append(("".join(c for c in name.title() if c.isalpha()), "National"))
    for year in years:
        invented = (
            (date(year, 3, 3), "SpringParade", "Cultural"),
            (_nth_weekday(year, 6, _SUNDAY, 1), "LeagueFinal", "Sporting"),
            (date(year, 8, 20), "SchoolStart", "Cultural"),
            (_nth_weekday(year, 9, _MONDAY, 1), "CountyFair", "Cultural"),
            (_nth_weekday(year, 10, _SUNDAY, 2), "HarvestFeast", "Religious"),
        )
        for day, name, kind in invented:
            events.setdefault(day, []).append((name, kind))
    return events


def _nth_weekday(year: int, month: int, weekday: int, n: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))
