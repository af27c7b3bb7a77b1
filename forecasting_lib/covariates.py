"""Covariates: what a model is told of a day beside its demand, and what of the days ahead is known.

Belongs here: the policy per covariate, the numbers a model sees, and which days it may see. Does not belong
here: where the facts come from (``orchestration.reading.known_facts``), the models that use them.

Every covariate is one more row beside each series, at the price of the series itself, so there are few of
them and one that never moves within a series is left out. They carry the meaning and the sense that the
bundled model was trained with (``pretraining.demand``); their scale does not matter, because the model
normalises each row by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting_lib.grain import Grain
from forecasting_lib.panel import FloatArray, Forecast, Panel
from forecasting_lib.ragged import Derived

IntArray = npt.NDArray[np.int64]

WEEKS_FOR_CLOSED_WEEKDAYS = 8
"""A location keeps a weekday closed where it was closed on it this many times in a row."""


class Ahead(StrEnum):
    """Where the values of the days ahead come from."""

    ANNOUNCED = "announced"
    """From plans, each from the day of its announcement on; past only where nothing is ever announced."""
    CALENDAR = "calendar"
    """From the calendar, known for good; left out where the calendar does not reach the horizon."""
    EXPECTED = "expected"
    """From a rule over the past."""
    HELD = "held"
    """The last value, held."""


class Use(StrEnum):
    """Whether a model is told of a covariate, by what past origins said of it."""

    USED = "used"
    """It is clearly better with it, over all days or on the covariate's own."""
    NOT_USED = "not_used"
    """It is not."""
    TOO_FEW_WINDOWS = "too_few_windows"
    """Fewer than three could tell; the model is told, as of what nobody has judged."""


@dataclass(frozen=True)
class Covariate:
    """One covariate: what its numbers mean, and where those of the days ahead come from.

    Attributes:
        meaning: of its numbers.
        ahead: where those of the days ahead come from.
        has_own_days: it is 0 on most days, and speaks of the others.
    """

    meaning: str
    ahead: Ahead
    has_own_days: bool = False


COVARIATES: Mapping[str, Covariate] = {
    "promotion": Covariate(
        "Depth of the promotion, as a share of the price, and 0 on a day without; 1 where the client names "
        "no depths. A promotion without one has the median depth.",
        Ahead.ANNOUNCED,
        has_own_days=True,
    ),
    "price": Covariate(
        "Price outside promotions over its median within the series; 1 where no price is known.", Ahead.HELD
    ),
    "holiday": Covariate("1 on a public holiday or an event, else 0.", Ahead.CALENDAR, has_own_days=True),
    "snap": Covariate("1 where SNAP purchases are allowed, else 0.", Ahead.CALENDAR),
    "open": Covariate(
        "0 on a day the location is closed, else 1. Days ahead are what an opening calendar says; where it "
        f"says nothing, closed on a weekday that was closed the last {WEEKS_FOR_CLOSED_WEEKDAYS} times since "
        "the location opened, and on a holiday that was closed when it last occurred.",
        Ahead.EXPECTED,
    ),
}
"""Every covariate by name, in the order of a panel. Stock and sales are none: nobody knows them ahead."""


@dataclass(frozen=True)
class Facts:
    """What was known on an as-of date, in long frames without nulls in their keys.

    Attributes:
        calendar: ``location_id, date, is_holiday, holiday_name, is_snap, is_closed``, one row per location
            and day through the horizon, and what :func:`with_expected_closings` adds. ``is_snap`` is null
            where it means nothing, ``is_closed`` on days after the as-of date.
        promotions: ``series_id, date, known_date, discount_rate``, one row per series and promoted day
            through the horizon; the discount is null where none was named.
        prices: ``series_id, date, unit_price``, one row per series and day on which its price changed.
    """

    calendar: pl.DataFrame
    promotions: pl.DataFrame
    prices: pl.DataFrame


def with_covariates(panel: Panel, locations: Sequence[str], facts: Facts, horizon: int) -> Panel:
    """The panel with every covariate that moves within one of its series, but for calendars that end early.

    All values are finite. What is kept is one array per location, and per series the days on which something
    changes; an array of a series is made when it is asked for.

    Args:
        panel: of days; covariates it has are replaced.
        locations: the location of each series, in the panel's order.
        facts: as known on ``panel.as_of_date``.
        horizon: days ahead.

    Raises:
        ValueError: a fact became known after the as-of date, or the panel is not one of days.
    """
    if panel.grain is not Grain.DAY:
        raise ValueError(f"covariates are of days, and this panel's periods are {panel.grain.periods}")
    _require_known(facts, panel.as_of_date)
    span = _Span.of(panel, horizon)
    rows = {
        "promotion": _promotion(span, facts.promotions),
        "price": _price(span, facts),
        **_of_locations(span, locations, facts.calendar),
    }
    moving = {name: row for name in COVARIATES if _tells(COVARIATES[name], row := rows[name])}
    return replace(
        panel,
        past_covariates={name: row.past for name, row in moving.items()},
        future_covariates={name: row.future for name, row in moving.items() if row.future is not None},
    )


