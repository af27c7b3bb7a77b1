"""Which Chronos-2 weights a run uses: the order of the places, and what is checked before they are trusted.

Belongs here: finding a directory of weights, verifying it, saying what was tried. Does not belong here:
loading a model (``chronos2``), and reading the environment (the caller passes what it read).

The order: an explicit hub id or directory; ``amazon/chronos-2`` from the local hub cache or the hub; the
model bundled with the project. An explicit choice that cannot be met is an error. Only the step from the
second place to the third is taken without asking, and the result carries a warning that says so.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from forecasting_lib.grain import Grain

DEFAULT_MODEL_ID = "amazon/chronos-2"
BUNDLED_MODEL_ID = "bundled"
ARCHITECTURE = "Chronos2Model"

GRAINS_KEY = "grains"
"""Key of ``config.json`` that lists the grains weights were trained for; a tuned copy inherits it. Weights
without it, such as amazon/chronos-2, were trained on all of them."""

NETWORK_TIMEOUT_SECONDS = 4.0
"""The longest wait for a hub that may not be there. A download that has begun takes its time."""

HOW_TO_GET_WEIGHTS = (
    f"Download {DEFAULT_MODEL_ID} where there is a network (hf download {DEFAULT_MODEL_ID}) and copy the "
    "directory here, then name it in CHRONOS_MODEL_ID."
)

_FILES = ("config.json", "*.safetensors", "*.safetensors.index.json")


class WeightsSource(StrEnum):
    """The place the weights came from."""

    EXPLICIT = "explicit"
    HUB = "hub"
    BUNDLED = "bundled"
    FINETUNED = "finetuned"
    """Tuned on one client's own history, and used for that client only."""


class WeightsUnavailable(RuntimeError):  # noqa: N818 - the name is the state it reports
    """No usable weights; the message says what was tried and how to get some."""


@dataclass(frozen=True)
class ResolvedWeights:
    """A verified directory of Chronos-2 weights.

    Attributes:
        source: the place it was found in.
        model_id: hub id or directory as it was named, ``bundled`` for the project's own model.
        path: directory with ``config.json`` and the safetensors files.
        digest: hex sha256 over the safetensors files in the order of their names; of a single file, its own.
        warnings: one sentence for every place that was passed over.
        grains: what they were trained for.
    """

    source: WeightsSource
    model_id: str
    path: Path
    digest: str
    warnings: tuple[str, ...] = ()
    grains: frozenset[Grain] = frozenset(Grain)


def resolve_weights(
    explicit: str | None = None,
    *,
    bundled: Path | None = None,
    offline: bool = False,
    cache_dir: Path | None = None,
    explicit_from: str = "CHRONOS_MODEL_ID",
) -> ResolvedWeights:
    """Find the weights to forecast with.

    Args:
        explicit: hub id or directory that the user asked for; None or blank where nobody did.
        bundled: directory of the model that comes with the project; it need not exist.
        offline: True keeps every look-up in the local cache.
        cache_dir: the hub cache; None for the hub library's own.
        explicit_from: where the user named the explicit choice, for the message.

    Raises:
        WeightsUnavailable: the explicit choice cannot be met, or no place has usable weights.
    """
    if explicit and explicit.strip():
        wanted = explicit.strip()
        try:
            directory = _named(wanted, offline, cache_dir)
            return verified_weights(WeightsSource.EXPLICIT, wanted, directory)
        except WeightsUnavailable as error:
            raise WeightsUnavailable(f"{explicit_from} is {wanted!r}: {error}") from error
    try:
        directory = _from_hub(DEFAULT_MODEL_ID, offline, cache_dir)
        return verified_weights(WeightsSource.HUB, DEFAULT_MODEL_ID, directory)
    except WeightsUnavailable as error:
        passed_over = str(error)
    if bundled is None or not bundled.is_dir():
        raise WeightsUnavailable(f"{passed_over} No model is bundled either. {HOW_TO_GET_WEIGHTS}")
    try:
        warning = f"{passed_over} The small bundled model forecasts in its place."
        return verified_weights(WeightsSource.BUNDLED, BUNDLED_MODEL_ID, bundled, (warning,))
    except WeightsUnavailable as error:
        raise WeightsUnavailable(f"{passed_over} The bundled model: {error} {HOW_TO_GET_WEIGHTS}") from error


def tensor_names(directory: Path) -> set[str]:
    """Names of the tensors in a directory's safetensors files.

    Raises:
        WeightsUnavailable: there is no such file, or one is truncated or not safetensors at all.
    """
    from safetensors import SafetensorError, safe_open

    names: set[str] = set()
    for file in _weight_files(directory):
        try:
            with safe_open(file, framework="np") as tensors:
                names.update(tensors.keys())
        except (SafetensorError, OSError) as error:
            raise WeightsUnavailable(
                f"{file} is not a readable safetensors file ({error}); copy or download it again."
            ) from error
    return names


