"""Retention as an asset: every active client by its policies, then Dagster's own records.

Belongs here: the asset, and what the UI shows of it. Does not belong here: what goes (``retention``), when it
starts (``schedules``).
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import dagster as dg

from orchestration.clients import read_registry
from orchestration.resources import DATABASE_RETRIES, Installation
from orchestration.retention.dagster_runs import forget_runs, old_runs
from orchestration.retention.retain import Retained, make_reusable, retain
from orchestration.table_assets import OWNERS
from orchestration.warehouse.locks import LockedError, NoSuchLockError


@dg.asset(
    group_name="retention",
    owners=OWNERS,
    kinds={"python", "postgres"},
    pool="retention",
    retry_policy=DATABASE_RETRIES,
)
def thinned_tables(
    context: dg.AssetExecutionContext, installation: Installation
) -> dg.MaterializeResult[Any]:
    """The tables of all active clients, and Dagster's own, without what is past its use."""
    warehouse, kept_days = installation.warehouse, installation.settings.keep_dagster_runs_days
    registry = read_registry(warehouse, active_only=True)
    problems = [problem.message for problem in registry.problems]
    done: list[Retained] = []
    for client in registry.clients:
        try:
            done.append(retain(warehouse, client, dagster_run_id=context.run.run_id))
        except NoSuchLockError as error:
            context.log.info(str(error))
        except LockedError as error:
            problems.append(str(error))
    reused = make_reusable(warehouse, done)
    forgotten = forget_runs(
        warehouse,
        context.instance,
        old_runs(context.instance, kept_days),
        kept_days,
        context.run.run_id,
    )
    rows: Counter[str] = sum((one.rows_by_table for one in done), Counter())
    shown: dict[str, Any] = {
        "clients": len(done),
        "rows_thinned": rows.total(),
        "dagster_runs_forgotten": forgotten,
        "tables_made_reusable": len(reused),
        "thinned": dg.MetadataValue.md(thinned_table(done)),
    }
    if problems:
        raise dg.Failure(" ".join(problems), metadata=shown, allow_retries=False)
    return dg.MaterializeResult(metadata=shown)


def thinned_table(done: Sequence[Retained]) -> str:
    """What went, as a Markdown table with a line for each client, kind and policy."""
    lines = [
        f"| {one.client_id} | {went.what} | {went.policy} = {went.days} | {went.things:,} "
        f"| {went.rows.gone.total():,} |"
        for one in done
        for went in one.went
    ]
    if not lines:
        return "Nothing was past its use."
    return "\n".join(["| client | what | policy | how many | rows |", "|---|---|---|---|---|", *lines])
