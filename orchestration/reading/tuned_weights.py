"""Which weights a client's forecasts run on: those tuned on its own history where they stand, else the base.

Belongs here: the installation's base weights, the folder of tuned ones, the record beside them, and the rule
by which tuned weights stand. Does not belong here: tuning (``finetuning``), finding and verifying base
weights (``forecasting_lib.models.weights``).

Tuned weights lie in ``<home>/models/<client>/<digest>``, readable by the owner only, each with a record of
what it is and how it compared. They are used for the client whose record and folder they are, while the base
they were tuned from and compared with is the installation's base.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from forecasting_lib.models.weights import (
    ResolvedWeights,
    WeightsSource,
    WeightsUnavailable,
    resolve_weights,
    verified_weights,
)
from orchestration.settings import Settings

BUNDLED_MODEL = "chronos-2-small-demand"
RECORD_FILE = "tuning.json"
_SCRATCH = ".tuning-"


@dataclass(frozen=True)
class Tuning:
    """The record of one tuning; it stays where the weights were rejected.

    Attributes:
        client_id: whose history it was.
        digest: sha256 of the tuned weights.
        accepted: whether they beat the base by the margin.
        verdict: the comparison as a sentence.
        method: lora or full.
        steps: optimiser steps.
        cut_date: last day that training saw, ISO.
        base_model_id: the weights it started from.
        base_digest: their sha256.
        finished_at: ISO moment, UTC.
        comparison: the losses on the days after the cut.
    """

    client_id: str
    digest: str
    accepted: bool
    verdict: str
    method: str
    steps: int
    cut_date: str
    base_model_id: str
    base_digest: str
    finished_at: str
    comparison: dict[str, float]


def base_weights(settings: Settings) -> ResolvedWeights:
    """The installation's weights, the same for every client.

    Raises:
        WeightsUnavailable: none are usable.
    """
    return resolve_weights(
        settings.chronos_model_id,
        bundled=settings.bundled_models_dir / BUNDLED_MODEL,
        offline=settings.hub_offline,
    )


def client_weights(settings: Settings, client_id: str) -> ResolvedWeights:
    """The weights for one client's forecasts.

    Accepted tuned weights that no longer stand are passed over with a warning.

    Raises:
        WeightsUnavailable: the base weights are not usable.
    """
    base = base_weights(settings)
    folder = client_models_dir(settings, client_id)
    accepted = latest_accepted(read_records(folder), client_id)
    if accepted is None:
        return base
    if accepted.base_digest != base.digest:
        return _passed_over(base, accepted, "they were tuned from other base weights")
    try:
        tuned = verified_weights(
            WeightsSource.FINETUNED, f"{base.model_id}, tuned for {client_id}", folder / accepted.digest
        )
    except WeightsUnavailable as error:
        return _passed_over(base, accepted, str(error))
    if tuned.digest != accepted.digest:
        return _passed_over(base, accepted, "their files have changed since")
    return tuned


def models_dir(settings: Settings) -> Path:
    """The folder of all tuned weights; it need not exist."""
    return settings.home / "models"


def client_models_dir(settings: Settings, client_id: str) -> Path:
    """The folder of a client's tuned weights; it need not exist."""
    return models_dir(settings) / client_id


def read_records(folder: Path) -> list[Tuning]:
    """The records in a client's folder; a damaged one is no record."""
    records = []
    for file in sorted(folder.glob(f"*/{RECORD_FILE}")):
        try:
            records.append(Tuning(**json.loads(file.read_text(encoding="utf-8"))))
        except (ValueError, TypeError, OSError):
            continue
    return records


def latest_accepted(records: Sequence[Tuning], client_id: str) -> Tuning | None:
    """The last accepted tuning of this client; None where there is none."""
    own = [record for record in records if record.accepted and record.client_id == client_id]
    return max(own, key=lambda record: record.finished_at, default=None)


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """A folder below a client's to tune in, which goes at the end; those of killed tunings go at the start.

    A lock on the folder says that its process lives: two tunings of a client leave each other alone.
    """
    for left in folder.glob(f"{_SCRATCH}*"):
        with suppress(OSError), _locked(left):
            shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=folder, ignore_cleanup_errors=True) as name:
        scratch = Path(name)
        with _locked(scratch):
            yield scratch


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock.

    Raises:
        OSError: it is held, or the folder is gone.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def keep(folder: Path, weights: Path, record: Tuning) -> Path:
    """Move tuned weights to their place and write the record; of rejected ones the record alone is kept.

    Args:
        folder: the client's.
        weights: a directory beside or below it, which is moved.
        record: what is known of them.

    Returns:
        The directory named by the digest.
    """
    if not record.accepted:
        for file in weights.iterdir():
            file.unlink()
    (weights / RECORD_FILE).write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
    place = folder / record.digest
    if place.exists():
        shutil.rmtree(place)
    return weights.rename(place)


def erase_client_models(settings: Settings, client_id: str) -> None:
    """Delete everything that was tuned on a client's history."""
    shutil.rmtree(client_models_dir(settings, client_id), ignore_errors=True)


def _passed_over(base: ResolvedWeights, tuned: Tuning, why: str) -> ResolvedWeights:
    warning = (
        f"The weights tuned for {tuned.client_id} on {tuned.cut_date} are not used: {why}. "
        f"Tune again with 'forecaster model finetune --client {tuned.client_id}'."
    )
    return dataclasses.replace(base, warnings=(*base.warnings, warning))
