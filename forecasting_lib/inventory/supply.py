"""What is known of stock, supplier and money of every series, as arrays.

Belongs here: reading the supply frame, the client's defaults and repairs, the flags it decides alone.
Does not belong here: anything that needs the forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
import polars as pl

from forecasting_lib.grain import Grain
from forecasting_lib.inventory.days import REVIEW_DAYS
from forecasting_lib.inventory.error_growth import NO_DEMAND
from forecasting_lib.inventory.flags import BoolArray, Flag
from forecasting_lib.inventory.policies import InventoryPolicy
from forecasting_lib.inventory.tables import SUPPLY_SCHEMA, float_columns
from forecasting_lib.panel import FloatArray

SHORT_HISTORY_DAYS = 56
SHORT_HISTORY_DEMANDS = 10


class LeadTimeSource(StrEnum):
    """Where a lead time came from, best first: the fallback order of ``lead_time_source``."""

    RECEIPTS = "receipts"
    SUPPLIER_ITEM = "supplier_item"
    SUPPLIER = "supplier"
    LOCATION = "location"
    CLIENT_DEFAULT = "client_default"


@dataclass(frozen=True)
class Supply:
    """The supply rows of n series; arrays are (n,), NaN where unknown.

    Quantities in units, times in days, money per unit. A negative time, cost or lot counts as unknown.

    Attributes:
        frame: ``SUPPLY_SCHEMA``, one row per series in the forecast's order, as delivered.
        on_hand: after the client's rule for negative stock.
        reserved, backorder: zero where stock is known and they are not; never negative.
        lead_time, lead_time_sd: mean and standard deviation of the lead time.
        review: review period, the policy's where the row has none, else the grain's.
        last_season_mean: units a day expected after the forecast's horizon.
        unit_value: what a unit is worth in sales: its price, else its cost.
        history_variance: units squared a day, of the history's weeks.
        is_counted: whether demand comes in whole units; where unknown it does not.
        demand_classes: names, ``none`` where there is no demand.
        unit_risk_value: what one unserved unit loses: its margin where positive, else its price.
    """

    frame: pl.DataFrame
    on_hand: FloatArray
    reserved: FloatArray
    backorder: FloatArray
    lead_time: FloatArray
    lead_time_sd: FloatArray
    review: FloatArray
    moq: FloatArray
    order_multiple: FloatArray
    unit_cost: FloatArray
    unit_value: FloatArray
    unit_risk_value: FloatArray
    last_season_mean: FloatArray
    history_variance: FloatArray
    is_counted: BoolArray
    demand_classes: tuple[str, ...]

    @classmethod
    def from_frame(
        cls,
        supply: pl.DataFrame,
        series_ids: Sequence[str],
        policy: InventoryPolicy,
        grain: Grain = Grain.DAY,
    ) -> Supply:
        """Align the supply rows with the forecast's series; a series without a row is unknown throughout.

        Args:
            supply: columns of ``SUPPLY_SCHEMA``, at most one row per series.
            series_ids: the n series of the forecast.
            policy: the client's defaults and its rule for negative stock.
            grain: of the forecast.

        Raises:
            ValueError: a series repeats.
        """
        repeated = supply.filter(pl.col("series_id").is_duplicated())["series_id"]
        if repeated.len():
            raise ValueError(f"series {repeated[0]!r} repeats in supply; keep its latest snapshot")
        finite = (
            pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name)
            for name in float_columns(SUPPLY_SCHEMA)
        )
        frame = pl.DataFrame({"series_id": pl.Series(series_ids, dtype=pl.String)}).join(
            supply.select(pl.col(name).cast(dtype) for name, dtype in SUPPLY_SCHEMA.items()).with_columns(
                finite
            ),
            on="series_id",
            how="left",
            maintain_order="left",
        )

        def values(column: str) -> FloatArray:
            return frame[column].fill_null(float("nan")).to_numpy()

        def not_negative(column: str) -> FloatArray:
            given = values(column)
            return np.where(given >= 0.0, given, np.nan)

        on_hand = values("on_hand_qty")
        if policy.negative_stock == "zero":
            on_hand = np.maximum(on_hand, 0.0)
        zero_if_stock_known = np.where(np.isnan(on_hand), np.nan, 0.0)
        review = not_negative("review_days")
        usual_review = float(REVIEW_DAYS[grain] if policy.review_days is None else policy.review_days)
        cost, price = not_negative("unit_cost"), not_negative("unit_price")
        margin = price - cost
        return cls(
            frame=frame,
            on_hand=on_hand,
            reserved=zero_if_stock_known + np.maximum(np.nan_to_num(values("reserved_qty")), 0.0),
            backorder=zero_if_stock_known + np.maximum(np.nan_to_num(values("backorder_qty")), 0.0),
            lead_time=not_negative("lead_time_days"),
            lead_time_sd=not_negative("lead_time_sd_days"),
            review=np.where(np.isnan(review), usual_review, review),
            moq=not_negative("moq_qty"),
            order_multiple=not_negative("order_multiple_qty"),
            unit_cost=cost,
            unit_value=np.where(np.isnan(price), cost, price),
            unit_risk_value=np.where(margin > 0.0, margin, price),
            last_season_mean=not_negative("last_season_mean_qty"),
            history_variance=not_negative("history_variance"),
            is_counted=frame["is_counted"].fill_null(False).to_numpy(),
            demand_classes=tuple(frame["demand_class"].fill_null(NO_DEMAND)),
        )

    @property
    def net_stock(self) -> FloatArray:
        """``OH - RES - BO``, (n,) units: what is free to serve demand."""
        return self.on_hand - self.reserved - self.backorder

    @property
    def known_lead_time_sd(self) -> FloatArray:
        """The lead time's deviation, zero where it is unknown (and flagged)."""
        return np.nan_to_num(self.lead_time_sd)

    def flags(self, as_of_date: date) -> dict[Flag, BoolArray]:
        """The flags that the supply row decides alone: flag -> (n,) mask."""
        days, demands = pl.col("history_days"), pl.col("nonzero_days")
        no_lead_time = np.isnan(self.lead_time)
        return {
            Flag.MISSING_STOCK: np.isnan(self.on_hand),
            Flag.STALE_STOCK: self._where(pl.col("snapshot_date") < as_of_date),
            Flag.NEGATIVE_STOCK_ZEROED: self._where(pl.col("on_hand_qty") < 0.0) & (self.on_hand == 0.0),
            Flag.NEGATIVE_RESERVED: self._where(
                (pl.col("reserved_qty") < 0.0) | (pl.col("backorder_qty") < 0.0)
            ),
            Flag.MISSING_LEAD_TIME: no_lead_time,
            Flag.MISSING_LEAD_TIME_SD: ~no_lead_time & np.isnan(self.lead_time_sd),
            Flag.ZERO_LEAD_TIME: self.lead_time == 0.0,
            Flag.LT_FROM_DEFAULT: self._where(
                pl.col("lead_time_source") == LeadTimeSource.CLIENT_DEFAULT.value
            ),
            Flag.MISSING_SUPPLIER: self._where(pl.col("supplier_id").is_null()),
            Flag.MISSING_PRICE: np.isnan(self.unit_value),
            Flag.SHORT_HISTORY: self._where((days < SHORT_HISTORY_DAYS) | (demands < SHORT_HISTORY_DEMANDS)),
        }

    def _where(self, condition: pl.Expr) -> BoolArray:
        return self.frame.select(condition.fill_null(False).alias("mask"))["mask"].to_numpy()
