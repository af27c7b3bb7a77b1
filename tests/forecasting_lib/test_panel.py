"""The panel: what it takes from a frame, what it refuses, and that nothing of the future gets in."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from forecasting_lib.grain import Grain
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.naive import MovingAverage, SeasonalNaive
from forecasting_lib.panel import MEDIAN_INDEX, QUANTILE_COLUMNS, QUANTILE_LEVELS, Forecast, Panel

AS_OF = date(2024, 3, 31)


def days_until(last: date, n: int) -> list[date]:
    return [last - timedelta(days=n - 1 - i) for i in range(n)]


def history_frame(**targets: list[float | None]) -> pl.DataFrame:
    """One series per keyword, ending on the as-of date; ``promo`` is 1 on even days."""
    return pl.concat(
        pl.DataFrame(
            {
                "series_id": [series] * len(target),
                "date": days_until(AS_OF, len(target)),
                "target": pl.Series(target, dtype=pl.Float64),
                "promo": [i % 2 == 0 for i in range(len(target))],
            }
        )
        for series, target in targets.items()
    )


def future_frame(*series: str, days: int = 3, first: date = AS_OF + timedelta(days=1)) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "series_id": [s for s in series for _ in range(days)],
            "date": [first + timedelta(days=i) for _ in series for i in range(days)],
            "promo": [i % 2 == 0 for _ in series for i in range(days)],
        }
    )


def test_the_grid_is_chronos_own() -> None:
    assert len(QUANTILE_LEVELS) == len(QUANTILE_COLUMNS) == 21
    assert QUANTILE_COLUMNS[:3] == ("q01", "q05", "q10")
    assert QUANTILE_COLUMNS[-2:] == ("q95", "q99")
    assert QUANTILE_COLUMNS[MEDIAN_INDEX] == "q50"


def test_a_frame_in_any_order_becomes_one_history_per_series() -> None:
    frame = history_frame(b=[1.0, None, 3.0], a=[4.0, 5.0]).sample(fraction=1.0, shuffle=True, seed=3)
    panel = Panel.from_frame(frame, AS_OF)
    assert panel.series_ids == ("a", "b")
    np.testing.assert_array_equal(panel.history[0], [4.0, 5.0])
    np.testing.assert_array_equal(panel.history[1], [1.0, np.nan, 3.0])
    assert panel.past_covariates == {}


def test_covariates_follow_their_series() -> None:
    frame = history_frame(a=[4.0, 5.0], b=[1.0, 2.0, 3.0])
    panel = Panel.from_frame(frame, AS_OF, future=future_frame("b", "a", "c"), covariates=["promo"])
    assert [c.tolist() for c in panel.past_covariates["promo"]] == [[1.0, 0.0], [1.0, 0.0, 1.0]]
    assert [c.tolist() for c in panel.future_covariates["promo"]] == [[1.0, 0.0, 1.0]] * 2


def test_a_covariate_not_known_ahead_has_a_past_only() -> None:
    frame = history_frame(a=[4.0, 5.0])
    panel = Panel.from_frame(frame, AS_OF, future=future_frame("a").drop("promo"), covariates=["promo"])
    assert set(panel.past_covariates) == {"promo"}
    assert panel.future_covariates == {}


def test_an_empty_frame_is_an_empty_panel() -> None:
    empty = history_frame(a=[1.0]).clear()
    panel = Panel.from_frame(empty, AS_OF, future=future_frame("a"), covariates=["promo"])
    assert len(panel) == 0


def test_rows_after_the_as_of_date_are_refused() -> None:
    frame = history_frame(a=[1.0, 2.0, 9999.0])
    with pytest.raises(ValueError, match="rows after the as-of date 2024-03-30: a model must not see them"):
        Panel.from_frame(frame, AS_OF - timedelta(days=1))


@pytest.mark.parametrize("model", [MovingAverage(), SeasonalNaive()])
def test_a_spike_after_the_as_of_date_moves_nothing(model: MovingAverage | SeasonalNaive) -> None:
    cut = AS_OF - timedelta(days=5)
    calm = history_frame(a=[1.0, 2.0, 3.0] * 10, b=[5.0] * 20)
    spiked = calm.with_columns(
        pl.when(pl.col("date") > cut).then(1e6).otherwise(pl.col("target")).alias("target")
    )
    forecasts = [
        guarded_predict(model, Panel.from_frame(frame.filter(pl.col("date") <= cut), cut), 7)
        for frame in (calm, spiked)
    ]
    np.testing.assert_array_equal(forecasts[0].quantiles, forecasts[1].quantiles)
    assert forecasts[0].quantiles.max() < 10


@pytest.mark.parametrize("dropped", [3, 9], ids=["gap", "early end"])
def test_a_series_with_a_gap_or_an_early_end_is_refused(dropped: int) -> None:
    frame = history_frame(a=[1.0] * 10, b=[1.0] * 10)
    missing = days_until(AS_OF, 10)[dropped]
    holed = frame.filter((pl.col("series_id") != "b") | (pl.col("date") != missing))
    with pytest.raises(ValueError, match=r"1 series have missing or repeated days.*for example 'b'"):
        Panel.from_frame(holed, AS_OF)


def test_a_repeated_day_does_not_make_up_for_a_missing_one() -> None:
    frame = history_frame(a=[1.0] * 5)
    days = days_until(AS_OF, 5)
    shifted = frame.with_columns(pl.Series("date", [days[0], days[2], days[2], days[3], days[4]]))
    with pytest.raises(ValueError, match="fill the calendar first"):
        Panel.from_frame(shifted, AS_OF)


@pytest.mark.parametrize(
    ("future", "sentence"),
    [
        (future_frame("a"), "for 1 of 2 series"),
        (pl.concat([future_frame("a"), future_frame("b", days=5)]), "'b' does not"),
        (future_frame("a", "b", first=AS_OF), "from 2024-04-01 on"),
        (future_frame("a", "b", first=AS_OF + timedelta(days=2)), "from 2024-04-01 on"),
        (future_frame("a", "b").filter(pl.col("date") != date(2024, 4, 2)), "without gaps"),
    ],
    ids=["series missing", "different days", "starts in the past", "starts late", "gap"],
)
def test_a_future_that_does_not_fit_is_refused(future: pl.DataFrame, sentence: str) -> None:
    frame = history_frame(a=[1.0, 2.0], b=[1.0, 2.0])
    with pytest.raises(ValueError, match=sentence):
        Panel.from_frame(frame, AS_OF, future=future, covariates=["promo"])


def test_select_keeps_covariates_with_their_series() -> None:
    frame = history_frame(a=[4.0, 5.0], b=[1.0, 2.0, 3.0])
    panel = Panel.from_frame(frame, AS_OF, future=future_frame("a", "b"), covariates=["promo"]).select([1])
    assert panel.series_ids == ("b",)
    assert panel.past_covariates["promo"][0].tolist() == [1.0, 0.0, 1.0]
    assert len(panel.future_covariates["promo"]) == 1


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"series_ids": ("a",)}, "1 series ids for 2 histories"),
        ({"series_ids": ("a", "a")}, "series ids repeat"),
        ({"past_covariates": {"promo": (np.zeros(2), np.zeros(4))}}, "'promo' is not aligned"),
        ({"past_covariates": {"promo": (np.zeros(2),)}}, "'promo' is not aligned"),
        ({"future_covariates": {"promo": ()}}, "without a past"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(parts: dict[str, Any], sentence: str) -> None:
    whole: dict[str, Any] = {
        "series_ids": ("a", "b"),
        "as_of_date": AS_OF,
        "history": (np.zeros(2), np.zeros(3)),
    }
    with pytest.raises(ValueError, match=sentence):
        Panel(**{**whole, **parts})


def test_a_forecast_becomes_one_row_per_series_and_day() -> None:
    grid = np.arange(2 * 3 * 21, dtype=np.float64).reshape(2, 3, 21)
    forecast = Forecast(("a", "b"), AS_OF, grid[:, :, 10], grid[:, :, 11], grid, (None, "CAPPED"))
    frame = forecast.to_frame()
    assert frame.columns == ["series_id", "date", "lag_days", "point_qty", "mean_qty", *QUANTILE_COLUMNS]
    assert frame["series_id"].to_list() == ["a"] * 3 + ["b"] * 3
    assert frame["lag_days"].to_list() == [1, 2, 3] * 2
    assert frame["date"].to_list() == [AS_OF + timedelta(days=i) for i in (1, 2, 3)] * 2
    row = frame.row(4, named=True)
    assert (row["point_qty"], row["mean_qty"]) == (grid[1, 1, 10], grid[1, 1, 11])
    assert [row[q] for q in QUANTILE_COLUMNS] == grid[1, 1].tolist()


def test_a_forecast_with_arrays_of_other_shapes_is_refused() -> None:
    with pytest.raises(ValueError, match="have shapes"):
        Forecast(("a",), AS_OF, np.zeros((1, 3)), np.zeros((1, 2)), np.zeros((1, 3, 21)), (None,))


def periods_of(starts: list[date], target: float = 1.0) -> pl.DataFrame:
    return pl.DataFrame({"series_id": ["a"] * len(starts), "date": starts, "target": [target] * len(starts)})


def test_months_are_contiguous_whatever_their_length() -> None:
    starts = [date(2023, 12, 1), date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)]
    panel = Panel.from_frame(periods_of(starts), AS_OF, grain=Grain.MONTH)
    assert panel.history[0].tolist() == [1.0] * 4
    assert panel.select([0]).grain is Grain.MONTH
    with pytest.raises(ValueError, match="1 series have missing or repeated months"):
        Panel.from_frame(periods_of(starts[:1] + starts[2:]), AS_OF, grain=Grain.MONTH)
    with pytest.raises(ValueError, match="or end before 2024-03-31"):
        Panel.from_frame(periods_of(starts[:3]), AS_OF, grain=Grain.MONTH)


def test_a_week_is_dated_by_its_monday() -> None:
    with pytest.raises(ValueError, match="2024-03-31 is not the first day of a week"):
        Panel.from_frame(periods_of([AS_OF]), AS_OF, grain=Grain.WEEK)


def test_the_future_of_weeks_begins_with_the_monday_after_the_as_of_date() -> None:
    past = periods_of([AS_OF - timedelta(days=6)]).with_columns(promo=1)
    ahead = [date(2024, 4, 1), date(2024, 4, 8)]
    future = periods_of(ahead).with_columns(promo=2).drop("target")
    panel = Panel.from_frame(past, AS_OF, future=future, covariates=["promo"], grain=Grain.WEEK)
    assert panel.future_covariates["promo"][0].tolist() == [2.0, 2.0]
    with pytest.raises(ValueError, match="cover the same weeks for every series, without gaps"):
        Panel.from_frame(past, AS_OF, future=future[1:], covariates=["promo"], grain=Grain.WEEK)


def test_an_as_of_date_within_a_period_is_refused() -> None:
    with pytest.raises(
        ValueError, match="no month ends on 2024-03-30; the last one before it ended on 2024-02-29"
    ):
        Panel(("a",), AS_OF - timedelta(days=1), (np.ones(3),), grain=Grain.MONTH)


def test_guards_and_models_keep_the_grain_and_a_month_is_dated_by_its_first_day() -> None:
    panel = Panel(("a",), date(2024, 1, 31), (np.array([0.0, 3.0, 5.0, 4.0]),), grain=Grain.MONTH)
    frame = guarded_predict(SeasonalNaive(), panel, 3).to_frame()
    assert frame["date"].to_list() == [date(2024, 2, 1), date(2024, 3, 1), date(2024, 4, 1)]
    assert frame["lag_days"].to_list() == [29, 60, 90]


def numbered(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """A frame with the numbers of its series in the place of their ids, and the ids."""
    ids = sorted(frame["series_id"].unique())
    numbers = pl.Series(ids).to_frame("series_id").with_row_index("series_number")
    return frame.join(numbers, on="series_id").drop("series_id"), ids


@pytest.mark.parametrize("rows", [1, 2, 7, 1_000])
@pytest.mark.parametrize("grain", [Grain.DAY, Grain.WEEK])
def test_a_panel_of_parts_is_that_of_the_whole_frame(rows: int, grain: Grain) -> None:
    rng = np.random.default_rng(rows)
    as_of = date(2024, 3, 31)
    lengths = {"a": 5, "b": 1, "c": 23, "d": 12}
    frame = pl.concat(
        pl.DataFrame(
            {
                "series_id": [series] * n,
                "date": [grain.shift(as_of, i + 1 - n) for i in range(n)],
                "target": pl.Series(np.where(rng.random(n) < 0.2, np.nan, rng.poisson(3.0, n) + share)),
                "price": pl.Series(np.where(rng.random(n) < 0.2, np.nan, rng.uniform(1, 2, n))),
            }
        )
        for (series, n), share in zip(lengths.items(), (0.0, 0.5, 0.0, 0.1), strict=True)
    ).with_columns(pl.col("target", "price").fill_nan(None))
    whole = Panel.from_frame(frame, as_of, covariates=["price"], grain=grain)
    shuffled, ids = numbered(frame.sample(fraction=1.0, shuffle=True, seed=rows))
    panel = Panel.from_parts(shuffled.iter_slices(rows), ids, as_of, covariates=["price"], grain=grain)
    assert panel.series_ids == whole.series_ids
    for found, expected in (
        (panel.history, whole.history),
        (panel.past_covariates["price"], whole.past_covariates["price"]),
    ):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_series_without_a_row_in_any_part_has_an_empty_history() -> None:
    frame, _ = numbered(history_frame(a=[4.0, 5.0]))
    panel = Panel.from_parts([frame], ["a", "unsold"], AS_OF)
    assert [history.tolist() for history in panel.history] == [[4.0, 5.0], []]
    assert len(Panel.from_parts([], [], AS_OF)) == 0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda rows: rows.filter(pl.col("date") != date(2024, 3, 30)), "2 series have missing or repeated"),
        (lambda rows: rows.filter(pl.col("date") != AS_OF), "for example 'a'; fill the calendar first"),
        (lambda rows: pl.concat([rows, rows.tail(1)]), "1 series have missing .* for example 'b'"),
        (lambda rows: rows.with_columns(pl.col("date") + timedelta(days=1)), "must not see them"),
    ],
)
def test_parts_with_gaps_or_later_days_are_refused(change: Any, problem: str) -> None:
    frame, ids = numbered(history_frame(a=[4.0, 5.0, 6.0], b=[1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match=problem):
        Panel.from_parts(change(frame).iter_slices(2), ids, AS_OF)


def test_parts_of_weeks_are_dated_by_their_mondays() -> None:
    frame = pl.DataFrame({"series_number": [0], "date": [AS_OF], "target": [1.0]})
    with pytest.raises(ValueError, match="is not the first day of a week"):
        Panel.from_parts([frame], ["a"], AS_OF, grain=Grain.WEEK)


def test_part_of_a_forecast_has_the_rows_of_the_whole() -> None:
    panel = Panel.from_frame(history_frame(a=[4.0, 5.0], b=[1.0, 2.0], c=[3.0, 8.0]), AS_OF)
    forecast = guarded_predict(MovingAverage(), panel, 3)
    blocks = [forecast.to_frame(slice(start, start + 2)) for start in (0, 2)]
    assert pl.concat(blocks).equals(forecast.to_frame())
