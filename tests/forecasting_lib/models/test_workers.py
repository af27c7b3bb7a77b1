"""Whoever answers a model's batches, the numbers are the same."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from forecasting_lib.models.chronos2 import Chronos2
from forecasting_lib.models.workers import THIS_PROCESS, Answer, BatchModel
from forecasting_lib.panel import Panel
from tests.forecasting_lib.models.panels import panel_of, random_panel

HORIZON = 14


@dataclass
class ByPost:
    """Workers elsewhere: each batch and the model arrive as bytes, and are answered out of order."""

    seen: list[Panel] = field(default_factory=list)
    loaded: list[bool] = field(default_factory=list)
    dismissed: bool = False

    def answers(
        self, model: BatchModel, batches: Iterable[Panel], horizon: int
    ) -> Generator[Answer, None, None]:
        try:
            copy: Chronos2 = pickle.loads(pickle.dumps(model))
            self.loaded.append("_pipeline" in copy.__dict__)
            self.seen = [pickle.loads(pickle.dumps(batch)) for batch in batches]
            answered = {n: copy.answer(self.seen[n], horizon) for n in reversed(range(len(self.seen)))}
            yield from (answered[n] for n in range(len(self.seen)))
        finally:
            self.dismissed = True


def with_covariates(panel: Panel) -> Panel:
    rng = np.random.default_rng(3)
    past = tuple(rng.uniform(1, 9, len(h)) for h in panel.history)
    future = tuple(rng.uniform(1, 9, HORIZON) for _ in panel.history)
    return replace(panel, past_covariates={"price": past, "snap": past}, future_covariates={"price": future})


@pytest.mark.parametrize("covariates", [False, True])
def test_the_forecast_is_the_same_to_the_bit_whoever_answers(tiny_chronos: Path, covariates: bool) -> None:
    panel = random_panel(23, longest=700)
    panel = with_covariates(panel) if covariates else panel
    elsewhere = ByPost()
    here = Chronos2(tiny_chronos, batch_rows=12).predict(panel, HORIZON)
    there = Chronos2(tiny_chronos, batch_rows=12, workers=elsewhere).predict(panel, HORIZON)
    assert len(elsewhere.seen) == (6 if covariates else 2)
    for name in ("point", "mean", "quantiles"):
        assert getattr(there, name).tobytes() == getattr(here, name).tobytes()


@pytest.mark.filterwarnings("ignore:.*prediction length <= 64")
def test_horizons_of_several_passes_are_the_same_too(tiny_chronos: Path) -> None:
    panel = random_panel(7)
    here = Chronos2(tiny_chronos, batch_rows=3).predict(panel, 100)
    there = Chronos2(tiny_chronos, batch_rows=3, workers=ByPost()).predict(panel, 100)
    assert there.quantiles.tobytes() == here.quantiles.tobytes()


def test_a_batch_holds_no_more_than_the_model_looks_at_and_series_of_one_length_meet(
    tiny_chronos: Path,
) -> None:
    elsewhere = ByPost()
    panel = random_panel(9, longest=900)
    Chronos2(tiny_chronos, context_days=64, batch_rows=4, workers=elsewhere).predict(panel, HORIZON)
    lengths = [len(history) for batch in elsewhere.seen for history in batch.history]
    assert max(lengths) == 64
    assert lengths == sorted(lengths)
    assert sorted(series for batch in elsewhere.seen for series in batch.series_ids) == sorted(
        panel.series_ids
    )


def test_a_model_that_is_sent_away_is_its_settings_and_nothing_that_was_loaded(tiny_chronos: Path) -> None:
    elsewhere = ByPost()
    told: list[tuple[int, int]] = []
    model = Chronos2(tiny_chronos, batch_rows=2, workers=elsewhere, progress=lambda *n: told.append(n))
    model.predict(random_panel(3), HORIZON)
    assert elsewhere.loaded == [False]
    assert told == [(2, 3), (3, 3)]
    copy: Chronos2 = pickle.loads(pickle.dumps(model))
    assert copy == replace(model, workers=THIS_PROCESS, progress=None)


def test_workers_go_home_where_nobody_wants_their_answers_any_more(tiny_chronos: Path) -> None:
    elsewhere = ByPost()

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Chronos2(tiny_chronos, batch_rows=1, workers=elsewhere, progress=stop).predict(
            random_panel(3), HORIZON
        )
    assert elsewhere.dismissed


def test_nobody_is_asked_where_no_series_has_a_history(tiny_chronos: Path) -> None:
    elsewhere = ByPost()
    forecast = Chronos2(tiny_chronos, workers=elsewhere).predict(panel_of([float("nan")] * 3), HORIZON)
    assert elsewhere.seen == []
    assert np.isnan(forecast.mean).all()