def price_changes(panel: Panel, prices: Sequence[FloatArray]) -> pl.DataFrame:
    """The days on which a price is another than on the day before, as :class:`Facts` holds them.

    Args:
        panel: whose series and days they are.
        prices: of each series, aligned with its history; NaN where none is known.
    """
    numbers, positions, changed = [], [], []
    for number, of_series in enumerate(prices):
        before = np.concatenate([[np.nan], of_series[:-1]])
        at = np.flatnonzero((of_series != before) & ~np.isnan(of_series))
        numbers.append(np.full(len(at), number))
        positions.append(at - len(of_series) + 1)
        changed.append(of_series[at])
    days = np.concatenate([np.empty(0, dtype=np.int64), *positions])
    return pl.DataFrame(
        {
            "series_id": pl.Series(panel.series_ids, dtype=pl.String).gather(
                np.concatenate([np.empty(0, dtype=np.int64), *numbers])
            ),
            "date": np.datetime64(panel.as_of_date, "D") + days,
            "unit_price": np.concatenate([np.empty(0), *changed]),
        }
    )


@dataclass(frozen=True)
class _Row:
    """One covariate of every series: its past, aligned with the histories, and its days ahead if known."""

    past: Sequence[FloatArray]
    future: Sequence[FloatArray] | None

    def moves(self) -> bool:
        """Whether it takes two values within one series."""
        futures = self.future if self.future is not None else (np.empty(0),) * len(self.past)
        return any(
            len(values) > 0 and bool((values != values[0]).any())
            for values in (np.concatenate(parts) for parts in zip(self.past, futures, strict=True))
        )


def _tells(covariate: Covariate, row: _Row) -> bool:
    """Whether a covariate is worth a row beside each series.

    Promotions that nobody announced still say which days of the past were not like the others.
    """
    is_calendar_that_ends = row.future is None and covariate.ahead is Ahead.CALENDAR
    return not is_calendar_that_ends and row.moves()


