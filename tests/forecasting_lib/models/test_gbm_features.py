"""What the gradient-boosted model is told, against a reading of its meaning one window at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.grain import Grain
from forecasting_lib.models import gbm_features
from forecasting_lib.models.gbm import training_windows
from forecasting_lib.models.gbm_features import LOOKS, Windows, feature_names, told
from forecasting_lib.panel import FloatArray, Panel
from tests.forecasting_lib.models.panels import AS_OF, random_panel

NAN = float("nan")


def of_grain(panel: Panel, grain: Grain) -> Panel:
    return replace(panel, grain=grain)


def mean(values: FloatArray) -> float:
    seen = values[~np.isnan(values)]
    return float(seen.mean()) if seen.size else NAN


def last(history: FloatArray, n: int, before: int = 0) -> FloatArray:
    end = len(history) - before
    return history[max(end - n, 0) : max(end, 0)]


def expected(history: FloatArray, lag: int, grain: Grain) -> dict[str, float]:
    """Features of a window whose origin is the end of this history, in words of one series."""
    looks = LOOKS[grain]
    recent = mean(last(history, looks.scale))
    scale = recent if recent > 0 else mean(history)
    sold = np.flatnonzero(history > 0)
    samples = last(history, looks.samples)
    samples = samples[~np.isnan(samples)] / scale
    same = len(history) + lag - 1 - looks.year
    around = history[max(same - looks.around, 0) : max(min(same + looks.around + 1, len(history)), 0)]
    told = {
        "lag": float(lag),
        "log_scale": float(np.log(scale)),
        "age": float(min(len(history), looks.year)),
        "since_last_sale": float(min(len(history) - 1 - sold[-1], looks.year)),
        "deviation": float(np.std(samples)) if samples.size else NAN,
        "year_ago": mean(around) / scale,
        "year_ago_level": mean(last(history, looks.means[1], looks.year)) / scale,
    }
    for j in range(1, looks.lags + 1):
        told[f"last_{j}"] = history[-j] / scale if j <= len(history) else NAN
    for w in looks.means:
        window = last(history, w)
        told[f"mean_{w}"] = mean(window) / scale
        told[f"zeros_{w}"] = mean(np.where(np.isnan(window), NAN, window == 0))
    for level in (10, 25, 50, 75, 90):
        told[f"sample_{level}"] = float(np.quantile(samples, level / 100)) if samples.size else NAN
    if looks.phase:
        ages = [a for a in range(len(history)) if (a + lag) % looks.phase == 0]
        first = history[len(history) - 1 - ages[0]] if ages else NAN
        repeats = np.array([history[len(history) - 1 - a] for a in ages[:8]])
        told["phase_last"] = first / scale
        told["phase_mean"] = mean(repeats) / scale
        told["phase_zeros"] = mean(np.where(np.isnan(repeats), NAN, repeats == 0))
    return told


@given(st.integers(0, 1000), st.sampled_from(Grain), st.integers(0, 40), st.integers(1, 30))
def test_features_mean_what_their_names_say(seed: int, grain: Grain, back: int, lag: int) -> None:
    panel = of_grain(random_panel(3, seed=seed, longest=420), grain)
    back = min(back, min(len(h) for h in panel.history) - 1)
    windows = Windows(np.arange(3), np.full(3, back), np.full(3, lag))
    found = told(panel, windows, ())
    for row, history in enumerate(panel.history):
        wanted = expected(history[: len(history) - back], lag, grain)
        named = dict(zip(feature_names(grain, ()), found.features[row].tolist(), strict=True))
        assert set(named) == set(wanted)
        for name, value in named.items():
            assert value == pytest.approx(wanted[name], rel=1e-5, abs=1e-6, nan_ok=True), name
        target = history[len(history) - back + lag - 1] if lag <= back else NAN
        assert found.target[row] == pytest.approx(target, nan_ok=True)


def test_nothing_after_the_origin_changes_a_feature() -> None:
    panel = random_panel(20, seed=4, longest=300)
    windows = training_windows(panel, 14)
    spiked = replace(panel, history=tuple(np.r_[h[:-14], np.full(14, 9_999.0)] for h in panel.history))
    before, after = told(panel, windows, ()), told(spiked, windows, ())
    old = windows.back >= 14
    assert 0 < np.count_nonzero(old) < len(windows)
    np.testing.assert_array_equal(before.features[old], after.features[old])
    np.testing.assert_array_equal(before.scale[old], after.scale[old])
    untouched = old & (windows.back - windows.lag >= 14)
    np.testing.assert_array_equal(before.target[untouched], after.target[untouched])
    assert (after.target[old & ~untouched] == 9_999.0).all()


def promoted(*, known_ahead: bool) -> Panel:
    history = np.tile([2.0, 2.0, 8.0, 2.0, NAN], 20)
    promotion = np.tile([0.0, 0.0, 0.3, 0.0, 0.0], 20)
    future = {"promotion": (np.array([0.0, 0.5, 0.0]),)} if known_ahead else {}
    return Panel(("a",), AS_OF, (history,), {"promotion": (promotion,)}, future)


def test_a_covariate_known_ahead_is_told_of_the_period_that_is_asked_about() -> None:
    windows = Windows(np.zeros(3, dtype=np.int64), np.array([0, 0, 5]), np.array([1, 2, 3]))
    found = told(promoted(known_ahead=True), windows, ("promotion",))
    named = dict(zip(feature_names(Grain.DAY, ("promotion",)), found.features.T, strict=True))
    scale = found.scale
    assert named["promotion_then"].tolist() == pytest.approx([0.0, 0.5, 0.3])
    np.testing.assert_allclose(named["promotion_on"], 8.0 / scale, rtol=1e-6)
    np.testing.assert_allclose(named["promotion_off"], 2.0 / scale, rtol=1e-6)
    assert named["promotion_recent"][0] == pytest.approx(6 * 0.3 / 28)


def test_a_covariate_of_the_past_alone_is_not_told_of_later_periods() -> None:
    windows = Windows(np.zeros(2, dtype=np.int64), np.array([0, 5]), np.array([1, 3]))
    found = told(promoted(known_ahead=False), windows, ("promotion", "price"))
    named = dict(zip(feature_names(Grain.DAY, ("promotion", "price")), found.features.T, strict=True))
    assert np.isnan(named["promotion_then"]).all()
    assert not np.isnan(named["promotion_recent"]).any()
    assert all(np.isnan(named[f"price_{what}"]).all() for what in ("then", "recent", "on", "off"))


def test_blocks_of_series_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = random_panel(11, longest=200)
    windows = training_windows(panel, 7)
    whole = told(panel, windows, ())
    monkeypatch.setattr(gbm_features, "_SERIES_PER_BLOCK", 4)
    np.testing.assert_array_equal(told(panel, windows, ()).features, whole.features)
