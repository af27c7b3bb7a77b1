"""How the value of an order stands to what its supplier accepts at least."""

from __future__ import annotations

import pytest

from orchestration.reporting.suppliers import Supplier


@pytest.mark.parametrize(
    ("least", "value", "unpriced", "standing"),
    [
        (None, 500.0, 0, "unknown"),
        (100.0, 100.0, 0, "reached"),
        (100.0, 99.99, 0, "below"),
        (100.0, 99.99, 1, "unclear"),
        (100.0, 100.0, 1, "reached"),
        (100.0, None, 3, "unclear"),
        (0.0, None, 3, "reached"),
    ],
)
def test_a_value_stands_to_the_minimum(
    least: float | None, value: float | None, unpriced: int, standing: str
) -> None:
    assert Supplier("acme", None, least).standing(value, unpriced) == standing
