"""Who leads: the better model, not the luckier one, and no change without need."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting_lib.backtesting.champions import Reason, choose, expected_scores
from forecasting_lib.panel import FloatArray

SIMPLE, COMPLEX = 0, 1


def losses(own: FloatArray, origins: int = 6, noise: float = 0.0, seed: int = 1) -> FloatArray:
    """(n, m, o): each series and model's expected loss, with noise that all models share none of."""
    rng = np.random.default_rng(seed)
    drawn = own[:, :, None] * np.exp(noise * rng.standard_normal((*own.shape, origins)))
    return np.asarray(drawn)


def test_the_better_model_leads_everywhere() -> None:
    own = np.tile([1.0, 0.9], (40, 1))
    verdict = choose(losses(own, noise=0.05), ["s"] * 40, [SIMPLE, COMPLEX])
    assert set(verdict.model) == {1}
    assert set(verdict.reason) == {Reason.BEST}


def test_of_two_alike_the_simpler_leads() -> None:
    own = np.tile([1.0, 0.995], (40, 1))
    verdict = choose(losses(own), ["s"] * 40, [SIMPLE, COMPLEX])
    assert set(verdict.model) == {0}
    assert set(verdict.reason) == {Reason.SIMPLER}


def test_luck_of_a_few_windows_does_not_win() -> None:
    """All series are alike, so what each one's windows say is noise."""
    own = np.tile([1.0, 0.95], (300, 1))
    drawn = losses(own, origins=4, noise=0.5)
    lucky = drawn.mean(axis=2)
    assert (lucky[:, 0] < lucky[:, 1]).mean() > 0.3, "a third of the series would choose wrongly"
    verdict = choose(drawn, ["s"] * 300, [SIMPLE, COMPLEX])
    assert (verdict.model == 1).mean() > 0.95
    assert verdict.own_weight.max() < 0.3


def test_series_that_do_differ_are_believed() -> None:
    own = np.where(np.arange(200)[:, None] % 2 == 0, [1.0, 0.7], [0.7, 1.0])
    verdict = choose(losses(own, noise=0.1), ["s"] * 200, [SIMPLE, COMPLEX])
    assert (verdict.model == np.where(np.arange(200) % 2 == 0, 1, 0)).mean() > 0.95
    assert verdict.own_weight.min() > 0.7


def test_a_segments_score_is_the_sum_of_its_losses() -> None:
    """A series with hardly any loss does not decide for those that have some."""
    own = np.vstack([np.tile([0.001, 0.01], (30, 1)), np.tile([1.0, 0.8], (30, 1))])
    scores, _ = expected_scores(losses(own, noise=0.3), ["s"] * 60)
    level = (own[:, 0].sum() / own.mean(axis=1).sum(), own[:, 1].sum() / own.mean(axis=1).sum())
    young = np.full((1, 2, 6), np.nan)
    [[first, second]], _ = expected_scores(young, ["s"])
    assert first == second == 1.0, "nothing known is nothing said"
    assert level[1] < level[0]
    assert scores[30:, 1].mean() < scores[30:, 0].mean()


def test_a_series_without_an_origin_of_its_own_follows_its_segment() -> None:
    own = np.tile([1.0, 0.8], (30, 1))
    drawn = losses(own, noise=0.05)
    drawn[0] = np.nan
    verdict = choose(drawn, ["s"] * 30, [SIMPLE, COMPLEX])
    assert verdict.model[0] == 1
    assert (verdict.reason[0], verdict.origins[0], verdict.own_weight[0]) == (Reason.SEGMENT, 0, 0.0)


def test_segments_decide_apart() -> None:
    own = np.vstack([np.tile([1.0, 0.8], (30, 1)), np.tile([0.8, 1.0], (30, 1))])
    verdict = choose(losses(own, noise=0.05), ["a"] * 30 + ["b"] * 30, [SIMPLE, COMPLEX])
    assert set(verdict.model[:30]) == {1}
    assert set(verdict.model[30:]) == {0}


def test_the_average_leads_unless_one_model_is_clearly_better() -> None:
    alike = np.tile([1.0, 1.0, 1.005], (30, 1))
    verdict = choose(losses(alike), ["s"] * 30, [0, 1, 2], hedge=2)
    assert set(verdict.model) == {2}
    assert set(verdict.reason) == {Reason.HEDGE}
    apart = np.tile([0.9, 1.0, 0.95], (30, 1))
    assert set(choose(losses(apart), ["s"] * 30, [0, 1, 2], hedge=2).model) == {0}


def test_a_model_that_was_lucky_in_one_window_does_not_take_the_place_of_the_average() -> None:
    """Better by 3 % in the mean of four windows, and by nothing in three of them."""
    lucky = np.stack([np.tile([1.0, 1.0], (30, 1))] * 3 + [np.tile([0.88, 1.0], (30, 1))], axis=2)
    verdict = choose(lucky, ["s"] * 30, [0, 1], hedge=1)
    assert set(verdict.model) == {1}
    assert set(verdict.reason) == {Reason.HEDGE}
    steady = np.stack([np.tile([0.97, 1.0], (30, 1))] * 4, axis=2)
    assert set(choose(steady, ["s"] * 30, [0, 1], hedge=1).model) == {0}
    assert set(choose(steady[:, :, :2], ["s"] * 30, [0, 1], hedge=1).model) == {1}, "two windows are too few"


def test_a_leader_stays_until_another_has_won_twice() -> None:
    now = losses(np.tile([1.0, 0.95], (10, 1)))
    before = np.zeros(10, dtype=np.int64)
    lost, won = np.tile([0.97, 1.0], (10, 1)), np.tile([1.0, 0.96], (10, 1))
    stays = choose(now, ["s"] * 10, [SIMPLE, COMPLEX], before=before, scores_before=lost)
    assert set(stays.model) == {0}
    assert set(stays.reason) == {Reason.STAYS}
    goes = choose(now, ["s"] * 10, [SIMPLE, COMPLEX], before=before, scores_before=won)
    assert set(goes.model) == {1}
    new = np.tile([1.0, np.nan], (10, 1))
    waits = choose(now, ["s"] * 10, [SIMPLE, COMPLEX], before=before, scores_before=new)
    assert set(waits.model) == {0}, "a model that is new in the policy has won once"


@pytest.mark.parametrize("better", [0.995, 0.9])
def test_without_a_backtest_before_the_margin_alone_decides(better: float) -> None:
    now = losses(np.tile([1.0, better], (10, 1)))
    verdict = choose(now, ["s"] * 10, [COMPLEX, SIMPLE], before=np.zeros(10, dtype=np.int64))
    assert set(verdict.model) == ({1} if better < 0.99 else {0})
