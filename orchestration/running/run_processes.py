"""Where the processes of runs come from: from one that has imported much of what a run needs.

Dagster's code server starts an interpreter for each run, which imports for longer than a small client's run
works. Belongs here: having it fork the run from a process that has nothing but imports behind it. Does not
belong here: the code server (``supervisor``), what a run does.
"""

from __future__ import annotations

import multiprocessing

PREPARED = (
    "dagster",
    "dagster._grpc.impl",
    "dagster_postgres",
    "dbt.adapters.postgres",
    "dbt.cli.main",
    "dbt.task.build",
    "holidays",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "orchestration.registry",
    "orchestration.warehouse.server",
    "scipy.special",
)
"""What every run imports sooner or later, and what may be forked afterwards.

Nothing of it starts a thread that a forked process would miss, but for numpy's linear algebra, which ends its
threads before a fork and starts them again. polars does, and says that it must not be forked; so whatever
imports polars is left to the run. So is torch, which few clients need.
"""


def fork_runs() -> None:
    """Have Dagster's code server in this process fork its runs; in a process without one this does nothing.

    The server asks for a process that is spawned. It gets one that is forked from a third process, which
    ``multiprocessing`` starts with the first of them and ends with this one. So a run begins where a spawned
    one would be after these imports: with nothing of this process, its threads and its connections.
    """
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(list(PREPARED))
    multiprocessing.get_context("spawn").Process = forking.Process  # type: ignore[misc, assignment]
