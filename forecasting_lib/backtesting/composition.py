"""One forecast made of several models': each series by the model that leads for it.

Belongs here: putting the series together, ensembles among the leaders, and the ensembles' weights. Does not
belong here: who leads (``champions``), what makes the result true (``calibration``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting_lib.models.counts import counts_in_whole_units
from forecasting_lib.models.ensembles import averaged
from forecasting_lib.panel import FloatArray, Forecast, Panel

EQUAL, FITTED = "ensemble_equal", "ensemble_fitted"
"""Names of the ensembles: equal weights, and weights fitted on past origins."""

COMPOSED = "champion"
"""Name of the forecast that is made of the leaders' own."""


@dataclass(frozen=True)
class Ensemble:
    """Weights of some models by demand class.

    Attributes:
        members: names of the m models.
        weights: class -> (m,), adding up to 1; a class that is not there has equal weights.
    """

    members: tuple[str, ...]
    weights: Mapping[str, FloatArray]

    def of(self, name: str) -> FloatArray:
        """(m,) the weights of a class."""
        equal = np.full(len(self.members), 1.0 / len(self.members))
        return np.asarray(self.weights.get(name, equal), dtype=np.float64)


def composed(
    forecasts: Mapping[str, Forecast],
    leaders: Sequence[str],
    classes: Sequence[str],
    ensembles: Mapping[str, Ensemble],
    panel: Panel,
) -> Forecast:
    """The forecast whose series are each those of their leader.

    Args:
        forecasts: by name of the model, all of the panel's n series.
        leaders: (n,) a model or an ensemble each.
        classes: (n,) the demand class of each series.
        ensembles: by name.
        panel: what the forecasts were made from; it tells which demand comes in whole units.

    Raises:
        ValueError: a leader, or a member of one, has no forecast.
    """
    names = list(forecasts)
    position = {name: number for number, name in enumerate(names)}
    rows = {
        (leader, of_class): _row(leader, of_class, position, ensembles)
        for leader, of_class in dict.fromkeys(zip(leaders, classes, strict=True))
    }
    weights = np.stack([rows[pair] for pair in zip(leaders, classes, strict=True)])
    answer = averaged([forecasts[name] for name in names], weights)
    mixed = np.count_nonzero(weights, axis=1) > 1
    rounded = counts_in_whole_units(answer, panel)
    return replace(
        answer,
        point=np.where(mixed[:, None], rounded.point, _points(forecasts, names, weights)),
        quantiles=np.where(mixed[:, None, None], rounded.quantiles, answer.quantiles),
    )


def _points(forecasts: Mapping[str, Forecast], names: Sequence[str], weights: FloatArray) -> FloatArray:
    """(n, h) the leader's own point forecast, which need not be a median."""
    own = np.stack([forecasts[name].point for name in names])
    return np.asarray(own[weights.argmax(axis=1), np.arange(len(weights))])


def _row(
    leader: str, of_class: str, position: Mapping[str, int], ensembles: Mapping[str, Ensemble]
) -> FloatArray:
    row = np.zeros(len(position))
    ensemble = ensembles.get(leader, Ensemble((leader,), {}))
    missing = [member for member in ensemble.members if member not in position]
    if missing:
        raise ValueError(f"{leader} leads, and there is no forecast of {', '.join(missing)}")
    row[[position[member] for member in ensemble.members]] = ensemble.of(of_class)
    return row
