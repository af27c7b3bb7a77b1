"""What a profile has to be worth on the demo's retailer and on genuine launches, as the bench measures it."""

from __future__ import annotations

from pathlib import Path

import pytest

from forecasting_lib.models.chronos2 import Chronos2
from forecasting_lib.models.registry import create_model
from tests.bench.new_items import m5_cases, retailer_cases, worth_of

BUNDLED_WEIGHTS = Path(__file__).parents[3] / "data" / "models" / "chronos-2-small-demand"
DEMO_SEED = 20

pytestmark = pytest.mark.slow


def test_new_items_of_the_demo_are_a_fifth_nearer_with_a_profile() -> None:
    found = worth_of(Chronos2(BUNDLED_WEIGHTS, in_whole_units=True), retailer_cases(DEMO_SEED))
    assert found[True].n_series == found[False].n_series > 50
    assert found[True].total_error < 0.8 * found[False].total_error
    assert found[True].wql < found[False].wql
    assert 0.78 < found[True].inside_80 < 0.92
    assert 0.88 < found[True].inside_90 < 0.96


@pytest.mark.shared_data
@pytest.mark.parametrize(("data_set", "last"), [("m5_ca1_3049x447", 7), ("m5_280x1941", 33)])
@pytest.mark.parametrize("model", ["hist_q", "ma7"])
def test_launches_of_m5_are_nearer_with_a_profile(
    shared_data: Path, data_set: str, last: int, model: str
) -> None:
    found = worth_of(create_model(model), m5_cases(shared_data / data_set, 1, last))
    assert found[True].n_series > 50
    assert found[True].total_error < 0.95 * found[False].total_error
    assert found[True].wql < found[False].wql
