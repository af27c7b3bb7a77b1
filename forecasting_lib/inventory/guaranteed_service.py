"""The guaranteed-service model: where a supply network without loops should hold its safety stock.

Belongs here: the network, the service times its stages promise, their safety stocks and cost.
Does not belong here: one location's own stock (``policies``), one pooled stock (``pooling``).

Every stage promises to deliver within its service time whatever its customers order up to a bound, and
holds the safety stock that this takes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting_lib.inventory.lead_time_demand import IntArray
from forecasting_lib.panel import FloatArray


@dataclass(frozen=True)
class SupplyTree:
    """k stages and who supplies whom; periods are whole and the network, directions aside, has no loop.

    Attributes:
        arcs: pairs of positions, supplier first.
        processing_periods: (k,) whole periods from having all inputs to having the product.
        holding_cost: (k,) money per unit of safety stock and period.
        demand_sd: (k,) standard deviation of a period's demand from outside, units; 0 for none. Demands of
            different stages and periods are independent.
        bound_factor: (k,) z of the demand bound ``z sd sqrt(periods)``, such as 1.645 for 95 %.
        inbound_periods: (k,) whole periods until supplies from outside arrive; 0 for at once.
        longest_service_periods: (k,) whole periods that customers outside accept; infinity where nobody
            outside is served. A stage with demand of its own and no limit promises so late that it needs no
            stock.

    Raises:
        ValueError: an array has another length than k, a time is negative or not whole, a cost, deviation or
            factor is negative, or the stages do not form one tree.
    """

    arcs: tuple[tuple[int, int], ...]
    processing_periods: FloatArray
    holding_cost: FloatArray
    demand_sd: FloatArray
    bound_factor: FloatArray
    inbound_periods: FloatArray
    longest_service_periods: FloatArray

    def __post_init__(self) -> None:
        stages = len(self.processing_periods)
        numbers = (self.holding_cost, self.demand_sd, self.bound_factor)
        times = (self.processing_periods, self.inbound_periods, self.longest_service_periods)
        if any(len(values) != stages for values in (*numbers, *times)):
            raise ValueError(f"every array of the network must have an entry for each of the {stages} stages")
        if any((values < 0.0).any() for values in (*numbers, *times)):
            raise ValueError("times, costs, deviations and bound factors of the network must be at least 0")
        if any((np.floor(values) != values).any() for values in times):
            raise ValueError("times of the network must be whole periods")
        if len(self.arcs) != stages - 1 or len(self.order()) != stages:
            raise ValueError("the stages must form one tree: connected, and without a loop")

    @property
    def stages(self) -> int:
        return len(self.processing_periods)

    def suppliers(self, stage: int) -> list[int]:
        """Positions of the stages that supply one."""
        return [giver for giver, taker in self.arcs if taker == stage]

    def customers(self, stage: int) -> list[int]:
        """Positions of the stages that one supplies."""
        return [taker for giver, taker in self.arcs if giver == stage]

    def order(self) -> list[int]:
        """The stages from the leaves inwards: each but the last has one neighbour after itself."""
        left = set(range(self.stages))
        order: list[int] = []
        while left:
            leaf = next(
                (
                    stage
                    for stage in sorted(left)
                    if len(left.intersection(self.suppliers(stage) + self.customers(stage))) <= 1
                ),
                None,
            )
            if leaf is None:
                break
            left.discard(leaf)
            order.append(leaf)
        return order

    def downstream_order(self) -> list[int]:
        """The stages, each after all of its suppliers."""
        order: list[int] = []
        while len(order) < self.stages:
            order += [
                stage
                for stage in range(self.stages)
                if stage not in order and set(self.suppliers(stage)) <= set(order)
            ]
        return order

    def net_demand_sd(self) -> FloatArray:
        """(k,) standard deviation of a period's demand, that of all stages downstream included, units."""
        variance = self.demand_sd.astype(np.float64) ** 2
        for stage in reversed(self.downstream_order()):
            for supplier in self.suppliers(stage):
                variance[supplier] += variance[stage]
        return np.sqrt(variance)

    def longest_replenishment(self) -> IntArray:
        """(k,) periods that a stage takes where no stage before it holds stock."""
        longest = np.zeros(self.stages, dtype=np.int64)
        for stage in self.downstream_order():
            waits = [int(longest[supplier]) for supplier in self.suppliers(stage)]
            inbound = max([int(self.inbound_periods[stage]), *waits])
            longest[stage] = inbound + int(self.processing_periods[stage])
        return longest


@dataclass(frozen=True)
class ServiceTimes:
    """What the stages promise and hold, (k,) each but the cost.

    Attributes:
        service_periods: periods within which a stage delivers.
        inbound_periods: periods until it has all its inputs.
        net_replenishment_periods: periods of demand that its stock has to cover.
        safety_stock: units.
        cost: money per period of all safety stocks.
    """

    service_periods: IntArray
    inbound_periods: IntArray
    net_replenishment_periods: IntArray
    safety_stock: FloatArray
    cost: float


