"""Simulation: what an ordering rule would have achieved over days of given demand.

Belongs here: the run through the days (``simulate``), rules, drawn lead times, the service that came of it
and its comparison at equal service. Does not belong here: where demand and levels come from.
"""

from forecasting_lib.inventory.simulation.frontier import stock_at_service
from forecasting_lib.inventory.simulation.lead_times import LeadTimeLaw
from forecasting_lib.inventory.simulation.pooling import pooled_service
from forecasting_lib.inventory.simulation.rules import (
    FixedLots,
    OrderingRule,
    OrderUpTo,
    ProjectedOrderUpTo,
    StockState,
)
from forecasting_lib.inventory.simulation.run import SimulatedService, simulate

__all__ = [
    "FixedLots",
    "LeadTimeLaw",
    "OrderUpTo",
    "OrderingRule",
    "ProjectedOrderUpTo",
    "SimulatedService",
    "StockState",
    "pooled_service",
    "simulate",
    "stock_at_service",
]
