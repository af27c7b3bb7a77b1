"""The assembly of the code location, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from orchestration.clients import CLIENT_REGISTRY, Client
from orchestration.jobs import JOBS, retention_job
from orchestration.resources import Installation
from orchestration.running.instance import warn_of_temporary_instance
from orchestration.running.run_processes import fork_runs
from orchestration.schedules import client_schedules, registered_clients, retention_schedule
from orchestration.sensors import SENSORS
from orchestration.settings import load_settings
from orchestration.stages.backtesting import backtests
from orchestration.stages.demand import DEMAND_ASSETS
from orchestration.stages.drift import drift
from orchestration.stages.forecasting import forecasts
from orchestration.stages.ingestion import landing_files
from orchestration.stages.inventory import inventory
from orchestration.stages.lateness import client_is_on_time
from orchestration.stages.outliers import demand_outliers
from orchestration.stages.quality import forecast_quality
from orchestration.stages.retention import thinned_tables
from orchestration.stages.simulating import service_backtest


def build_definitions(
    clients: Sequence[Client], resources: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Everything Dagster knows of the project.

    Args:
        clients: those to make schedules for.
        resources: replacements of the default resources, for tests.
    """
    return dg.Definitions(
        assets=[
            *(CLIENT_REGISTRY, landing_files, *DEMAND_ASSETS),
            *(forecast_quality, drift, demand_outliers, backtests, service_backtest, forecasts, inventory),
            thinned_tables,
        ],
        asset_checks=[client_is_on_time],
        jobs=[*JOBS, retention_job],
        schedules=[*client_schedules(clients), retention_schedule],
        sensors=SENSORS,
        resources={"installation": Installation(), **(resources or {})},
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What a code location loads, with the schedules of the clients there are.

    The registry is read when this is called, not when the module is imported: a command line's run needs no
    schedule. A code server loads it twice, to initialize and to serve it.
    """
    fork_runs()
    settings = load_settings()
    warn_of_temporary_instance(settings)
    return build_definitions(registered_clients(settings))
