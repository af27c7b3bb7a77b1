"""What a sum buys first, and why that order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.inventory.budget import PRIORITY_SCHEMA, Candidates, purchase_priorities, within_budget
from forecasting_lib.inventory.lead_time_demand import NormalDemand

UNKNOWN = float("nan")


def candidates(
    position: Sequence[float],
    *,
    mean: float = 10.0,
    sd: float = 4.0,
    moq: float = UNKNOWN,
    multiple: float = UNKNOWN,
    cost: Sequence[float] = (1.0,),
    benefit: Sequence[float] = (1.0,),
) -> Candidates:
    n = len(position)

    def each(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.resize(np.array(values, dtype=np.float64), n)

    law = NormalDemand(each([mean]), each([sd]))
    return Candidates(law, each(position), each([moq]), each([multiple]), each(cost), each(benefit))


def test_the_emptier_shelf_and_the_better_margin_come_first() -> None:
    empty_first = purchase_priorities(candidates([0.0, 9.0]))
    assert empty_first["row"].to_list()[:5] == [0] * 5
    better_first = purchase_priorities(candidates([5.0, 5.0], benefit=[1.0, 3.0]))
    assert better_first["row"][0] == 1
    cheaper_first = purchase_priorities(candidates([5.0, 5.0], cost=[4.0, 1.0]))
    assert cheaper_first["row"][0] == 1


def test_a_lot_saves_what_it_takes_off_the_expected_shortage() -> None:
    found = purchase_priorities(candidates([10.0], moq=3.0, cost=[2.0], benefit=[5.0])).row(0, named=True)
    law = NormalDemand(np.array([10.0]), np.array([4.0]))
    saved = law.expected_shortage(np.array([10.0])) - law.expected_shortage(np.array([13.0]))
    assert (found["order_qty"], found["order_value"]) == (3.0, 6.0)
    assert found["benefit_value"] == pytest.approx(5.0 * saved[0])
    assert found["benefit_per_money"] == pytest.approx(5.0 * saved[0] / 6.0)


def test_nothing_is_bought_of_what_is_plentiful_or_has_no_price() -> None:
    assert purchase_priorities(candidates([100.0])).is_empty()
    for unknown in (
        candidates([UNKNOWN]),
        candidates([0.0], cost=[UNKNOWN]),
        candidates([0.0], cost=[0.0]),
        candidates([0.0], benefit=[UNKNOWN]),
        candidates([0.0], mean=UNKNOWN),
    ):
        assert not unknown.is_ranked.any()
        found = purchase_priorities(unknown)
        assert found.is_empty()
        assert within_budget(found, 100.0).columns == [*PRIORITY_SCHEMA]


def test_a_dear_lot_ends_its_series_and_cheaper_ones_go_on() -> None:
    ranked = purchase_priorities(candidates([0.0, 4.0], moq=5.0, cost=[10.0, 1.0], benefit=[100.0, 1.0]))
    assert ranked["row"][0] == 0
    bought = within_budget(ranked, 40.0)
    assert set(bought["row"]) == {1}
    assert bought["spent_value"][-1] <= 40.0


def test_with_units_of_one_price_nothing_else_saves_more() -> None:
    shop = candidates([2.0, 6.0, 9.0], benefit=[1.0, 2.0, 1.5])
    saved = within_budget(purchase_priorities(shop), 7.0)["benefit_value"].sum()
    short = shop.law.expected_shortage(shop.position)
    best = max(
        float(((short - shop.law.expected_shortage(shop.position + units)) * shop.unit_benefit).sum())
        for units in map(np.array, itertools.product(range(8), repeat=3))
        if units.sum() == 7
    )
    assert saved == pytest.approx(best)


@given(
    position=st.lists(st.integers(-20, 60), min_size=1, max_size=6),
    costs=st.lists(st.floats(0.1, 50.0), min_size=6, max_size=6),
    benefits=st.lists(st.floats(0.0, 50.0), min_size=6, max_size=6),
    sd=st.floats(0.0, 40.0),
    moq=st.sampled_from([UNKNOWN, 1.0, 7.0, 25.0]),
    multiple=st.sampled_from([UNKNOWN, 0.0, 6.0, 0.5]),
    amount=st.floats(0.0, 2000.0),
)
def test_benefit_never_grows_along_the_list_and_what_is_bought_can_be_bought(
    position: list[int],
    costs: list[float],
    benefits: list[float],
    sd: float,
    moq: float,
    multiple: float,
    amount: float,
) -> None:
    shop = candidates(
        [float(p) for p in position],
        mean=20.0,
        sd=sd,
        moq=moq,
        multiple=multiple,
        cost=costs[: len(position)],
        benefit=benefits[: len(position)],
    )
    ranked = purchase_priorities(shop)
    worth = ranked["benefit_per_money"].to_numpy()
    assert np.isfinite(worth).all()
    assert (np.diff(worth) <= 0.0).all()
    bought = within_budget(ranked, amount)
    assert bought["order_value"].sum() <= amount + 1e-6
    assert (np.diff(bought["benefit_per_money"].to_numpy()) <= 0.0).all()
    unit = multiple if multiple > 0.0 else 1.0
    for _, lots in bought.group_by("row"):
        assert sorted(lots["lot_no"]) == list(range(1, lots.height + 1))
        total = float(lots["order_qty"].sum())
        assert total / unit == pytest.approx(round(total / unit))
        assert np.isnan(moq) or total >= moq
    assert ranked.equals(purchase_priorities(shop))
