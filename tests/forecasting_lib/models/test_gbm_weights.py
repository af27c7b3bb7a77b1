"""Trees as they are kept."""

from __future__ import annotations

import hashlib
import json

import pytest

from forecasting_lib.grain import Grain
from forecasting_lib.models.gbm_weights import GbmWeights, UnusableWeights

WEIGHTS = GbmWeights(Grain.WEEK, 8, ("promotion", "price"), {"q05": "tree\n", "mean": "Baum"})


def test_weights_come_back_as_they_were() -> None:
    assert GbmWeights.from_bytes(WEIGHTS.to_bytes()) == WEIGHTS


def test_the_digest_is_that_of_the_stored_bytes() -> None:
    assert WEIGHTS.digest == hashlib.sha256(WEIGHTS.to_bytes()).hexdigest()
    other = GbmWeights(Grain.WEEK, 9, WEIGHTS.covariates, WEIGHTS.trees)
    assert other.digest != WEIGHTS.digest


@pytest.mark.parametrize("stored", [b"", b"\xff\xfe", b"[1]", b"{}", b'"text"', b"null"])
def test_other_bytes_are_refused(stored: bytes) -> None:
    with pytest.raises(UnusableWeights, match="no weights of the gradient-boosted model"):
        GbmWeights.from_bytes(stored)


def test_weights_of_another_version_are_refused() -> None:
    kept = {**json.loads(WEIGHTS.to_bytes()), "format": "forecaster-gbm-0"}
    with pytest.raises(UnusableWeights, match="have the format 'forecaster-gbm-0', not"):
        GbmWeights.from_bytes(json.dumps(kept).encode())
