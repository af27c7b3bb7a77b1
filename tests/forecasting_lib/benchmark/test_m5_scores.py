"""WRMSSE and WSPL are those of the M5 competitions: by hand, by plain loops, on genuine files."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from forecasting_lib.benchmark.baselines import Answer
from forecasting_lib.benchmark.figures import score_series
from forecasting_lib.benchmark.m5_files import M5Sales, read_sales
from forecasting_lib.benchmark.m5_levels import COMPETITION_SUMS, Level, coinciding, levels_of
from forecasting_lib.benchmark.m5_prices import daily_prices
from forecasting_lib.benchmark.m5_scope import is_competitions, is_whole, scope
from forecasting_lib.benchmark.m5_scores import HORIZON, M5Window, mean_scores, score
from forecasting_lib.benchmark.m5_yardsticks import Yardstick
from forecasting_lib.benchmark.wrmsse import rmsse, wrmsse
from forecasting_lib.benchmark.wspl import M5_QUANTILES, quantiles_of_sums, spl, wspl
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.naive import MovingAverage, SeasonalNaive
from forecasting_lib.models.recent_quantiles import RecentQuantiles
from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray, Forecast, Panel
from forecasting_lib.quantile_grid import empirical_quantiles
from tests.forecasting_lib.benchmark import m5_reference

LAST_SEEN = date(2016, 4, 24)


def places_of(items: list[str], stores: list[str]) -> pl.DataFrame:
    """Every item in every store; M5's items begin with their department, its stores with their state."""
    rows = [
        (item, item.rsplit("_", 1)[0], item.split("_")[0], store, store.split("_")[0])
        for store in stores
        for item in items
    ]
    return pl.DataFrame(rows, schema=["item_id", "dept_id", "cat_id", "store_id", "state_id"], orient="row")


