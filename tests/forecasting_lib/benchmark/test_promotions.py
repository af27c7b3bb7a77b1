"""The check of promotions, with models whose answer is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from forecasting_lib.benchmark.promotions import PromotedPanel, promotion_response, retailer_cases
from forecasting_lib.demo import RetailerConfig
from forecasting_lib.models.chronos2 import Chronos2
from forecasting_lib.models.naive import MovingAverage
from forecasting_lib.panel import QUANTILE_LEVELS, Forecast, Panel

BUNDLED = Path(__file__).parents[3] / "data" / "models" / "chronos-2-small-demand"

SMALL = RetailerConfig(end_date=date(2026, 6, 30), days=400, n_items=40, n_locations=2)


@pytest.fixture(scope="module")
def cases() -> list[PromotedPanel]:
    return retailer_cases(SMALL, origins=2)


@dataclass(frozen=True)
class Believer:
    """Ten units a day, and on a promoted day as many times as its depth and its gain say."""

    gain: float
    name: ClassVar[str] = "believer"
    uses_covariates: ClassVar[bool] = True

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        depth = np.stack(panel.future_covariates.get("promotion", [np.zeros(horizon)] * len(panel)))
        units = np.asarray([[np.nanmean(h)] for h in panel.history]) * (1.0 + self.gain * depth[:, :horizon])
        quantiles = np.repeat(units[:, :, None], len(QUANTILE_LEVELS), axis=2)
        return Forecast(panel.series_ids, panel.as_of_date, units, units, quantiles, (None,) * len(panel))


def test_the_truth_is_one_but_on_days_with_an_announced_promotion(cases: list[PromotedPanel]) -> None:
    for case in cases:
        depth = np.stack([values[:28] for values in case.panel.future_covariates["promotion"]])
        opened = np.stack([values[:28] for values in case.panel.future_covariates["open"]]) == 1
        assert (case.true_factor[(depth > 0) & opened] > 1.0).all()
        assert (case.true_factor[(depth == 0) | ~opened] == 1.0).all()
        assert ((depth > 0) & opened).any()


def test_a_model_that_ignores_promotions_moves_nowhere(cases: list[PromotedPanel]) -> None:
    response = promotion_response(MovingAverage(), cases)
    assert (response.right_direction_share, response.median_amount_ratio) == (0.0, 0.0)
    assert response.n_series > 5


@pytest.mark.parametrize("without_covariate", [False, True])
def test_the_amount_is_compared_with_the_true_uplift(
    cases: list[PromotedPanel], without_covariate: bool
) -> None:
    first = cases[:1]
    uplift = first[0].true_factor - 1.0
    depth = np.stack([values[:28] for values in first[0].panel.future_covariates["promotion"]])
    gains = np.divide(uplift, depth, out=np.zeros_like(depth), where=uplift > 0)
    usual = float(np.median(gains.max(axis=1)[(uplift > 0).any(axis=1)]))
    exact = promotion_response(Believer(usual), first, without_covariate=without_covariate)
    half = promotion_response(Believer(usual / 2), first, without_covariate=without_covariate)
    contrary = promotion_response(Believer(-1.0), first, without_covariate=without_covariate)
    assert exact.right_direction_share == 1.0
    assert exact.median_amount_ratio == pytest.approx(1.0, abs=0.15)
    assert half.median_amount_ratio == pytest.approx(exact.median_amount_ratio / 2)
    assert contrary.right_direction_share == 0.0


def test_the_bundled_model_moves_the_way_demand_does_and_about_as_far() -> None:
    response = promotion_response(Chronos2(BUNDLED), retailer_cases(replace(SMALL, seed=7), origins=4))
    assert response.n_series > 50
    assert response.right_direction_share > 0.9
    assert 0.7 < response.median_amount_ratio < 1.3


def test_without_a_promotion_ahead_there_is_nothing_to_measure(cases: list[PromotedPanel]) -> None:
    plain = PromotedPanel(cases[0].panel, np.ones_like(cases[0].true_factor))
    with pytest.raises(ValueError, match="no series"):
        promotion_response(MovingAverage(), [plain])
