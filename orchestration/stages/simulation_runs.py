"""A replay of a client's past days: what it depends on, how it is played, how it is published.

Belongs here: reading what was known, the digest, the transaction. Does not belong here: which days there are
(``simulation_days``), the simulator (``forecasting_lib.inventory.simulation``), the asset (``simulating``).
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl
import psycopg

from forecasting_lib.backtesting.past_days import PastDays
from forecasting_lib.backtesting.replayed_growth import growth_before
from forecasting_lib.backtesting.replayed_moments import moments_at
from forecasting_lib.backtesting.segments import demand_classes
from forecasting_lib.grain import Grain
from forecasting_lib.inventory import InventoryPolicy, demand_profile
from forecasting_lib.inventory.policies import usable_multiple
from forecasting_lib.inventory.simulation.baselines import (
    Protection,
    moving_average_levels,
    textbook_levels,
)
from forecasting_lib.inventory.simulation.judgement import Replay, judged
from forecasting_lib.inventory.simulation.rolled_levels import rolled_levels
from forecasting_lib.inventory.simulation.sweep import SWEPT_FACTORS, SWEPT_LEVELS
from forecasting_lib.inventory.supply import Supply
from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray, IntArray
from orchestration.clients import Client
from orchestration.reading.origins import KnownOrigins, read_origins
from orchestration.reading.received_lead_times import drawn_lead_times
from orchestration.reading.supply import read_supply
from orchestration.stages.backtest_origins import Asked
from orchestration.stages.backtest_runs import digest_of_origins
from orchestration.stages.inventory_inputs import policy_of
from orchestration.stages.model_plans import PlannedModel, panel_for
from orchestration.stages.provenance import code_version
from orchestration.stages.publishing import claimed, insert_row, supersede
from orchestration.stages.simulation_days import WARM_UP_DAYS, WEEK, ReplayDays
from orchestration.warehouse.bulk import insert_frame, read_frame, render
from orchestration.warehouse.locks import Purpose
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics

TARGETS = (0.90, 0.95, 0.98)
"""Fitted and judged beside the client's own."""

_SEED = 20_241_130
"""Of the drawn lead times: the same replay of the same days is the same."""


@dataclass(frozen=True)
class ReplayInputs:
    """What a replay depends on.

    Attributes:
        days: which days.
        known: the origins, of the series replayed.
        series_of: series there were to draw them from.
        without_lead_time: series drawn that nothing is known of how long an order takes.
        positions: ``SUPPLY_SCHEMA`` but for the profile, and ``item_id``; one row per series, as of the eve
            of the first day that is judged.
        lead_times: (n, days) drawn.
    """

    days: ReplayDays
    known: KnownOrigins
    series_of: int
    without_lead_time: int
    positions: pl.DataFrame
    lead_times: IntArray

    @property
    def series_ids(self) -> list[str]:
        return self.positions["series_id"].to_list()

    def digest(self, client: Client, plan: PlannedModel, horizon: int) -> str:
        """SHA-256 of all that a replay depends on."""
        asked = Asked(self.days.dates, WEEK, horizon)
        digest = hashlib.sha256(digest_of_origins(client, asked, self.known, [plan]).encode())
        digest.update(json.dumps([asdict(policy_of(client)), self.days.fitted_weeks]).encode())
        digest.update(self.positions.write_csv().encode())
        digest.update(self.lead_times.tobytes())
        return digest.hexdigest()


def read_replay(
    warehouse: Warehouse, client: Client, days: ReplayDays, plan: PlannedModel, series: int
) -> ReplayInputs:
    """Read what was known on each origin's day, of some series.

    Args:
        warehouse: where to read.
        client: whose.
        days: which days.
        plan: the model that forecasts.
        series: at most so many, drawn at random, and at each replay the same.
    """
    listed = read_frame(warehouse, render(_LISTED, c=client.client_id, before=days.dates[0]))
    drawn = listed.head(series).drop("drawn_by")
    last = Grain.DAY.shift(days.dates[-1], WEEK)
    known = read_origins(
        warehouse,
        client.client_id,
        days.dates,
        client.horizon(Grain.DAY),
        last,
        covariates=plan.uses_covariates,
        only=drawn,
        whole_horizon=True,
    )
    at_first = known.keys.filter(pl.col("series_id").is_in(list(known.origins[0].panel.series_ids)))
    eve = days.dates[days.judged_from]
    supply = read_supply(warehouse, client, at_first, eve, Grain.DAY).positions
    positions = at_first.join(supply, on="series_id", how="left", maintain_order="left")
    with_lead_time = positions.filter(pl.col("lead_time_days").is_not_null())
    mean, sd = (
        with_lead_time[name].fill_null(0.0).to_numpy() for name in ("lead_time_days", "lead_time_sd_days")
    )
    lead_times = drawn_lead_times(
        warehouse,
        client.client_id,
        with_lead_time["item_id"].to_list(),
        (mean, sd),
        last,
        WARM_UP_DAYS + WEEK * len(days.dates),
        _SEED,
    )
    return ReplayInputs(
        days, known, listed.height, positions.height - with_lead_time.height, with_lead_time, lead_times
    )