def write_m5(
    folder: Path, places: pl.DataFrame, units: FloatArray, *, first_day: int = 1, prices: bool = True
) -> None:
    """M5's three files; the price of an item is 1 in the first week, and 2 in the second, and so on."""
    days = range(first_day, first_day + units.shape[1])
    wide = pl.DataFrame(units, schema=[f"d_{day}" for day in days], orient="row").cast(pl.Int64)
    pl.concat([places, wide], how="horizontal").write_csv(folder / "sales_train_evaluation.csv")
    weeks = [11101 + (day - 1) // 7 for day in days]
    pl.DataFrame({"d": [f"d_{day}" for day in days], "wm_yr_wk": weeks}).write_csv(folder / "calendar.csv")
    if prices:
        each = pl.DataFrame({"wm_yr_wk": sorted(set(weeks))}).with_columns(
            sell_price=(pl.col("wm_yr_wk") - 11100).cast(pl.Float64)
        )
        places.select("store_id", "item_id").join(each, how="cross").write_csv(folder / "sell_prices.csv")


def forecast_of(origin: Origin, mean: FloatArray, quantiles: FloatArray | None = None) -> Forecast:
    """A forecast of these means; without quantiles every one is the mean."""
    return Forecast(
        origin.panel.series_ids,
        origin.date,
        point=mean,
        mean=mean,
        quantiles=np.repeat(mean[:, :, None], 21, axis=2) if quantiles is None else quantiles,
        reasons=(None,) * len(mean),
    )


def window_of(places: pl.DataFrame, history: FloatArray, actual: FloatArray, value: FloatArray) -> M5Window:
    levels = levels_of(places)
    panel = Panel(tuple(str(row) for row in range(len(history))), LAST_SEEN, tuple(history))
    yardsticks = tuple(Yardstick.of(level.total(history), level.total(value)) for level in levels)
    return M5Window(Origin(panel, actual), 1913, levels, yardsticks, priced=True, units_without_price=0.0)


def random_case(seed: int = 3) -> tuple[pl.DataFrame, FloatArray, FloatArray, FloatArray]:
    """Places, history, actuals and sales of 5 items in 3 stores, the first days of some without a sale."""
    rng = np.random.default_rng(seed)
    places = places_of(["FOODS_1_1", "FOODS_1_2", "FOODS_2_1", "HOBBIES_1_1", "HOBBIES_1_2"],
                       ["CA_1", "CA_2", "TX_1"])  # fmt: skip
    units = rng.poisson(rng.gamma(2.0, 2.0, (15, 1)), (15, 118)).astype(np.float64)
    units[4:7, :30] = 0.0
    return places, units[:, :90], units[:, 90:], rng.uniform(1.0, 50.0, 15)


# --- by hand --------------------------------------------------------------------------------------------


def test_two_items_of_one_store_by_hand() -> None:
    """Levels 1 to 9 are the store's total, 10 to 12 the two items, which sold for 14 and 6 dollars."""
    history = np.array([[0.0, 1.0, 3.0, 3.0], [2.0, 2.0, 0.0, 4.0]])
    actual = np.repeat([[2.0], [1.0]], 7, axis=1)
    window = window_of(
        places_of(["FOODS_1_1", "FOODS_1_2"], ["CA_1"]), history, actual, np.array([14.0, 6.0])
    )
    found = score(window, forecast_of(window.origin, np.full((2, 7), 3.0)))

    # Steps since the first sale: 2, 0 and 0, -2, 4; of the total 1, 0, 4. Errors: 1, 2 and 3 every day.
    items = 0.7 * 1 / np.sqrt(4 / 2) + 0.3 * 2 / np.sqrt(20 / 3)
    total = 3 / np.sqrt(17 / 3)
    np.testing.assert_allclose(found.wrmsse, [total] * 9 + [items] * 3)
    assert found.mean_wrmsse == pytest.approx((9 * total + 3 * items) / 12)

    # Every quantile is a point above the actual: the mean of 1 - u is a half.
    items = 0.7 * 0.5 * 1 / (2 / 2) + 0.3 * 0.5 * 2 / (6 / 3)
    total = 0.5 * 3 / (5 / 3)
    np.testing.assert_allclose(found.wspl, [total] * 9 + [items] * 3)
    assert found.mean_wspl == pytest.approx((9 * total + 3 * items) / 12)

    by_day, by_week, of_store = found.percentages.values()
    assert [by_day.mape, by_day.wape] == pytest.approx([(1 / 2 + 2 / 1) / 2, 3 / 3])
    assert [by_week.mape, of_store.mape] == pytest.approx([21 / 21, 3 / 3])


def test_percentages_fall_as_sums_grow_though_the_forecast_stays_the_same() -> None:
    places, history, actual, value = random_case()
    window = window_of(places, history, actual, value)
    mean = np.repeat(history[:, -28:].mean(axis=1, keepdims=True), 28, axis=1)
    found = score(window, forecast_of(window.origin, mean)).percentages
    assert list(found) == ["item x store x day", "store x dept x week", "store x day"]
    assert found["store x day"].wape < found["item x store x day"].wape / 2
    assert found["item x store x day"].share_sold == pytest.approx(np.mean(actual > 0))


# --- against plain loops ----------------------------------------------------------------------------------


def test_wrmsse_of_every_level_is_that_of_plain_loops() -> None:
    places, history, actual, value = random_case()
    window = window_of(places, history, actual, value)
    mean = np.random.default_rng(9).uniform(0.0, 6.0, actual.shape)
    expected = m5_reference.wrmsse_by_level(places, history, actual, mean, value)
    forecast = replace(forecast_of(window.origin, mean), point=np.zeros_like(mean))  # medians do not add up
    np.testing.assert_allclose(score(window, forecast).wrmsse, expected)


def test_wspl_of_every_level_is_that_of_plain_loops() -> None:
    places, history, actual, value = random_case()
    window = window_of(places, history, actual, value)
    forecast = guarded_predict(RecentQuantiles(), window.origin.panel, actual.shape[1])
    found = score(window, forecast)
    for level, columns, own in zip(window.levels, m5_reference.GUIDE, found.wspl, strict=True):
        quantiles, expected = quantiles_of_sums(level, forecast), 0.0
        for number, rows in enumerate(m5_reference.sums(places, columns)):
            loss = m5_reference.spl(
                history[rows].sum(axis=0).tolist(), actual[rows].sum(axis=0).tolist(), quantiles[number]
            )
            expected += value[rows].sum() / value.sum() * loss
        assert own == pytest.approx(expected), level.name


def test_the_unweighted_errors_of_the_series_are_the_evaluations_rmsse() -> None:
    places, history, actual, value = random_case()
    history[:, 0] = 1.0  # the evaluation's histories begin with the first sale
    window = window_of(places, history, actual, value)
    mean = np.random.default_rng(9).uniform(0.0, 6.0, actual.shape)
    own = rmsse(actual, mean, window.yardsticks[11])
    assert own.mean() == pytest.approx(score_series(window.origin, Answer(mean, mean)).metrics()["rmsse"][0])


def test_both_measures_do_not_know_the_unit() -> None:
    _, history, actual, value = random_case()
    quantiles = np.sort(np.random.default_rng(5).uniform(0.0, 9.0, (*actual.shape, 9)), axis=2)
    mean = quantiles.mean(axis=2)
    one, dozens = Yardstick.of(history, value), Yardstick.of(12.0 * history, 7.0 * value)
    assert wrmsse(12 * actual, 12 * mean, dozens) == pytest.approx(wrmsse(actual, mean, one))
    assert wspl(12 * actual, 12 * quantiles, dozens) == pytest.approx(wspl(actual, quantiles, one))
    assert wrmsse(12 * actual, mean, dozens) != pytest.approx(wrmsse(actual, mean, one))


def test_a_sum_without_a_scale_is_left_out_with_its_weight() -> None:
    history = np.array([[1.0, 3.0, 1.0], [5.0, 5.0, 5.0], [0.0, 0.0, 0.0]])
    yardstick = Yardstick.of(history, np.array([6.0, 3.0, 0.0]))
    actual, mean = np.ones((3, 7)), np.full((3, 7), 3.0)
    np.testing.assert_allclose(rmsse(actual, mean, yardstick), [1.0, np.nan, np.nan])
    assert wrmsse(actual, mean, yardstick) == pytest.approx(1.0)
    assert spl(actual, np.repeat(mean[:, :, None], 9, axis=2), yardstick)[0] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="nothing was sold"):
        Yardstick.of(history, np.zeros(3))


