from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.inventory.demand_laws import GammaDemand, NegativeBinomialDemand
from forecasting_lib.inventory.fill_rate import (
    achieved_fill_rate,
    fill_rate_of_reviews,
    reorder_point_for_fill_rate,
    reorder_point_for_shortage_per_cycle,
)
from forecasting_lib.inventory.lead_time_demand import NormalDemand
from forecasting_lib.inventory.tabulated_demand import TabulatedDemand

MEAN, VARIANCE = np.array([0.4, 6.0, 80.0]), np.array([2.0, 6.0, 900.0])


@given(beta=st.floats(0.3, 0.999), lot=st.integers(1, 300))
def test_the_reorder_point_is_the_least_whole_one_that_serves_the_share(beta: float, lot: int) -> None:
    law, lots = NegativeBinomialDemand(MEAN, VARIANCE), np.full(3, float(lot))
    s = reorder_point_for_fill_rate(law, beta, lots, whole_units=True)
    assert (achieved_fill_rate(law, s, lots) >= beta).all()
    assert (achieved_fill_rate(law, s - 1.0, lots) < beta).all()


@pytest.mark.parametrize(
    "law", [NormalDemand(MEAN, VARIANCE**0.5), GammaDemand(MEAN, VARIANCE)], ids=lambda law: str(law.method)
)
def test_divisible_stock_serves_exactly_the_share_and_the_short_form_never_less(
    law: NormalDemand | GammaDemand,
) -> None:
    lots = np.array([5.0, 4.0, 150.0])
    s = reorder_point_for_fill_rate(law, 0.95, lots, whole_units=False)
    assert achieved_fill_rate(law, s, lots) == pytest.approx(0.95, abs=1e-9)
    short_form = reorder_point_for_shortage_per_cycle(law, 0.95, lots, whole_units=False)
    assert (short_form >= s - 1e-9).all()


@pytest.mark.parametrize("order_up_to", [0.0, 2.0, 5.0, 11.0])
def test_the_fill_rate_of_reviews_is_what_each_periods_demand_finds_on_the_shelf(order_up_to: float) -> None:
    before = np.array([0.3, 0.3, 0.2, 0.0, 0.2])
    period = np.array([0.7, 0.0, 0.0, 0.1, 0.0, 0.2])
    laws = [TabulatedDemand(table[None, :]) for table in (np.convolve(before, period), before)]
    served = sum(
        p * q * min(demand, max(order_up_to - used, 0.0))
        for used, p in enumerate(before)
        for demand, q in enumerate(period)
    )
    mean = float(np.arange(6) @ period)
    found = fill_rate_of_reviews(laws[0], laws[1], np.array([order_up_to]), np.array([mean]))
    assert found[0] == pytest.approx(served / mean)


def test_a_larger_lot_needs_a_lower_reorder_point_down_to_a_negative_one() -> None:
    law, lots = NegativeBinomialDemand(np.full(3, 6.0), np.full(3, 9.0)), np.array([5.0, 40.0, 4_000.0])
    s = reorder_point_for_fill_rate(law, 0.95, lots, whole_units=True)
    assert s[0] > s[1] > 0.0 > s[2]


def test_a_fill_rate_is_no_cycle_service_level() -> None:
    law, lot = NormalDemand(np.array([900.0]), np.array([220.0])), np.array([1_500.0])
    of_fill_rate = reorder_point_for_fill_rate(law, 0.95, lot, whole_units=False)
    assert 1.0 - law.exceedance(of_fill_rate)[0] < 0.6
    assert of_fill_rate[0] < law.quantile(0.95)[0] - 300.0


def test_unknown_demand_or_lot_gives_no_reorder_point_and_an_impossible_share_is_refused() -> None:
    law = NegativeBinomialDemand(np.array([np.nan, 6.0]), np.array([np.nan, 6.0]))
    assert np.isnan(reorder_point_for_fill_rate(law, 0.9, np.array([10.0, np.nan]), whole_units=True)).all()
    for share in (0.0, 1.0):
        with pytest.raises(ValueError, match="strictly between 0 and 1"):
            reorder_point_for_fill_rate(law, share, np.ones(2), whole_units=True)
