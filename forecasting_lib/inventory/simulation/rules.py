"""What is ordered at a review, given stock: (R,S), (R,s,S), (s,nQ), and (R,S) on projected stock.

Belongs here: rules over the items of one period. Does not belong here: the periods themselves (``run``), or
how high the levels are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from forecasting_lib.inventory.lead_time_demand import QTY_TOLERANCE
from forecasting_lib.panel import FloatArray


@dataclass(frozen=True)
class StockState:
    """Stock of n items on the morning of a period, its receipts booked.

    Attributes:
        net_stock: (n,) units on hand; negative: owed to customers.
        arriving: (k, n) units of earlier orders that arrive in each of the periods after this one.
    """

    net_stock: FloatArray
    arriving: FloatArray

    @property
    def position(self) -> FloatArray:
        """(n,) net stock and all that is on order."""
        return np.asarray(self.net_stock + self.arriving.sum(axis=0))


class OrderingRule(Protocol):
    """What is ordered at a review."""

    def orders(self, period: int, state: StockState) -> FloatArray:
        """(n,) units ordered of each item were it reviewed on this morning; 0 for nothing.

        Args:
            period: number of the period, the first is 0.
            state: before ordering.
        """
        ...

    def opening_stock(self) -> FloatArray:
        """(n,) units with which an item begins that nothing is known of: what the rule restores."""
        ...


@dataclass(frozen=True)
class OrderUpTo:
    """(R,s,S): a position at or below s is restored to S. With s = S it is (R,S).

    Attributes:
        reorder_point: s, (n,) or (n, periods) units.
        order_up_to: S, (n,) or (n, periods) units.
        moq: (n,) least order, units; NaN or absent: none.
        multiple: (n,) orders are multiples of it, units; NaN or absent: any quantity.
    """

    reorder_point: FloatArray
    order_up_to: FloatArray
    moq: FloatArray | None = None
    multiple: FloatArray | None = None

    def orders(self, period: int, state: StockState) -> FloatArray:
        position = state.position
        due = position <= _of(self.reorder_point, period) + QTY_TOLERANCE
        need = np.where(due, _of(self.order_up_to, period) - position, 0.0)
        return admissible(need, self.moq, self.multiple)

    def opening_stock(self) -> FloatArray:
        return np.maximum(_of(self.order_up_to, 0), 0.0)


@dataclass(frozen=True)
class FixedLots:
    """(s,nQ): at or below s, the fewest lots that bring the position above s.

    Attributes:
        reorder_point: s, (n,) or (n, periods) units.
        lot: Q, (n,) units, above 0.
    """

    reorder_point: FloatArray
    lot: FloatArray

    def orders(self, period: int, state: StockState) -> FloatArray:
        below = _of(self.reorder_point, period) - state.position
        lots = np.floor(below / self.lot + QTY_TOLERANCE) + 1.0
        return np.where(below >= -QTY_TOLERANCE, lots * self.lot, 0.0)

    def opening_stock(self) -> FloatArray:
        return np.maximum(_of(self.reorder_point, 0) + self.lot, 0.0)


@dataclass(frozen=True)
class ProjectedOrderUpTo:
    """(R,S) where sales are lost: stock is projected to the arrival of the order, never below zero.

    What a stock-out before the arrival turns away needs no stock, so an order up to S less the position
    would order it again.

    Attributes:
        expected: (n, periods, lead) units expected in each of the periods from a review to the arrival of its
            order, as forecast at that review.
        order_up_to: (n, periods) units wanted on hand when the order arrives.
        moq: as in :class:`OrderUpTo`.
        multiple: as in :class:`OrderUpTo`.
    """

    expected: FloatArray
    order_up_to: FloatArray
    moq: FloatArray | None = None
    multiple: FloatArray | None = None

    def orders(self, period: int, state: StockState) -> FloatArray:
        stock = np.maximum(state.net_stock, 0.0)
        lead = self.expected.shape[2]
        for ahead in range(lead):
            stock = np.maximum(stock - self.expected[:, period, ahead], 0.0)
            if ahead < len(state.arriving):
                stock = stock + state.arriving[ahead]
        later = state.arriving[lead:].sum(axis=0)
        return admissible(self.order_up_to[:, period] - stock - later, self.moq, self.multiple)

    def opening_stock(self) -> FloatArray:
        return np.asarray(np.maximum(self.order_up_to[:, 0] + self.expected[:, 0].sum(axis=1), 0.0))


def admissible(need: FloatArray, moq: FloatArray | None, multiple: FloatArray | None) -> FloatArray:
    """The least quantity that covers a need and that the supplier accepts; 0 without a need.

    >>> need = np.array([25.0, 5.0, 0.0])
    >>> admissible(need, np.full(3, 20.0), np.full(3, 12.0))
    array([36., 24.,  0.])
    >>> admissible(np.array([2.5]), None, None)
    array([2.5])

    Args:
        need: (n,) units.
        moq: (n,) least order, units; NaN or absent: none.
        multiple: (n,) units; NaN, not positive or absent: any quantity.
    """
    quantity = need if moq is None else np.fmax(need, moq)
    if multiple is not None:
        step = np.where(multiple > 0.0, multiple, np.nan)
        stepped = np.ceil(quantity / step - QTY_TOLERANCE) * step
        quantity = np.where(np.isnan(step), quantity, stepped)
    return np.asarray(np.where(need > QTY_TOLERANCE, quantity, 0.0))


def _of(level: FloatArray, period: int) -> FloatArray:
    return level if level.ndim == 1 else np.asarray(level[:, period])
