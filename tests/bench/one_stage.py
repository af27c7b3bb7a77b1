"""One stage of one client in a process of its own: ``python -m tests.bench.one_stage STAGE CLIENT AS_OF``.

Belongs here: what the stage takes of the processors, of memory and of the disk, printed as JSON. Does not
belong here: the client (``planning``), what the same work takes at least (``planning_floors``).

What every process takes before it does anything is done before the clock starts: importing Dagster, the
database's driver and, for the forecast, torch.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from datetime import date
from typing import Any

import dagster as dg
import psutil

from orchestration.resources import Installation
from orchestration.settings import load_settings
from orchestration.stages.forecasting import forecasts
from orchestration.stages.inventory import inventory
from tests.bench.processor_time import cost_of, server_of

STAGES = {"forecasts": forecasts, "inventory": inventory}

IN_A_RUN = "inventory-in-a-run"
"""The inventory stage in the process of the forecast before it, as in a client's pipeline."""


def run(stage: str, client_id: str, as_of: date) -> None:
    """Run a stage as a job of one step would.

    Raises:
        RuntimeError: it failed.
    """
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("clients", [client_id])
        result = dg.materialize(
            [STAGES[stage]],
            instance=instance,
            partition_key=client_id,
            resources={"installation": Installation()},
            run_config={
                "ops": {stage: {"config": {"as_of_date": as_of.isoformat()}}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            raise_on_error=True,
        )
    if not result.success:
        raise RuntimeError(f"the stage {stage} failed")


def measured(work: Callable[[], object]) -> dict[str, Any]:
    """Do some work and say what it took: seconds of the processors, bytes of memory, bytes written."""
    server = server_of(load_settings().home)
    before, written = peak_bytes(), _written_bytes(server)
    cost = cost_of(server, work)
    return {
        "wall": cost.wall,
        "own": cost.own,
        "server": cost.server,
        "written_bytes": _written_bytes(server) - written,
        "peak_bytes": peak_bytes(),
        "before_bytes": before,
    }


def peak_bytes() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _written_bytes(server: psutil.Process) -> int:
    """Of a server: of its processes, and of those that have ended; 0 where the machine does not say."""
    try:
        return sum(process.io_counters().write_bytes for process in (server, *server.children()))
    except (psutil.AccessDenied, AttributeError):
        return 0


if __name__ == "__main__":
    name, client, day = sys.argv[1:]
    as_of_date = date.fromisoformat(day)
    import adbc_driver_postgresql.dbapi  # noqa: F401

    if name == "forecasts":
        import chronos  # noqa: F401
    if name == IN_A_RUN:
        run("forecasts", client, as_of_date)
    stage_name = "inventory" if name == IN_A_RUN else name
    sys.stdout.write(json.dumps(measured(lambda: run(stage_name, client, as_of_date))))
