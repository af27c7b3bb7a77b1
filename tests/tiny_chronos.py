"""A Chronos-2 of a few thousand random weights: the genuine architecture and file layout, loaded in no time.

Its forecasts mean nothing; what is tested with it is everything around the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from forecasting_lib.panel import QUANTILE_LEVELS


def save_tiny_chronos(
    directory: Path,
    *,
    seed: int = 0,
    half_precision: bool = False,
    levels: Sequence[float] = QUANTILE_LEVELS,
) -> Path:
    """Write ``config.json`` and ``model.safetensors`` of a tiny Chronos-2 into a directory, and return it.

    Args:
        directory: is created where it does not exist.
        seed: of the random weights.
        half_precision: store the weights as fp16, as a bundled model does to halve its size.
        levels: quantile levels the model answers with.
    """
    import torch
    from chronos.chronos2 import Chronos2Model
    from chronos.chronos2.config import Chronos2CoreConfig

    config = Chronos2CoreConfig(
        d_model=32,
        d_kv=16,
        d_ff=64,
        num_layers=2,
        num_heads=2,
        dropout_rate=0.1,
        initializer_factor=0.05,
        architectures=["Chronos2Model"],
        chronos_pipeline_class="Chronos2Pipeline",
        chronos_config={
            "context_length": 512,
            "input_patch_size": 16,
            "input_patch_stride": 16,
            "output_patch_size": 16,
            "quantiles": list(levels),
            "use_reg_token": True,
            "use_arcsinh": True,
            "max_output_patches": 4,
        },
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Chronos2Model(config)
    if half_precision:
        model = model.half()
    model.save_pretrained(directory)
    return directory
