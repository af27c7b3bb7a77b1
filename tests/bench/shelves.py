"""What empty shelves of the demo retailer cost, estimated and true, and what they do to forecasts.

The retailer is landed and its demand is built as any client's; what its customers wanted is known from the
generator. Belongs here: the comparison. Does not belong here: the estimate
(``dbt_project/macros/lost_sales.sql``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from forecasting_lib.demo import RetailerConfig, RetailerData, generate_retailer
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.interface import Forecaster
from forecasting_lib.panel import FloatArray, Panel
from orchestration.clients import add_client, validated
from orchestration.stages.dbt import build_client
from orchestration.stages.demand import refresh_holidays
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse
from tests.bench.installation import Installation, land

HORIZON = 28
RECENT_DAYS = 56
"""Before an origin: bias is told of the series whose shelf was empty within as many."""

SERIES = ["item_id", "location_id"]


@dataclass(frozen=True)
class Shelves:
    """Units over the whole history of a retailer.

    Attributes:
        wanted: that customers did not get, by whether the shelf was ``empty`` all day or ``ran_out``.
        estimated: the same as ``analytics.lost_sales`` has it.
        elsewhere: wanted and not got on days that the view does not have.
        unknown: days of the view without an estimate.
    """

    wanted: Mapping[str, float]
    estimated: Mapping[str, float]
    elsewhere: float
    unknown: int

    @property
    def ratio(self) -> float:
        """Estimated over true, all days together."""
        return sum(self.estimated.values()) / (sum(self.wanted.values()) + self.elsewhere)


@dataclass(frozen=True)
class Bias:
    """Sums over the series whose shelf was empty lately, all origins together, in units.

    Attributes:
        forecast: the mean forecast of open days, where stocked-out days are masked.
        unmasked: the same where their zeros count as demand.
        wanted: what customers wanted.
        served: what they got.
    """

    forecast: float
    unmasked: float
    wanted: float
    served: float

    def __add__(self, other: Bias) -> Bias:
        return Bias(
            self.forecast + other.forecast,
            self.unmasked + other.unmasked,
            self.wanted + other.wanted,
            self.served + other.served,
        )


def delivered(installation: Installation, client_id: str, config: RetailerConfig) -> RetailerData:
    """A retailer whose files were landed and whose demand was built."""
    client = validated(client_id=client_id, name="Bench", country="IE")
    add_client(installation.warehouse, client)
    data = generate_retailer(config)
    folder = installation.home / client_id
    folder.mkdir()
    for kind, frame in data.deliveries().items():
        frame.write_csv(folder / f"{kind}.csv")
    land(installation.warehouse, client, sorted(folder.iterdir()))
    refresh_holidays(installation.warehouse, client)
    for _ in build_client(installation.warehouse, client_id):
        pass
    return data


def judged(warehouse: Warehouse, client_id: str, data: RetailerData) -> Shelves:
    """What the warehouse estimates beside what is true."""
    estimates = read_frame(
        warehouse,
        render(
            """
            select date, item_id, location_id, shelf, lost_sales_qty
            from analytics.lost_sales where client_id = {c}
            """,
            c=client_id,
        ),
    )
    key = ["date", *SERIES]
    served = data.sales.select(*key, pl.col("units_sold").clip(0))
    lost = data.wanted.join(served, on=key, how="left").with_columns(
        (pl.col("wanted_qty") - pl.col("units_sold").fill_null(0)).alias("lost_qty")
    )
    days = lost.select(*key, "lost_qty").join(estimates, on=key, how="full", coalesce=True)
    by_shelf = (
        days.group_by("shelf")
        .agg(pl.col("lost_qty").sum(), pl.col("lost_sales_qty").sum())
        .with_columns(pl.col("shelf").fill_null("elsewhere"))
    )
    wanted = dict(by_shelf.select("shelf", "lost_qty").iter_rows())
    estimated = dict(
        by_shelf.filter(pl.col("shelf") != "elsewhere").select("shelf", "lost_sales_qty").iter_rows()
    )
    return Shelves(
        wanted={shelf: float(wanted[shelf]) for shelf in estimated},
        estimated=estimated,
        elsewhere=float(wanted.get("elsewhere", 0)),
        unknown=estimates["lost_sales_qty"].null_count(),
    )


def biases(
    warehouse: Warehouse,
    client_id: str,
    data: RetailerData,
    models: Mapping[str, Forecaster],
    origins: int,
    report: Callable[[str], None],
) -> dict[str, Bias]:
    """What models forecast of the series whose shelf was empty lately, over consecutive windows.

    Args:
        warehouse: with the retailer's demand.
        client_id: the retailer.
        data: the retailer's truth.
        models: by name.
        origins: windows of four weeks up to the end of the history.
        report: told what is going on.
    """
    demand = read_frame(
        warehouse,
        render(
            """
            select
                item_id, location_id, date, demand_qty::float8 as demand_qty, is_masked, is_closed,
                is_stocked_out or (demand_qty > 0 and on_hand_qty = 0) as is_emptied
            from analytics.ts_demand_daily where client_id = {c}
            """,
            c=client_id,
        ),
    ).join(data.wanted, on=["date", *SERIES], how="left", maintain_order="left")
    demand = demand.with_columns(
        pl.concat_str(*SERIES, separator=" ").alias("series_id"), pl.col("wanted_qty").fill_null(0)
    )
    last: date = data.sales["date"].max()  # type: ignore[assignment]
    found: dict[str, Bias] = {}
    for number in range(1, origins + 1):
        origin = last - timedelta(days=HORIZON * number)
        window, panels = _window(demand, origin)
        for name, model in models.items():
            report(f"{name}, window {number} of {origins}")
            masked, bare = (_expected(model, panel, window) for panel in panels)
            one = Bias(masked, bare, float(window["wanted_qty"].sum()), float(window["demand_qty"].sum()))
            found[name] = found[name] + one if name in found else one
    return found


def _window(demand: pl.DataFrame, origin: date) -> tuple[pl.DataFrame, tuple[Panel, Panel]]:
    """The days ahead of an origin, and the histories with stocked-out days masked and with their zeros."""
    past = demand.filter(pl.col("date") <= origin)
    ahead = demand.filter(
        pl.col("date").is_between(origin + timedelta(days=1), origin + timedelta(days=HORIZON))
    )
    whole = ahead.group_by("series_id").len().filter(pl.col("len") == HORIZON)
    emptied = past.filter("is_emptied", pl.col("date") > origin - timedelta(days=RECENT_DAYS))
    watched = emptied.select("series_id").unique().join(whole, on="series_id", how="semi")
    past = past.join(watched, on="series_id", how="semi")
    panels = tuple(
        Panel.from_frame(
            past.select("series_id", "date", pl.when(~pl.col(mask)).then("demand_qty").alias("target")),
            origin,
        )
        for mask in ("is_masked", "is_closed")
    )
    window = ahead.join(watched, on="series_id", how="semi").sort("series_id", "date")
    return window, (panels[0], panels[1])


def _expected(model: Forecaster, panel: Panel, window: pl.DataFrame) -> float:
    """Units that the mean forecast of the open days adds up to."""
    forecast = guarded_predict(model, panel, HORIZON)
    assert list(forecast.series_ids) == window["series_id"].unique(maintain_order=True).to_list()
    open_days: FloatArray = (~window["is_closed"]).to_numpy().reshape(len(panel), HORIZON).astype(np.float64)
    return float((forecast.mean * open_days).sum())
