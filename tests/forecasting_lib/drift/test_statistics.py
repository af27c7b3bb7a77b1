"""The statistics against direct computations, and when an episode begins, goes on and is over."""

from __future__ import annotations

import math
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.drift.episodes import QUIET, Begun, Open, Place, turns
from forecasting_lib.drift.errors import (
    CUSUM_LIMIT,
    CUSUM_SLACK,
    LEAST_ERRORS,
    Baseline,
    baseline_of,
    cusum,
    error_drift,
    tracking_signal,
)
from forecasting_lib.drift.findings import Drift, DriftKind, Steady, Unjudged
from forecasting_lib.drift.look import OF_THE_WINDOW, look
from forecasting_lib.drift.stability_index import PSI_LIMIT, limit_of, population_stability_index
from forecasting_lib.drift.window import WINDOW_DAYS, DemandWindow

LAST = date(2026, 3, 31)
ERROR: Place = (DriftKind.FORECAST_ERROR, "client", "acme")

numbers = st.floats(-20, 20, allow_nan=False)
samples = st.lists(numbers, min_size=2, max_size=200).map(np.array)


def directly(reference: np.ndarray, recent: np.ndarray) -> float:
    """The index by its definition, a value at a time."""
    edges = sorted({float(np.quantile(reference, k / 10)) for k in range(1, 10)})
    bounds = [-math.inf, *edges, math.inf]
    index = 0.0
    for low, high in pairwise(bounds):
        p, q = (
            (sum(low <= value < high for value in values) + 0.5) / (len(values) + 0.5 * (len(bounds) - 1))
            for values in (recent, reference)
        )
        index += (p - q) * math.log(p / q)
    return index


@given(samples, samples)
def test_the_stability_index_is_what_its_definition_says(reference: np.ndarray, recent: np.ndarray) -> None:
    index = population_stability_index(reference, recent)
    assert index == pytest.approx(directly(reference, recent), abs=1e-9)
    assert index >= 0


@given(samples)
def test_the_stability_index_of_a_sample_and_itself_is_zero(values: np.ndarray) -> None:
    assert population_stability_index(values, values) == pytest.approx(0, abs=1e-12)


@given(samples.filter(lambda values: len(values) >= 20), st.floats(0.1, 10))
def test_the_stability_index_does_not_depend_on_the_unit(values: np.ndarray, factor: float) -> None:
    reference, recent = np.round(values[::2]), np.round(values[1::2])
    powers = 2.0 ** round(math.log2(factor))
    assert population_stability_index(reference * powers, recent * powers) == pytest.approx(
        population_stability_index(reference, recent)
    )


@pytest.mark.parametrize("n", [50, 100, 2000])
def test_two_samples_of_one_distribution_pass_the_limit_once_in_a_thousand(n: int) -> None:
    random = np.random.default_rng(n)
    passed = [
        population_stability_index(random.normal(size=6 * n), random.normal(size=n)) > limit_of(6 * n, n)
        for _ in range(2000)
    ]
    assert sum(passed) <= 8
    assert limit_of(6 * n, n) >= PSI_LIMIT


@given(st.lists(numbers, min_size=1, max_size=60))
def test_the_cusum_is_the_largest_excess_of_any_run_of_days_up_to_the_last(values: list[float]) -> None:
    """Page's form: the statistic is the maximum over all beginnings, and none."""
    found = cusum(np.array(values))
    over = max([0.0, *(sum(v - CUSUM_SLACK for v in values[k:]) for k in range(len(values)))])
    under = max([0.0, *(sum(-v - CUSUM_SLACK for v in values[k:]) for k in range(len(values)))])
    assert abs(found.statistic) == pytest.approx(max(over, under), abs=1e-9)
    if abs(found.statistic) > 1e-9:
        sign = math.copysign(1, found.statistic)
        since = sum(sign * v - CUSUM_SLACK for v in values[found.began :])
        assert since == pytest.approx(abs(found.statistic), abs=1e-9)


@given(st.lists(numbers, min_size=1, max_size=40))
def test_a_day_that_is_not_known_changes_nothing(values: list[float]) -> None:
    known = cusum(np.array(values))
    gaps = cusum(np.array([x for value in values for x in (value, math.nan)]))
    assert gaps.statistic == known.statistic
    assert tracking_signal(np.array([*values, math.nan]), 2.0) == pytest.approx(sum(values) / 2.0)


def test_a_baseline_is_wider_the_fewer_errors_it_rests_on() -> None:
    errors = np.tile([-0.1, 0.1], 50)
    few, many = baseline_of(errors[:6], "few"), baseline_of(errors, "many")
    assert few is not None
    assert many is not None
    assert few.mean == many.mean == 0
    assert few.deviation > 1.5 * many.deviation
    assert many.deviation == pytest.approx(np.std(errors, ddof=1), rel=0.05)
    assert baseline_of(errors[: LEAST_ERRORS - 1], "too few") is None
    assert baseline_of(np.full(20, 0.1), "all the same") is None


USUAL = Baseline(mean=0.0, deviation=0.1, mad=0.08, n=50, origin="the backtest")


def test_errors_beyond_the_limit_are_drift_since_the_day_they_began() -> None:
    forecast = np.full(28, 100.0)
    actual = np.full(28, 100.0)
    actual[-2:] = 160.0
    found = error_drift(forecast, actual, LAST, USUAL)
    assert isinstance(found, Drift)
    assert found.first_date == LAST - timedelta(days=1)
    assert found.evidence["cusum"] == pytest.approx(-10.0)
    assert found.evidence["tracking_signal"] == pytest.approx(-15.0)
    assert "320 units were sold where 200 were forecast" in found.sentence
    assert isinstance(error_drift(forecast, forecast, LAST, USUAL), Steady)


