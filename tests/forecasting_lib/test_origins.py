"""Origins: their dates, what a model may see at them, and several of them asked about at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

import numpy as np
import pytest

from forecasting_lib.grain import Grain
from forecasting_lib.models.gbm import GradientBoosting
from forecasting_lib.models.guards import guarded_predict, taught
from forecasting_lib.models.registry import create_model
from forecasting_lib.origins import Origin, cut, forecast_origins, origin_dates
from forecasting_lib.panel import Forecast, Panel

LAST = date(2026, 6, 30)


def panel_of_store(series: int = 12, days: int = 300, seed: int = 1) -> Panel:
    """Counts of which some series begin later."""
    rng = np.random.default_rng(seed)
    level = rng.gamma(1.0, 2.0, series)
    return Panel(
        tuple(f"s{number}" for number in range(series)),
        LAST,
        tuple(rng.poisson(level[number], days - 5 * number).astype(np.float64) for number in range(series)),
    )


def test_origins_end_a_horizon_before_the_last_day_and_lie_a_stride_apart() -> None:
    dates = origin_dates(LAST, Grain.DAY, origins=3, stride=28, horizon=14)
    assert dates == [date(2026, 4, 21), date(2026, 5, 19), date(2026, 6, 16)]
    weeks = origin_dates(date(2026, 6, 28), Grain.WEEK, origins=2, stride=4, horizon=8)
    assert weeks == [date(2026, 4, 5), date(2026, 5, 3)]


@pytest.mark.parametrize("wrong", [{"origins": 0}, {"stride": 0}, {"horizon": 0}])
def test_numbers_below_one_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        origin_dates(LAST, Grain.DAY, **{"origins": 1, "stride": 1, "horizon": 1, **wrong})


def test_an_origin_inside_a_period_is_refused() -> None:
    with pytest.raises(ValueError, match="no month ends"):
        origin_dates(date(2026, 6, 15), Grain.MONTH, origins=1, stride=1, horizon=1)


def test_a_cut_parts_a_history_without_losing_or_showing_a_day() -> None:
    panel = panel_of_store()
    origin = cut(panel, 40, 28)
    assert origin.date == date(2026, 5, 21)
    for seen, later, whole in zip(origin.panel.history, origin.actual, panel.history, strict=True):
        np.testing.assert_array_equal(np.concatenate([seen, later]), whole[: len(whole) - 12])


def test_a_series_that_began_after_the_origin_shows_nothing_and_is_unknown_before() -> None:
    origin = cut(Panel(("young",), LAST, (np.ones(10),)), 28, 28)
    assert len(origin.panel.history[0]) == 0
    assert np.isnan(origin.actual[0, :18]).all()
    assert (origin.actual[0, 18:] == 1).all()


def test_a_horizon_longer_than_what_is_known_is_refused() -> None:
    with pytest.raises(ValueError, match="not the 28"):
        cut(panel_of_store(), 20, 28)


def test_parts_of_different_series_are_refused() -> None:
    panel = panel_of_store(2)
    with pytest.raises(ValueError, match="for 2 series"):
        Origin(panel, np.zeros((3, 7)))
    with pytest.raises(ValueError, match="shut periods"):
        Origin(panel, np.zeros((2, 7)), np.zeros((2, 6), dtype=np.bool_))


@pytest.mark.parametrize("name", ["hist_q", "hist_dow", "ma7", "seasonal_naive", "tsb"])
def test_several_origins_at_once_are_answered_like_each_by_itself(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forecasting_lib.origins.SERIES_PER_BATCH", 7)
    origins = [cut(panel_of_store(), periods, 14) for periods in (70, 42, 14)]
    model = create_model(name)
    told = []
    together = list(
        forecast_origins(model, origins, 14, progress=lambda done, total: told.append((done, total)))
    )
    assert told[-1] == (36, 36)
    for number, origin in enumerate(origins):
        alone = guarded_predict(model, origin.panel, 14)
        parts = [part for part in together if part.origin == number]
        assert np.concatenate([part.series for part in parts]).tolist() == list(range(12))
        for attribute in ("point", "mean", "quantiles"):
            joined = np.concatenate([getattr(part.forecast, attribute) for part in parts])
            np.testing.assert_array_equal(joined, getattr(alone, attribute))
        assert [i for part in parts for i in part.forecast.series_ids] == list(origin.panel.series_ids)
        assert {part.forecast.as_of_date for part in parts} == {origin.date}


def test_what_was_expected_to_be_shut_is_without_demand() -> None:
    origin = cut(panel_of_store(2), 14, 14)
    shut = np.zeros((2, 14), dtype=np.bool_)
    shut[1, 3] = True
    [part] = forecast_origins(create_model("ma7"), [replace(origin, shut_ahead=shut)], 14)
    assert part.forecast.quantiles[1, 3].max() == 0
    assert (part.forecast.mean[0] > 0).all()


def test_origins_of_different_grains_are_refused() -> None:
    days = cut(panel_of_store(1), 14, 14)
    weeks = cut(Panel(("w",), date(2026, 6, 28), (np.ones(60),), grain=Grain.WEEK), 8, 8)
    with pytest.raises(ValueError, match="one grain"):
        list(forecast_origins(create_model("hist_q"), [days, weeks], 8))


def test_origins_that_know_different_covariates_are_each_told_their_own() -> None:
    """A calendar reaches the horizon of the first origin, and not that of the second."""
    panel = Panel(("a",), LAST, (np.ones(60),))
    first, second = cut(panel, 28, 14), cut(panel, 14, 14)
    told = replace(
        first.panel,
        past_covariates={"holiday": (np.zeros(32),)},
        future_covariates={"holiday": (np.full(14, 1.0),)},
    )
    parts = list(forecast_origins(Counts(), [replace(first, panel=told), second], 14))
    assert {part.origin: part.forecast.mean[0, 0] for part in parts} == {0: 1.0, 1: 0.5}


@dataclass(frozen=True)
class Counts:
    """Forecasts a half, and another for each covariate that is known ahead."""

    name: ClassVar[str] = "counts"
    uses_covariates: ClassVar[bool] = True

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        units = np.full((len(panel), horizon), 0.5 + 0.5 * len(panel.future_covariates))
        return Forecast(
            panel.series_ids,
            panel.as_of_date,
            units,
            units,
            np.repeat(units[:, :, None], 21, axis=2),
            (None,) * len(panel),
        )


def test_no_origin_is_no_forecast() -> None:
    assert list(forecast_origins(create_model("hist_q"), [], 8)) == []


@dataclass(frozen=True)
class Remembers:
    """Learns how many periods it was shown, and forecasts that."""

    shown: int | None = None
    name: ClassVar[str] = "remembers"
    uses_covariates: ClassVar[bool] = False

    @property
    def digest(self) -> str | None:
        return None if self.shown is None else str(self.shown)

    def learned(self, panel: Panel, horizon: int) -> Remembers:  # noqa: ARG002
        return Remembers(max(map(len, panel.history)))

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        units = np.full((len(panel), horizon), float(self.shown or 0) / 1000)
        return Forecast(
            panel.series_ids,
            panel.as_of_date,
            units,
            units,
            np.repeat(units[:, :, None], 21, axis=2),
            (None,) * len(panel),
        )


def test_a_model_that_learns_learns_at_each_origin_what_could_be_seen_then() -> None:
    panel = Panel(("a", "b"), LAST, (np.ones(100), np.ones(100)))
    origins = [cut(panel, periods, 7) for periods in (50, 20)]
    found = [part.forecast.mean[0, 0] for part in forecast_origins(Remembers(), origins, 7)]
    assert found == [0.05, 0.08]


def test_trees_of_an_origin_know_nothing_of_later_days() -> None:
    quiet = panel_of_store(20, 200)
    loud = replace(
        quiet, history=tuple(np.where(np.arange(len(h)) < len(h) - 28, h, 500.0) for h in quiet.history)
    )
    answers = []
    for panel in (quiet, loud):
        origins = [cut(panel, periods, 14) for periods in (42, 28)]
        answers.append(
            np.concatenate([p.forecast.quantiles for p in forecast_origins(GradientBoosting(), origins, 14)])
        )
    quiet_answer, loud_answer = answers
    np.testing.assert_array_equal(quiet_answer, loud_answer)
    early, late = (taught(GradientBoosting(), cut(loud, periods, 14).panel, 14) for periods in (28, 14))
    assert isinstance(early, GradientBoosting)
    assert isinstance(late, GradientBoosting)
    assert early.digest != late.digest
