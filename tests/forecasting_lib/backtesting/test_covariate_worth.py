"""What a covariate is worth: one that moves demand is kept, one that does not is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from forecasting_lib.backtesting import covariate_worth
from forecasting_lib.backtesting.covariate_worth import (
    SAMPLE,
    Window,
    covariate_worths,
    deciding_windows,
    judged,
    sampled_origins,
    shown_only,
)
from forecasting_lib.backtesting.gains import Losses, mean_gain
from forecasting_lib.benchmark.promotions import retailer_as_of
from forecasting_lib.covariates import Use
from forecasting_lib.demo import RetailerConfig, generate_retailer
from forecasting_lib.models.chronos2 import Chronos2
from forecasting_lib.origins import Origin
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray, Forecast, Panel
from forecasting_lib.quantile_grid import demand_grid

BUNDLED = Path(__file__).parents[3] / "data" / "models" / "chronos-2-small-demand"
HORIZON = 28
ORIGINS = 6
LAST = date(2026, 6, 30)


@dataclass(frozen=True)
class Ratios:
    """Forecasts the mean of plain days, times what days with a covariate sold beside them."""

    asked: list[tuple[tuple[str, ...], int]]
    name: ClassVar[str] = "ratios"
    uses_covariates: ClassVar[bool] = True

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        self.asked.append((tuple(panel.past_covariates), len(panel)))
        means = np.stack([self._mean(panel, row, horizon) for row in range(len(panel))])
        spread = np.interp(QUANTILE_LEVELS, (0.01, 0.5, 0.99), (-2.3, 0.0, 2.3))
        grid = demand_grid(means[:, :, None] + np.sqrt(means)[:, :, None] * spread)
        none = (None,) * len(panel)
        return Forecast(panel.series_ids, panel.as_of_date, grid[:, :, 10], means, grid, none)

    def _mean(self, panel: Panel, row: int, horizon: int) -> FloatArray:
        history = panel.history[row]
        said = {name: rows[row] != 0.0 for name, rows in panel.past_covariates.items()}
        plain = ~np.any(list(said.values()), axis=0) if said else np.ones(len(history), dtype=bool)
        mean = np.full(horizon, float(history[plain].mean()))
        for name, on in said.items():
            ahead = panel.future_covariates[name][row][:horizon] != 0.0
            if on.any():
                mean[ahead] *= float(history[on].mean()) / float(history[plain].mean())
        return mean


def origins_of(uplift: float, *, series: int = 40, share: float = 0.08, seed: int = 3) -> list[Origin]:
    """Counts of series with promotions that multiply them, and holidays that have nothing to do with them."""
    rng = np.random.default_rng(seed)
    days = 200 + ORIGINS * HORIZON
    promoted, holiday = rng.random((2, series, days)) < share
    level = rng.uniform(4.0, 12.0, series)[:, None]
    demand = rng.poisson(level * np.where(promoted, uplift, 1.0)).astype(float)
    found = []
    for back in range(ORIGINS, 0, -1):
        now = days - back * HORIZON
        told = {"promotion": promoted * 0.3, "holiday": holiday * 1.0}
        panel = Panel(
            tuple(f"series {row}" for row in range(series)),
            LAST - timedelta(days=back * HORIZON),
            tuple(demand[:, :now]),
            {name: tuple(rows[:, :now]) for name, rows in told.items()},
            {name: tuple(rows[:, now : now + HORIZON]) for name, rows in told.items()},
        )
        found.append(Origin(panel, demand[:, now : now + HORIZON]))
    return found


def test_what_moves_demand_is_kept_and_what_does_not_is_dropped() -> None:
    promotion, holiday = covariate_worths(Ratios([]), origins_of(uplift=2.5), HORIZON)
    assert (promotion.covariate, promotion.verdict) == ("promotion", Use.USED)
    assert (holiday.covariate, holiday.verdict) == ("holiday", Use.NOT_USED)
    assert promotion.gain is not None
    assert promotion.own_gain is not None
    assert promotion.own_gain.share > 0.4 > promotion.gain.share > 0.05
    assert promotion.gain.n_windows == 4
    assert promotion.n_series == 40
    assert [window.decides for window in promotion.windows] == [True] * 4 + [False] * 2


@pytest.mark.parametrize("seed", range(8))
def test_noise_is_dropped_whatever_it_happens_to_look_like(seed: int) -> None:
    worths = covariate_worths(Ratios([]), origins_of(uplift=1.0, seed=seed), HORIZON)
    assert {worth.verdict for worth in worths} == {Use.NOT_USED}


def test_a_promotion_of_few_days_is_judged_on_them() -> None:
    """One promoted day in a hundred: what it gains drowns in the others."""
    promotion, _ = covariate_worths(Ratios([]), origins_of(uplift=2.0, series=120, share=0.01), HORIZON)
    assert promotion.gain is not None
    assert promotion.own_gain is not None
    assert promotion.own_gain.is_clear
    assert promotion.own_gain.share > 10 * promotion.gain.share
    assert promotion.verdict is Use.USED


def test_the_gain_is_of_the_losses_with_and_without() -> None:
    """Two series in one window: 1 - (2 + 3) / (4 + 6), of 20 units."""
    window = Losses(np.array([2.0, 3.0]), np.array([4.0, 6.0]), 20.0, 10)
    assert window.gain == 0.5
    assert (window.wql_with, window.wql_without) == (0.25, 0.5)
    assert window.variance == 0.0, "both series gain the same share"
    nothing = Losses(np.zeros(2), np.zeros(2), 0.0, 10)
    assert (nothing.gain, nothing.wql_with) == (None, None)


def test_the_error_of_a_gain_is_at_least_that_of_other_series() -> None:
    """Windows that agree to the last digit do not agree better than series do."""
    agreeing = [Losses(np.array([1.0, 9.0]), np.array([5.0, 6.0]), 20.0, 10)] * 4
    found = mean_gain(agreeing)
    assert found is not None
    assert found.share == pytest.approx(1 - 10 / 11)
    assert found.standard_error == pytest.approx(np.sqrt(agreeing[0].variance / 4))
    apart = [Losses(np.full(2, 1.0 - gain), np.ones(2), 2.0, 10) for gain in (0.1, 0.2, 0.3)]
    found = mean_gain(apart)
    assert found is not None
    assert found.standard_error == pytest.approx(0.1 / np.sqrt(3))
    assert mean_gain([]) is None


def losing(gain: float, own_gain: float | None, origins: int = 4) -> list[Window]:
    def of(share: float) -> Losses:
        return Losses(np.full(50, 1.0 - share), np.ones(50), 100.0, 60)

    return [
        Window(LAST - timedelta(days=28 * k), of(gain), None if own_gain is None else of(own_gain), True)
        for k in range(origins, 0, -1)
    ]


@pytest.mark.parametrize(
    ("windows", "verdict"),
    [
        (losing(0.01, None), Use.USED),
        (losing(-0.01, None), Use.NOT_USED),
        (losing(0.0, None), Use.NOT_USED),
        (losing(0.0, 0.2), Use.USED),
        (losing(-0.01, 0.2), Use.NOT_USED),
        (losing(0.01, None, origins=2), Use.TOO_FEW_WINDOWS),
        ([], Use.TOO_FEW_WINDOWS),
    ],
)
def test_the_verdict_follows_the_gain_and_that_of_its_own_days(windows: list[Window], verdict: Use) -> None:
    assert judged("promotion", windows, 50).verdict is verdict


def test_days_of_its_own_that_are_few_say_nothing() -> None:
    few = [replace(w, own_days=Losses(np.zeros(50), np.ones(50), 9.0, 9)) for w in losing(0.0, None)]
    found = judged("promotion", few, 50)
    assert (found.verdict, found.own_gain) == (Use.NOT_USED, None)


def test_later_windows_do_not_decide() -> None:
    later = [replace(window, decides=False) for window in losing(0.5, None, origins=2)]
    assert judged("price", [*losing(-0.01, None), *later], 50).verdict is Use.NOT_USED
    assert [deciding_windows(origins) for origins in range(1, 8)] == [1, 2, 3, 3, 3, 4, 5]


def test_with_two_origins_the_model_is_not_even_asked() -> None:
    model = Ratios([])
    worths = covariate_worths(model, origins_of(uplift=2.5)[:2], HORIZON)
    assert {worth.verdict for worth in worths} == {Use.TOO_FEW_WINDOWS}
    assert model.asked == []


def test_what_judging_asks_is_bounded_whatever_the_number_of_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covariate_worth, "SAMPLE", 10)
    model = Ratios([])
    worths = covariate_worths(model, origins_of(uplift=2.5), HORIZON)
    assert {worth.n_series for worth in worths} == {10}
    assert model.asked == [(names, 10 * ORIGINS) for names in ((), ("promotion",), ("holiday",))]


def names_of(origins: Sequence[Origin]) -> set[tuple[str, ...]]:
    return {origin.panel.series_ids for origin in origins}


def test_the_sample_is_the_same_at_each_origin_and_whoever_asks() -> None:
    many = origins_of(uplift=1.0, series=SAMPLE + 50)
    [ids] = names_of(sampled_origins(many))
    assert len(ids) == SAMPLE
    assert names_of(sampled_origins(many)) == {ids}
    few = origins_of(uplift=1.0, series=5)
    assert names_of(sampled_origins(few)) == names_of(few)


def test_a_covariate_that_an_origin_did_not_know_is_judged_at_the_others() -> None:
    first, *later = origins_of(uplift=2.5)
    worths = covariate_worths(Ratios([]), [shown_only(first, ("holiday",)), *later], HORIZON)
    promotion = worths[0]
    assert (promotion.covariate, len(promotion.windows)) == ("promotion", 5)
    assert promotion.gain is not None
    assert promotion.gain.n_windows == 3
    assert promotion.verdict is Use.USED


def retailer_origins(config: RetailerConfig) -> list[Origin]:
    """The demo retailer at six origins, told of a calendar of SNAP days too that means nothing."""
    data = generate_retailer(config)
    last = retailer_as_of(data, config.end_date, HORIZON).panel
    later = dict(zip(last.series_ids, last.history, strict=True))
    said = (np.random.default_rng(config.seed).random(2 * config.days) < 0.3).astype(float)
    found = []
    for back in range(ORIGINS * HORIZON, 0, -HORIZON):
        panel = retailer_as_of(data, config.end_date - timedelta(days=back), HORIZON).panel
        actual = np.full((len(panel), HORIZON), np.nan)
        for row, series_id in zip(actual, panel.series_ids, strict=True):
            if len(later.get(series_id, ())) >= back:
                row[:] = later[series_id][len(later[series_id]) - back :][:HORIZON]
        now = len(said) - back
        past = {"snap": tuple(said[now - len(h) : now] for h in panel.history)}
        ahead = {"snap": (said[now : now + HORIZON],) * len(panel)}
        told = replace(
            panel,
            past_covariates={**panel.past_covariates, **past},
            future_covariates={**panel.future_covariates, **ahead},
        )
        found.append(Origin(told, actual))
    return found


@pytest.mark.slow
def test_the_bundled_model_is_told_of_promotions_and_not_of_noise() -> None:
    config = RetailerConfig(end_date=LAST, days=600, n_items=40, n_locations=3, seed=7)
    worths = covariate_worths(Chronos2(BUNDLED), retailer_origins(config), HORIZON)
    verdicts = {worth.covariate: worth.verdict for worth in worths}
    assert verdicts["promotion"] is Use.USED
    assert verdicts["snap"] is verdicts["price"] is Use.NOT_USED
    promotion = worths[0]
    assert promotion.own_gain is not None
    assert promotion.own_gain.share > 0.1
