"""The accuracy of a model beside its baselines on held-out days, with intervals for the differences.

Belongs here: scores by series, the metrics of any weighting of the series, paired bootstrap intervals of the
ratios that a release of the model is judged by. Does not belong here: forecasts (``baselines``,
``forecasting_lib.models``), files (``m5_files``), how a table looks.

Every metric is computed from sums by series, so that drawing series with replacement is one matrix product,
and model and baseline see the same draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting_lib.accuracy.metrics import (
    WQL_LEVELS,
    Ratio,
    bias,
    coverage,
    mae,
    mse,
    rmsse_scale,
    scaled,
    seasonal_scale,
    total_error,
    wape,
    wql,
)
from forecasting_lib.benchmark.baselines import Answer
from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray

METRICS = ("wape", "mae", "rmse", "bias", "mase", "rmsse", "total_error", "wql", "coverage_80")
"""Names of the columns of the table, in its order."""

DRAWS = 1_000
_SEED = 7
_DRAWS_AT_A_TIME = 50
"""Of 30,000 series 12 MB."""

_LOW, _HIGH = WQL_LEVELS.index(0.1), WQL_LEVELS.index(0.9)


@dataclass(frozen=True)
class SeriesScores:
    """Sums by series, one column per entry of :data:`METRICS`.

    Attributes:
        numerators: (n, metrics); the columns of the quantiles are NaN where a model has none.
        denominators: (n, metrics); of MASE and RMSSE 1 for a series that has a scale, else 0.
    """

    numerators: FloatArray
    denominators: FloatArray

    def metrics(self, weights: FloatArray | None = None) -> dict[str, FloatArray]:
        """Every metric for each weighting of the series.

        Args:
            weights: (draws, n) how often each series counts; None counts each once, in one draw.

        Returns:
            Name -> (draws,). WAPE, bias, error of the total and WQL are sums over sums of actuals; MASE and
            RMSSE are means over the series whose scale is not 0; NaN where undefined.
        """
        counted = np.ones((1, len(self.numerators))) if weights is None else weights
        sums = (counted @ np.hstack([self.numerators, self.denominators])).T
        numerators, denominators = np.split(sums, 2)
        pooled = {
            name: Ratio(numerator, denominator)
            for name, numerator, denominator in zip(METRICS, numerators, denominators, strict=True)
        }
        return {name: ratio.root if name == "rmse" else ratio.value for name, ratio in pooled.items()}


def score_series(held_out: Origin, answer: Answer) -> SeriesScores:
    """Score a forecast series by series.

    Point forecasts answer for absolute errors, means for squared ones, bias and totals. The scales of MASE
    (season of the grain) and RMSSE come from the histories.
    """
    actual = held_out.actual
    absolute, squared = mae(actual, answer.point), mse(actual, answer.mean)
    grain = held_out.panel.grain
    mase_scales = np.array([seasonal_scale(history, grain) or np.nan for history in held_out.panel.history])
    rmsse_scales = np.array([rmsse_scale(history) or np.nan for history in held_out.panel.history])
    unknown = np.full(len(actual), np.nan)
    loss = covered = Ratio(unknown, unknown)
    if answer.deciles is not None:
        loss = wql(actual, answer.deciles)
        covered = coverage(actual, answer.deciles[:, :, _LOW], answer.deciles[:, :, _HIGH])
    ratios = {
        "wape": wape(actual, answer.point),
        "mae": absolute,
        "rmse": squared,
        "bias": bias(actual, answer.mean),
        "mase": scaled(absolute.value, mase_scales),
        "rmsse": scaled(squared.root, rmsse_scales),
        "total_error": total_error(actual, answer.mean),
        "wql": loss,
        "coverage_80": covered,
    }
    return SeriesScores(
        np.stack([ratios[name].numerator for name in METRICS], axis=1),
        np.stack([ratios[name].denominator for name in METRICS], axis=1),
    )


@dataclass(frozen=True)
class Bar:
    """A figure the model is judged by: a metric over the baseline's, the best one's where there are several.

    Attributes:
        name: as it is printed.
        metric: one of :data:`METRICS`.
        baselines: names of the models compared with; empty for the absolute value of the metric itself.
    """

    name: str
    metric: str
    baselines: tuple[str, ...] = ()

    def values(self, metrics_of: Callable[[str], Mapping[str, FloatArray]], model: str) -> FloatArray:
        """(draws,) of the figure, given the metrics by name of a model."""
        own = metrics_of(model)[self.metric]
        if not self.baselines:
            return np.abs(own)
        best = np.min([metrics_of(name)[self.metric] for name in self.baselines], axis=0)
        return np.asarray(own / best, dtype=np.float64)


BARS = (
    Bar("WQL / HistQ56", "wql", ("HistQ56",)),
    Bar("WQL / better of AutoETS and Theta", "wql", ("AutoETS", "Theta")),
    Bar("WAPE / MA7", "wape", ("MA7",)),
    Bar("MASE / seasonal naive", "mase", ("seasonal naive",)),
    Bar("RMSSE of the mean / MA28", "rmsse", ("MA28",)),
    Bar("absolute bias of the mean", "bias"),
    Bar("error of the 28-day total / MA28", "total_error", ("MA28",)),
)


@dataclass(frozen=True)
class Interval:
    """A figure and the central 95 % of its bootstrap distribution over series."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def figures(scores: Mapping[str, SeriesScores]) -> dict[str, dict[str, Interval]]:
    """Every metric of every model with its bootstrap interval: model -> metric -> figure.

    Metrics of quantiles are left out for a model that has none. Arguments as in :func:`judge`.
    """
    counts = _draws_of(scores)
    found: dict[str, dict[str, Interval]] = {}
    for name, series in scores.items():
        once, drawn = series.metrics(), series.metrics(counts)
        found[name] = {
            metric: percentile_interval(once[metric][0], drawn[metric])
            for metric in METRICS
            if np.isfinite(once[metric][0])
        }
    return found


