"""One client's forecast in one process and by Ray workers: whether the numbers are the same, what it gains.

Belongs here: the two ways in turn. Does not belong here: the model part's floor (``forecasting``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import ray

from forecasting_lib.models.chronos2 import Chronos2
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.workers import Answer, BatchModel
from forecasting_lib.panel import Forecast, Panel
from orchestration.stages.ray_workers import RayWorkers
from tests.bench.forecasting import HORIZON


@dataclass(frozen=True)
class Shared:
    """One round.

    Attributes:
        alone_seconds: of the forecast in this process.
        shared_seconds: of the same by the workers, once they have the model.
        start_seconds: until they have answered their first batch; a run pays it once.
        is_same: every number is the same, to the bit.
        lost: workers that were lost on the way.
    """

    alone_seconds: float
    shared_seconds: float
    start_seconds: float
    is_same: bool
    lost: int


def measure(model: Chronos2, panel: Panel, workers: int, rounds: int) -> list[Shared]:
    """Forecast a panel both ways in turn.

    Args:
        model: of this process.
        panel: what to forecast.
        workers: how many share it.
        rounds: how often.
    """
    ray.init("local", num_cpus=workers, include_dashboard=False, configure_logging=False, log_to_driver=False)
    try:
        guarded_predict(model, panel.select(range(8)), HORIZON)
        return [_round(model, panel, workers) for _ in range(rounds)]
    finally:
        ray.shutdown()


def _round(model: Chronos2, panel: Panel, workers: int) -> Shared:
    said: list[str] = []
    clock = _Clock(RayWorkers(workers, said.append))
    started = time.perf_counter()
    alone = guarded_predict(model, panel, HORIZON)
    alone_seconds = time.perf_counter() - started
    started = time.perf_counter()
    shared = guarded_predict(replace(model, workers=clock), panel, HORIZON)
    all_seconds = time.perf_counter() - started
    return Shared(
        alone_seconds,
        all_seconds - clock.start_seconds,
        clock.start_seconds,
        _is_same(alone, shared),
        len(said),
    )


class _Clock:
    """Workers that are timed until their first answer."""

    def __init__(self, workers: RayWorkers) -> None:
        self._workers = workers
        self.start_seconds = 0.0

    def answers(
        self, model: BatchModel, batches: Iterable[Panel], horizon: int
    ) -> Generator[Answer, None, None]:
        started = time.perf_counter()
        with closing(self._workers.answers(model, batches, horizon)) as answers:
            for number, answer in enumerate(answers):
                if number == 0:
                    self.start_seconds = time.perf_counter() - started
                yield answer


def _is_same(one: Forecast, other: Forecast) -> bool:
    named: list[Callable[[Forecast], object]] = [
        lambda f: f.point,
        lambda f: f.mean,
        lambda f: f.quantiles,
        lambda f: f.raw_mean,
    ]
    return one.reasons == other.reasons and all(
        np.asarray(name(one)).tobytes() == np.asarray(name(other)).tobytes() for name in named
    )
