"""Inventory: from forecasts to safety stocks, reorder points, orders and stock curves.

Belongs here: pure functions over arrays and frames; :func:`plan_inventory` is the one to call.
Does not belong here: reading stock or writing tables, which the pipeline does around it.
"""

from forecasting_lib.inventory.classification import demand_profile
from forecasting_lib.inventory.error_growth import ErrorGrowth
from forecasting_lib.inventory.flags import FLAG_VOCABULARY, Flag, Severity
from forecasting_lib.inventory.plan import Calibrated, InventoryPlan, plan_inventory
from forecasting_lib.inventory.policies import InventoryPolicy
from forecasting_lib.inventory.supply import LeadTimeSource

__all__ = [
    "FLAG_VOCABULARY",
    "Calibrated",
    "ErrorGrowth",
    "Flag",
    "InventoryPlan",
    "InventoryPolicy",
    "LeadTimeSource",
    "Severity",
    "demand_profile",
    "plan_inventory",
]
