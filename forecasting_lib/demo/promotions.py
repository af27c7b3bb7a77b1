"""The demo retailer's promotions: the plan, the discount it means for a day, the effect it has on demand.

Belongs here: everything that follows from a promotion.
Does not belong here: list prices, and demand that has nothing to do with a promotion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting_lib.demo.processes import Days, FloatMatrix, IntMatrix, weekdays

REFERENCE_DISCOUNT = 0.25
"""The discount at which an item's uplift factor is stated."""

PLANNING_DAYS = 42
"""Promotions are planned this far past the end of the history; those already announced are delivered."""

_DIP_DAYS = 10
_DISCOUNTS = (0.10, 0.15, 0.20, 0.25, 0.33, 0.40, 0.50)
_DISCOUNT_CHANCES = (0.15, 0.15, 0.25, 0.2, 0.12, 0.08, 0.05)
_TYPES = ("price_cut", "multibuy", "feature")


@dataclass(frozen=True)
class Promotion:
    """One promotion. Days are positions in the planning calendar, both ends included.

    Exactly one of ``item`` and ``category`` is set, both as positions; ``location`` None is every store.
    """

    item: int | None
    category: int | None
    location: int | None
    start_day: int
    end_day: int
    discount_rate: float
    type: str
    announced_day: int


def plan_promotions(
    rng: np.random.Generator,
    calendar: Days,
    *,
    item_category: IntMatrix,
    locations: int,
    first_day: IntMatrix,
    last_day: IntMatrix,
) -> list[Promotion]:
    """Promotions of one or two weeks from a Thursday, announced two to five weeks ahead.

    Three items in five are promoted, on average once in four months while they are sold, one time in five
    in a single store. Once a quarter a whole category gets a small discount for a week.

    Args:
        rng: the stream to draw from.
        calendar: the planning calendar, longer than the history.
        item_category: (items,) position of each item's category.
        locations: number of stores.
        first_day: (items,) first position at which the item is sold.
        last_day: (items,) last position at which it is sold.
    """
    thursdays = np.flatnonzero(weekdays(calendar) == 3)
    promotions: list[Promotion] = []

    def add(item: int | None, category: int | None, start: int, length: int, discount: float) -> None:
        location = int(rng.integers(locations)) if item is not None and rng.random() < 0.2 else None
        promotions.append(
            Promotion(
                item=item,
                category=category,
                location=location,
                start_day=start,
                end_day=start + length - 1,
                discount_rate=discount,
                type=str(rng.choice(_TYPES)),
                announced_day=start - int(rng.integers(14, 36)),
            )
        )

    for item in range(len(item_category)):
        if rng.random() > 0.6:
            continue
        starts = thursdays[(thursdays >= first_day[item] + 14) & (thursdays + 14 <= last_day[item])]
        wanted = rng.poisson((last_day[item] - first_day[item]) / 120)
        for start in np.sort(rng.choice(starts, min(wanted, len(starts)), replace=False)):
            length = int(rng.choice((7, 14), p=(0.7, 0.3)))
            add(item, None, int(start), length, float(rng.choice(_DISCOUNTS, p=_DISCOUNT_CHANCES)))
    for quarter in range(45, len(calendar) - 14, 91):
        category = int(rng.choice(np.unique(item_category)))
        start = int(thursdays[np.searchsorted(thursdays, quarter)])
        add(None, category, start, 7, float(rng.choice((0.10, 0.15, 0.20))))
    return sorted(promotions, key=lambda p: (p.start_day, -1 if p.item is None else p.item, p.end_day))


def discount_by_day(
    promotions: Sequence[Promotion], days: int, item_category: IntMatrix, locations: int
) -> FloatMatrix:
    """The discount of every day and series, (days, items * locations); the largest where several apply."""
    discount = np.zeros((days, len(item_category), locations))
    for promotion in promotions:
        items = [promotion.item] if promotion.item is not None else item_category == promotion.category
        stores = slice(None) if promotion.location is None else [promotion.location]
        for day in range(max(promotion.start_day, 0), min(promotion.end_day + 1, days)):
            block = discount[day][items]
            block[:, stores] = np.maximum(block[:, stores], promotion.discount_rate)
            discount[day][items] = block
    return discount.reshape(days, -1)


def promotion_effect(discount: FloatMatrix, uplift_factor: FloatMatrix) -> FloatMatrix:
    """The factor on demand: uplift during a promotion, a dip in the ten days after it.

    During a promotion the factor is ``1 + (uplift - 1) * discount / 0.25``. Customers who stocked up stay
    away afterwards: the day after, the factor is ``1 - min(0.45, (factor - 1) / 4)``, and the dip fades
    linearly.

    Args:
        discount: (days, series), 0 without a promotion.
        uplift_factor: (series,), the factor at a discount of 25 %.
    """
    during = 1.0 + (uplift_factor - 1.0) * discount / REFERENCE_DISCOUNT
    effect = during.copy()
    depth = np.zeros(discount.shape[1])
    days_since = np.full(discount.shape[1], _DIP_DAYS)
    for day in range(discount.shape[0]):
        promoted = discount[day] > 0
        depth = np.where(promoted, np.minimum(0.45, (during[day] - 1.0) / 4.0), depth)
        fading = depth * np.maximum(1.0 - days_since / _DIP_DAYS, 0.0)
        effect[day] = np.where(promoted, during[day], 1.0 - fading)
        days_since = np.where(promoted, 0, days_since + 1)
    return effect
