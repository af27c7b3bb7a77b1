"""Ray workers share a forecast: the same numbers, whatever becomes of a worker.

Skipped where Ray is not installed, which is of an extra of its own.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from forecasting_lib.benchmark.m5_files import read_m5
from forecasting_lib.models.chronos2 import Chronos2
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.weights import WeightsUnavailable
from forecasting_lib.models.workers import THIS_PROCESS
from forecasting_lib.panel import Forecast, Panel
from orchestration.settings import Settings
from orchestration.stages.ray_workers import (
    SERIES_WORTH_WORKERS,
    RayWorkers,
    WorkersUnavailable,
    workers_for,
)
from tests.forecasting_lib.models.panels import random_panel
from tests.tiny_chronos import save_tiny_chronos

HORIZON = 28

needs_ray = pytest.mark.skipif(
    find_spec("ray") is None, reason="Ray is not installed; pip install -c constraints.txt -e '.[ray]'"
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_chronos(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two workers' room on this machine, for the tests of this file."""
    import ray

    ray.init("local", num_cpus=2, include_dashboard=False, configure_logging=False, log_to_driver=False)
    yield
    ray.shutdown()


def panel() -> Panel:
    return random_panel(60, longest=500)


def model(weights: Path, **options: object) -> Chronos2:
    return Chronos2(weights, batch_rows=4, **options)  # type: ignore[arg-type]


def workers(said: list[str] | None = None, **options: object) -> RayWorkers:
    return RayWorkers(2, (said if said is not None else []).append, **options)  # type: ignore[arg-type]


def same(one: Forecast, other: Forecast) -> bool:
    return all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes()
        for name in ("point", "mean", "quantiles")
    )


def holders() -> list[psutil.Process]:
    """The workers' processes, which Ray names by what they do."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if "ray::Holder" in " ".join(process.cmdline()):
                found.append(process)
    return found


def all_went_home() -> bool:
    """Whether no worker is left; Ray ends them on their own time."""
    deadline = time.monotonic() + 120
    while holders() and time.monotonic() < deadline:
        time.sleep(0.2)
    return not holders()


def test_a_small_client_and_an_installation_without_workers_are_forecast_in_the_runs_own_process(
    settings: Settings,
) -> None:
    none = settings.model_copy(update={"forecast_workers": 0})
    two = settings.model_copy(update={"forecast_workers": 2})
    assert workers_for(none, SERIES_WORTH_WORKERS, print) is THIS_PROCESS
    assert workers_for(two, SERIES_WORTH_WORKERS - 1, print) is THIS_PROCESS


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is installed here")
def test_without_ray_the_sentence_says_what_to_install(settings: Settings) -> None:
    two = settings.model_copy(update={"forecast_workers": 2})
    with pytest.raises(WorkersUnavailable, match=r"pip install 'forecaster\[ray\]'"):
        workers_for(two, SERIES_WORTH_WORKERS, print)


@needs_ray
def test_a_large_client_is_shared(settings: Settings) -> None:
    two = settings.model_copy(update={"forecast_workers": 2})
    assert workers_for(two, SERIES_WORTH_WORKERS, print) == RayWorkers(2, print)


@needs_ray
@pytest.mark.usefixtures("cluster")
def test_two_workers_forecast_what_one_process_does_to_the_bit(weights: Path) -> None:
    one = guarded_predict(model(weights), panel(), HORIZON)
    said: list[str] = []
    two = guarded_predict(model(weights, workers=workers(said)), panel(), HORIZON)
    assert same(one, two)
    assert said == []
    assert all_went_home()


@needs_ray
@pytest.mark.usefixtures("cluster")
def test_a_killed_worker_is_replaced_and_its_batches_are_done_again(weights: Path) -> None:
    said: list[str] = []
    seen: set[int] = set()

    def kill_one(done: int, total: int) -> None:
        processes = holders()
        seen.update(process.pid for process in processes)
        if done == 8:
            os.kill(processes[0].pid, signal.SIGKILL)

    shared = model(weights, workers=workers(said), progress=kill_one)
    assert same(shared.predict(panel(), HORIZON), model(weights).predict(panel(), HORIZON))
    assert len(said) == 1
    assert said[0].endswith("2 workers go on.")
    assert len(seen) == 3


@needs_ray
@pytest.mark.usefixtures("cluster")
def test_where_every_worker_and_every_replacement_dies_this_process_goes_on_alone(weights: Path) -> None:
    said: list[str] = []

    def kill_all(done: int, total: int) -> None:
        for process in holders():
            process.kill()

    shared = model(weights, workers=workers(said), progress=kill_all)
    assert same(shared.predict(panel(), HORIZON), model(weights).predict(panel(), HORIZON))
    assert len(said) == 4
    assert said[-1].endswith("0 workers go on.")


@needs_ray
@pytest.mark.usefixtures("cluster")
def test_a_worker_that_is_silent_is_given_up(weights: Path) -> None:
    said: list[str] = []

    def stop_one(done: int, total: int) -> None:
        if done == 4:
            os.kill(holders()[0].pid, signal.SIGSTOP)

    shared = model(weights, workers=workers(said, patience_seconds=10.0), progress=stop_one)
    assert same(shared.predict(panel(), HORIZON), model(weights).predict(panel(), HORIZON))
    assert [line for line in said if "silent" in line]


@needs_ray
@pytest.mark.usefixtures("cluster")
def test_a_mistake_of_the_model_is_said_in_its_own_words(weights: Path, tmp_path: Path) -> None:
    gone = save_tiny_chronos(tmp_path / "gone")
    here = model(gone, workers=workers())
    here.predict(replace(panel().select([0])), HORIZON)  # loads the weights here
    (gone / "model.safetensors").unlink()
    with pytest.raises(WeightsUnavailable, match="does not load as a Chronos-2 model"):
        here.predict(panel(), HORIZON)
    assert all_went_home()


@needs_ray
@pytest.mark.slow
def test_genuine_series_are_forecast_to_the_bit_with_a_worker_killed_in_the_middle(
    shared_data: Path, settings: Settings
) -> None:
    """A whole store of M5 by the bundled model, on a cluster that is started for it and ends with it."""
    store = read_m5(shared_data / "m5_ca1_3049x447").panel
    assert len(store) == 3_049
    bundled = Chronos2(settings.bundled_models_dir / "chronos-2-small-demand")
    said: list[str] = []
    killed: list[int] = []

    def kill_one(done: int, total: int) -> None:
        if not killed and done * 2 > total:
            process = holders()[0]
            process.kill()
            killed.append(process.pid)

    at_sigterm = signal.getsignal(signal.SIGTERM)
    shared = replace(bundled, workers=workers(said), progress=kill_one)
    assert same(guarded_predict(shared, store, HORIZON), guarded_predict(bundled, store, HORIZON))
    assert len(said) == 1
    assert signal.getsignal(signal.SIGTERM) is at_sigterm
    assert all_went_home()
