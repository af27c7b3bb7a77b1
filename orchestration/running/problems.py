"""What went wrong in a run, in the words of whoever noticed it first.

Belongs here: reading events of failures and checks. Does not belong here: following a run (``runs``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg

from orchestration.foreign_text import printable
from orchestration.warehouse.outage import ADVICE, is_outage


def problems_of(event: dg.DagsterEvent) -> Iterator[str]:
    """What an event says went wrong, a sentence each: a failed step, a failed check."""
    if event.event_type_value == "STEP_FAILURE":
        yield f"{event.step_key}: {innermost_message(event.step_failure_data.error)}"
    elif event.event_type_value == "ASSET_CHECK_EVALUATION":
        evaluation = event.asset_check_evaluation_data
        if not evaluation.passed:
            subject = ".".join(evaluation.asset_key.path)
            yield f"{subject}: {evaluation.description or evaluation.check_name + ' did not pass'}"


def problem_of(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """Why a run failed: what its last failed step said; None where none did."""
    failed = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    events = [record.event_log_entry.dagster_event for record in failed]
    problems = [problem for event in events if event is not None for problem in problems_of(event)]
    return problems[-1] if problems else None


def innermost_message(error: Any) -> str:
    """What went wrong in the words of whoever noticed it first, without the name of the exception's class."""
    if error is None:
        return "failed without a message"
    while error.cause is not None:
        error = error.cause
    if is_outage(str(error.cls_name), str(error.message)):
        return f"PostgreSQL went away ({_first_sentence(error)}). {ADVICE}"
    return _first_sentence(error)


def _first_sentence(error: Any) -> str:
    name, _, message = str(error.message).strip().partition(": ")
    if len(name.split()) != 1 or not message.strip():
        message = str(error.message)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return printable(lines[0] if lines else str(error.cls_name))
