"""Populations whose truth is known: series of categories at locations, some of them new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from forecasting_lib.new_items.kin import Kin
from forecasting_lib.panel import FloatArray, Panel

AS_OF = date(2026, 3, 31)
WEEK = np.array([0.7, 0.7, 0.8, 0.9, 1.2, 1.6, 1.1])
HORIZON = 28


@dataclass(frozen=True)
class Population:
    """Series with their future.

    Attributes:
        panel: histories; those of new series are short.
        kin: of them.
        actual: (n, h) demand ahead.
        expected: (n, h) its expectation.
    """

    panel: Panel
    kin: Kin
    actual: FloatArray
    expected: FloatArray


def population(
    seed: int,
    *,
    ages: tuple[int, ...] = (3, 7, 14, 28),
    items: int = 24,
    locations: int = 3,
    days: int = 200,
    weekly: FloatArray = WEEK,
) -> Population:
    """Poisson demand with a week, of items that sell at every location by its share.

    The first items of the list are new everywhere, one for each age.
    """
    rng = np.random.default_rng(seed)
    share = np.linspace(1.0, 0.4, locations)
    rate = rng.gamma(2.0, 4.0, items)[:, None] * share * rng.uniform(0.9, 1.1, (items, locations)) + 0.3
    week = np.resize(weekly, days + HORIZON)
    expected = rate.reshape(-1, 1) * week
    demand = rng.poisson(expected).astype(np.float64)
    age = np.full(items, days)
    age[: len(ages)] = ages
    history = []
    for row, own in zip(demand, np.repeat(age, locations), strict=True):
        begun = row[days - own : days]
        begun[0] = max(begun[0], 1.0)
        history.append(begun)
    names = [(f"item {i}", f"shop {k}") for i in range(items) for k in range(locations)]
    kin = Kin(
        [item for item, _ in names],
        [shop for _, shop in names],
        [f"category {int(item.split()[1]) % 2}" for item, _ in names],
    )
    panel = Panel(tuple(" ".join(name) for name in names), AS_OF, tuple(history))
    return Population(panel, kin, demand[:, days:], expected[:, days:])
