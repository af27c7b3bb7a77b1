"""Whose turn it is to have a model with weights in memory: one process's at a time.

Belongs here: taking the turn, waiting for it. Does not belong here: what is done with a model
(``model_plans``, ``finetuning``).

A pool of Dagster's would have every client's step wait for it, those without such a model too.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from orchestration.warehouse.locks import LockedError, Purpose, try_lock_session, unlock_session
from orchestration.warehouse.server import Warehouse

PATIENCE_SECONDS = 6 * 3600.0
"""Longer than any model takes for one client."""

_POLL_SECONDS = 0.5


@contextmanager
def model_turn(
    warehouse: Warehouse, log: Callable[[str], None], patience: float = PATIENCE_SECONDS
) -> Iterator[None]:
    """Hold the turn while the block lasts; a process that is killed gives it back with its session.

    Args:
        warehouse: whose processes take turns.
        log: told once who is waited for, where somebody is.
        patience: seconds to wait.

    Raises:
        LockedError: it was not to be had in that time.
    """
    deadline = time.monotonic() + patience
    told = False
    with warehouse.connect_pipeline() as connection:
        while holder := try_lock_session(connection, Purpose.MODEL):
            if time.monotonic() >= deadline:
                raise LockedError(
                    f"A model was in the memory of {holder} for {patience / 3600:.0f} hours; end that, or "
                    "wait, and run this again."
                )
            if not told:
                told = True
                log(f"{holder} has a model in memory; waiting for it.")
            time.sleep(_POLL_SECONDS)
        try:
            yield
        finally:
            unlock_session(connection, Purpose.MODEL)
