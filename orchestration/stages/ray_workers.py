"""Ray workers that each hold the model and share the batches of one client's forecast.

Belongs here: everything that knows Ray; it is imported when the first batch is asked for. Does not belong
here: what a batch is and what its answer means (``forecasting_lib.models``), how runs are spread
(``running.launchers``).

Whatever becomes of the workers, every batch is answered: those of a lost one are given to the others, a new
one takes its place, and where none is left this process answers itself. A worker's process imports this
module, so it imports nothing of Dagster.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from forecasting_lib.models.workers import THIS_PROCESS, Answer, BatchModel, Workers
from forecasting_lib.panel import Panel
from orchestration.errors import UserError
from orchestration.settings import Settings

SERIES_WORTH_WORKERS = 1_000
"""Starting workers takes as long as forecasting some hundred series here."""

_AHEAD = 2
"""Batches a worker has at a time: the next one is there when it has answered one."""

_WINDOW = 4
"""Batches per worker that may be under way or wait for an earlier one: what is in memory at once."""


class WorkersUnavailable(UserError):  # noqa: N818 - the name is the state it reports
    """Workers are asked for that cannot be had; the message says what to do."""


def workers_for(settings: Settings, n_series: int, log: Callable[[str], None]) -> Workers:
    """Who forecasts a client of so many series.

    Args:
        settings: of the installation.
        n_series: of the client.
        log: told of each worker that is lost.

    Raises:
        WorkersUnavailable: workers are configured and Ray is not installed.
    """
    if not settings.forecast_workers or n_series < SERIES_WORTH_WORKERS:
        return THIS_PROCESS
    if find_spec("ray") is None:
        raise WorkersUnavailable(
            f"FORECASTER_FORECAST_WORKERS is {settings.forecast_workers}, and Ray is not installed. Install "
            "it with: pip install 'forecaster[ray]', or set the variable to 0."
        )
    return RayWorkers(settings.forecast_workers, log)


@dataclass(frozen=True)
class RayWorkers:
    """Workers on the cluster that ``RAY_ADDRESS`` names, else on one of this machine that ends with them.

    The model's directory of weights must be at the same path wherever a worker may be.

    Args:
        count: number of workers, each with one processor, or a GPU where this process has one.
        log: told of each worker that is lost.
        patience_seconds: how long nobody may answer before those who were asked are given up.
    """

    count: int
    log: Callable[[str], None]
    patience_seconds: float = 300.0

    def answers(
        self, model: BatchModel, batches: Iterable[Panel], horizon: int
    ) -> Generator[Answer, None, None]:
        """See :meth:`forecasting_lib.models.workers.Workers.answers`."""
        with _connected():
            team = _Team(self, model, horizon)
            try:
                yield from team.in_order(enumerate(batches))
            finally:
                team.dismiss()


class Holder:
    """What a worker's process holds: the model, which loads its weights with the first batch.

    It has one processor and works with one thread. That changes no number: a thread has rows of its own to
    add up, and never a part of a sum.
    """

    def __init__(self, model: BatchModel) -> None:
        import torch

        torch.set_num_threads(1)
        self._model = model

    def answer(self, batch: Panel, horizon: int) -> Answer:
        return self._model.answer(batch, horizon)


_Numbered = tuple[int, Panel]


class _Team:
    """The workers of one forecast, and which batch is where."""

    def __init__(self, wanted: RayWorkers, model: BatchModel, horizon: int) -> None:
        self._wanted = wanted
        self._model = model
        self._horizon = horizon
        self._replacements = wanted.count
        self._asked: dict[Any, tuple[Any, _Numbered]] = {}
        self._lost: list[_Numbered] = []
        self._answered: dict[int, Answer] = {}
        self._workers = [self._hired() for _ in range(wanted.count)]

    def in_order(self, batches: Iterator[_Numbered]) -> Iterator[Answer]:
        """The answers in the order of the batches."""
        number = 0
        while True:
            self._give_out(batches)
            if number in self._answered:
                yield self._answered.pop(number)
                number += 1
            elif self._asked:
                self._collect()
            elif (batch := self._next(batches)) is not None:
                # no worker is left
                self._answered[batch[0]] = self._model.answer(batch[1], self._horizon)
            else:
                return

    def dismiss(self) -> None:
        """End the workers."""
        import ray

        for worker in self._workers:
            ray.kill(worker)

    def _hired(self) -> Any:
        import ray
        import torch

        holder = ray.remote(Holder).options(num_cpus=1, num_gpus=int(torch.cuda.is_available()))
        return holder.remote(self._model)

    def _give_out(self, batches: Iterator[_Numbered]) -> None:
        """Ask every worker that has less than it may have, as long as the window is not full."""
        for worker in [worker for _ in range(_AHEAD) for worker in self._workers]:
            if sum(asked is worker for asked, _ in self._asked.values()) >= _AHEAD:
                continue
            is_full = len(self._asked) + len(self._answered) >= _WINDOW * self._wanted.count
            if (is_full and not self._lost) or (batch := self._next(batches)) is None:
                return
            self._asked[worker.answer.remote(batch[1], self._horizon)] = worker, batch

    def _next(self, batches: Iterator[_Numbered]) -> _Numbered | None:
        """The first batch that nobody has: of those that were lost, else of those to come."""
        return self._lost.pop(0) if self._lost else next(batches, None)

    def _collect(self) -> None:
        """Wait for an answer, or find out that none comes."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        ready, silent = ray.wait(list(self._asked), timeout=self._wanted.patience_seconds)
        if not ready:
            self._replacements = 0
            for worker in {self._asked[question][0] for question in silent}:
                self._lose(worker, f"it was silent for {self._wanted.patience_seconds:g} seconds")
        for question in ready:
            worker, (number, _) = self._asked[question]
            try:
                self._answered[number] = ray.get(question)
            except RayTaskError as error:
                raise error.cause from error
            except RayError as error:
                self._lose(worker, type(error).__name__)
            else:
                del self._asked[question]

    def _lose(self, worker: Any, reason: str) -> None:
        """Take a worker's batches back, and hire another in its place while there is one to be had."""
        import ray

        ray.kill(worker)
        self._workers.remove(worker)
        theirs = [question for question, (asked, _) in self._asked.items() if asked is worker]
        self._lost = sorted([*self._lost, *(self._asked.pop(question)[1] for question in theirs)])
        if self._replacements:
            self._replacements -= 1
            self._workers.append(self._hired())
        self._wanted.log(
            f"A forecast worker was lost ({reason}): {len(theirs)} batches are done again, "
            f"{len(self._workers)} workers go on."
        )


@contextmanager
def _connected() -> Iterator[None]:
    """Ray for the block: whoever connected before stays connected afterwards."""
    import ray

    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    at_sigterm = signal.getsignal(signal.SIGTERM)
    # without a name Ray would look for whatever was started here last, be it dead
    address = None if "RAY_ADDRESS" in os.environ else "local"
    ray.init(address, include_dashboard=False, configure_logging=False, log_to_driver=False)
    if threading.current_thread() is threading.main_thread():
        # Ray's own would end the process before Dagster has written down that the run was cancelled
        signal.signal(signal.SIGTERM, at_sigterm)
    try:
        yield
    finally:
        ray.shutdown()