def service_times_cost(tree: SupplyTree, service_periods: IntArray) -> ServiceTimes:
    """What promised service times take: inbound times, safety stocks ``z sd sqrt(SI + T - S)`` and cost.

    Raises:
        ValueError: a stage promises less than nothing, later than it may, or later than it needs to produce.

    Source: Graves and Willems 2000, ``docs/methods.md#guaranteed-service``.
    """
    inbound = tree.inbound_periods.astype(np.int64)
    for stage in tree.downstream_order():
        inbound[stage] = max([inbound[stage], *(service_periods[s] for s in tree.suppliers(stage))])
    net = inbound + tree.processing_periods.astype(np.int64) - service_periods
    if (net < 0).any() or (service_periods < 0).any():
        raise ValueError("a service time must lie between 0 and the time that its stage needs")
    if (service_periods > tree.longest_service_periods).any():
        raise ValueError("a service time is longer than customers accept")
    safety_stock = tree.bound_factor * tree.net_demand_sd() * np.sqrt(net)
    cost = float((tree.holding_cost * safety_stock).sum())
    return ServiceTimes(service_periods, inbound, net, safety_stock, cost)


def optimal_service_times(tree: SupplyTree) -> ServiceTimes:
    """The service times of least holding cost, by dynamic programming over the tree.

    >>> tree = SupplyTree(
    ...     arcs=((0, 2), (2, 1), (2, 3)),
    ...     processing_periods=np.array([2.0, 1.0, 1.0, 1.0]),
    ...     holding_cost=np.array([1.0, 3.0, 2.0, 3.0]),
    ...     demand_sd=np.array([0.0, 1.0, 0.0, 1.0]),
    ...     bound_factor=np.ones(4),
    ...     inbound_periods=np.array([1.0, 0.0, 0.0, 0.0]),
    ...     longest_service_periods=np.array([np.inf, 0.0, np.inf, 1.0]),
    ... )
    >>> best = optimal_service_times(tree)
    >>> best.service_periods, best.safety_stock.round(4), round(best.cost, 4)
    (array([0, 0, 0, 1]), array([2.4495, 1.    , 1.4142, 0.    ]), 8.2779)

    Source: Graves and Willems 2000 and 2003, ``docs/methods.md#guaranteed-service``.
    """
    order = tree.order()
    longest, sd = tree.longest_replenishment(), tree.net_demand_sd()
    span = int(longest.max()) + 1
    after: dict[int, int] = {}
    for place, stage in enumerate(order[:-1]):
        neighbours = tree.suppliers(stage) + tree.customers(stage)
        after[stage] = next(other for other in neighbours if other in order[place + 1 :])
    tables: dict[int, FloatArray] = {}
    least: dict[int, FloatArray] = {}
    for stage in order:
        table = _stage_cost(tree, stage, int(longest[stage]), float(sd[stage]), span)
        for supplier in tree.suppliers(stage):
            if after.get(supplier) == stage:
                table = table + np.minimum.accumulate(least[supplier])[None, :]
        for customer in tree.customers(stage):
            if after.get(customer) == stage:
                table = table + np.minimum.accumulate(least[customer][::-1])[::-1][:, None]
        tables[stage] = table
        # seen by a customer, what counts is the promise; seen by a supplier, the wait
        least[stage] = table.min(axis=1 if after.get(stage) in tree.customers(stage) else 0)
    return service_times_cost(tree, _promises(tree, order, after, tables, least))


def _stage_cost(tree: SupplyTree, stage: int, longest: int, sd: float, span: int) -> FloatArray:
    """(span, span) money per period of a stage that promises the row and waits the column; else infinity."""
    processing = int(tree.processing_periods[stage])
    service, inbound = np.arange(span)[:, None], np.arange(span)[None, :]
    net = inbound + processing - service
    allowed = (
        (net >= 0)
        & (inbound >= tree.inbound_periods[stage])
        & (inbound <= longest - processing)
        & (service <= tree.longest_service_periods[stage])
    )
    money = tree.holding_cost[stage] * tree.bound_factor[stage] * sd * np.sqrt(np.maximum(net, 0))
    return np.where(allowed, money, np.inf)


def _promises(
    tree: SupplyTree,
    order: list[int],
    after: dict[int, int],
    tables: dict[int, FloatArray],
    least: dict[int, FloatArray],
) -> IntArray:
    """(k,) service times, read back from the last stage outwards."""
    service = np.zeros(tree.stages, dtype=np.int64)
    inbound = np.zeros(tree.stages, dtype=np.int64)
    for stage in reversed(order):
        table, reader = tables[stage], after.get(stage)
        if reader is None:
            service[stage], inbound[stage] = np.unravel_index(int(table.argmin()), table.shape)
        elif reader in tree.customers(stage):
            service[stage] = least[stage][: inbound[reader] + 1].argmin()
            inbound[stage] = table[service[stage]].argmin()
        else:
            inbound[stage] = service[reader] + least[stage][service[reader] :].argmin()
            service[stage] = table[:, inbound[stage]].argmin()
    # a stage that was ready to wait longer than its suppliers need promises no later than it can deliver
    reached = tree.inbound_periods.astype(np.int64)
    for stage in tree.downstream_order():
        reached[stage] = max([reached[stage], *(service[s] for s in tree.suppliers(stage))])
        service[stage] = min(service[stage], reached[stage] + int(tree.processing_periods[stage]))
    return service
