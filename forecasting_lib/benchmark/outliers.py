"""What the guard of the tail does to genuine demand, and to the same demand with one day struck.

Belongs here: planting a day, forecasts with and without the guard, their losses by series. Does not belong
here: the rule itself (``forecasting_lib.models.tails``), files (``m5_files``), how a table looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting_lib.accuracy.metrics import DECILES, wql
from forecasting_lib.benchmark.figures import Interval, bootstrap_draws, percentile_interval
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.interface import Forecaster
from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray, Panel

FACTORS = (100.0, 5_000.0)
"""A planted day is between these multiples of the series' mean, uniform on a logarithmic scale."""

PLACES = {"last four weeks": (1, 28), "months before": (29, 364)}
"""Where a day is planted, in days counted back from the last, which is 1."""


@dataclass(frozen=True)
class Effect:
    """Sums by series of one or several windows, without and with the guard of the tail.

    Attributes:
        actual: (n,) units.
        expected: (2, n) units that the means add up to.
        total_error: (2, n) absolute error of each window's total.
        loss: (2, n) quantile loss over the deciles.
        shrunk: series and windows in which the guard acted.
    """

    actual: FloatArray
    expected: FloatArray
    total_error: FloatArray
    loss: FloatArray
    shrunk: int

    @classmethod
    def over(cls, windows: Sequence[Effect]) -> Effect:
        """The windows of the same series added up."""
        return cls(
            actual=np.sum([w.actual for w in windows], axis=0),
            expected=np.sum([w.expected for w in windows], axis=0),
            total_error=np.sum([w.total_error for w in windows], axis=0),
            loss=np.sum([w.loss for w in windows], axis=0),
            shrunk=sum(w.shrunk for w in windows),
        )

    @property
    def loss_ratio(self) -> Interval:
        """WQL with the guard over WQL without; below 1 the guard is better."""
        return _ratio(self.loss)

    @property
    def error_ratio(self) -> Interval:
        """Error of the totals with the guard over that without."""
        return _ratio(self.total_error)

    @property
    def bias(self) -> tuple[float, float]:
        """Relative bias of the mean, without and with the guard."""
        without, guarded = self.expected.sum(axis=1) / self.actual.sum() - 1.0
        return float(without), float(guarded)


def effect(model: Forecaster, window: Origin) -> Effect:
    """Forecast a window without and with the guard of the tail.

    Every other guard is taken as given: a series that the guard of the tail leaves alone has the same
    forecast in both.

    Args:
        model: any model.
        window: histories of at least a day each, and what came after them.
    """
    guarded = guarded_predict(model, window.panel, window.horizon)
    assert guarded.notes is not None
    shrunk = [i for i, note in enumerate(guarded.notes) if note is not None]
    mean, quantiles = guarded.mean.copy(), guarded.quantiles.copy()
    if shrunk:
        bare = model.predict(window.panel.select(shrunk), window.horizon)
        mean[shrunk], quantiles[shrunk] = bare.mean, bare.quantiles
    expected = np.stack([mean.sum(axis=1), guarded.mean.sum(axis=1)])
    actual = window.actual.sum(axis=1)
    return Effect(
        actual=actual,
        expected=expected,
        total_error=np.abs(expected - actual),
        loss=np.stack(
            [wql(window.actual, q[:, :, DECILES]).numerator for q in (quantiles, guarded.quantiles)]
        ),
        shrunk=len(shrunk),
    )


def with_planted_days(panel: Panel, place: tuple[int, int], seed: int) -> Panel:
    """The panel with one day of every series struck by a multiple of the series' mean.

    Args:
        panel: histories without masked days that sold something.
        place: nearest and farthest day, counted back from the last; a shorter history is struck within it,
            never on its first day.
        seed: of the days and the multiples.
    """
    rng = np.random.default_rng(seed)
    struck = []
    for history in panel.history:
        farthest = min(place[1], len(history) - 1)
        back = int(rng.integers(min(place[0], farthest), farthest + 1))
        units = np.exp(rng.uniform(*np.log(FACTORS))) * history.mean()
        planted = history.copy()
        planted[len(history) - back] += np.ceil(units)
        struck.append(planted)
    return replace(panel, history=tuple(struck))


def sold_before(window: Origin) -> Origin:
    """The window of the series that sold something before it."""
    sold = [i for i, history in enumerate(window.panel.history) if history.any()]
    return Origin(window.panel.select(sold), window.actual[sold])


def _ratio(sums: FloatArray) -> Interval:
    """The second row's sum over the first's, with its bootstrap interval over series."""
    counts = bootstrap_draws(sums.shape[1])
    drawn = counts @ sums.T
    return percentile_interval(sums[1].sum() / sums[0].sum(), drawn[:, 1] / drawn[:, 0])
