"""Units to move between a client's locations before anything is bought.

Belongs here: what a location can spare, what one needs today, who gives to whom. Does not belong here: what
is bought for what is left (``replenishment``).

Source: ``docs/methods.md#transfers``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from forecasting_lib.inventory.lead_time_demand import (
    QTY_TOLERANCE,
    CumulativeDemand,
    IntArray,
    protection_demand,
)
from forecasting_lib.inventory.levels import ReorderLevels
from forecasting_lib.inventory.projection import ReceiptSchedule, StockProjection
from forecasting_lib.inventory.replenishment import Action
from forecasting_lib.inventory.supply import Supply
from forecasting_lib.panel import FloatArray


@dataclass(frozen=True)
class Transfers:
    """m transfers among n series of the same items, in whole units; leaving on day 1.

    Attributes:
        giver, receiver: (m,) positions of the series.
        quantity: (m,) units.
        arrival_day: on whose morning they are there.
        series_count: n.
    """

    giver: IntArray
    receiver: IntArray
    quantity: FloatArray
    arrival_day: int
    series_count: int

    @classmethod
    def none(cls, series_count: int) -> Transfers:
        """No transfers among n series."""
        nobody = np.empty(0, dtype=np.int64)
        return cls(nobody, nobody, np.empty(0), 1, series_count)

    @property
    def net(self) -> FloatArray:
        """(n,) units that each series gains, negative where it gives; their sum is zero."""
        return self._sum(self.receiver) - self._sum(self.giver)

    def by_day(self, horizon: int) -> FloatArray:
        """(n, horizon) units by which the stock of each series changes on each of days 1..horizon."""
        moves = np.zeros((self.series_count, horizon))
        if horizon:
            moves[:, 0] -= self._sum(self.giver)
            moves[:, self.arrival_day - 1] += self._sum(self.receiver)
        return moves

    def through(self, days: FloatArray, rows: IntArray) -> FloatArray:
        """(k,) units by which the stock of the series at ``rows`` has changed by the end of ``days``."""
        arrived = np.where(days >= self.arrival_day, self._sum(self.receiver)[rows], 0.0)
        return arrived - np.where(days >= 1.0, self._sum(self.giver)[rows], 0.0)

    def _sum(self, at: IntArray) -> FloatArray:
        return np.bincount(at, weights=self.quantity, minlength=self.series_count).astype(np.float64)


def matched(item: IntArray, need: FloatArray, spare: FloatArray, first: FloatArray) -> Transfers:
    """Who gives to whom: needs are met in order, from the location that can spare most.

    Of each item, the needs laid end to end meet the spare units laid end to end; where two overlap, that many
    units go from one to the other. So no more is moved than is needed or can be spared, every unit that
    arrives has left somewhere, and there are fewer transfers than locations.

    >>> found = matched(np.zeros(3, dtype=np.int64), np.array([5.0, 4.0, 0.0]), np.array([0.0, 0.0, 7.0]),
    ...                 np.array([9.0, 2.0, 0.0]))
    >>> found.giver.tolist(), found.receiver.tolist(), found.quantity.tolist()
    ([2, 2], [1, 0], [4.0, 3.0])

    Args:
        item: (n,) code of each series' item; -1: unknown, nothing is moved.
        need: (n,) units wanted; NaN: none. Rounded up to whole units.
        spare: (n,) units that can go; NaN: none. Rounded down.
        first: (n,) what decides who is served first, the smallest first, such as days of cover; NaN: last.
    """
    wanted = np.where(item >= 0, np.ceil(np.maximum(np.nan_to_num(need), 0.0) - QTY_TOLERANCE), 0.0)
    offered = np.where(item >= 0, np.floor(np.maximum(np.nan_to_num(spare), 0.0) + QTY_TOLERANCE), 0.0)
    offered = np.where(wanted > 0.0, 0.0, offered)
    code = np.maximum(item, 0)
    moved = np.minimum(np.bincount(code, weights=wanted), np.bincount(code, weights=offered))
    receiver, gets = _cut(code, np.lexsort((first, code)), wanted, moved)
    giver, gives = _cut(code, np.lexsort((-offered, code)), offered, moved)
    # both lists hold the items in the same order and as many units of each, so their ends can be compared
    ends_of_gets, ends_of_gives = np.cumsum(gets), np.cumsum(gives)
    ends = np.union1d(ends_of_gets, ends_of_gives)
    quantity = np.diff(ends, prepend=0.0)
    middle = ends - quantity / 2.0
    return Transfers(
        giver[np.searchsorted(ends_of_gives, middle)],
        receiver[np.searchsorted(ends_of_gets, middle)],
        quantity,
        1,
        item.size,
    )


def _cut(
    code: IntArray, order: IntArray, units: FloatArray, moved: FloatArray
) -> tuple[IntArray, FloatArray]:
    """The series in this order and their units, of an item at most those moved; without those of none."""
    ordered, item = units[order], code[order]
    before_item = np.concatenate([[0.0], np.cumsum(np.bincount(code, weights=units))])[item]
    until = np.cumsum(ordered) - before_item
    taken = np.clip(moved[item] - (until - ordered), 0.0, ordered)
    some = taken > 0.0
    return order[some], taken[some]


def plan_transfers(
    supply: Supply,
    levels: ReorderLevels,
    demand: CumulativeDemand,
    receipts: ReceiptSchedule,
    projection: StockProjection,
    excess: FloatArray,
    transfer_days: int,
) -> Transfers:
    """What to move today, so that less is bought.

    A series wants what lifts its position to the order-up-to level where it is at or below the reorder point.
    One spares, of its excess, what its shelf can lose without falling below the safety stock and without an
    order within the forecast. The shortest cover is served first.

    Args:
        supply, levels, demand, receipts, projection: of the same n series.
        excess: (n,) units beyond what the excess horizon needs; NaN: unknown.
        transfer_days: days on the way; nothing is moved that would not be there within the forecast.
    """
    net_stock = supply.net_stock
    if transfer_days >= demand.horizon:
        return Transfers.none(net_stock.size)
    position = net_stock + receipts.total()
    orders = (position <= levels.reorder_point + QTY_TOLERANCE) & ~levels.no_demand
    need = np.where(orders, levels.order_up_to - position, 0.0)
    lowest, _ = projection.lowest()
    without_order = position - levels.reorder_point - demand.mean[:, -1]
    shelf = np.minimum(net_stock, lowest) - levels.safety_stock
    spare = np.minimum(np.minimum(excess, shelf), without_order)
    items = supply.frame["item_id"].rank("dense").fill_null(0).to_numpy().astype(np.int64) - 1
    found = matched(items, need, spare, demand.days_until(net_stock))
    return Transfers(found.giver, found.receiver, found.quantity, 1 + transfer_days, found.series_count)


def transfer_frame(
    transfers: Transfers,
    supply: Supply,
    levels: ReorderLevels,
    demand: CumulativeDemand,
    receipts: ReceiptSchedule,
    short_day: FloatArray,
) -> pl.DataFrame:
    """The transfers as lines of the receiving series; one row per element of ``transfers``.

    Args:
        transfers: of n series.
        supply, levels, demand, receipts: of the same series.
        short_day: (n,) first day that runs short without any of them; NaN: none.
    """
    row, m = transfers.receiver, transfers.quantity.size
    position = (supply.net_stock + receipts.total())[row]
    arrival = np.full(m, float(transfers.arrival_day))
    still = np.zeros(m)
    until = protection_demand(demand, still, still, arrival - 1.0, row)
    at_risk = until.expected_shortage(supply.net_stock[row] + receipts.through(arrival - 1.0, row))
    late = np.maximum(arrival - short_day[row], 0.0)
    return pl.DataFrame(
        {
            "row": row,
            "action": pl.repeat(Action.TRANSFER.value, m, eager=True, dtype=pl.String),
            "source_location_id": supply.frame["location_id"].gather(transfers.giver),
            "need_day": short_day[row],
            "order_day": np.ones(m),
            "receipt_day": arrival,
            "net_need_qty": levels.order_up_to[row] - position,
            "order_qty": transfers.quantity,
            "cover_days_after": demand.days_until(position + transfers.quantity, row),
            "days_late": np.where(np.isnan(late), 0.0, late),
            "lost_units_at_risk_qty": at_risk,
            "value_at_risk": at_risk * supply.unit_risk_value[row],
            "moq_overshoot": np.zeros(m, dtype=bool),
            "position": position,
            "stocked_out": supply.net_stock[row] <= 0.0,
        }
    )
