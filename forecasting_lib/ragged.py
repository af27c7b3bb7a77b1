"""One array per series, of different lengths, in no more memory than their numbers take.

Belongs here: how such arrays are kept, and arrays that are made when they are asked for. Does not belong
here: what the numbers mean (``panel``).

Whoever asks for an array gets float64, so that no result depends on how the numbers are kept.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float32] | npt.NDArray[np.float64]


class _Arrays(Sequence[FloatArray]):
    """Arrays of known lengths.

    Attributes:
        lengths: (n,) of each array.
    """

    lengths: IntArray

    @abstractmethod
    def _at(self, position: int) -> FloatArray: ...

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, position: int) -> FloatArray: ...

    @overload
    def __getitem__(self, position: slice) -> list[FloatArray]: ...

    def __getitem__(self, position: int | slice) -> FloatArray | list[FloatArray]:
        if isinstance(position, slice):
            return [self._at(i) for i in range(*position.indices(len(self)))]
        # Iteration over a sequence ends with this error.
        if not -len(self) <= position < len(self):
            raise IndexError(f"position {position} of {len(self)} series")
        return self._at(position % len(self))


class Ragged(_Arrays):
    """Arrays end to end in one: in single precision where that holds every number exactly, else in double.

    Whole numbers below 16,777,216 are exact in single precision, and so are halves and quarters; 0.1 is not.

    >>> kept = Ragged.of([np.array([1.0, np.nan]), np.array([2.5])], np.array([2, 1]))
    >>> kept.numbers.dtype.name, kept[1].dtype.name, kept[1].tolist()
    ('float32', 'float64', [2.5])
    >>> Ragged.of([np.array([0.1])], np.array([1])).numbers.dtype.name
    'float64'

    Args:
        numbers: all arrays, one after the other.
        lengths: (n,) of each array; together the length of ``numbers``.
    """

    def __init__(self, numbers: Numbers, lengths: IntArray) -> None:
        self.numbers = numbers
        self.lengths = lengths
        self._ends = np.cumsum(lengths)

    @classmethod
    def of(cls, arrays: Iterable[FloatArray], lengths: IntArray) -> Ragged:
        """Keep arrays that are given one after the other and need not exist together.

        Args:
            arrays: n arrays.
            lengths: (n,) of each.
        """
        numbers: Numbers = np.empty(int(lengths.sum()), dtype=np.float32)
        end = 0
        for array in arrays:
            start, end = end, end + len(array)
            kept = smallest(array)
            if numbers.dtype != np.result_type(numbers, kept):
                filled, numbers = numbers[:start], np.empty(len(numbers))
                numbers[:start] = filled
            numbers[start:end] = kept
        return cls(numbers, lengths)

    def _at(self, position: int) -> FloatArray:
        end = self._ends[position]
        return self.numbers[end - self.lengths[position] : end].astype(np.float64, copy=False)


class Derived(_Arrays):
    """Arrays that are made when they are asked for, and not kept.

    Args:
        lengths: (n,) of each array.
        make: the array at a position from 0 to n - 1.
    """

    def __init__(self, lengths: IntArray, make: Callable[[int], FloatArray]) -> None:
        self.lengths = lengths
        self._make = make

    def _at(self, position: int) -> FloatArray:
        return self._make(position)


def lengths_of(arrays: Sequence[FloatArray]) -> IntArray:
    """(n,) the length of each array; those of this module are not made for it."""
    if isinstance(arrays, _Arrays):
        return arrays.lengths
    return np.array([len(array) for array in arrays], dtype=np.int64)


def selected(arrays: Sequence[FloatArray], positions: Sequence[int]) -> Sequence[FloatArray]:
    """The arrays at these positions, in this order, kept as they were."""
    if isinstance(arrays, Ragged):
        return Ragged.of((arrays[i] for i in positions), arrays.lengths[np.array(positions, dtype=np.int64)])
    return tuple(arrays[i] for i in positions)


def joined(first: Sequence[FloatArray], second: Sequence[FloatArray]) -> Derived:
    """The arrays of both, those of the second behind."""
    n = len(first)
    return Derived(
        np.concatenate([lengths_of(first), lengths_of(second)]),
        lambda position: first[position] if position < n else second[position - n],
    )


def smallest(array: FloatArray) -> Numbers:
    """The array in single precision where that holds every number exactly, else as it is."""
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    return single if ((single == array) | np.isnan(array)).all() else array
