"""The simulation stage: what service the plan's levels would have kept over past days, and at what stock.

Belongs here: the asset and what the UI shows of it. Does not belong here: what is read, played and published
(``simulation_runs``), which days (``simulation_days``).
"""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import dagster as dg

from forecasting_lib.grain import Grain
from orchestration.clients import CLIENT_PARTITIONS, Client, ClientError, get_client, validated
from orchestration.reading.histories import demand_grain, first_demand_day, last_demand_day
from orchestration.resources import DATABASE_RETRIES, Installation
from orchestration.stages.backtest_origins import TooLittleHistoryError
from orchestration.stages.demand import DEMAND_KEYS
from orchestration.stages.inventory import SUPPLY_KEYS
from orchestration.stages.model_plans import PlannedModel, plan_models
from orchestration.stages.model_turns import model_turn
from orchestration.stages.publishing import standing_judgement
from orchestration.stages.simulation_days import ReplayDays, replay_days
from orchestration.stages.simulation_runs import (
    SimulationRun,
    played,
    publish,
    read_replay,
)
from orchestration.table_assets import table_key, table_spec
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics

TABLES = (analytics.service_backtest_runs, analytics.service_backtest)
SERIES = 500
"""Replayed where nobody says how many: their intervals say what more would add."""


class Simulation(dg.Config):
    """What a person may choose for one replay."""

    days: int | None = None
    """Last days to judge; unset takes 126, or as many as there is history for."""

    series: int = SERIES
    """At most so many series, drawn at random."""

    model: str | None = None
    """Model that forecasts; unset takes the first of the client's policy that can run."""


@dg.multi_asset(
    name="service_backtest",
    partitions_def=CLIENT_PARTITIONS,
    specs=[table_spec(table, "simulation", deps=[*DEMAND_KEYS, *SUPPLY_KEYS]) for table in TABLES],
    retry_policy=DATABASE_RETRIES,
)
def service_backtest(
    context: dg.AssetExecutionContext, config: Simulation, installation: Installation
) -> Iterator[dg.MaterializeResult[Any]]:
    """Replay past days with weekly forecasts, drawn lead times and the plan's levels, beside simpler ones."""
    warehouse = installation.warehouse
    client = _with_model(get_client(warehouse, context.partition_key), config.model)
    days = _days(warehouse, client, config.days)
    plan = _plan(client, installation)
    started = time.monotonic()
    inputs = read_replay(warehouse, client, days, plan, config.series)
    if inputs.positions.is_empty():
        raise dg.Failure(_nothing_to_replay(client, inputs.without_lead_time), allow_retries=False)
    digest = inputs.digest(client, plan, client.horizon(Grain.DAY))
    standing = standing_judgement(warehouse, analytics.service_backtest_runs, client.client_id, digest)
    if standing is not None:
        context.log.info(f"Replay {standing} was made from the same inputs; it stands.")
        for table in TABLES:
            yield dg.MaterializeResult(
                asset_key=table_key(table), metadata={"run_id": standing, "unchanged": True}
            )
        return
    context.log.info(
        f"{len(inputs.series_ids)} series, {len(days.dates)} weekly forecasts by {plan.model}, "
        f"{days.fitted_weeks} of them to fit levels on."
    )

    def told(done: int, total: int) -> None:
        context.log.info(f"{plan.model}: {done:,} of {total:,} forecasts")

    with model_turn(warehouse, context.log.info) if plan.weights else nullcontext():
        rows = played(client, inputs, plan, told)
    seconds = time.monotonic() - started
    run = SimulationRun(client, inputs, plan.model, rows, digest, context.run.run_id, seconds)
    publish(warehouse, run)
    for table in TABLES:
        yield dg.MaterializeResult(
            asset_key=table_key(table),
            metadata={"run_id": run.run_id, "model": plan.model, "series": len(inputs.series_ids)},
        )


def _with_model(client: Client, model: str | None) -> Client:
    if model is None:
        return client
    try:
        return validated(**{**client.model_dump(), "models": [model]})
    except ClientError as error:
        raise dg.Failure(str(error), allow_retries=False) from None


def _days(warehouse: Warehouse, client: Client, wanted: int | None) -> ReplayDays:
    """The days to replay.

    Raises:
        dagster.Failure: there are none, or the client is not planned in days.
    """
    first = first_demand_day(warehouse, client.client_id)
    last = last_demand_day(warehouse, client.client_id)
    if first is None or last is None:
        raise dg.Failure(
            f"{client.client_id} has no demand yet: run its pipeline first.", allow_retries=False
        )
    grain = demand_grain(warehouse, client.client_id)
    if grain is not Grain.DAY:
        raise dg.Failure(
            f"Only demand of days is replayed, and {client.client_id} is planned in {grain.periods}.",
            allow_retries=False,
        )
    try:
        return replay_days(first, last, wanted)
    except TooLittleHistoryError as error:
        raise dg.Failure(f"No replay of {client.client_id}: {error}", allow_retries=False) from error


def _plan(client: Client, installation: Installation) -> PlannedModel:
    """The first model of the policy that can run.

    Raises:
        dagster.Failure: none can.
    """
    plans = plan_models(client, installation.settings, Grain.DAY)
    able = [plan for plan in plans if plan.skipped_because is None]
    if not able:
        raise dg.Failure("No model of the policy can run, so nothing can be replayed.", allow_retries=False)
    return able[0]


def _nothing_to_replay(client: Client, without_lead_time: int) -> str:
    if without_lead_time:
        return (
            f"None of the {without_lead_time} series of {client.client_id} has a lead time: deliver purchase "
            f"orders or suppliers, or set one with 'forecaster client update {client.client_id} "
            "--default-lead-time-days'."
        )
    return (
        f"No series of {client.client_id} has sold for eight weeks before the first day: "
        "ask for fewer --days."
    )
