"""The M5 competitions' two measures once more, in plain loops over the sums of the Competitors' Guide."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import polars as pl

from forecasting_lib.panel import FloatArray

GUIDE = [
    [], ["state_id"], ["store_id"], ["cat_id"], ["dept_id"], ["state_id", "cat_id"], ["state_id", "dept_id"],
    ["store_id", "cat_id"], ["store_id", "dept_id"], ["item_id"], ["item_id", "state_id"],
    ["item_id", "store_id"],
]  # fmt: skip
QUANTILES = [0.005, 0.025, 0.165, 0.25, 0.5, 0.75, 0.835, 0.975, 0.995]


def sums(places: pl.DataFrame, columns: list[str]) -> Iterator[list[int]]:
    """The series of each sum of a level."""
    members = defaultdict(list)
    for row, place in enumerate(places.iter_rows(named=True)):
        members[tuple(place[column] for column in columns)].append(row)
    yield from members.values()


def wrmsse_by_level(
    places: pl.DataFrame, history: FloatArray, actual: FloatArray, mean: FloatArray, value: FloatArray
) -> list[float]:
    """WRMSSE of each level; no sum of it is without a scale."""
    found = []
    for columns in GUIDE:
        total = 0.0
        for rows in sums(places, columns):
            y = history[rows].sum(axis=0).tolist()
            while y[0] == 0:
                y.pop(0)
            scale = sum((y[t] - y[t - 1]) ** 2 for t in range(1, len(y))) / (len(y) - 1)
            errors = actual[rows].sum(axis=0) - mean[rows].sum(axis=0)
            total += value[rows].sum() / value.sum() * np.sqrt(np.mean(errors**2) / scale)
        found.append(float(total))
    return found


def spl(history: list[float], actual: list[float], quantiles: FloatArray) -> float:
    """The scaled pinball loss of one sum, averaged over the quantiles.

    Args:
        history: of the sum, zeros before the first sale included.
        actual: the days held out.
        quantiles: (days, 9).
    """
    while history[0] == 0:
        history = history[1:]
    scale = sum(abs(history[t] - history[t - 1]) for t in range(1, len(history))) / (len(history) - 1)
    losses = []
    for number, u in enumerate(QUANTILES):
        loss = 0.0
        for y, q in zip(actual, quantiles[:, number], strict=True):
            loss += (y - q) * u if q <= y else (q - y) * (1 - u)
        losses.append(loss / len(actual) / scale)
    return sum(losses) / len(losses)
