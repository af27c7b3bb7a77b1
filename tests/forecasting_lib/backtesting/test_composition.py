"""One forecast of several models': each series its leader's, to the bit."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from forecasting_lib.backtesting.composition import EQUAL, FITTED, Ensemble, composed
from forecasting_lib.panel import Forecast, Panel

AS_OF = date(2026, 3, 31)
PANEL = Panel(("a", "b", "c"), AS_OF, (np.arange(9.0), np.arange(9.0) + 0.5, np.arange(9.0)))


def always(units: float, point: float | None = None) -> Forecast:
    quantiles = np.full((3, 2, 21), units) + np.linspace(0, 0.3, 21)
    middle = np.full((3, 2), units if point is None else point)
    return Forecast(PANEL.series_ids, AS_OF, middle, np.full((3, 2), units), quantiles, (None,) * 3)


def test_a_series_is_its_leaders_own_to_the_bit() -> None:
    forecasts = {"x": always(2.3, point=9.0), "y": always(6.7)}
    found = composed(forecasts, ["x", "y", "x"], ["smooth"] * 3, {}, PANEL)
    for row, name in enumerate(["x", "y", "x"]):
        for attribute in ("point", "mean", "quantiles"):
            np.testing.assert_array_equal(
                getattr(found, attribute)[row], getattr(forecasts[name], attribute)[row]
            )


def test_an_ensemble_weighs_by_class_and_rounds_counts_alone() -> None:
    forecasts = {"x": always(2.0), "y": always(6.0)}
    weights = {"smooth": np.array([0.75, 0.25])}
    found = composed(
        forecasts, [FITTED] * 3, ["smooth", "smooth", "lumpy"], {FITTED: Ensemble(("x", "y"), weights)}, PANEL
    )
    np.testing.assert_allclose(found.mean[:, 0], [3.0, 3.0, 4.0])
    assert found.quantiles[0, 0, 0] == 3.0
    assert found.quantiles[1, 0, 10] == pytest.approx(3.15), "its history is not in whole units"


def test_equal_weights_need_no_classes() -> None:
    found = composed(
        {"x": always(2.0), "y": always(6.0)},
        [EQUAL] * 3,
        ["none"] * 3,
        {EQUAL: Ensemble(("x", "y"), {})},
        PANEL,
    )
    np.testing.assert_allclose(found.mean, 4.0)


def test_a_leader_without_a_forecast_is_named() -> None:
    with pytest.raises(ValueError, match="z leads, and there is no forecast of z"):
        composed({"x": always(1.0)}, ["x", "z", "x"], ["none"] * 3, {}, PANEL)
    with pytest.raises(ValueError, match="no forecast of y"):
        composed({"x": always(1.0)}, [EQUAL] * 3, ["none"] * 3, {EQUAL: Ensemble(("x", "y"), {})}, PANEL)
