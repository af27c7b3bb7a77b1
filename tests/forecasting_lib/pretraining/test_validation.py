"""The scores that choose the weights."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting_lib.pretraining.architecture import Architecture
from forecasting_lib.pretraining.validation import (
    HORIZON_DAYS,
    held_out_batches,
    predict,
    promotion_batches,
    weighted_quantile_loss,
)


def test_the_quantile_loss_of_a_point_forecast_is_its_absolute_error() -> None:
    actual = np.array([[2.0, 6.0]])
    point = np.full((1, 2, 9), 4.0)
    # A point is every quantile at once: the levels average to 0.5, twice 0.5 |error| over the actuals.
    assert weighted_quantile_loss(actual, point, np.ones((1, 2))) == pytest.approx(4.0 / 8.0)


def test_masked_days_and_days_without_weight_do_not_count() -> None:
    actual = np.array([[2.0, np.nan, 100.0]])
    weight = np.array([[1.0, 1.0, 0.0]])
    assert weighted_quantile_loss(actual, np.full((1, 3, 9), 1.0), weight) == pytest.approx(0.5)


def test_the_held_out_windows_are_the_same_every_time() -> None:
    for first, again in zip(held_out_batches(16, 8), held_out_batches(16, 8), strict=True):
        np.testing.assert_array_equal(first.context, again.context)


def test_every_promotion_window_is_told_of_its_promotion() -> None:
    for batch in promotion_batches(16, 8):
        ahead = batch.future_covariates[~batch.is_target]
        assert len(ahead) == 8
        assert set(np.unique(ahead)) == {0.0, 1.0}
        assert np.isnan(batch.future_covariates[batch.is_target]).all()


def test_predictions_are_sorted_and_never_negative() -> None:
    import torch

    torch.manual_seed(0)
    model = Architecture(d_model=16, d_ff=32, layers=1, heads=2, d_head=8).build().eval()
    quantiles = predict(model, held_out_batches(8, 8)[0])
    assert quantiles.shape == (8, HORIZON_DAYS, 9)
    assert quantiles.min() >= 0.0
    assert (np.diff(quantiles, axis=2) >= 0.0).all()


def test_a_fresh_model_already_hears_the_covariates() -> None:
    """Gradient reaches the forecast from a covariate's future: the group attention is wired."""
    import torch

    torch.manual_seed(0)
    model = Architecture(d_model=16, d_ff=32, layers=1, heads=2, d_head=8).build().eval()
    batch = promotion_batches(8, 8)[0]
    flags = torch.from_numpy(batch.future_covariates).requires_grad_()
    out = model(
        context=torch.from_numpy(batch.context),
        future_covariates=flags,
        group_ids=torch.from_numpy(batch.group_ids),
        num_output_patches=batch.output_patches,
    )
    out.quantile_preds[torch.from_numpy(batch.is_target)].sum().backward()
    assert flags.grad is not None
    assert (flags.grad[torch.from_numpy(~batch.is_target)].abs().sum(dim=1) > 0).all()