# --- sums -------------------------------------------------------------------------------------------------


def test_the_whole_competition_has_its_numbers_of_sums() -> None:
    departments = {"FOODS_1": 216, "FOODS_2": 398, "FOODS_3": 823, "HOBBIES_1": 416, "HOBBIES_2": 149,
                   "HOUSEHOLD_1": 532, "HOUSEHOLD_2": 515}  # fmt: skip
    items = [f"{name}_{number:03}" for name, count in departments.items() for number in range(count)]
    stores = ["CA_1", "CA_2", "CA_3", "CA_4", "TX_1", "TX_2", "TX_3", "WI_1", "WI_2", "WI_3"]
    levels = levels_of(places_of(items, stores))
    assert tuple(len(level.members) for level in levels) == COMPETITION_SUMS
    assert sum(COMPETITION_SUMS) == 42_840
    assert coinciding(levels) == {}


def test_in_one_store_levels_coincide() -> None:
    levels = levels_of(places_of(["FOODS_1_1", "FOODS_2_1", "HOBBIES_1_1"], ["CA_1"]))
    assert coinciding(levels) == {2: 1, 3: 1, 6: 4, 7: 5, 8: 4, 9: 5, 10: 5, 11: 5, 12: 5}


def test_sums_of_series_that_move_together_fall_outside_and_single_series_do_not() -> None:
    rng = np.random.default_rng(4)
    busy = rng.choice([5.0, 35.0], (1, 28 * 3))  # of all series on the same days
    units = rng.poisson(np.repeat(busy, 15, axis=0)).astype(np.float64)
    window = window_of(random_case()[0], units[:, :56], units[:, 56:], np.ones(15))
    found = score(window, guarded_predict(RecentQuantiles(), window.origin.panel, 28))
    assert found.inside_95[11] > 0.9
    assert found.inside_95[0] < 0.5


