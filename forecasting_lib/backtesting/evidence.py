"""Everything that a backtest finds: rows to keep, leaders, calibrations, and how well choosing did.

Belongs here: the order in which things are fitted and judged. Does not belong here: each of them (the other
modules of this package), models, storage.

Choices are made twice. On the earlier origins, to be judged on the later ones, which nothing was chosen on;
and on all origins, for the forecasts to come. What is said of the choices' worth is said of the former.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting_lib.accuracy.lag_buckets import lag_bucket
from forecasting_lib.accuracy.metrics import DECILES, WQL_LEVELS, rmsse_scale, seasonal_scale
from forecasting_lib.backtesting.calibration import Calibration, calibrated
from forecasting_lib.backtesting.champions import IntArray, Verdict, choose
from forecasting_lib.backtesting.composition import COMPOSED, EQUAL, FITTED, Ensemble, composed
from forecasting_lib.backtesting.inflation import HELD_LEVELS, Inflation, held
from forecasting_lib.backtesting.measured import (
    ClassSums,
    KnownOfClass,
    inflations,
    joined_totals,
    losses,
)
from forecasting_lib.backtesting.measures import DaySums, Totals
from forecasting_lib.backtesting.reliability import share_below
from forecasting_lib.backtesting.segments import demand_classes, segments
from forecasting_lib.backtesting.stacking import drawn_towards, fitted_weights, sampled
from forecasting_lib.history_variance import history_variance
from forecasting_lib.models.counts import counted_series
from forecasting_lib.origins import Origin
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray, Forecast

JUDGED = 2
"""The last origins, on which choices are judged that were made on those before."""

Calibrations = Mapping[tuple[str, str], Calibration]


@dataclass(frozen=True)
class Traits:
    """What is known of series beside their demand.

    Attributes:
        unit_values: series id -> money per unit.
        categories: series id -> category.
        leaders: series id -> the model that leads until now.
        scores: (series id, model) -> its score at the backtest before.
    """

    unit_values: Mapping[str, float]
    categories: Mapping[str, str]
    leaders: Mapping[str, str]
    scores: Mapping[tuple[str, str], float]


NOTHING_KNOWN = Traits({}, {}, {}, {})

NO_RELIABILITY = pl.DataFrame(
    schema={
        "model": pl.String,
        "demand_class": pl.String,
        "lag_bucket": pl.String,
        "is_calibrated": pl.Boolean,
        "level": pl.Float64,
        "n_series": pl.Int64,
        "n_actuals": pl.Int64,
        "n_below": pl.Float64,
    }
)
"""Rows of what quantiles held, none of them."""


@dataclass(frozen=True)
class Kept:
    """The rows of one model at one origin, in files of a scratch folder.

    Attributes:
        model: name.
        origin: number of the origin.
        scores: sums by series and lag bucket, with the scales of the series.
        totals: by series and interval.
    """

    model: str
    origin: int
    scores: Path
    totals: Path


@dataclass(frozen=True)
class Evidence:
    """What a backtest found.

    Attributes:
        candidates: names of the models and ensembles that may lead, in the order of ``verdict``.
        series_ids: of the n series of the last origin.
        classes: (n,) demand class of each as of then.
        verdict: who leads, by all origins; for the forecasts to come.
        ensembles: by name, fitted on all origins.
        calibrations: candidate -> by class and lag bucket, fitted on all origins.
        inflations: candidate -> by class and interval, fitted on all origins, of calibrated forecasts.
        held: (candidate, class, periods) -> what the quantiles at ``HELD_LEVELS`` held on the later origins,
            with what was fitted on the earlier ones, and of how many totals.
        reliability: rows of what each quantile held on the later origins, before and after calibration.
        kept: the rows to store.
        judged_from: number of the first origin that the judged choices were not made on.
    """

    candidates: tuple[str, ...]
    series_ids: tuple[str, ...]
    classes: tuple[str, ...]
    verdict: Verdict
    ensembles: Mapping[str, Ensemble]
    calibrations: Mapping[str, Calibrations]
    inflations: Mapping[str, Mapping[tuple[str, int], Inflation]]
    held: Mapping[tuple[str, str, int], tuple[tuple[float, ...], int]]
    reliability: pl.DataFrame
    kept: Sequence[Kept]
    judged_from: int


def gathered(
    origins: Sequence[Origin],
    replays: Mapping[str, Sequence[Forecast]],
    simplicity: Mapping[str, int],
    members: Sequence[str],
    folder: Path,
    *,
    traits: Traits = NOTHING_KNOWN,
    log: Callable[[str], None] = lambda _line: None,
) -> Evidence:
    """Measure the replays of models, choose, calibrate, and judge the choices.

    Args:
        origins: the earliest first; a series has the same id at each.
        replays: model -> its forecast at each origin.
        simplicity: of each model; the lowest is the simplest.
        members: models that ensembles are made of; fewer than two make none.
        folder: for the rows to keep.
        traits: of the series.
        log: told what is done.

    Raises:
        ValueError: there is no origin or no model.
    """
    if not origins or not replays:
        raise ValueError("a backtest needs an origin and a model")
    bench = _Bench(origins, folder, traits)
    judged_from = len(origins) - JUDGED if len(origins) > JUDGED else 0
    early = range(judged_from or len(origins))
    late = range(judged_from, len(origins)) if judged_from else range(0)
    forecasts = {name: list(own) for name, own in replays.items()}
    ensembles: dict[str, Ensemble] = {}
    if len(members) > 1:
        log(f"Ensembles of {', '.join(members)}")
        ensembles = bench.ensembles(forecasts, members, early)
        for name, ensemble in ensembles.items():
            forecasts[name] = [
                composed(
                    {member: forecasts[member][number] for member in members},
                    [name] * len(origin.panel),
                    bench.classes[number],
                    {name: ensemble},
                    origin.panel,
                )
                for number, origin in enumerate(origins)
            ]
    candidates = tuple(forecasts)
    hardness = [simplicity.get(name, max(simplicity.values()) + 1) for name in candidates]
    hedge = candidates.index(FITTED) if FITTED in candidates else None
    measured = {}
    for name in candidates:
        log(f"Measuring {name} at {len(origins)} origins")
        measured[name] = bench.measured(name, forecasts[name])
    loss = np.stack([measured[name].losses for name in candidates], axis=1)

    reliability: list[pl.DataFrame] = []
    held_of: dict[tuple[str, str, int], tuple[tuple[float, ...], int]] = {}
    calibrated_late: dict[str, dict[int, Forecast]] = {}
    if late:
        for name in candidates:
            fitted_early = measured[name].sums.calibrations(early)
            true = {k: bench.calibrated(forecasts[name][k], k, fitted_early) for k in range(len(origins))}
            calibrated_late[name] = {k: true[k] for k in late}
            reliability.append(bench.reliability(name, measured[name].sums, late, calibrated=False))
            reliability.append(
                bench.reliability(
                    name, bench.class_sums([true[k] for k in late], late), None, calibrated=True
                )
            )
            held_of |= bench.held(name, [true[k] for k in early], [true[k] for k in late], early, late)
        verdict = choose(loss[:, :, list(early)], bench.segments(early[-1]), hardness, hedge=hedge)
        log(f"Judging the choices of {len(early)} origins on the {len(late)} after them")
        reliability += bench.judge_composed(verdict, candidates, calibrated_late, late)

    names = {name: number for number, name in enumerate(candidates)}
    before = np.array([names.get(traits.leaders.get(i, ""), -1) for i in bench.universe], dtype=np.int64)
    scores_before = np.array(
        [[traits.scores.get((i, name), np.nan) for name in candidates] for i in bench.universe]
    ).reshape(len(bench.universe), len(candidates))
    verdict = choose(
        loss,
        bench.segments(len(origins) - 1),
        hardness,
        hedge=hedge,
        before=before,
        scores_before=scores_before,
    )
    everything = range(len(origins))
    calibrations = {name: measured[name].sums.calibrations(everything) for name in candidates}
    if ensembles:
        ensembles = bench.ensembles(forecasts, members, everything)
    return Evidence(
        candidates=candidates,
        series_ids=origins[-1].panel.series_ids,
        classes=bench.classes[-1],
        verdict=bench.of_last_origin(verdict),
        ensembles=ensembles,
        calibrations=calibrations,
        inflations={
            name: bench.inflations(
                [bench.calibrated(forecasts[name][k], k, calibrations[name]) for k in everything], everything
            )
            for name in candidates
        },
        held=held_of,
        reliability=pl.concat(reliability) if reliability else NO_RELIABILITY,
        kept=bench.kept,
        judged_from=judged_from,
    )


@dataclass(frozen=True)
class _Measured:
    """Sums by class, and losses (n, o) of the universe's series."""

    sums: ClassSums
    losses: FloatArray


