"""Daily demand drawn from the laws that the oracle names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from forecasting_lib.panel import FloatArray

_NUMBER = r"(?:\w+=)?([\d.]+)"


class Shape(NamedTuple):
    items: int
    periods: int


def drawn(law: str, shape: Shape, rng: np.random.Generator) -> FloatArray:
    """(items, periods) independent draws from a law such as ``poisson(2)``."""
    for pattern, draw in _LAWS.items():
        if found := re.fullmatch(pattern, law):
            return draw(shape, rng, *map(float, found.groups())).astype(np.float64)
    raise ValueError(f"no draws from {law!r}")


def _negative_binomial(shape: Shape, rng: np.random.Generator, mean: float, variance: float) -> FloatArray:
    size = mean**2 / (variance - mean)
    return rng.negative_binomial(size, mean / variance, size=shape).astype(np.float64)


def _lumpy(
    shape: Shape, rng: np.random.Generator, probability: float, mean: float, variance: float
) -> FloatArray:
    occurs = rng.random(shape) < probability
    return np.where(occurs, 1.0 + _negative_binomial(shape, rng, mean, variance), 0.0)


_LAWS: dict[str, Callable[..., FloatArray]] = {
    rf"poisson\({_NUMBER}\)": lambda shape, rng, mean: rng.poisson(mean, shape),
    rf"nbinom\({_NUMBER},{_NUMBER}\)": _negative_binomial,
    rf"gamma\({_NUMBER},{_NUMBER}\)": lambda shape, rng, mean, variance: rng.gamma(
        mean**2 / variance, variance / mean, shape
    ),
    rf"normal\({_NUMBER},{_NUMBER}\)(?: truncated at 0)?": lambda shape, rng, mean, sd: np.maximum(
        rng.normal(mean, sd, shape), 0.0
    ),
    rf"zi\({_NUMBER},1\+nbinom\({_NUMBER},{_NUMBER}\)\)": _lumpy,
}
