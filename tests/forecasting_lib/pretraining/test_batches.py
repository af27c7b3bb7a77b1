"""Rows of a training step: what stands together, what is hidden, what counts."""

from __future__ import annotations

import numpy as np

from forecasting_lib.pretraining.architecture import PATCH_DAYS
from forecasting_lib.pretraining.batches import (
    CONTEXT_DAYS,
    FUTURE_DRAWS,
    batch_from_windows,
    training_batch,
)
from forecasting_lib.pretraining.demand import DemandWindows


def _windows(targets: list[list[float]], covariates: list[list[float]], owner: list[int]) -> DemandWindows:
    """Windows of three days of context, their future drawn twice: as it is, and ten times as high."""
    target = np.array(targets, dtype=np.float32)
    return DemandWindows(
        target=target,
        futures=np.stack([target[:, 3:], 10 * target[:, 3:]]),
        covariates=np.array(covariates, dtype=np.float32).reshape(-1, target.shape[1]),
        covariate_window=np.array(owner, dtype=np.int64),
        covariate_kind=np.zeros(len(owner), dtype=np.int64),
        covariate_known_ahead=np.ones(len(owner), dtype=bool),
        promotion_lift=np.ones(target.shape),
    )


def test_covariates_follow_the_target_of_their_window() -> None:
    windows = _windows([[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]], [[0, 1, 0, 1, 1]], [0])
    batch = batch_from_windows(windows, context_days=3)
    np.testing.assert_array_equal(batch.group_ids, [0, 0, 1])
    np.testing.assert_array_equal(batch.is_target, [True, False, True])
    np.testing.assert_array_equal(batch.context, [[1, 2, 3], [0, 1, 0], [6, 7, 8]])


def test_the_future_of_a_target_is_only_in_the_loss_and_of_a_covariate_only_in_the_input() -> None:
    batch = batch_from_windows(_windows([[1, 2, 3, 4, 5]], [[0, 1, 0, 1, 1]], [0]), context_days=3)
    nothing = [np.nan, np.nan]
    np.testing.assert_array_equal(batch.future_target, [[[4, 5], nothing], [[40, 50], nothing]])
    np.testing.assert_array_equal(batch.future_covariates, [[np.nan, np.nan], [1, 1]])


def test_a_window_without_a_scale_has_no_loss() -> None:
    constant, short = [2.0, 2.0, 2.0, 5.0], [np.nan, 1.0, 2.0, 5.0]
    batch = batch_from_windows(_windows([constant, short, [1, 2, 3, 5]], [], []), context_days=3)
    np.testing.assert_array_equal(batch.future_target[0], [[np.nan], [np.nan], [5]])


def test_the_stream_repeats_by_seed_and_index() -> None:
    first, again, other = (training_batch(1, i, 0.5, 600, 64) for i in (3, 3, 4))
    np.testing.assert_array_equal(first.context, again.context)
    assert first.context.shape != other.context.shape or not np.array_equal(
        first.context, other.context, equal_nan=True
    )


def test_processes_that_train_together_get_other_windows_of_one_shape() -> None:
    for index in range(5):
        first, second = (training_batch(1, index, 0.5, 600, 64, rank=rank) for rank in (0, 1))
        assert first.context.shape[1] == second.context.shape[1]
        assert first.future_target.shape[::2] == second.future_target.shape[::2]
        assert first.future_target.shape[0] == FUTURE_DRAWS
        rows = min(len(first.context), len(second.context))
        assert not np.array_equal(first.context[:rows], second.context[:rows], equal_nan=True)


def test_batches_keep_their_budget_of_rows_and_patches() -> None:
    for index in range(30):
        batch = training_batch(1, index, 0.5, tokens=900, max_rows=48)
        rows, context_days = batch.context.shape
        assert context_days in CONTEXT_DAYS
        assert rows <= 48
        assert rows * (context_days // PATCH_DAYS + 1 + batch.output_patches) <= 900


def test_contexts_grow_longer_as_training_goes_on() -> None:
    early, late = (
        np.mean([training_batch(1, i, share, 200, 8).context.shape[1] for i in range(200)])
        for share in (0.0, 1.0)
    )
    assert late > 1.3 * early
