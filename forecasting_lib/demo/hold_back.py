"""Cut a demo client's history into a first delivery and a later one.

Belongs here: what a client could have delivered on a day, and what it delivers afterwards.
Does not belong here: generating the history, writing files.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import polars as pl

from forecasting_lib.demo.m5_layout import ID_COLUMNS, M5Data

HOLD_BACK_DAYS = 28

_MASTER_DATA = ("products", "locations", "suppliers")

Deliveries = dict[str, pl.DataFrame]


def hold_back_retailer(
    deliveries: Mapping[str, pl.DataFrame], days: int = HOLD_BACK_DAYS
) -> tuple[Deliveries, Deliveries]:
    """Split a retailer's frames at the close of the day ``days`` before the last stock level.

    Sales and stock levels are cut by date and promotions by the day of their announcement. Purchase orders
    are delivered as known: the first delivery holds what had been ordered by then, open where it had not
    arrived; the later one holds new lines and, again, the lines that arrived since. Master data comes with
    the first delivery and does not change.

    Args:
        deliveries: frames by kind, as ``RetailerData.deliveries`` returns them.
        days: length of the later delivery, at least 1.

    Returns:
        First and later delivery, frames by kind; the later one names only kinds that have rows.

    Raises:
        ValueError: ``days`` is not positive or leaves no sales for the first delivery.
    """
    last: date = deliveries["stock_levels"]["date"].max()  # type: ignore[assignment]
    cut = _cut_date(last, days)
    sales, stock, promotions = (deliveries[kind] for kind in ("sales", "stock_levels", "promotions"))
    orders = deliveries["purchase_orders"]
    if sales.filter(pl.col("date") <= cut).is_empty():
        raise ValueError(f"holding back {days} days leaves no sales for the first delivery")

    first = {kind: deliveries[kind] for kind in _MASTER_DATA} | {
        "sales": sales.filter(pl.col("date") <= cut),
        "stock_levels": stock.filter(pl.col("date") <= cut),
        "purchase_orders": purchase_orders_as_known(orders, cut),
        "promotions": promotions.filter(pl.col("announced_date") <= cut),
    }
    later = {
        "sales": sales.filter(pl.col("date") > cut),
        "stock_levels": stock.filter(pl.col("date") > cut),
        "purchase_orders": orders.filter(
            (pl.col("order_date") > cut) | (pl.col("received_date") > cut).fill_null(value=False)
        ),
        "promotions": promotions.filter(pl.col("announced_date") > cut),
    }
    return first, {kind: frame for kind, frame in later.items() if not frame.is_empty()}


def purchase_orders_as_known(orders: pl.DataFrame, on: date) -> pl.DataFrame:
    """The order lines that existed at the close of a day; what arrived later is still open."""
    arrived = (pl.col("received_date") <= on).fill_null(value=False)
    return orders.filter(pl.col("order_date") <= on).with_columns(
        pl.when(arrived).then("received_date").alias("received_date"),
        pl.when(arrived).then("received_qty").otherwise(0).alias("received_qty"),
        pl.when(arrived).then("status").otherwise(pl.lit("open")).alias("status"),
    )


def hold_back_m5(data: M5Data, days: int = HOLD_BACK_DAYS) -> tuple[Deliveries, Deliveries]:
    """Split an M5 client's frames: the last ``d_`` columns come later, in a file of their own.

    Calendar and prices come with the first delivery; as in M5, they are known ahead of the sales.

    Returns:
        First and later delivery, frames by file name without its ending.

    Raises:
        ValueError: ``days`` is not positive or leaves no ``d_`` column for the first delivery.
    """
    wide = data.sales_train_evaluation
    day_columns = [column for column in wide.columns if column not in ID_COLUMNS]
    if not 0 < days < len(day_columns):
        raise ValueError(f"days is {days}; there are {len(day_columns)} to split")
    held_back = day_columns[-days:]
    first = data.deliveries() | {"sales_train_evaluation": wide.drop(held_back)}
    return first, {f"sales_train_{held_back[0]}_to_{held_back[-1]}": wide.select(*ID_COLUMNS, *held_back)}


def _cut_date(last: date, days: int) -> date:
    if days < 1:
        raise ValueError(f"days is {days}; hold back at least one day")
    return last - timedelta(days=days)
