"""Every model the system knows, by name. A new model is one file beside this one and one line here.

Making a model imports no heavy library; predicting does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from forecasting_lib.grain import Grain
from forecasting_lib.models.chronos2 import Chronos2
from forecasting_lib.models.exponential_smoothing import AutoEts
from forecasting_lib.models.gbm import GradientBoosting
from forecasting_lib.models.interface import Forecaster
from forecasting_lib.models.intermittent import IntermittentDemand, Method
from forecasting_lib.models.naive import MovingAverage, SeasonalNaive
from forecasting_lib.models.recent_quantiles import RecentQuantiles
from forecasting_lib.models.theta import Theta
from forecasting_lib.models.weekday_quantiles import WeekdayQuantiles
from forecasting_lib.models.weights import DEFAULT_MODEL_ID, ResolvedWeights


@dataclass(frozen=True)
class ModelEntry:
    """One model of the registry.

    Attributes:
        factory: makes the model; its keyword arguments are the model's settings.
        description: one line for tables and user interfaces.
        simplicity: 0 is the simplest; between models of equal accuracy the lower one wins.
        needs_weights: True where ``path`` must be given, a directory of pretrained weights.
        settings: arguments of the factory that make it this model.
        yardstick_of: the periods at which others are measured by it, and it is no member of an ensemble.
        grains: the periods it is good for; of a model with weights, the most that any weights are good for.
        needs_package: a package of the extra ``zoo``, named like its module; None where nothing is needed
            beyond what is always installed.
        reports_progress: True where it takes ``progress``, because it takes its time.
    """

    factory: Callable[..., Forecaster]
    description: str
    simplicity: int
    needs_weights: bool = False
    yardstick_of: frozenset[Grain] = frozenset()
    settings: Mapping[str, Any] = field(default_factory=dict)
    grains: frozenset[Grain] = frozenset(Grain)
    needs_package: str | None = None
    reports_progress: bool = False


def _intermittent(method: Method, description: str, simplicity: int) -> ModelEntry:
    return ModelEntry(
        IntermittentDemand,
        description,
        simplicity,
        settings={"method": method},
        needs_package="statsforecast",
        reports_progress=True,
    )


REGISTRY: Mapping[str, ModelEntry] = {
    "ma7": ModelEntry(
        MovingAverage,
        "mean of the last seven days",
        0,
        yardstick_of=frozenset({Grain.DAY}),
        settings={"window": 7},
        grains=frozenset({Grain.DAY}),
    ),
    "seasonal_naive": ModelEntry(
        SeasonalNaive,
        "the last week of days, or year of weeks or months, again",
        1,
        yardstick_of=frozenset({Grain.DAY}),
    ),
    "hist_q": ModelEntry(RecentQuantiles, "quantiles of the last 56 days, 8 weeks or 12 months", 2),
    "hist_dow": ModelEntry(
        WeekdayQuantiles,
        "quantiles of the last eight days of the same weekday",
        3,
        grains=frozenset({Grain.DAY}),
    ),
    "croston_sba": _intermittent(Method.CROSTON_SBA, "Croston's sizes and intervals, less its bias", 4),
    "tsb": _intermittent(Method.TSB, "smoothed sizes and smoothed probability of demand", 4),
    "adida": _intermittent(Method.ADIDA, "smoothed sums of as many periods as lie between two sales", 5),
    "imapa": _intermittent(Method.IMAPA, "smoothed sums of one period up to that many, averaged", 5),
    "theta": ModelEntry(
        Theta,
        "dynamic optimised Theta, with the season where there is one",
        6,
        needs_package="statsforecast",
        reports_progress=True,
    ),
    "auto_ets": ModelEntry(
        AutoEts,
        "exponential smoothing, its form chosen for each series",
        7,
        needs_package="statsforecast",
        reports_progress=True,
    ),
    "gbm": ModelEntry(
        GradientBoosting,
        "gradient-boosted trees over all series, with covariates",
        8,
        needs_package="lightgbm",
    ),
    "chronos2": ModelEntry(
        Chronos2,
        "Chronos-2, pretrained, with covariates",
        9,
        needs_weights=True,
        settings={"in_whole_units": True},
        reports_progress=True,
    ),
}


def available_models() -> tuple[str, ...]:
    """Names of all models, the simplest first."""
    return tuple(sorted(REGISTRY, key=lambda name: REGISTRY[name].simplicity))


def model_entry(name: str) -> ModelEntry:
    """The registry's line for a model.

    Raises:
        ValueError: no model has this name; the message lists those that do.
    """
    try:
        return REGISTRY[name]
    except KeyError:
        known = ", ".join(available_models())
        raise ValueError(f"there is no model {name!r}; known models are {known}") from None


def unfit_because(name: str, grain: Grain, weights: ResolvedWeights | None = None) -> str | None:
    """Why a model cannot forecast periods of a grain, as a sentence; None where it can.

    >>> unfit_because("ma7", Grain.MONTH)
    'ma7 forecasts days only, and this demand comes by the month.'

    Args:
        name: one of :func:`available_models`.
        grain: of the demand.
        weights: those it would run on, where it needs some.

    Raises:
        ValueError: no model has this name.
    """
    entry = model_entry(name)
    if grain not in entry.grains:
        return f"{name} forecasts {_periods(entry.grains)} only, and this demand comes by the {grain}."
    if weights is not None and grain not in weights.grains:
        return (
            f"The weights {weights.model_id} were trained for {_periods(weights.grains)} only, and this "
            f"demand comes by the {grain}; name weights for it in CHRONOS_MODEL_ID, such as "
            f"{DEFAULT_MODEL_ID}."
        )
    return None


def missing_package(name: str) -> str | None:
    """What has to be installed before a model can forecast, as a sentence; None where nothing.

    Raises:
        ValueError: no model has this name.
    """
    package = model_entry(name).needs_package
    if package is None or find_spec(package) is not None:
        return None
    return f"{name} needs {package}, which is not installed; install it with: pip install 'forecaster[zoo]'."


def _periods(grains: frozenset[Grain]) -> str:
    return " and ".join(grain.periods for grain in Grain if grain in grains)


def create_model(name: str, **settings: Any) -> Forecaster:
    """Make a model by name.

    Args:
        name: one of :func:`available_models`.
        settings: arguments of the model beyond those of its registry line, such as ``path`` for chronos2.

    Raises:
        ValueError: no model has this name, or a setting does not fit it.
    """
    entry = model_entry(name)
    try:
        return entry.factory(**entry.settings, **settings)
    except TypeError as error:
        raise ValueError(f"settings of model {name!r} do not fit: {error}") from error