def test_a_level_adds_up_whatever_the_order_of_the_series() -> None:
    level = Level(3, np.array([0, 1, 2, 1, 0, 2, 2]))
    values = np.arange(14.0).reshape(7, 2)
    expected = [values[[0, 4]].sum(axis=0), values[[1, 3]].sum(axis=0), values[[2, 5, 6]].sum(axis=0)]
    np.testing.assert_array_equal(level.total(values), expected)
    np.testing.assert_array_equal(level.members, [2, 2, 3])


def test_quantiles_of_a_sum_are_those_of_independent_series_added_up() -> None:
    draws = np.random.default_rng(1).poisson([[3.0], [8.0], [20.0]], (3, 200_000)).astype(np.float64)
    grid = empirical_quantiles(draws)[:, None, :]
    origin = Origin(Panel(("a", "b", "c"), LAST_SEEN, (np.ones(30),) * 3), np.ones((3, 1)))
    forecast = forecast_of(origin, draws.mean(axis=1, keepdims=True), grid)
    medians = replace(forecast, point=np.zeros((3, 1)))  # which do not add up
    found = quantiles_of_sums(Level(10, np.array([0, 0, 1])), medians)
    added = np.quantile(draws[:2].sum(axis=0), M5_QUANTILES)
    np.testing.assert_allclose(found[0, 0], added, atol=1.0)
    np.testing.assert_allclose(found[1, 0], np.quantile(draws[2], M5_QUANTILES), atol=1.0)
    assert (np.diff(found, axis=2) >= 0).all()


# --- files ------------------------------------------------------------------------------------------------


def test_weights_are_the_dollars_of_the_last_four_weeks_that_a_model_sees(tmp_path: Path) -> None:
    units = np.ones((2, 98))  # 14 weeks, of which the model sees ten
    units[1] = 3.0
    units[:, ::2] += 1.0
    write_m5(tmp_path, places_of(["FOODS_1_1", "FOODS_1_2"], ["CA_1"]), units)
    sales = read_sales(tmp_path)
    window = M5Window.of(sales, tmp_path)
    assert (window.last_day_seen, window.days, window.priced) == (70, "d_71-98", True)
    price = np.repeat([7.0, 8.0, 9.0, 10.0], 7)
    dollars = (units[:, 42:70] * price).sum(axis=1)
    np.testing.assert_allclose(window.yardsticks[11].weight, dollars / dollars.sum())
    earlier = M5Window.of(sales, tmp_path, days_left_off=28)
    assert earlier.days == "d_43-70"
    np.testing.assert_array_equal(earlier.origin.actual, units[:, 42:70])


def test_without_prices_units_are_the_weights_and_that_is_said(tmp_path: Path) -> None:
    units = np.tile([[1.0, 3.0], [3.0, 9.0]], 49)
    write_m5(tmp_path, places_of(["FOODS_1_1", "FOODS_1_2"], ["CA_1"]), units, prices=False)
    sales = read_sales(tmp_path)
    window = M5Window.of(sales, tmp_path)
    np.testing.assert_allclose(window.yardsticks[11].weight, [0.25, 0.75])
    said = " ".join(scope([window], sales))
    assert "2 series of M5's 30,490, days d_1 to d_98" in said
    assert "weighed by units" in said
    assert "part of M5" in said
    assert "2 = 1, 3 = 1" in said


def test_sold_units_without_a_price_weigh_nothing_and_that_is_said(tmp_path: Path) -> None:
    units = np.tile([1.0, 3.0], (2, 49))
    write_m5(tmp_path, places_of(["FOODS_1_1", "FOODS_1_2"], ["CA_1"]), units)
    prices = pl.read_csv(tmp_path / "sell_prices.csv")
    prices.filter(pl.col("item_id") != "FOODS_1_2").write_csv(tmp_path / "sell_prices.csv")
    sales = read_sales(tmp_path)
    window = M5Window.of(sales, tmp_path)
    assert window.yardsticks[11].weight.tolist() == [1.0, 0.0]
    assert "Up to 50.0% of the units" in " ".join(scope([window], sales))