class _Bench:
    """The origins with what is looked up again and again: classes, scales, counted series, numbers."""

    def __init__(self, origins: Sequence[Origin], folder: Path, traits: Traits) -> None:
        self.origins = origins
        self.folder = folder
        self.traits = traits
        self.kept: list[Kept] = []
        self.classes = [demand_classes(origin.panel) for origin in origins]
        self.class_names = tuple(sorted({name for names in self.classes for name in names}))
        self.counted = [counted_series(origin.panel) for origin in origins]
        self.history_variances = [history_variance(origin.panel) for origin in origins]
        grain = origins[0].panel.grain
        self.scales = [_scales(origin, lambda h: seasonal_scale(h, grain)) for origin in origins]
        self.rmsse_scales = [_scales(origin, rmsse_scale) for origin in origins]
        self.buckets = [lag_bucket(grain, lag) for lag in range(1, origins[0].horizon + 1)]
        self.universe = tuple(dict.fromkeys(i for origin in origins for i in origin.panel.series_ids))
        number = {series_id: place for place, series_id in enumerate(self.universe)}
        self.numbers: list[IntArray] = [
            np.array([number[i] for i in origin.panel.series_ids], dtype=np.int64) for origin in origins
        ]

    def segments(self, origin: int) -> tuple[str, ...]:
        """Of every series of the universe, as of an origin; of one not there yet, its first class."""
        panel = self.origins[origin].panel
        ids = panel.series_ids
        own = segments(
            panel,
            self.classes[origin],
            np.array([self.traits.unit_values.get(i, np.nan) for i in ids]),
            [self.traits.categories.get(i) for i in ids],
        )
        found = dict(zip(ids, own, strict=True))
        return tuple(found.get(series_id, "none") for series_id in self.universe)

    def ensembles(
        self, forecasts: Mapping[str, Sequence[Forecast]], members: Sequence[str], origins: Sequence[int]
    ) -> dict[str, Ensemble]:
        everybody = self._weights(forecasts, members, origins, None)
        weights = {
            name: drawn_towards(
                self._weights(forecasts, members, origins, name),
                everybody,
                sum(self.classes[k].count(name) for k in origins) // len(origins),
            )
            for name in self.class_names
        }
        return {EQUAL: Ensemble(tuple(members), {}), FITTED: Ensemble(tuple(members), weights)}

    def _weights(
        self,
        forecasts: Mapping[str, Sequence[Forecast]],
        members: Sequence[str],
        origins: Sequence[int],
        name: str | None,
    ) -> FloatArray:
        actual, quantiles, scales = [], [], []
        for k in origins:
            rows = np.arange(len(self.classes[k]))
            if name is not None:
                rows = np.flatnonzero(np.array(self.classes[k], dtype=object) == name)
            rows = rows[sampled(len(rows))]
            actual.append(self.origins[k].actual[rows])
            scales.append(self.scales[k][rows])
            quantiles.append(
                np.stack([np.asarray(forecasts[m][k].quantiles[rows], np.float64) for m in members])[
                    ..., DECILES
                ]
            )
        return fitted_weights(
            np.concatenate(actual),
            np.concatenate(quantiles, axis=1),
            np.array(WQL_LEVELS),
            np.concatenate(scales),
        )

    def measured(self, name: str, forecasts: Sequence[Forecast]) -> _Measured:
        """Measure a model at every origin and keep its rows."""
        loss = np.full((len(self.universe), len(self.origins)), np.nan)
        sums = []
        for k, forecast in enumerate(forecasts):
            days, totals = self._sums(forecast, k), self._totals(forecast, k)
            pinball = totals.pinball()
            loss[self.numbers[k], k] = losses(days, totals, pinball, self.scales[k])
            self._keep(name, k, days, totals, pinball)
            sums.append(days)
        return _Measured(self._class_sums(sums, range(len(self.origins))), loss)

    def class_sums(self, forecasts: Sequence[Forecast], origins: Sequence[int]) -> ClassSums:
        return self._class_sums([self._sums(f, k) for f, k in zip(forecasts, origins, strict=True)], origins)

    def _class_sums(self, sums: Sequence[DaySums], origins: Sequence[int]) -> ClassSums:
        return ClassSums.of(sums, [self.classes[k] for k in origins], self.class_names)

    def _sums(self, forecast: Forecast, origin: int) -> DaySums:
        return DaySums.of(forecast, self.origins[origin].actual)

    def _totals(self, forecast: Forecast, origin: int) -> Totals:
        return Totals.of(
            forecast, self.origins[origin].actual, self.counted[origin], self.history_variances[origin]
        )

    def _keep(self, name: str, origin: int, days: DaySums, totals: Totals, pinball: FloatArray) -> None:
        ids = self.origins[origin].panel.series_ids
        kept = Kept(
            name,
            origin,
            self.folder / f"{name}-{origin}-scores.arrow",
            self.folder / f"{name}-{origin}-totals.arrow",
        )
        scales = pl.DataFrame(
            {
                "series_id": pl.Series(ids, dtype=pl.String),
                "mase_scale": self.scales[origin],
                "rmsse_scale": self.rmsse_scales[origin],
            }
        ).with_columns(pl.col("mase_scale", "rmsse_scale").fill_nan(None))
        days.to_frame(ids).join(scales, on="series_id", maintain_order="left").write_ipc(kept.scores)
        totals.to_frame(ids, pinball).write_ipc(kept.totals)
        self.kept.append(kept)

    def calibrated(self, forecast: Forecast, origin: int, calibrations: Calibrations) -> Forecast:
        return calibrated(forecast, self.classes[origin], self.buckets, calibrations, self.counted[origin])

    def known(self, forecasts: Sequence[Forecast], origins: Sequence[int]) -> list[KnownOfClass]:
        return [
            KnownOfClass(self._totals(f, k), np.array(self.classes[k], dtype=object), self.numbers[k])
            for f, k in zip(forecasts, origins, strict=True)
        ]

    def inflations(
        self, forecasts: Sequence[Forecast], origins: Sequence[int]
    ) -> dict[tuple[str, int], Inflation]:
        return inflations(self.known(forecasts, origins), self.class_names)

    def held(
        self,
        name: str,
        early: Sequence[Forecast],
        late: Sequence[Forecast],
        early_origins: Sequence[int],
        late_origins: Sequence[int],
    ) -> dict[tuple[str, str, int], tuple[tuple[float, ...], int]]:
        """What the quantiles of totals hold on the later origins, with kappa of the earlier ones."""
        found = self.inflations(early, early_origins)
        later = self.known(late, late_origins)
        shares = {}
        for interval, periods in enumerate(later[0].totals.periods):
            for of_class in self.class_names:
                totals, _ = joined_totals(later, interval, of_class)
                inflation = found.get((of_class, periods))
                if not len(totals) or inflation is None:
                    continue
                transform = totals.transform(inflation.kappa)
                at = np.interp(HELD_LEVELS, QUANTILE_LEVELS, inflation.read_at)
                shares[name, of_class, periods] = (
                    tuple(held(*transform, float(level)) for level in at),
                    len(totals),
                )
        return shares

    def judge_composed(
        self,
        verdict: Verdict,
        candidates: Sequence[str],
        late: Mapping[str, Mapping[int, Forecast]],
        origins: Sequence[int],
    ) -> list[pl.DataFrame]:
        """Measure the forecast that the earlier origins would have led to, and keep its rows."""
        sums = []
        for k in origins:
            leaders = [candidates[verdict.model[number]] for number in self.numbers[k]]
            forecast = composed(
                {name: late[name][k] for name in candidates},
                leaders,
                self.classes[k],
                {},
                self.origins[k].panel,
            )
            days, totals = self._sums(forecast, k), self._totals(forecast, k)
            self._keep(COMPOSED, k, days, totals, totals.pinball())
            sums.append(days)
        return [self.reliability(COMPOSED, self._class_sums(sums, origins), None, calibrated=True)]

    def reliability(
        self, name: str, sums: ClassSums, origins: Sequence[int] | None, *, calibrated: bool
    ) -> pl.DataFrame:
        """What each quantile held, by class and lag bucket, over some origins or all of the sums'."""
        chosen = list(origins) if origins is not None else list(range(len(sums.series)))
        masses = sums.masses[chosen].sum(axis=0)
        series = sums.series[chosen].max(axis=0)
        parts = [
            pl.DataFrame(
                {
                    "model": name,
                    "demand_class": of_class,
                    "lag_bucket": bucket,
                    "is_calibrated": calibrated,
                    "level": list(QUANTILE_LEVELS),
                    "n_series": int(series[c]),
                    "n_actuals": round(float(masses[c, b].sum())),
                    "n_below": share_below(masses[c, b]) * masses[c, b].sum(),
                }
            )
            for c, of_class in enumerate(sums.classes)
            for b, bucket in enumerate(sums.buckets)
            if masses[c, b].sum() > 0.0
        ]
        return pl.concat(parts) if parts else NO_RELIABILITY

    def of_last_origin(self, verdict: Verdict) -> Verdict:
        """The verdict on the series of the last origin, in their order."""
        rows = self.numbers[-1]
        return replace(
            verdict,
            model=verdict.model[rows],
            reason=tuple(verdict.reason[row] for row in rows),
            score=verdict.score[rows],
            own_weight=verdict.own_weight[rows],
            origins=verdict.origins[rows],
        )


def _scales(origin: Origin, scale: Callable[[npt.NDArray[np.float64]], float | None]) -> FloatArray:
    """(n,) of each history; NaN where undefined or zero."""
    return np.array([scale(history) or np.nan for history in origin.panel.history])