@dataclass(frozen=True)
class _Span:
    """The days of a panel: ``longest`` up to the as-of date and ``horizon`` after it.

    Attributes:
        as_of_date: the last day of the histories.
        days: (n,) length of each history.
        position: series id -> its position in the panel.
        longest: the longest history.
        horizon: days ahead.
    """

    as_of_date: date
    days: IntArray
    position: pl.DataFrame
    longest: int
    horizon: int

    @classmethod
    def of(cls, panel: Panel, horizon: int) -> _Span:
        days = np.array([len(h) for h in panel.history], dtype=np.int64)
        position = pl.DataFrame({"series_id": panel.series_ids}, schema={"series_id": pl.String})
        longest = int(days.max(initial=0))
        return cls(panel.as_of_date, days, position.with_row_index("series"), longest, horizon)

    @property
    def start_date(self) -> date:
        return self.as_of_date - timedelta(days=self.longest - 1)

    def split(self, values: FloatArray, days: int) -> tuple[FloatArray, FloatArray]:
        """Past and days ahead of a series with this many days, from values of the whole span."""
        return values[self.longest - days : self.longest], values[self.longest :]

    def located(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows of the panel's series with ``series`` and ``day``, positions in panel and span."""
        return (
            frame.join(self.position, on="series_id")
            .with_columns((pl.col("date") - self.start_date).dt.total_days().alias("day"))
            .sort("series", "day")
        )


def _require_known(facts: Facts, as_of_date: date) -> None:
    later = {
        "promotions": facts.promotions.filter(pl.col("known_date") > as_of_date).height,
        "prices": facts.prices.filter(pl.col("date") > as_of_date).height,
        "closed days": facts.calendar.filter(
            (pl.col("date") > as_of_date) & pl.col("is_closed").is_not_null()
        ).height,
    }
    known_later = {name: rows for name, rows in later.items() if rows}
    if known_later:
        raise ValueError(f"facts that became known after {as_of_date}: {known_later} rows")


def _promotion(span: _Span, promotions: pl.DataFrame) -> _Row:
    depths = promotions.filter(pl.col("discount_rate") > 0)["discount_rate"]
    usual = float(depths.median()) if len(depths) else 1.0  # type: ignore[arg-type]
    rows = span.located(promotions).filter(pl.col("day").is_between(0, span.longest + span.horizon - 1))
    depth = rows.select(
        pl.when(pl.col("discount_rate") > 0).then("discount_rate").otherwise(usual).cast(pl.Float64)
    ).to_series()
    day, depths_of = rows["day"].to_numpy(), depth.to_numpy()
    promoted = _by_series(rows["series"])

    def values(series: int) -> FloatArray:
        of_series = np.zeros(span.longest + span.horizon)
        if series in promoted:
            of_series[day[promoted[series]]] = depths_of[promoted[series]]
        return of_series

    announced = bool((promotions["known_date"] < promotions["date"]).any())
    return _row(span, values, known_ahead=announced)


def _price(span: _Span, facts: Facts) -> _Row:
    """The price outside promotions: what a promotion changed stays until the price changes again."""
    regular = span.located(facts.prices.join(facts.promotions, on=["series_id", "date"], how="anti"))
    day, price = regular["day"].to_numpy(), regular["unit_price"].cast(pl.Float64).to_numpy()
    priced = _by_series(regular["series"])

    def prices(series: int) -> FloatArray:
        since = np.maximum(day[priced[series]], 0)
        since[0] = 0
        steps = np.diff(np.append(since, span.longest + span.horizon))
        return np.repeat(price[priced[series]], steps)

    usual = {
        series: float(np.median(span.split(of_series, days)[0]))
        for series in priced
        if (days := int(span.days[series])) and np.isfinite(of_series := prices(series)).all()
    }

    def values(series: int) -> FloatArray:
        if usual.get(series, 0.0) > 0:
            return prices(series) / usual[series]
        return np.ones(span.longest + span.horizon)

    return _row(span, values, known_ahead=True)


def _of_locations(span: _Span, locations: Sequence[str], calendar: pl.DataFrame) -> dict[str, _Row]:
    """Holidays, SNAP days and open days: one array per location, shared by its series."""
    wanted = sorted(set(locations))
    number = {location: i for i, location in enumerate(wanted)}
    days = [span.start_date + timedelta(days=i) for i in range(span.longest + span.horizon)]
    grid = pl.DataFrame({"location_id": wanted}, schema={"location_id": pl.String}).join(
        pl.DataFrame({"date": days}, schema={"date": pl.Date}), how="cross"
    )
    filled = grid.join(calendar, on=["location_id", "date"], how="left", maintain_order="left")
    ahead = filled.filter(pl.col("date") > span.as_of_date)
    has_snap = calendar.filter(pl.col("is_snap").is_not_null())["location_id"].unique()
    snap_ahead = ahead.filter(pl.col("location_id").is_in(has_snap.implode()))["is_snap"]

    def shared(values: pl.Series, known_ahead: bool) -> _Row:
        matrix = values.cast(pl.Float64).to_numpy().reshape(len(wanted), len(days))
        return _row(span, lambda series: matrix[number[locations[series]]], known_ahead=known_ahead)

    closed = filled.select(pl.coalesce("is_closed", "is_expected_closed", pl.lit(False))).to_series()
    return {
        "holiday": shared(filled["is_holiday"].fill_null(False), ahead["is_holiday"].null_count() == 0),
        "snap": shared(filled["is_snap"].fill_null(False), snap_ahead.null_count() == 0),
        "open": shared(~closed, True),
    }


def with_expected_closings(
    calendar: pl.DataFrame, as_of_date: date, told: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The calendar with the days after the as-of date on which each location is expected to be closed.

    Args:
        calendar: ``location_id, date, holiday_name, is_closed`` and any other columns.
        as_of_date: ``is_closed`` of later days is not looked at.
        told: ``location_id, date, is_open``, one row per location and day of which an opening calendar that
            was known on the as-of date says so.

    Returns:
        The calendar and ``is_expected_closed``, null up to the as-of date; the rule is ``COVARIATES``'.
    """
    opening_date = pl.col("date").filter(~pl.col("is_closed")).min().over("location_id")
    past = calendar.filter((pl.col("date") <= as_of_date) & pl.col("is_closed").is_not_null()).filter(
        pl.col("date") >= opening_date
    )
    ahead = calendar.filter(pl.col("date") > as_of_date).select("location_id", "date", "holiday_name")
    weekday = pl.col("date").dt.weekday().alias("weekday")
    weekdays = (
        past.with_columns(weekday)
        .sort("date")
        .group_by("location_id", "weekday")
        .agg(pl.col("is_closed").tail(WEEKS_FOR_CLOSED_WEEKDAYS).all().alias("keeps_weekday_closed"))
    )
    holidays = (
        past.filter(pl.col("holiday_name").is_not_null())
        .sort("date")
        .group_by("location_id", "holiday_name")
        .agg(pl.col("is_closed").last().alias("was_closed_last_time"))
    )
    if told is None:
        told = pl.DataFrame(schema={"location_id": pl.String, "date": pl.Date, "is_open": pl.Boolean})
    expected = (
        ahead.with_columns(weekday)
        .join(told, on=["location_id", "date"], how="left")
        .join(weekdays, on=["location_id", "weekday"], how="left")
        .join(holidays, on=["location_id", "holiday_name"], how="left")
        .select(
            "location_id",
            "date",
            pl.coalesce(
                ~pl.col("is_open"),
                pl.col("keeps_weekday_closed").fill_null(False)
                | pl.col("was_closed_last_time").fill_null(False),
            ).alias("is_expected_closed"),
        )
    )
    return calendar.join(expected, on=["location_id", "date"], how="left", maintain_order="left")


def closed_ahead(
    calendar: pl.DataFrame, locations: Sequence[str], as_of_date: date, horizon: int
) -> npt.NDArray[np.bool_]:
    """The days of the horizon on which each series' location is expected to be closed, (n, horizon).

    Args:
        calendar: as in :class:`Facts`; a day it does not reach counts as open.
        locations: location of each of the n series.
        as_of_date: day 0.
        horizon: days ahead.
    """
    expected = calendar.filter(
        pl.col("is_expected_closed"), pl.col("date") <= as_of_date + timedelta(days=horizon)
    )
    days: dict[str, list[int]] = {}
    for location, day in expected.select("location_id", "date").iter_rows():
        days.setdefault(location, []).append((day - as_of_date).days - 1)
    closed = np.zeros((len(locations), horizon), dtype=np.bool_)
    for row, location in enumerate(locations):
        closed[row, days.get(location, [])] = True
    return closed


def gone_ahead(
    last_days: Mapping[str, date], items: Sequence[str], as_of_date: date, horizon: int
) -> npt.NDArray[np.bool_]:
    """The days of the horizon after each series' item has left the assortment, (n, horizon).

    Args:
        last_days: last day on sale of the items that are known to leave.
        items: item of each of the n series.
        as_of_date: day 0.
        horizon: days ahead.
    """
    days_left = [(last_days[item] - as_of_date).days if item in last_days else horizon for item in items]
    return np.arange(1, horizon + 1) > np.array(days_left, dtype=np.int64)[:, None]


def wholly_shut(
    shut_days: npt.NDArray[np.bool_], as_of_date: date, horizon: int, grain: Grain
) -> npt.NDArray[np.bool_]:
    """The periods on none of whose days a series can sell, (n, horizon).

    Args:
        shut_days: (n, days) by day, through the last day of the horizon.
        as_of_date: day 0.
        horizon: periods ahead.
        grain: what a period is.
    """
    last = np.array(grain.lag_days(as_of_date, horizon), dtype=np.int64)
    return np.logical_and.reduceat(shut_days, np.append(0, last[:-1]), axis=1)


def without_shut_days(forecast: Forecast, shut: npt.NDArray[np.bool_]) -> Forecast:
    """The forecast with no demand in the periods in which a series cannot sell, whatever the model said.

    Models are shown closed days as missing, not as zero, and so forecast them like open ones, and nothing in
    a history says that an item will leave; whoever adds the days up would buy for a closed door.

    Args:
        forecast: of n series over h periods.
        shut: (n, h), of :func:`closed_ahead` and :func:`gone_ahead`; of weeks and months those that are
            :func:`wholly_shut`.
    """
    raw_mean = forecast.raw_mean
    if raw_mean is not None:
        raw_mean = np.where(shut & ~np.isnan(raw_mean), 0.0, raw_mean)
    return replace(
        forecast,
        point=np.where(shut, 0.0, forecast.point),
        mean=np.where(shut, 0.0, forecast.mean),
        raw_mean=raw_mean,
        quantiles=np.where(shut[:, :, None], 0.0, forecast.quantiles),
    )


def _row(span: _Span, values: Callable[[int], FloatArray], *, known_ahead: bool) -> _Row:
    """A covariate of which ``values`` makes the whole span of a series."""
    ahead = np.full(len(span.days), span.horizon)

    def part(which: int) -> Callable[[int], FloatArray]:
        return lambda series: span.split(values(series), int(span.days[series]))[which]

    return _Row(Derived(span.days, part(0)), Derived(ahead, part(1)) if known_ahead else None)


def _by_series(series: pl.Series) -> dict[int, slice]:
    """The slice of each series' rows in a sorted column."""
    numbers, starts = np.unique(series.to_numpy(), return_index=True)
    ends = np.append(starts, len(series))[1:]
    return {int(n): slice(int(a), int(b)) for n, a, b in zip(numbers, starts, ends, strict=True)}
