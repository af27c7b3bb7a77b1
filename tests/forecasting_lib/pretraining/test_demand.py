"""Synthetic demand: repeatable, well formed, and as varied as the model card claims."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting_lib.pretraining.demand import (
    COVARIATE_KINDS,
    DemandWindows,
    Index,
    draw_covariate_counts,
    generate,
)

CONTEXT, HORIZON = 256, 32


def _draw(seed: int, windows: int, first_kind: str | None = None) -> tuple[Index, DemandWindows]:
    rng = np.random.default_rng(seed)
    counts = draw_covariate_counts(rng, windows) if first_kind is None else np.ones(windows, dtype=np.int64)
    return counts, generate(rng, counts, CONTEXT, HORIZON, first_kind=first_kind)


def test_equal_seeds_give_equal_windows() -> None:
    _, first = _draw(1, 40)
    _, again = _draw(1, 40)
    np.testing.assert_array_equal(first.target, again.target)
    np.testing.assert_array_equal(first.covariates, again.covariates)


def test_another_seed_gives_other_windows() -> None:
    assert not np.array_equal(_draw(1, 40)[1].target, _draw(2, 40)[1].target, equal_nan=True)


def test_the_draws_of_a_future_differ_by_chance_alone() -> None:
    rng = np.random.default_rng(12)
    drawn = generate(rng, np.zeros(400, dtype=np.int64), CONTEXT, HORIZON, draws=20)
    assert drawn.futures.shape == (20, 400, HORIZON)
    np.testing.assert_array_equal(drawn.futures[0], drawn.target[:, CONTEXT:])
    masked = np.isnan(drawn.futures)
    assert (masked == masked[0]).all(), "a masked day is masked in every draw"
    sold = np.where(masked, 0.0, drawn.futures).sum(axis=2)
    one, others = sold[0], sold[1:].mean(axis=0)
    busy = others > 30
    assert busy.sum() > 100
    assert np.abs(np.median(one[busy] / others[busy]) - 1.0) < 0.05
    assert (one[busy] != others[busy]).mean() > 0.9


def test_every_window_has_as_many_covariate_rows_as_asked() -> None:
    counts, drawn = _draw(3, 200)
    assert drawn.target.shape == (200, CONTEXT + HORIZON)
    assert drawn.covariates.shape == (counts.sum(), CONTEXT + HORIZON)
    np.testing.assert_array_equal(np.bincount(drawn.covariate_window, minlength=200), counts)


def test_no_window_is_told_twice_of_the_same_kind() -> None:
    _, drawn = _draw(4, 400)
    pairs = drawn.covariate_window * len(COVARIATE_KINDS) + drawn.covariate_kind
    assert len(np.unique(pairs)) == len(pairs)


def test_at_least_forty_percent_of_windows_have_known_covariates() -> None:
    counts, _ = _draw(5, 20_000 // 10)
    assert (counts > 0).mean() >= 0.40


def test_demand_is_never_negative_or_infinite_and_mostly_whole() -> None:
    _, drawn = _draw(6, 400)
    observed = drawn.target[np.isfinite(drawn.target)]
    assert not np.isinf(drawn.target).any()
    assert observed.min() == 0.0
    whole = [np.array_equal(row[np.isfinite(row)], np.rint(row[np.isfinite(row)])) for row in drawn.target]
    assert np.mean(whole) > 0.7


def test_slow_movers_stock_outs_and_late_listings_occur() -> None:
    _, drawn = _draw(7, 400)
    observed = np.isfinite(drawn.target)
    zeros = (drawn.target == 0).sum(axis=1) / np.maximum(observed.sum(axis=1), 1)
    listed_late = ~observed[:, 0]
    gaps = (~observed & (np.cumsum(observed, axis=1) > 0)).any(axis=1)
    assert 0.25 < (zeros > 0.5).mean() < 0.60
    assert 0.15 < listed_late.mean() < 0.40
    assert gaps.mean() > 0.05


def test_covariates_start_when_the_item_is_listed() -> None:
    _, drawn = _draw(8, 200)
    owner = drawn.target[drawn.covariate_window]
    before_listing = np.cumsum(np.isfinite(owner), axis=1) == 0
    late = before_listing[:, 0] & ~np.isfinite(drawn.covariates[:, 0])
    assert late.any()
    assert np.isfinite(drawn.covariates[:, CONTEXT:]).all()


@pytest.mark.parametrize("days", [slice(0, CONTEXT), slice(CONTEXT, None)], ids=["context", "horizon"])
def test_promotions_lift_demand(days: slice) -> None:
    _, drawn = _draw(9, 400, first_kind="promotion")
    target, flag = drawn.target[:, days].astype(float), drawn.covariates[:, days] == 1.0
    observed = np.isfinite(target)
    days_on, days_off = (flag & observed).sum(axis=1), (~flag & observed).sum(axis=1)
    sold = np.where(observed, target, 0.0)
    on = (sold * flag).sum(axis=1) / np.maximum(days_on, 1)
    off = (sold * ~flag).sum(axis=1) / np.maximum(days_off, 1)
    comparable = (days_on > 0) & (off > 0)
    assert comparable.mean() > 0.5
    assert 1.4 < np.median(on[comparable] / off[comparable]) < 4.0


def test_the_recorded_lift_acts_on_promotion_days() -> None:
    _, drawn = _draw(10, 200, first_kind="promotion")
    listed = np.isfinite(drawn.covariates)
    off = listed & (drawn.covariates == 0.0)
    assert (drawn.promotion_lift[off] == 1.0).mean() > 0.97, "only untold discounts lift other days"
    assert np.median(drawn.promotion_lift[listed & (drawn.covariates == 1.0)]) > 1.8


def test_what_a_window_is_not_told_of_is_as_frequent_before_the_cut_as_after() -> None:
    untold = generate(np.random.default_rng(13), np.zeros(8_000, dtype=np.int64), CONTEXT, HORIZON)
    lifted = untold.promotion_lift > 1.0
    before, after = lifted[:, :CONTEXT].mean(), lifted[:, CONTEXT:].mean()
    assert before > 0.02
    assert after == pytest.approx(before, rel=0.1)
    _, told = _draw(13, 2_000, first_kind="promotion")
    flags = told.covariates == 1.0
    assert flags[:, CONTEXT:].any(axis=1).mean() > 0.75


def test_about_one_item_day_in_twelve_is_missing_from_the_shelf() -> None:
    """Of items that sell every day, to tell an empty shelf from a quiet day."""
    _, drawn = _draw(14, 8_000)
    listed = np.cumsum(np.isfinite(drawn.target), axis=1) > 0
    busy = (drawn.target > 15).sum(axis=1) > 0.5 * listed.sum(axis=1)
    missing = ~(drawn.target[busy] > 0) & listed[busy]
    assert busy.sum() > 800
    assert 0.05 < missing.mean() < 0.12


def test_closed_days_sell_nothing() -> None:
    _, drawn = _draw(11, 200, first_kind="open")
    shut = drawn.covariates == 0.0
    sold = drawn.target[shut & np.isfinite(drawn.target)]
    assert sold.size > 100
    assert sold.max() == 0.0