def judge(
    scores: Mapping[str, SeriesScores], models: Sequence[str], bars: Sequence[Bar] = BARS
) -> dict[str, dict[str, Interval]]:
    """The bars of each model, with paired bootstrap intervals: series are drawn, all models see the draw.

    Args:
        scores: of the models and of the baselines; a bar whose baselines are not among them is left out.
        models: names to judge. A figure that is not defined, as over actuals that are all zero, is left
            out.
        bars: what they are judged by.

    Returns:
        Bar -> model -> figure with its percentile interval (``docs/methods.md#bootstrap-intervals``).
    """
    counts = _draws_of(scores)
    once = {name: series.metrics() for name, series in scores.items()}
    drawn = {name: series.metrics(counts) for name, series in scores.items()}
    found: dict[str, dict[str, Interval]] = {}
    for bar in bars:
        if not set(bar.baselines) <= set(scores):
            continue
        values = {model: float(bar.values(once.__getitem__, model)[0]) for model in models}
        found[bar.name] = {
            model: percentile_interval(value, bar.values(drawn.__getitem__, model))
            for model, value in values.items()
            if np.isfinite(value)
        }
    return found


def _draws_of(scores: Mapping[str, SeriesScores]) -> FloatArray:
    return bootstrap_draws(len(next(iter(scores.values())).numerators))


def bootstrap_draws(n: int, draws: int = DRAWS) -> FloatArray:
    """(draws, n): how often each of n is drawn with replacement, the same every time."""
    counts = np.random.default_rng(_SEED).multinomial(n, np.full(n, 1 / n), size=draws)
    return counts.astype(np.float64)


def drawn_sums(sums: FloatArray, draws: int = DRAWS) -> FloatArray:
    """(draws, k) sums over n drawn with replacement, as :func:`bootstrap_draws` draws them, some at a time.

    Args:
        sums: (n, k) of each of n.
        draws: how many.
    """
    n = len(sums)
    random = np.random.default_rng(_SEED)
    parts = []
    for start in range(0, draws, _DRAWS_AT_A_TIME):
        size = min(_DRAWS_AT_A_TIME, draws - start)
        parts.append(random.multinomial(n, np.full(n, 1 / n), size=size) @ sums)
    return np.concatenate(parts)


def percentile_interval(value: float, drawn: FloatArray) -> Interval:
    """The figure with the central 95 % of its draws; draws in which it is undefined (NaN) are left out."""
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return Interval(float(value), float(low), float(high))
