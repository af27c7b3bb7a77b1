"""Arrays that are kept small are the arrays that were given, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.ragged import Derived, FloatArray, Ragged, joined, lengths_of, selected
from tests.forecasting_lib.models.panels import days_of_any_kind

NAN = float("nan")


def ragged(*arrays: list[float]) -> Ragged:
    return Ragged.of(
        (np.array(array, dtype=np.float64) for array in arrays),
        np.array([len(array) for array in arrays], dtype=np.int64),
    )


@given(st.lists(st.lists(days_of_any_kind, max_size=9), max_size=5))
def test_every_array_comes_back_as_it_was(arrays: list[list[float]]) -> None:
    kept = ragged(*arrays)
    assert len(kept) == len(arrays)
    assert lengths_of(kept).tolist() == [len(array) for array in arrays]
    for array, given_array in zip(kept, arrays, strict=True):
        assert array.dtype == np.float64
        np.testing.assert_array_equal(array, given_array)
        np.testing.assert_array_equal(np.signbit(array), np.signbit(given_array))


@pytest.mark.parametrize(
    ("numbers", "bytes_each"),
    [([0.0, NAN, 16_777_216.0, 0.25], 4), ([0.1], 8), ([16_777_217.0], 8), ([1e300], 8), ([float("inf")], 4)],
)
def test_single_precision_is_used_only_where_it_is_exact(numbers: list[float], bytes_each: int) -> None:
    assert ragged([1.0], numbers).numbers.itemsize == bytes_each


def test_parts_of_it_are_lists_and_selections_keep_their_size() -> None:
    kept = ragged([1.0], [2.0, 3.0], [])
    assert [array.tolist() for array in kept[1:]] == [[2.0, 3.0], []]
    assert kept[-1].tolist() == []
    chosen = selected(kept, [1, 0])
    assert isinstance(chosen, Ragged)
    assert chosen.numbers.itemsize == 4
    assert [array.tolist() for array in chosen] == [[2.0, 3.0], [1.0]]
    with pytest.raises(IndexError, match="position 3 of 3 series"):
        kept[3]


def test_derived_arrays_are_made_only_when_they_are_asked_for() -> None:
    made: list[int] = []

    def make(position: int) -> FloatArray:
        made.append(position)
        return np.full(2, float(position))

    derived = Derived(np.array([2, 2]), make)
    both = joined(derived, ragged([7.0]))
    assert lengths_of(both).tolist() == [2, 2, 1]
    assert made == []
    assert both[1].tolist() == [1.0, 1.0]
    assert made == [1]
    assert [array.tolist() for array in both] == [[0.0, 0.0], [1.0, 1.0], [7.0]]