def test_files_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    places, units = places_of(["FOODS_1_1"], ["CA_1"]), np.tile([1.0, 3.0], (1, 49))
    write_m5(tmp_path, places, units)
    sales = read_sales(tmp_path)
    with pytest.raises(ValueError, match="lacks the day d_99"):
        daily_prices(tmp_path, sales, range(90, 100))
    prices = pl.read_csv(tmp_path / "sell_prices.csv")
    pl.concat([prices, prices]).write_csv(tmp_path / "sell_prices.csv")
    with pytest.raises(ValueError, match="two prices"):
        M5Window.of(sales, tmp_path)
    (tmp_path / "calendar.csv").unlink()
    with pytest.raises(ValueError, match="needs calendar"):
        M5Window.of(sales, tmp_path)
    write_m5(tmp_path, places.drop("dept_id"), units, prices=False)
    with pytest.raises(ValueError, match="columns dept_id"):
        M5Window.of(read_sales(tmp_path), tmp_path)


def test_of_the_competitions_two_files_the_longer_is_read(tmp_path: Path) -> None:
    places, units = places_of(["FOODS_1_1"], ["CA_1"]), np.tile([1.0, 3.0], (1, 49))
    write_m5(tmp_path, places, units[:, :70])
    (tmp_path / "sales_train_evaluation.csv").rename(tmp_path / "sales_train_validation.csv")
    assert read_sales(tmp_path).last_day == 70
    write_m5(tmp_path, places, units)
    assert read_sales(tmp_path).last_day == 98


def test_only_the_competitions_series_and_days_stand_beside_its_figures(tmp_path: Path) -> None:
    sales = M5Sales(tmp_path, 1, np.ones((30_490, 1)), np.arange(30_490), 30_490, pl.DataFrame())
    levels = tuple(Level(number, np.arange(30_490) % sums) for number, sums in enumerate(COMPETITION_SUMS, 1))
    _, history, actual, value = random_case()
    window = replace(window_of(random_case()[0], history, actual, value), levels=levels)
    assert is_whole(window, sales)
    assert not is_competitions(window, sales)
    assert "of another month" in scope([window], sales)[-1]
    judged = replace(window, last_day_seen=1941)
    assert is_competitions(judged, sales)
    assert "competition's own" in scope([judged], sales)[-1]
    for other in (replace(judged, priced=False), replace(judged, levels=window_of(*random_case()).levels)):
        assert not is_whole(other, sales)
    assert not is_whole(judged, replace(sales, first_day=1495))


# --- genuine ----------------------------------------------------------------------------------------------


@pytest.mark.shared_data
def test_genuine_windows_have_the_figures_of_plain_loops(shared_data: Path) -> None:
    folder = shared_data / "m5_280x1941"
    sales = read_sales(folder, max_series=60)
    scores = []
    for left_off in (0, HORIZON):
        window = M5Window.of(sales, folder, days_left_off=left_off)
        assert window.units_without_price == 0.0
        forecast = guarded_predict(SeasonalNaive(7), window.origin.panel, HORIZON)
        history = sales.units[:, : sales.units.shape[1] - HORIZON - left_off]
        last = window.last_day_seen
        prices = daily_prices(folder, sales, range(last - 27, last + 1))
        assert prices is not None
        dollars = np.nansum(history[:, -28:] * prices, axis=1)
        found = score(window, forecast)
        np.testing.assert_allclose(
            found.wrmsse,
            m5_reference.wrmsse_by_level(sales.places, history, window.origin.actual, forecast.mean, dollars),
        )
        scores.append(found)
    assert mean_scores(scores).mean_wspl == pytest.approx(np.mean([one.mean_wspl for one in scores]))


@pytest.mark.shared_data
def test_in_a_genuine_store_an_average_by_the_day_is_far_better_than_by_the_item(shared_data: Path) -> None:
    folder = shared_data / "m5_ca1_3049x447"
    sales = read_sales(folder, max_series=300)
    window = M5Window.of(sales, folder)
    found = score(window, guarded_predict(MovingAverage(7), window.origin.panel, HORIZON))
    assert not window.priced
    assert found.wrmsse[0] == found.wrmsse[1] == found.wrmsse[2]
    assert found.percentages["store x day"].wape < 0.25
    assert found.percentages["item x store x day"].wape > 0.6
