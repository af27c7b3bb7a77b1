"""Weights on disk: the directory that ``Chronos2Pipeline.from_pretrained`` reads.

Belongs here: the fp16 export, the digest, the metrics file.
Does not belong here: deciding which weights to export (train).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecasting_lib.pretraining.architecture import Architecture

if TYPE_CHECKING:
    import torch

WEIGHTS_FILE = "model.safetensors"
METRICS_FILE = "metrics.json"


def weights_digest(directory: Path) -> str:
    """SHA-256 of the weights file, in hex."""
    return hashlib.sha256((directory / WEIGHTS_FILE).read_bytes()).hexdigest()


def export_weights(
    state: Mapping[str, torch.Tensor],
    architecture: Architecture,
    directory: Path,
    metrics: Mapping[str, Any],
) -> str:
    """Write fp16 weights, their configuration and ``metrics.json``; return the digest of the weights.

    The metrics file gains ``weights_sha256`` and ``parameters``. fp16 halves the file; read it back
    with ``dtype=torch.float32``.
    """
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    model = architecture.build()
    model.load_state_dict(dict(state))
    parameters = sum(p.numel() for p in model.parameters())
    directory.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(directory)
    digest = weights_digest(directory)
    document = {"weights_sha256": digest, "parameters": parameters, **metrics}
    (directory / METRICS_FILE).write_text(json.dumps(document, indent=2) + "\n")
    return digest