def test_errors_without_a_baseline_or_without_a_known_day_are_no_all_clear() -> None:
    day, nothing = np.full(28, 100.0), np.full(28, np.nan)
    assert isinstance(error_drift(day, day * 3, LAST, None), Unjudged)
    assert isinstance(error_drift(nothing, nothing, LAST, USUAL), Unjudged)


def test_limits_are_what_a_person_is_told() -> None:
    found = error_drift(np.full(5, 100.0), np.full(5, 300.0), LAST, USUAL)
    assert found.evidence["cusum_limit"] == CUSUM_LIMIT  # type: ignore[union-attr]


# --- what cannot be judged ----------------------------------------------------------------------------


def window(demand: np.ndarray) -> DemandWindow:
    names = np.array([f"item {i}" for i in range(len(demand))], dtype=object)
    return DemandWindow(
        names, np.full(len(demand), "n", dtype=object), LAST, demand, np.full(demand.shape, np.nan),
        np.full(len(demand), -1),
    )  # fmt: skip


@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_handful_of_slow_sellers_is_never_an_all_clear_nor_an_alarm(n: int) -> None:
    demand = np.zeros((n, WINDOW_DAYS))
    demand[:, ::30] = 1
    assert {type(one) for one in look(window(demand))} == {Unjudged}


def test_fewer_days_than_the_window_cannot_be_judged() -> None:
    found = look(window(np.ones((60, 40))))
    assert [one.kind for one in found] == list(OF_THE_WINDOW)
    assert {type(one) for one in found} == {Unjudged}


def test_a_week_that_nothing_is_known_of_is_no_pattern_that_was_lost() -> None:
    """A closed week among the twelve before; the pattern of the others goes on."""
    days = np.arange(WINDOW_DAYS)
    demand = np.tile(np.where(days % 7 < 5, 20.0, 2.0), (12, 1))
    demand += np.random.default_rng(4).poisson(3, demand.shape)
    demand[:, -42:-35] = np.nan
    [found] = [one for one in look(window(demand)) if one.kind is DriftKind.WEEKLY_PATTERN]
    assert isinstance(found, Steady)
    assert all(math.isfinite(value) for value in found.evidence.values() if isinstance(value, float))


def test_every_kind_is_asked_about() -> None:
    assert {*OF_THE_WINDOW, DriftKind.FORECAST_ERROR} == set(DriftKind)


# --- episodes -----------------------------------------------------------------------------------------

DRIFT = Drift(DriftKind.FORECAST_ERROR, LAST, "It drifts.", {})
STEADY = Steady(DriftKind.FORECAST_ERROR, {})
UNKNOWN = Unjudged(DriftKind.FORECAST_ERROR, "Nothing is known.")


def test_an_episode_begins_once_and_goes_on() -> None:
    first = turns({}, {ERROR: DRIFT}, LAST)
    assert first.begun == {ERROR: Begun(DRIFT, None)}
    again = turns({ERROR: Open(LAST, LAST)}, {ERROR: DRIFT}, LAST)
    assert (again.begun, again.going_on, again.over) == ({}, [ERROR], [])


def test_an_episode_is_over_after_a_fortnight_that_was_judged_without_it() -> None:
    going_on = {ERROR: Open(LAST, LAST)}
    assert turns(going_on, {ERROR: STEADY}, LAST + QUIET - timedelta(days=1)).over == []
    assert turns(going_on, {ERROR: STEADY}, LAST + QUIET).over == [ERROR]
    assert turns(going_on, {ERROR: UNKNOWN}, LAST + QUIET).over == []
    assert turns(going_on, {}, LAST + QUIET).over == []


def drift_of(kind: DriftKind, first: date) -> Drift:
    return Drift(kind, first, "It drifts.", {})


LUMPY: Place = (DriftKind.FORECAST_ERROR, "demand_class", "lumpy")
PATTERN: Place = (DriftKind.WEEKLY_PATTERN, "client", "acme")
FROZEN: Place = (DriftKind.FEED_FROZEN, "client", "acme")


@pytest.mark.parametrize(
    ("days", "part_of"), [(-14, ERROR), (0, ERROR), (14, ERROR), (15, None), (-15, None)]
)
def test_an_effect_of_the_same_fortnight_is_part_of_the_episode_that_goes_on(
    days: int, part_of: Place | None
) -> None:
    found = {PATTERN: drift_of(PATTERN[0], LAST + timedelta(days=days))}
    assert turns({ERROR: Open(LAST, LAST)}, found, LAST).begun[PATTERN].part_of == part_of


def test_of_several_effects_of_one_day_the_first_is_told_and_a_faulty_delivery_before_them() -> None:
    effects = {place: drift_of(place[0], LAST) for place in (ERROR, PATTERN)}
    assert {place: one.part_of for place, one in turns({}, effects, LAST).begun.items()} == {
        ERROR: None,
        PATTERN: ERROR,
    }
    begun = turns({}, {**effects, FROZEN: drift_of(FROZEN[0], LAST)}, LAST).begun
    assert {place: one.part_of for place, one in begun.items()} == {
        FROZEN: None,
        ERROR: FROZEN,
        PATTERN: FROZEN,
    }


def test_a_faulty_delivery_is_told_whatever_goes_on() -> None:
    going_on = {ERROR: Open(LAST, LAST), LUMPY: Open(LAST, LAST)}
    assert turns(going_on, {FROZEN: drift_of(FROZEN[0], LAST)}, LAST).begun[FROZEN].part_of is None
