"""Seeded demo clients: a synthetic retailer and a client that delivers files in M5's layout.

Belongs here: pure functions that return frames. Does not belong here: files, clients, the pipeline.
"""

from forecasting_lib.demo.hold_back import hold_back_m5, hold_back_retailer, purchase_orders_as_known
from forecasting_lib.demo.m5_layout import MOST_ITEMS, SNAP_DAYS, M5Config, M5Data, generate_m5_layout
from forecasting_lib.demo.m5_stock import generate_m5_stock
from forecasting_lib.demo.retailer import RetailerConfig, RetailerData, generate_retailer

__all__ = [
    "MOST_ITEMS",
    "SNAP_DAYS",
    "M5Config",
    "M5Data",
    "RetailerConfig",
    "RetailerData",
    "generate_m5_layout",
    "generate_m5_stock",
    "generate_retailer",
    "hold_back_m5",
    "hold_back_retailer",
    "purchase_orders_as_known",
]
