"""The twelve levels of the M5 competition: which series are added up to which sums.

Belongs here: the levels and adding up. Does not belong here: scores, reading files.

Source: M5 Competitors' Guide, 2020, table 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting_lib.panel import FloatArray

LEVEL_COLUMNS: tuple[tuple[str, ...], ...] = (
    (),
    ("state_id",),
    ("store_id",),
    ("cat_id",),
    ("dept_id",),
    ("state_id", "cat_id"),
    ("state_id", "dept_id"),
    ("store_id", "cat_id"),
    ("store_id", "dept_id"),
    ("item_id",),
    ("item_id", "state_id"),
    ("item_id", "store_id"),
)
"""By which columns the sums of level 1 to 12 are told apart."""

COMPETITION_SUMS = (1, 3, 10, 3, 7, 9, 21, 30, 70, 3049, 9147, 30490)
"""How many sums each level has in the whole of M5."""

STORE, STORE_AND_DEPARTMENT = 3, 9
"""Numbers of two levels."""


@dataclass(frozen=True)
class Level:
    """One way to add the series up.

    Attributes:
        number: 1 is the total, 12 the series themselves.
        group: (n,) the sum that each series belongs to, numbered by first appearance.
    """

    number: int
    group: npt.NDArray[np.int64]

    @property
    def name(self) -> str:
        """What tells the sums apart, such as ``state x cat``."""
        columns = LEVEL_COLUMNS[self.number - 1]
        return " x ".join(column.removesuffix("_id") for column in columns) or "total"

    @property
    def members(self) -> npt.NDArray[np.int64]:
        """(sums,) how many series each sum is made of, at least 1."""
        return np.bincount(self.group)

    def total(self, values: FloatArray) -> FloatArray:
        """Add up.

        >>> Level(3, np.array([0, 1, 0])).total(np.array([[1.0, 2.0], [5.0, 5.0], [10.0, 20.0]]))
        array([[11., 22.],
               [ 5.,  5.]])

        Args:
            values: (n, ...) of the series.

        Returns:
            (sums, ...).
        """
        order = np.argsort(self.group, kind="stable")
        starts = np.searchsorted(self.group[order], np.arange(len(self.members)))
        return np.asarray(np.add.reduceat(values[order], starts, axis=0))


def levels_of(places: pl.DataFrame) -> tuple[Level, ...]:
    """The twelve levels of some series.

    Args:
        places: n rows with ``m5_files.PLACE_COLUMNS``, at least one.
    """
    return tuple(Level(number, _numbered(places, columns)) for number, columns in enumerate(LEVEL_COLUMNS, 1))


def coinciding(levels: tuple[Level, ...]) -> dict[int, int]:
    """Levels that add the same series up as an earlier one: number -> number of the first such.

    In one store's sales the total, the state and the store are one.
    """
    first: dict[bytes, int] = {}
    found = {level.number: first.setdefault(level.group.tobytes(), level.number) for level in levels}
    return {number: earlier for number, earlier in found.items() if earlier != number}


def _numbered(places: pl.DataFrame, columns: tuple[str, ...]) -> npt.NDArray[np.int64]:
    if not columns:
        return np.zeros(places.height, dtype=np.int64)
    keys = places.select(columns).unique(maintain_order=True).with_row_index("group")
    numbers = places.join(keys, on=columns, how="left", maintain_order="left")["group"]
    return numbers.to_numpy().astype(np.int64)
