"""Panels for tests: literal ones, random ones, and hypothesis' worst."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from hypothesis import strategies as st

from forecasting_lib.panel import FloatArray, Panel

AS_OF = date(2024, 3, 31)


def panel_of(*histories: Sequence[float] | FloatArray) -> Panel:
    """A panel without covariates; the series are named s0, s1 ..."""
    return Panel(
        series_ids=tuple(f"s{i}" for i in range(len(histories))),
        as_of_date=AS_OF,
        history=tuple(np.asarray(history, dtype=np.float64) for history in histories),
    )


def random_panel(n: int, *, seed: int = 0, longest: int = 120) -> Panel:
    """Series of Poisson demand with rates from 0.2 to 20 and lengths from 20 days, a tenth of them masked."""
    rng = np.random.default_rng(seed)
    histories = []
    for _ in range(n):
        history = rng.poisson(rng.uniform(0.2, 20), rng.integers(20, longest + 1)).astype(np.float64)
        history[0] = 3.0
        history[1:][rng.random(len(history) - 1) < 0.1] = np.nan
        histories.append(history)
    return panel_of(*histories)


days_of_any_kind = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 5.0, float("nan"), float("inf"), float("-inf"), -3.0, 1e308, 5e-324]),
    st.floats(allow_nan=True, allow_infinity=True),
)
"""One day of a history that nobody has checked."""

panels_of_any_kind = st.lists(st.lists(days_of_any_kind, max_size=30), max_size=6).map(
    lambda histories: panel_of(*histories)
)

days_of_demand = st.one_of(st.just(float("nan")), st.integers(0, 40).map(float))
"""One day as the guards pass it on: masked, or a quantity."""
