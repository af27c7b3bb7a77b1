"""Every model the system knows, by name. A new model is one file beside this one and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from forecasting_lib.grain import Grain
from forecasting_lib.models.chronos2 import Chronos2
from forecasting_lib.models.interface import Forecaster
from forecasting_lib.models.naive import MovingAverage, SeasonalNaive
from forecasting_lib.models.recent_quantiles import RecentQuantiles
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
    """

    factory: Callable[..., Forecaster]
    description: str
    simplicity: int
    needs_weights: bool = False
    yardstick_of: frozenset[Grain] = frozenset()
    settings: Mapping[str, Any] = field(default_factory=dict)
    grains: frozenset[Grain] = frozenset(Grain)


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
    "chronos2": ModelEntry(
        Chronos2,
        "Chronos-2, pretrained, with covariates",
        9,
        needs_weights=True,
        settings={"in_whole_units": True},
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
