"""What can be launched for one client: the whole path, or the one stage a planner changed; and for all of
them.

Every job of a client is partitioned by client and tags its runs with it, whoever launches them: a person, a
backfill, a schedule or a sensor. Steps run one after the other in the run's own process: a client's stages
depend on each other, and starting a process per step costs more than the steps.
"""

from __future__ import annotations

import dagster as dg

from orchestration.clients import CLIENT_PARTITIONS, CLIENT_TAG
from orchestration.stages.finetuning import tune_weights
from orchestration.stages.lateness import PIPELINE, PULL, client_is_on_time
from orchestration.stages.pulling import pull_from_sources

FOR_ONE_CLIENT = dg.PartitionedConfig(
    partitions_def=CLIENT_PARTITIONS,
    run_config_for_partition_key_fn=lambda _client_id: {},
    tags_for_partition_key_fn=lambda client_id: {CLIENT_TAG: client_id},
)


def _job(name: str, selection: dg.AssetSelection, description: str) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name,
        # whether a client is late is looked at whether or not it runs
        selection=selection - dg.AssetSelection.checks(client_is_on_time),
        description=description,
        config=FOR_ONE_CLIENT,
        executor_def=dg.in_process_executor,
    )


client_pipeline = _job(
    PIPELINE,
    dg.AssetSelection.groups("ingestion", "demand", "quality", "forecasting", "inventory"),
    "Everything for one client: load new files, build demand, score, forecast, plan.",
)
forecast_only = _job(
    "forecast_only",
    dg.AssetSelection.groups("forecasting"),
    "Forecast again on the demand as it is; as_of_date looks at an earlier day.",
)
inventory_only = _job(
    "inventory_only",
    dg.AssetSelection.groups("inventory"),
    "Plan again on the current forecast, after a change of stock, suppliers or service level.",
)
backtest = _job(
    "backtest",
    dg.AssetSelection.groups("backtesting"),
    "Judge every model of the policy at past origins: which leads, and what makes its forecast true.",
)
simulate = _job(
    "simulate",
    dg.AssetSelection.groups("simulation"),
    "Replay past days: the service that the plan's levels would have kept, and what it would have cost.",
)
quality_only = _job(
    "quality_only",
    dg.AssetSelection.groups("demand", "quality"),
    "Bring demand up to date with what is staged and score the forecasts whose actuals have landed.",
)


@dg.job(name="finetune", config=FOR_ONE_CLIENT, executor_def=dg.in_process_executor)
def finetune() -> None:
    """Tune the model on one client's history; a later forecast uses it if it beat the base."""
    tune_weights()


@dg.job(name=PULL, config=FOR_ONE_CLIENT, executor_def=dg.in_process_executor)
def pull_job() -> None:
    """Bring what is new at a client's sources into its landing folder, where it is seen like any delivery."""
    pull_from_sources()


retention_job = dg.define_asset_job(
    "retention",
    selection=dg.AssetSelection.groups("retention"),
    # most nights of most clients take less than it takes to start a run
    description="Thin what is past its use, of all clients in one run.",
    executor_def=dg.in_process_executor,
)

JOBS = (client_pipeline, forecast_only, inventory_only, quality_only, backtest, simulate, finetune, pull_job)
"""Every job for one client: what is launched, watched and offered is derived from this."""