_LISTED = """
    select item_id, location_id, md5(item_id || chr(31) || location_id) as drawn_by
    from analytics.dim_series
    where client_id = {c} and listed_date <= {before}::date - 56 and first_sale_date <= {before}::date - 56
    order by drawn_by, item_id collate "C", location_id collate "C"
"""


def played(
    client: Client,
    inputs: ReplayInputs,
    plan: PlannedModel,
    progress: Callable[[int, int], None],
) -> pl.DataFrame:
    """The rows of ``judged`` of the plan, the textbook formula and a moving average."""
    origins, ids = inputs.known.origins, inputs.series_ids
    policy = policy_of(client)
    past = PastDays.of(origins, ids, WEEK)
    horizon = client.horizon(Grain.DAY)
    supplies = [_supply(inputs.positions, origin, horizon, policy) for origin in origins]
    shown = [Origin(panel_for(plan, origin.panel), origin.actual, origin.shut_ahead) for origin in origins]
    moments = moments_at(plan.forecaster(), shown, ids, horizon, progress=progress)
    growth = growth_before(moments, supplies, past, inputs.days.fitted_weeks)
    forecast = rolled_levels(moments, supplies, policy, _levels(policy.service_target), WEEK, growth)
    supply = supplies[-1]
    protection = Protection(supply.lead_time, supply.known_lead_time_sd, supply.review)
    return judged(
        [
            forecast,
            textbook_levels(past.demand, past.origins, protection, forecast.levels, forecast.lot),
            moving_average_levels(past.demand, past.origins, protection, SWEPT_FACTORS, forecast.lot),
        ],
        Replay(
            demand=past.played(WARM_UP_DAYS),
            lead_times=inputs.lead_times,
            review_days=np.maximum(np.round(supply.review), 1.0).astype(np.int64),
            segments=_classes(origins[0], ids),
            warm_up=WARM_UP_DAYS,
            fitted=WEEK * inputs.days.fitted_weeks,
            sales_are_lost=policy.unmet_demand == "lost",
            moq=supply.moq,
            multiple=usable_multiple(supply.order_multiple),
            unit_cost=supply.unit_cost,
            unit_margin=supply.unit_risk_value,
        ),
        list(dict.fromkeys([policy.service_target, *TARGETS])),
    )


def _levels(target: float) -> FloatArray:
    return np.unique([*SWEPT_LEVELS, target])


def _supply(positions: pl.DataFrame, origin: Origin, horizon: int, policy: InventoryPolicy) -> Supply:
    """What was known of each series at an origin: its history then; its terms on the eve of the replay."""
    profile = demand_profile(origin.panel, horizon)
    rows = positions.join(profile, on="series_id", how="left", maintain_order="left")
    return Supply.from_frame(rows, positions["series_id"].to_list(), policy)


def _classes(origin: Origin, series_ids: Sequence[str]) -> list[str]:
    of_series = dict(zip(origin.panel.series_ids, demand_classes(origin.panel), strict=True))
    return [of_series[name] for name in series_ids]


@dataclass(frozen=True)
class SimulationRun:
    """One replay.

    Attributes:
        client: whose.
        inputs: what it was made of.
        model: that forecast.
        rows: as :func:`played`.
        input_digest: of everything it depends on.
        dagster_run_id: the run in the Dagster UI.
        seconds: it took.
        run_id: the key of its rows.
    """

    client: Client
    inputs: ReplayInputs
    model: str
    rows: pl.DataFrame
    input_digest: str
    dagster_run_id: str
    seconds: float
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))


def publish(warehouse: Warehouse, run: SimulationRun) -> None:
    """Write a replay in one transaction and make it the one that reports tell of."""
    with claimed(warehouse, Purpose.SIMULATION, run.client.client_id) as connection:
        supersede(
            connection,
            analytics.service_backtest_runs,
            {"client_id": run.client.client_id},
            lambda: _insert_run(connection, run),
            action="publish",
            subject=f"service backtest {run.run_id}",
            dagster_run_id=run.dagster_run_id,
            model=run.model,
        )


def _insert_run(connection: psycopg.Connection[Any], run: SimulationRun) -> int:
    """Write the rows of a replay; returns how many."""
    days, identity = run.inputs.days, {"client_id": run.client.client_id, "run_id": run.run_id}
    insert_row(
        connection,
        analytics.service_backtest_runs,
        {
            **identity,
            "is_current": True,
            "first_date": Grain.DAY.shift(days.dates[days.judged_from], 1),
            "last_date": Grain.DAY.shift(days.dates[-1], WEEK),
            "fitted_from": Grain.DAY.shift(days.dates[0], 1) if days.fitted_weeks else None,
            "n_origins": len(days.dates),
            "n_series": run.inputs.positions.height,
            "n_series_of": run.inputs.series_of,
            "n_without_lead_time": run.inputs.without_lead_time,
            "model": run.model,
            "service_target": run.client.service_level,
            "unmet_demand": run.client.unmet_demand,
            "code_version": code_version(),
            "input_digest": run.input_digest,
            "dagster_run_id": run.dagster_run_id,
            "duration_seconds": run.seconds,
        },
    )
    lines = run.rows.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int32).alias("line_no"))
    insert_frame(
        connection,
        "analytics.service_backtest",
        lines.with_columns(pl.lit(value).alias(name) for name, value in identity.items()).with_columns(
            pl.col("n_items", "n_cycles").cast(pl.Int32)
        ),
    )
    return lines.height
