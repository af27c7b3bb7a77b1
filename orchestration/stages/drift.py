"""The drift stage: whether what is delivered still is what the models were judged on.

Belongs here: the asset and what the UI shows of it. Does not belong here: what is found and written
(``drift_events``), what drift is (``forecasting_lib.drift``).
"""

from collections.abc import Mapping

import dagster as dg

from forecasting_lib.drift.episodes import Place
from forecasting_lib.drift.findings import Drift, Finding, Unjudged
from forecasting_lib.grain import Grain
from orchestration.clients import CLIENT_PARTITIONS
from orchestration.foreign_text import printable
from orchestration.reading.histories import demand_grain, last_demand_day
from orchestration.resources import DATABASE_RETRIES, Installation
from orchestration.stages.drift_events import find_drift, tell_of_events, write_events
from orchestration.stages.quality import ACTUALS_KEYS, QUALITY_KEY
from orchestration.table_assets import OWNERS, table_key, table_metadata
from orchestration.warehouse.tables import analytics

DRIFT_KEY = table_key(analytics.drift_events)


def drift_problems(found: Mapping[Place, Finding]) -> list[str]:
    """What drifts, a sentence each, with the segment where it is not the whole client."""
    return [
        one.sentence if grain == "client" else f"{_segment(grain, key)}: {one.sentence}"
        for (_, grain, key), one in found.items()
        if isinstance(one, Drift)
    ]


def judging_problems(found: Mapping[Place, Finding]) -> list[str]:
    """What cannot be judged of the whole client, and why, a sentence each."""
    return [
        f"{kind.replace('_', ' ').capitalize()} cannot be judged: {one.reason}"
        for (kind, grain, _), one in found.items()
        if isinstance(one, Unjudged) and grain == "client"
    ]


@dg.asset(
    key=DRIFT_KEY,
    description=analytics.drift_events.comment,
    partitions_def=CLIENT_PARTITIONS,
    group_name="quality",
    kinds={"python", "postgres"},
    owners=OWNERS,
    deps=[*ACTUALS_KEYS, QUALITY_KEY],
    metadata=table_metadata(analytics.drift_events),
    check_specs=[
        dg.AssetCheckSpec(
            "no_drift",
            asset=DRIFT_KEY,
            description="Demand, prices, items and forecast errors are as they were when models were judged.",
        ),
        dg.AssetCheckSpec(
            "drift_is_judged",
            asset=DRIFT_KEY,
            description="Enough is known to tell whether they are; what cannot be judged is no all-clear.",
        ),
    ],
    retry_policy=DATABASE_RETRIES,
)
def drift(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Look at recent demand, prices, items and forecast errors beside those before."""
    warehouse, client_id = installation.warehouse, context.partition_key
    grain, last = demand_grain(warehouse, client_id), last_demand_day(warehouse, client_id)
    if last is None or grain is not Grain.DAY:
        why = (
            "Nothing can be judged: there is no demand yet."
            if last is None
            else f"Nothing can be judged: drift is looked for in days, and this client has {grain.periods}."
        )
        return dg.MaterializeResult(
            check_results=[_warning("no_drift", [why]), _warning("drift_is_judged", [why])]
        )
    found = find_drift(warehouse, client_id, last)
    written = write_events(warehouse, client_id, found, last, context.run.run_id)
    told = tell_of_events(warehouse, installation.settings, client_id, context.log.warning)
    return dg.MaterializeResult(
        metadata={
            "new_episodes": written.begun,
            "episodes_going_on": written.going_on,
            "episodes_ended": written.over,
            "told": told,
            "findings": dg.MetadataValue.md(_findings_table(found)),
        },
        check_results=[
            _warning("no_drift", drift_problems(found)),
            _warning("drift_is_judged", judging_problems(found)),
        ],
    )


def _segment(grain: str, key: str) -> str:
    return f"{grain.replace('_', ' ').capitalize()} {key}"


def _findings_table(found: Mapping[Place, Finding]) -> str:
    """Every question as a Markdown table: what was asked, of what, the answer and its numbers."""
    lines = ["| question | of | answer | numbers |", "|---|---|---|---|"]
    for (kind, grain, key), one in found.items():
        answer = {Drift: "drift", Unjudged: "cannot be judged"}.get(type(one), "steady")
        numbers = (
            one.reason
            if isinstance(one, Unjudged)
            else ", ".join(f"{k} {v}" for k, v in one.evidence.items())
        )
        lines.append(
            f"| {kind.replace('_', ' ')} | {printable(_segment(grain, key))} | {answer} | {numbers} |"
        )
    return "\n".join(lines)


def _warning(check_name: str, problems: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=DRIFT_KEY,
        check_name=check_name,
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        description=printable(" ".join(problems)) or None,
    )