def verified_weights(
    source: WeightsSource, model_id: str, directory: Path, warnings: tuple[str, ...] = ()
) -> ResolvedWeights:
    """A directory of weights, checked and with its digest.

    Raises:
        WeightsUnavailable: it is not a whole Chronos-2 model; the message says what is wrong.
    """
    config = _chronos2_config(directory)
    tensor_names(directory)
    grains = _grains(config, directory)
    return ResolvedWeights(source, model_id, directory, _digest(directory), warnings, grains)


def _grains(config: Mapping[str, Any], directory: Path) -> frozenset[Grain]:
    """The grains that a config.json lists, all where it has no list.

    Raises:
        WeightsUnavailable: it lists something else.
    """
    listed = config.get(GRAINS_KEY, [str(grain) for grain in Grain])
    try:
        return frozenset(Grain(grain) for grain in listed)
    except (ValueError, TypeError):
        raise WeightsUnavailable(
            f"{directory / 'config.json'} says {GRAINS_KEY} are {listed!r}; they must be among "
            f"{', '.join(Grain)}."
        ) from None


def _chronos2_config(directory: Path) -> dict[str, Any]:
    """What config.json says; refuses a directory where it does not describe a Chronos-2 model."""
    file = directory / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsUnavailable(f"{directory} has no config.json; it is not a model directory.") from None
    except (OSError, ValueError) as error:
        raise WeightsUnavailable(f"{file} is not readable JSON ({error}).") from error
    config = config if isinstance(config, dict) else {}
    architectures = config.get("architectures") or ["none"]
    if ARCHITECTURE not in architectures or not isinstance(config.get("chronos_config"), dict):
        raise WeightsUnavailable(
            f"{directory} holds weights of another architecture ({', '.join(map(str, architectures))}); "
            f"{ARCHITECTURE} is needed."
        )
    return config


def _weight_files(directory: Path) -> list[Path]:
    files = sorted(directory.glob("*.safetensors"))
    if not files:
        raise WeightsUnavailable(f"{directory} has no *.safetensors file.")
    return files


def _digest(directory: Path) -> str:
    digest = hashlib.sha256()
    for file in _weight_files(directory):
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _named(wanted: str, offline: bool, cache_dir: Path | None) -> Path:
    """The directory behind a user's choice, which is a path if it exists or looks like one."""
    directory = Path(wanted).expanduser()
    if directory.is_dir():
        return directory
    if wanted.count("/") != 1 or wanted.startswith(("/", ".", "~")):
        raise WeightsUnavailable("there is no such directory, and it is no hub id of the form owner/name.")
    return _from_hub(wanted, offline, cache_dir)


def _from_hub(model_id: str, offline: bool, cache_dir: Path | None) -> Path:
    """The local snapshot of a hub model, downloaded if it has to be and the hub answers in time.

    Raises:
        WeightsUnavailable: it is not in the cache and cannot be had, with the reason.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    def snapshot(*, local_only: bool) -> Path:
        return Path(
            snapshot_download(
                model_id,
                cache_dir=cache_dir,
                allow_patterns=list(_FILES),
                etag_timeout=NETWORK_TIMEOUT_SECONDS,
                local_files_only=local_only,
            )
        )

    try:
        cached = snapshot(local_only=True)
        if any(cached.glob("*.safetensors")):
            return cached
    except HFValidationError as error:
        raise WeightsUnavailable(f"{model_id!r} is not a valid hub id ({error}).") from error
    except LocalEntryNotFoundError:
        pass
    if offline:
        raise WeightsUnavailable(f"{model_id} is not in the local hub cache, and offline mode is on.")
    _require_answer(model_id)
    try:
        return snapshot(local_only=False)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise WeightsUnavailable(
            f"{model_id} is not in the local hub cache, and its download failed ({error})."
        ) from error


def _require_answer(model_id: str) -> None:
    """Ask the hub for the model's config within ``NETWORK_TIMEOUT_SECONDS``.

    Raises:
        WeightsUnavailable: the hub is not reachable, or has no such model for this user.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    url = hf_hub_url(model_id, "config.json")
    missing = f"{model_id} is not in the local hub cache"
    try:
        _within(NETWORK_TIMEOUT_SECONDS, lambda: get_hf_file_metadata(url, timeout=NETWORK_TIMEOUT_SECONDS))
    except HfHubHTTPError as error:
        raise WeightsUnavailable(
            f"{missing}, and the hub refuses it ({error.response.status_code})."
        ) from error
    except Exception as error:  # no route, no name, a proxy's refusal, offline mode: the HTTP client decides
        raise WeightsUnavailable(f"{missing}, and the hub cannot be reached.") from error


def _within(seconds: float, ask: Callable[[], object]) -> None:
    """Call ``ask``, but wait no longer than this for it.

    A name look-up ignores the HTTP client's timeout, so the call runs in a daemon thread that is left
    behind when time is up.

    Raises:
        TimeoutError: no answer in time; else whatever ``ask`` raises.
    """
    failure: list[Exception] = []

    def run() -> None:
        try:
            ask()
        except Exception as error:
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True, name="hub-probe")
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError(f"no answer within {seconds} seconds")
    if failure:
        raise failure[0]
