"""The trees of a gradient-boosted model as they are kept: a text and its digest.

Belongs here: what fitted weights hold, and how they become bytes and come back. Does not belong here: how
trees are grown or asked (``gbm``), and where the bytes are kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from forecasting_lib.grain import Grain

FORMAT = "forecaster-gbm-1"
"""Changed with the meaning of the features, so that trees of other features are refused."""


class UnusableWeights(ValueError):  # noqa: N818 - the name is the state it reports
    """Bytes that are not weights of this version of the model; the message says why."""


@dataclass(frozen=True)
class GbmWeights:
    """Trees fitted to the series of one panel, good for its grain.

    Attributes:
        grain: of the panel.
        horizon: periods ahead that were learned.
        covariates: names of those that were learned, in the order of their features.
        trees: of every quantile level by its name in the grid, and of the ``mean``: LightGBM's own text.
    """

    grain: Grain
    horizon: int
    covariates: tuple[str, ...]
    trees: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """The weights as they are stored: JSON in UTF-8, the same bytes for the same weights."""
        kept = {
            "format": FORMAT,
            "grain": str(self.grain),
            "horizon": self.horizon,
            "covariates": list(self.covariates),
            "trees": dict(self.trees),
        }
        return json.dumps(kept, sort_keys=True).encode()

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of :meth:`to_bytes`."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @classmethod
    def from_bytes(cls, stored: bytes) -> GbmWeights:
        """The weights behind :meth:`to_bytes`.

        Raises:
            UnusableWeights: the bytes are something else, or of another version of the model.
        """
        try:
            kept: dict[str, Any] = json.loads(stored)
            made_for = kept["format"]
        except (ValueError, TypeError, KeyError) as error:
            raise UnusableWeights(
                f"these bytes are no weights of the gradient-boosted model ({error!r})"
            ) from error
        if made_for != FORMAT:
            raise UnusableWeights(f"these weights have the format {made_for!r}, not {FORMAT!r}; fit anew")
        return cls(Grain(kept["grain"]), kept["horizon"], tuple(kept["covariates"]), kept["trees"])
