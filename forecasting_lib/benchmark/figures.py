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

from forecasting_lib.accuracy.held_out import HeldOut
from forecasting_lib.accuracy.metrics import WQL_LEVELS, mase_scale, rmsse_scale
from forecasting_lib.benchmark.baselines import Answer
from forecasting_lib.panel import FloatArray

METRICS = ("wape", "mae", "rmse", "bias", "mase", "rmsse", "total_error", "wql", "coverage_80")
"""Names of the columns of the table, in its order."""

DRAWS = 1_000
SEED = 7

_LOW, _HIGH = WQL_LEVELS.index(0.1), WQL_LEVELS.index(0.9)
_SHARES = np.asarray(WQL_LEVELS)


@dataclass(frozen=True)
class SeriesScores:
    """Sums by series, one column per entry of :data:`_SUMS`.

    Attributes:
        sums: (n, columns); the columns of the quantiles are NaN where a model has none.
    """

    sums: FloatArray

    def metrics(self, weights: FloatArray | None = None) -> dict[str, FloatArray]:
        """Every metric for each weighting of the series.

        Args:
            weights: (draws, n) how often each series counts; None counts each once, in one draw.

        Returns:
            Name -> (draws,). WAPE, bias, error of the total and WQL are sums over sums of actuals; MASE and
            RMSSE are means over the series whose scale is not 0; NaN where undefined.
        """
        counted = np.ones((1, len(self.sums))) if weights is None else weights
        column = dict(zip(_SUMS, (counted @ self.sums).T, strict=True))
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                "wape": column["absolute"] / column["actual"],
                "mae": column["absolute"] / column["days"],
                "rmse": np.sqrt(column["squared"] / column["days"]),
                "bias": column["signed"] / column["actual"],
                "mase": column["mase"] / column["has_mase"],
                "rmsse": column["rmsse"] / column["has_rmsse"],
                "total_error": column["total"] / column["actual"],
                "wql": column["quantile_loss"] / column["actual"],
                "coverage_80": column["covered"] / column["days"],
            }


_SUMS = (
    "actual",
    "days",
    "absolute",
    "squared",
    "signed",
    "total",
    "mase",
    "has_mase",
    "rmsse",
    "has_rmsse",
    "quantile_loss",
    "covered",
)


def score_series(held_out: HeldOut, answer: Answer) -> SeriesScores:
    """Score a forecast series by series.

    Point forecasts answer for absolute errors, means for squared ones, bias and totals. The scales of MASE
    (season 7) and RMSSE come from the histories.
    """
    actual = held_out.actual
    n, horizon = actual.shape
    absolute = np.abs(answer.point - actual).sum(axis=1)
    error = answer.mean - actual
    squared = np.square(error).sum(axis=1)
    mase_scales = np.array([mase_scale(history) or np.nan for history in held_out.panel.history])
    rmsse_scales = np.array([rmsse_scale(history) or np.nan for history in held_out.panel.history])
    mase, rmsse = absolute / horizon / mase_scales, np.sqrt(squared / horizon) / rmsse_scales
    loss = covered = np.full(n, np.nan)
    if answer.deciles is not None:
        short = actual[:, :, None] - answer.deciles
        loss = 2 * np.maximum(_SHARES * short, (_SHARES - 1) * short).mean(axis=2).sum(axis=1)
        inside = (answer.deciles[:, :, _LOW] <= actual) & (actual <= answer.deciles[:, :, _HIGH])
        covered = inside.sum(axis=1).astype(np.float64)
    columns = {
        "actual": actual.sum(axis=1),
        "days": np.full(n, float(horizon)),
        "absolute": absolute,
        "squared": squared,
        "signed": error.sum(axis=1),
        "total": np.abs(error.sum(axis=1)),
        "mase": np.nan_to_num(mase),
        "has_mase": np.isfinite(mase).astype(np.float64),
        "rmsse": np.nan_to_num(rmsse),
        "has_rmsse": np.isfinite(rmsse).astype(np.float64),
        "quantile_loss": loss,
        "covered": covered,
    }
    return SeriesScores(np.stack([columns[name] for name in _SUMS], axis=1))


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


def figures(
    scores: Mapping[str, SeriesScores], draws: int = DRAWS, seed: int = SEED
) -> dict[str, dict[str, Interval]]:
    """Every metric of every model with its bootstrap interval: model -> metric -> figure.

    Metrics of quantiles are left out for a model that has none. Arguments as in :func:`judge`.
    """
    counts = _draw(scores, draws, seed)
    found: dict[str, dict[str, Interval]] = {}
    for name, series in scores.items():
        once, drawn = series.metrics(), series.metrics(counts)
        found[name] = {
            metric: _interval(once[metric], drawn[metric])
            for metric in METRICS
            if np.isfinite(once[metric][0])
        }
    return found


def judge(
    scores: Mapping[str, SeriesScores], models: Sequence[str], draws: int = DRAWS, seed: int = SEED
) -> dict[str, dict[str, Interval]]:
    """The bars of each model, with paired bootstrap intervals: series are drawn, all models see the draw.

    Args:
        scores: of the models and of the baselines; a bar whose baselines are not among them is left out.
        models: names to judge.
        draws: bootstrap samples.
        seed: fixes the draws.

    Returns:
        Bar -> model -> figure with its percentile interval (Efron and Tibshirani, 1993, chapter 13).
    """
    counts = _draw(scores, draws, seed)
    once = {name: series.metrics() for name, series in scores.items()}
    drawn = {name: series.metrics(counts) for name, series in scores.items()}
    return {
        bar.name: {
            model: _interval(bar.values(once.__getitem__, model), bar.values(drawn.__getitem__, model))
            for model in models
        }
        for bar in BARS
        if set(bar.baselines) <= set(scores)
    }


def _draw(scores: Mapping[str, SeriesScores], draws: int, seed: int) -> FloatArray:
    """(draws, n): how often each series is drawn."""
    n = len(next(iter(scores.values())).sums)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    return counts.astype(np.float64)


def _interval(once: FloatArray, drawn: FloatArray) -> Interval:
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return Interval(float(once[0]), float(low), float(high))
