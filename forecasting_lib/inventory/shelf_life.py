"""Shelf life: how high the position may be lifted before goods expire unsold.

Belongs here: the cap of the order-up-to level, and where it bites.
Does not belong here: the level itself (``policies``), what a unit that expires costs (``service_targets``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting_lib.inventory.flags import BoolArray
from forecasting_lib.inventory.lead_time_demand import QTY_TOLERANCE, CumulativeDemand
from forecasting_lib.panel import FloatArray


@dataclass(frozen=True)
class CappedLevel:
    """Order-up-to levels (n,), units, and where selling them takes longer than the shelf life, (n,)."""

    order_up_to: FloatArray
    outlives_shelf_life: BoolArray


def capped_by_shelf_life(
    order_up_to: FloatArray,
    reorder_point: FloatArray,
    lead_time_days: FloatArray,
    shelf_life_days: FloatArray,
    demand: CumulativeDemand,
) -> CappedLevel:
    """The order-up-to level, lowered to what is demanded until the ordered goods expire.

    What is ordered today arrives after L and must be sold within the shelf life, so that S is at most
    C(L + shelf life). It is never lowered under the reorder point, which keeps the promised service: there,
    too, the row says that goods may expire.

    >>> demand = CumulativeDemand.from_daily(np.full((1, 28), 10.0), np.full((1, 28), 4.0))
    >>> s, lead_time = np.array([30.0]), np.array([2.0])
    >>> capped = capped_by_shelf_life(np.array([150.0]), s, lead_time, np.array([7.0]), demand)
    >>> capped.order_up_to, capped.outlives_shelf_life
    (array([90.]), array([ True]))

    Args:
        order_up_to, reorder_point: (n,) S and s, units.
        lead_time_days: (n,) L; NaN: unknown, and nothing is capped.
        shelf_life_days: (n,) days until a delivered unit expires; NaN: it does not.
        demand: mean demand of the n items.

    Source: ``docs/methods.md#shelf-life``.
    """
    sold = demand.mean_through(lead_time_days + shelf_life_days)
    outlives = order_up_to > sold + QTY_TOLERANCE
    return CappedLevel(np.where(outlives, np.maximum(sold, reorder_point), order_up_to), outlives)
