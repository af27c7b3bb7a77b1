"""How often the leaders of a genuine retailer's series change when its models are judged every week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from forecasting_lib.backtesting.evidence import NOTHING_KNOWN, Traits, gathered
from forecasting_lib.backtesting.replay import replay
from forecasting_lib.models.registry import create_model, model_entry
from forecasting_lib.origins import Origin
from forecasting_lib.panel import Panel
from tests.forecasting_lib.drift.genuine import FIRST, Years, read_years

pytestmark = [pytest.mark.slow, pytest.mark.shared_data]

MODELS = ("hist_q", "hist_dow", "ma7", "seasonal_naive")
MEMBERS = ("hist_q", "hist_dow", "ma7")
HORIZON, ORIGINS, WEEKS, HISTORY = 28, 6, 4, 450


def origin(years: Years, day: int) -> Origin:
    """What a model may see at the end of a day, of the series that are eight weeks old."""
    begun = np.isfinite(years.demand).argmax(axis=1)
    on = np.flatnonzero(begun <= day - 56)
    panel = Panel(
        tuple(f"{years.items[row]} {years.stores[row]}" for row in on),
        FIRST + timedelta(days=day),
        tuple(years.demand[row, begun[row] : day + 1][-HISTORY:] for row in on),
    )
    return Origin(panel, years.demand[on, day + 1 : day + 1 + HORIZON])


def judged(origins: Sequence[Origin], traits: Traits, folder: Path) -> Traits:
    """What the next backtest knows of this one."""
    folder.mkdir()
    evidence = gathered(
        origins,
        {model: replay(create_model(model), origins, HORIZON, folder) for model in MODELS},
        {model: model_entry(model).simplicity for model in MODELS},
        MEMBERS,
        folder,
        traits=traits,
    )
    names = evidence.candidates
    return Traits(
        unit_values={},
        categories={},
        leaders={one: names[k] for one, k in zip(evidence.series_ids, evidence.verdict.model, strict=True)},
        scores={
            (one, name): float(score)
            for one, row in zip(evidence.series_ids, evidence.verdict.score, strict=True)
            for name, score in zip(names, row, strict=True)
        },
    )


def test_leaders_change_from_week_to_week_for_a_few_series_and_not_for_a_third_of_them(
    shared_data: Path, tmp_path: Path
) -> None:
    years = read_years(shared_data / "m5_280x1941")
    calm, free = NOTHING_KNOWN, NOTHING_KNOWN
    changed_calm = changed_free = 0
    for week in range(WEEKS):
        last = years.last - HORIZON - 7 * (WEEKS - 1 - week)
        origins = [origin(years, last - HORIZON * back) for back in reversed(range(ORIGINS))]
        next_calm = judged(origins, calm, tmp_path / f"calm-{week}")
        next_free = judged(origins, NOTHING_KNOWN, tmp_path / f"free-{week}")
        changed_calm += sum(calm.leaders.get(one, name) != name for one, name in next_calm.leaders.items())
        changed_free += sum(free.leaders.get(one, name) != name for one, name in next_free.leaders.items())
        calm, free = next_calm, next_free
    among = len(calm.leaders) * (WEEKS - 1)
    shares = f"{changed_calm / among:.1%} with what led before, {changed_free / among:.1%} without"
    assert changed_calm <= 0.05 * among, shares
    assert changed_calm < changed_free / 4, shares
