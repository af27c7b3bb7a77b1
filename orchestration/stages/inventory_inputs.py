"""Everything that a plan depends on: read once, with its digest.

Belongs here: the client's policy, what is read for a plan and in which order. Does not belong here: any query
of the supply side (``reading.supply``), what is published (``inventory_runs``).
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date

import polars as pl

from forecasting_lib.inventory import InventoryPolicy, demand_profile
from forecasting_lib.panel import Forecast
from orchestration.clients import Client
from orchestration.reading.calibration import ForecastCalibration, read_calibration
from orchestration.reading.good_forecasts import still_ahead
from orchestration.reading.handed_on import taken_over
from orchestration.reading.histories import SERIES_COLUMNS, read_forecast, read_history
from orchestration.reading.odd_days import cleaned
from orchestration.reading.supply import DecisionsRead, read_supply
from orchestration.stages.provenance import code_version
from orchestration.warehouse.server import Warehouse


def policy_of(client: Client) -> InventoryPolicy:
    """The inventory policy of a client's registry entry."""
    return InventoryPolicy(
        service_target=client.service_level,
        service_metric=client.service_metric,
        order_cost=client.order_cost,
        holding_rate=client.holding_rate,
        shortage_cost_rate=client.shortage_cost_rate,
        supplier_minimum=client.supplier_minimum,
        review_days=client.review_days,
        negative_stock=client.negative_stock,
        unmet_demand=client.unmet_demand,
        transfer_days=client.transfer_days,
    )


@dataclass(frozen=True)
class InventoryInputs:
    """Everything a plan depends on.

    Attributes:
        champion: (run id, model) of the forecast it starts from.
        forecast: that forecast, from the plan's as-of date on.
        forecast_as_of_date: its own as-of date, before the plan's where a later forecast was held back.
        positions: one row per series: stock, supplier, lead time, constraints and demand statistics.
        receipts: one row per open purchase order line and approved order.
        decisions: which approvals are among them.
        supplier_lead_times: one row per supplier: its word against its receipts.
        policy: the client's choices.
        calibration: what a backtest measured of the models behind the forecast; None: nothing did.
        keys: ``series_id, item_id, location_id`` of the forecast's series.
        input_watermark: highest file_id whose rows were visible.
    """

    champion: tuple[str, str]
    forecast: Forecast
    forecast_as_of_date: date
    positions: pl.DataFrame
    receipts: pl.DataFrame
    decisions: DecisionsRead
    supplier_lead_times: pl.DataFrame
    policy: InventoryPolicy
    calibration: ForecastCalibration | None
    keys: pl.DataFrame
    input_watermark: int | None

    def digest(self) -> str:
        """SHA-256 of the inputs and the code; the same inputs are not planned again."""
        found = self.calibration
        backtest = None if found is None else [found.backtest_run_id, found.calibrated.is_stale]
        choices = [*self.champion, asdict(self.policy), backtest, code_version()]
        digest = hashlib.sha256(json.dumps(choices).encode())
        digest.update(self.positions.write_csv().encode())
        receipts = self.receipts.sort("series_id", "po_id", maintain_order=True)
        digest.update(receipts.write_csv().encode())
        digest.update(self.supplier_lead_times.write_csv().encode())
        return digest.hexdigest()


def read_inputs(
    warehouse: Warehouse, client: Client, champion: tuple[str, str], as_of_date: date
) -> InventoryInputs:
    """Read what a plan as of a date needs, but for what the forecast stage has read.

    A forecast as of an earlier date gives what it says of the days since the plan's.
    """
    published = taken_over(champion)
    if published is None:
        forecast, keys = read_forecast(warehouse, client.client_id, *champion)
        history = read_history(warehouse, client.client_id, as_of_date)
        history = cleaned(warehouse, client.client_id, history)
    else:
        forecast, history = published.forecast, published.history
        keys = history.keys
    forecast_as_of_date = forecast.as_of_date
    if forecast_as_of_date < as_of_date:
        forecast, keys = still_ahead(forecast, keys, history.keys, as_of_date)
    supply = read_supply(warehouse, client, keys, forecast.as_of_date, forecast.grain)
    profile = (
        demand_profile(history.panel, forecast.horizon)
        .join(history.keys, on="series_id")
        .drop("series_id")
        .join(keys, on=SERIES_COLUMNS)
        .drop(SERIES_COLUMNS)
    )
    positions = supply.positions.join(profile, on="series_id", how="left", maintain_order="left")
    calibration = read_calibration(
        warehouse,
        client.client_id,
        champion,
        positions.select("series_id", "demand_class").join(keys, on="series_id", maintain_order="left"),
        forecast.grain,
    )
    return InventoryInputs(
        champion,
        forecast,
        forecast_as_of_date,
        positions,
        supply.receipts,
        supply.decisions,
        supply.supplier_lead_times,
        policy_of(client),
        calibration,
        keys,
        history.input_watermark,
    )
