"""What a model is told of a day beside its demand: the numbers, the days ahead, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from forecasting_lib.covariates import (
    COVARIATES,
    Facts,
    closed_ahead,
    gone_ahead,
    wholly_shut,
    with_covariates,
    with_expected_closings,
    without_shut_days,
)
from forecasting_lib.grain import Grain
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.naive import MovingAverage
from forecasting_lib.panel import Panel

AS_OF = date(2026, 3, 31)  # a Tuesday
HORIZON = 7
PANEL = Panel(("a", "b", "new"), AS_OF, (np.ones(20), np.ones(10), np.empty(0)))
LOCATIONS = ["north", "south", "south"]


def day(offset: int) -> date:
    """The as-of date is day 0, the first day ahead is day 1."""
    return AS_OF + timedelta(days=offset)


def calendar(days_back: int = 80, *, ahead: int = HORIZON, **columns: object) -> pl.DataFrame:
    """A calendar of two locations without anything on it, but for the columns given."""
    plain = pl.DataFrame({"date": pl.date_range(day(-days_back), day(ahead), eager=True)})
    frame = pl.DataFrame({"location_id": ["north", "south"]}).join(plain, how="cross")
    plain = frame.with_columns(
        pl.lit(False).alias("is_holiday"),
        pl.lit(None, pl.String).alias("holiday_name"),
        pl.lit(None, pl.Boolean).alias("is_snap"),
        pl.when(pl.col("date") <= AS_OF).then(False).alias("is_closed"),
    ).with_columns(**columns)  # type: ignore[arg-type]
    return with_expected_closings(plain, AS_OF)


def promotions(rows: Sequence[tuple[str, int, int, float | None]] = ()) -> pl.DataFrame:
    """``(series, day, day known, discount)``."""
    return pl.DataFrame(
        [(series, day(promoted), day(known), depth) for series, promoted, known, depth in rows],
        schema={
            "series_id": pl.String,
            "date": pl.Date,
            "known_date": pl.Date,
            "discount_rate": pl.Float64,
        },
        orient="row",
    )


def prices(rows: Sequence[tuple[str, int, float]] = ()) -> pl.DataFrame:
    return pl.DataFrame(
        [(series, day(changed), price) for series, changed, price in rows],
        schema={"series_id": pl.String, "date": pl.Date, "unit_price": pl.Float64},
        orient="row",
    )


NOTHING = Facts(calendar(), promotions(), prices())


def encoded(facts: Facts) -> Panel:
    return with_covariates(PANEL, LOCATIONS, facts, HORIZON)


def test_a_client_that_nothing_is_known_of_has_no_covariates() -> None:
    panel = encoded(NOTHING)
    assert (dict(panel.past_covariates), dict(panel.future_covariates)) == ({}, {})


def test_a_promotion_is_its_depth_on_its_days_of_its_series() -> None:
    announced = promotions([("a", -3, -9, 0.2), ("a", 2, -1, 0.5), ("a", 9, -1, 0.5), ("gone", 2, -1, 0.9)])
    panel = encoded(replace(NOTHING, promotions=announced))
    assert list(panel.past_covariates) == ["promotion"]
    assert panel.past_covariates["promotion"][0].nonzero()[0].tolist() == [16]
    assert panel.past_covariates["promotion"][0][16] == 0.2
    assert panel.future_covariates["promotion"][0].tolist() == [0, 0.5, 0, 0, 0, 0, 0]
    assert not panel.past_covariates["promotion"][1].any()
    assert not panel.future_covariates["promotion"][1].any()


def test_a_promotion_without_depth_has_the_usual_one() -> None:
    rows = [("a", -3, -9, 0.2), ("b", -3, -9, 0.4), ("b", 1, -9, None), ("b", 2, -9, 0.0)]
    panel = encoded(replace(NOTHING, promotions=promotions(rows)))
    assert panel.future_covariates["promotion"][1][:3].tolist() == [pytest.approx(0.3)] * 2 + [0.0]


def test_promotions_without_any_depth_are_a_flag() -> None:
    panel = encoded(replace(NOTHING, promotions=promotions([("a", -3, -9, None), ("a", 2, -1, None)])))
    assert panel.future_covariates["promotion"][0].tolist() == [0, 1, 0, 0, 0, 0, 0]


def test_promotions_that_nobody_announces_are_not_known_to_be_absent_ahead() -> None:
    panel = encoded(replace(NOTHING, promotions=promotions([("a", -3, -3, None)])))
    assert "promotion" in panel.past_covariates
    assert "promotion" not in panel.future_covariates


def test_the_price_is_relative_and_the_last_one_is_held() -> None:
    panel = encoded(replace(NOTHING, prices=prices([("a", -30, 4.0), ("a", -4, 5.0), ("b", -30, 7.0)])))
    assert panel.past_covariates["price"][0].tolist() == [1.0] * 15 + [1.25] * 5
    assert panel.future_covariates["price"][0].tolist() == [1.25] * HORIZON
    assert panel.past_covariates["price"][1].tolist() == [1.0] * 10


def test_the_price_of_a_promotion_is_not_held() -> None:
    """The price fell with a promotion on day -1 and nothing was sold at another since."""
    panel = encoded(
        replace(
            NOTHING,
            promotions=promotions([("a", -1, -9, 0.5)]),
            prices=prices([("a", -30, 4.0), ("a", -8, 5.0), ("a", -1, 2.5)]),
        )
    )
    assert panel.past_covariates["price"][0][-8:].tolist() == [1.25] * 8
    assert panel.future_covariates["price"][0].tolist() == [1.25] * HORIZON


def test_a_price_before_the_first_known_one_is_the_first() -> None:
    panel = encoded(replace(NOTHING, prices=prices([("a", -9, 4.0), ("a", -4, 5.0)])))
    assert panel.past_covariates["price"][0].tolist() == [1.0] * 15 + [1.25] * 5


def test_holidays_are_known_through_the_horizon() -> None:
    held = pl.col("date").is_in([day(-2), day(3)])
    panel = encoded(replace(NOTHING, calendar=calendar(is_holiday=held)))
    assert panel.past_covariates["holiday"][1].nonzero()[0].tolist() == [7]
    assert panel.future_covariates["holiday"][1].tolist() == [0, 0, 1, 0, 0, 0, 0]


def test_a_week_is_shut_where_each_of_its_days_is() -> None:
    sunday = date(2026, 4, 5)
    last_days = {"tea": date(2026, 4, 12), "rice": date(2026, 4, 13), "oil": date(2026, 4, 5)}
    gone = gone_ahead(last_days, ["tea", "rice", "oil", "salt"], sunday, 21)
    assert wholly_shut(gone, sunday, 3, Grain.WEEK).tolist() == [
        [False, True, True],
        [False, False, True],
        [True, True, True],
        [False, False, False],
    ]
    assert wholly_shut(gone[:, :3], sunday, 3, Grain.DAY).tolist() == gone[:, :3].tolist()


def test_covariates_of_weeks_are_refused() -> None:
    weeks = Panel(("a",), date(2026, 4, 5), (np.ones(9),), grain=Grain.WEEK)
    with pytest.raises(ValueError, match="periods are weeks"):
        with_covariates(weeks, ["north"], NOTHING, HORIZON)


def test_a_calendar_that_ends_early_is_left_out() -> None:
    held = pl.col("date") == day(-2)
    panel = encoded(replace(NOTHING, calendar=calendar(ahead=HORIZON - 1, is_holiday=held)))
    assert "holiday" not in panel.past_covariates


def test_snap_days_count_where_they_mean_something() -> None:
    allowed = pl.when(pl.col("location_id") == "north").then(pl.col("date").dt.day() <= 3)
    panel = encoded(replace(NOTHING, calendar=calendar(is_snap=allowed)))
    assert panel.future_covariates["snap"][0].tolist() == [1, 1, 1, 0, 0, 0, 0]
    assert not panel.future_covariates["snap"][1].any()


def test_snap_days_not_known_for_the_whole_horizon_are_left_out() -> None:
    allowed = pl.when(pl.col("date") <= day(3)).then(pl.col("date").dt.day() >= 29)
    panel = encoded(replace(NOTHING, calendar=calendar(is_snap=allowed)))
    assert "snap" not in panel.past_covariates


def test_a_weekday_always_closed_of_late_is_expected_to_be() -> None:
    """South closed every Sunday; north opened on one of the last eight."""
    sunday = pl.col("date").dt.weekday() == 7
    reopened = (pl.col("location_id") == "north") & (pl.col("date") == day(-2))
    closed = pl.when(pl.col("date") <= AS_OF).then(sunday & ~reopened)
    panel = encoded(replace(NOTHING, calendar=calendar(is_closed=closed)))
    assert panel.future_covariates["open"][1].tolist() == [1, 1, 1, 1, 0, 1, 1]
    assert panel.future_covariates["open"][0].all()
    assert panel.past_covariates["open"][1].tolist() == [0, 1, 1, 1, 1, 1, 1, 0, 1, 1]


def test_a_holiday_closed_last_time_is_expected_to_be() -> None:
    names = (
        pl.when(pl.col("date").is_in([day(-70), day(2)]))
        .then(pl.lit("Fair"))
        .when(pl.col("date").is_in([day(-60), day(4)]))
        .then(pl.lit("Market"))
    )
    closed = pl.when(pl.col("date") <= AS_OF).then(pl.col("date") == day(-70))
    expected = calendar(holiday_name=names, is_closed=closed)
    assert expected.filter("is_expected_closed")["date"].unique().to_list() == [day(2)]


def test_nothing_is_forecast_for_a_day_the_door_is_closed() -> None:
    sundays = pl.when(pl.col("date") <= AS_OF).then(
        (pl.col("date").dt.weekday() == 7) & (pl.col("location_id") == "south")
    )
    closed = closed_ahead(calendar(is_closed=sundays), LOCATIONS, AS_OF, HORIZON)
    assert np.argwhere(closed).tolist() == [[1, 4], [2, 4]], "the Sunday of the two series in the south"

    forecast = guarded_predict(MovingAverage(), PANEL, HORIZON)
    shut = without_shut_days(forecast, closed)
    assert shut.mean[1].tolist() == [1, 1, 1, 1, 0, 1, 1]
    assert not shut.quantiles[1, 4].any()
    assert not shut.point[1, 4]
    assert (shut.mean[0] == forecast.mean[0]).all()


def test_nothing_is_forecast_for_an_item_that_has_left() -> None:
    last_days = {"tea": day(2), "rice": day(0), "oil": day(99)}
    gone = gone_ahead(last_days, ["tea", "rice", "oil", "salt"], AS_OF, HORIZON)
    assert gone.sum(axis=1).tolist() == [HORIZON - 2, HORIZON, 0, 0]
    assert gone[0].tolist() == [False, False, *[True] * (HORIZON - 2)], "the last day still sells"
    assert gone_ahead({}, [], AS_OF, HORIZON).shape == (0, HORIZON)


def test_a_calendar_that_ends_early_leaves_the_days_behind_it_open() -> None:
    assert not closed_ahead(calendar(ahead=0), LOCATIONS, AS_OF, HORIZON).any()


def test_all_values_are_finite_and_as_long_as_asked() -> None:
    panel = encoded(
        Facts(
            calendar(
                days_back=5, ahead=2, is_snap=pl.col("date") == AS_OF, is_holiday=pl.col("date") == AS_OF
            ),
            promotions([("a", -3, -9, None), ("b", 1, 0, 0.3)]),
            prices([("a", -3, 0.0), ("a", -2, 0.0), ("b", -9, 4.0), ("b", -1, 0.0)]),
        )
    )
    assert set(panel.past_covariates) == {"promotion", "price"}
    for arrays in panel.past_covariates.values():
        assert all(np.isfinite(values).all() for values in arrays)
    for arrays in panel.future_covariates.values():
        assert [len(values) for values in arrays] == [HORIZON] * 3
        assert all(np.isfinite(values).all() for values in arrays)


def test_covariates_come_in_the_declared_order() -> None:
    facts = Facts(
        calendar(is_holiday=pl.col("date") == day(1), is_snap=pl.col("date") == day(1)),
        promotions([("a", 1, 0, None)]),
        prices([("a", -9, 1.0), ("a", -2, 2.0)]),
    )
    assert list(encoded(facts).past_covariates) == [name for name in COVARIATES if name != "open"]


@pytest.mark.parametrize(
    "later",
    [
        {"promotions": promotions([("a", 1, 1, 0.2)])},
        {"prices": prices([("a", 1, 2.0)])},
        {"calendar": calendar(is_closed=pl.lit(False))},
    ],
)
def test_facts_that_became_known_later_are_refused(later: dict[str, pl.DataFrame]) -> None:
    with pytest.raises(ValueError, match="became known after 2026-03-31"):
        encoded(replace(NOTHING, **later))
