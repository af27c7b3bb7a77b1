"""The shape of the bundled model: Chronos-2's own class and settings at small size.

Belongs here: the configuration and the construction of a fresh model.
Does not belong here: training, weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from forecasting_lib.panel import QUANTILE_LEVELS

if TYPE_CHECKING:
    from chronos.chronos2 import Chronos2Model

PATCH_DAYS = 14
"""Days a patch, of input and of output. Patches are counted back from the cut, so that with whole weeks all
begin on one weekday, and a weekly pattern stands at the same places of each; with the 16 days of
amazon/chronos-2 it would have to be found in seven alignments."""


@dataclass(frozen=True)
class Architecture:
    """Sizes of a Chronos-2 model; the defaults make 2.53 million parameters.

    Attributes:
        context_days: the longest history it reads; earlier days are cut off.
        max_output_patches: patches forecast in one pass; longer horizons are unrolled by the library.
    """

    d_model: int = 160
    d_ff: int = 640
    layers: int = 5
    heads: int = 5
    d_head: int = 32
    context_days: int = 504
    max_output_patches: int = 7

    def build(self, attention: Literal["eager", "sdpa"] = "sdpa") -> Chronos2Model:
        """A model with random weights, fp32, from torch's global generator.

        ``initializer_factor`` stays at 0.05: the library's initialisation at 1.0 starts at a loss of
        thousands.
        """
        from chronos.chronos2 import Chronos2Model
        from chronos.chronos2.config import Chronos2CoreConfig

        return Chronos2Model(
            Chronos2CoreConfig(
                d_model=self.d_model,
                d_kv=self.d_head,
                d_ff=self.d_ff,
                num_layers=self.layers,
                num_heads=self.heads,
                dropout_rate=0.0,
                initializer_factor=0.05,
                attn_implementation=attention,
                architectures=["Chronos2Model"],
                chronos_pipeline_class="Chronos2Pipeline",
                grains=["day"],  # of the demand it is trained on; models.weights reads it
                chronos_config={
                    "context_length": self.context_days,
                    "input_patch_size": PATCH_DAYS,
                    "input_patch_stride": PATCH_DAYS,
                    "output_patch_size": PATCH_DAYS,
                    "max_output_patches": self.max_output_patches,
                    "quantiles": list(QUANTILE_LEVELS),
                    "time_encoding_scale": self.context_days,
                    "use_arcsinh": True,
                    "use_reg_token": True,
                },
            )
        )
