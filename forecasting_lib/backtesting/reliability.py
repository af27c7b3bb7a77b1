"""Where actuals fall in the distributions that were forecast of them: the probability integral transform.

Belongs here: the transform of an actual, ties shared out, and what its histogram says of a level and of a
band. Does not belong here: what is done about a distribution that is not true (``calibration``).

The transform of an actual y is the interval from F(y-) to F(y), over which it is spread evenly; of a
continuous distribution that is a point, of a count as long as the probability of the count itself
(Czado, Gneiting and Held 2009, "Predictive model assessment for count data"). A forecast is true if the
transforms of many actuals fill (0, 1) evenly.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray

EDGES = np.array([0.0, *QUANTILE_LEVELS, 1.0])
"""Of the 22 cells between the levels of the grid, and beyond them."""

CELLS = len(EDGES) - 1


def transform(actual: FloatArray, quantiles: FloatArray) -> tuple[FloatArray, FloatArray]:
    """F(y-) and F(y) of each actual, as the quantile grid tells them.

    Between two levels the grid does not say more than that they lie between; where an actual equals a run of
    quantiles, the distribution jumps half-way to the neighbouring levels. Nothing is below zero.

    >>> low, high = transform(np.array([0.0]), np.array([[0.0] * 11 + [1.0] * 10]))
    >>> [round(float(bound[0]), 3) for bound in (low, high)]
    [0.0, 0.525]

    Args:
        actual: (...) units; NaN is masked.
        quantiles: (..., 21) at ``QUANTILE_LEVELS``, non-decreasing.

    Returns:
        Two arrays (...) from 0 to 1, the first at most the second; NaN where the actual is masked.
    """
    y = actual[..., None]
    below = (quantiles < y).sum(axis=-1)
    at_most = (quantiles <= y).sum(axis=-1)
    middles = (EDGES[:-1] + EDGES[1:]) / 2.0
    tied = at_most > below
    low = np.where(tied, middles[below], EDGES[below])
    high = np.where(tied, middles[at_most], EDGES[below + 1])
    low = np.where(actual <= 0.0, 0.0, low)
    masked = np.isnan(actual)
    return np.where(masked, np.nan, low), np.where(masked, np.nan, high)


def cell_masses(low: FloatArray, high: FloatArray) -> FloatArray:
    """How much of each transform lies in each cell between two levels.

    >>> masses = cell_masses(np.array([0.0]), np.array([0.10]))
    >>> [round(float(mass), 2) for mass in masses[0, :4]]
    [0.1, 0.4, 0.5, 0.0]
    >>> cell_masses(np.array([0.03]), np.array([0.03]))[0, :3].tolist()
    [0.0, 1.0, 0.0]

    Args:
        low: (...) F(y-).
        high: (...) F(y).

    Returns:
        (..., 22), adding up to 1; 0 where the transform is NaN.
    """
    width = high - low
    overlap = np.minimum(high[..., None], EDGES[1:]) - np.maximum(low[..., None], EDGES[:-1])
    share = np.maximum(overlap, 0.0) / np.where(width > 0.0, width, 1.0)[..., None]
    # of a continuous law a transform is a point, which lies in one cell
    cell = np.clip(np.searchsorted(EDGES, high, side="left") - 1, 0, CELLS - 1)
    share = np.where((width == 0.0)[..., None], cell[..., None] == np.arange(CELLS), share)
    return np.where(np.isnan(width)[..., None], 0.0, share)


def share_below(masses: FloatArray) -> FloatArray:
    """Share of the actuals below each level of the grid; that of a true forecast is the level.

    Args:
        masses: (..., 22) of one actual or added up over many.

    Returns:
        (..., 21); NaN where there is no actual.
    """
    total = masses.sum(axis=-1, keepdims=True)
    shares = np.full((*masses.shape[:-1], len(QUANTILE_LEVELS)), np.nan)
    np.divide(np.cumsum(masses, axis=-1)[..., :-1], total, out=shares, where=total > 0.0)
    return shares


def band_coverage(masses: FloatArray, percent: int) -> FloatArray:
    """Share of the actuals inside the central band of so many percent, those on its bounds shared out.

    Args:
        masses: (..., 22) added up over actuals.
        percent: 50, 80, 90 or 98, or another band whose bounds are levels of the grid.

    Raises:
        ValueError: a bound of the band is no level of the grid.
    """
    tail = round((100 - percent) / 200, 4)
    if tail not in QUANTILE_LEVELS:
        raise ValueError(f"the bounds of the {percent} % band are no levels of the grid")
    below = share_below(masses)
    lower, upper = QUANTILE_LEVELS.index(tail), QUANTILE_LEVELS.index(round(1 - tail, 4))
    return np.asarray(below[..., upper] - below[..., lower])


def held_by_level(reliability: pl.DataFrame, published: str, raw: str | None) -> pl.DataFrame:
    """What each quantile held, all classes and lags together: as published, and of a model as it came.

    Args:
        reliability: ``model, level, is_calibrated, n_actuals, n_below`` by class and lag bucket.
        published: the model whose calibrated quantiles are published.
        raw: a model to show beside it, uncalibrated; None shows none.

    Returns:
        ``level, published, raw, n_actuals``, ascending; the shares of the actuals below each quantile, and
        how many actuals the published ones are of. Empty where these are not known; ``raw`` is null where it
        is not known.
    """
    added = (
        reliability.group_by("model", "is_calibrated", "level")
        .agg(pl.col("n_below", "n_actuals").sum())
        .with_columns((pl.col("n_below") / pl.col("n_actuals")).alias("held"))
    )
    of_raw = added.filter((pl.col("model") == raw) & ~pl.col("is_calibrated"))
    return (
        added.filter((pl.col("model") == published) & pl.col("is_calibrated"))
        .select("level", pl.col("held").alias("published"), "n_actuals")
        .join(of_raw.select("level", pl.col("held").alias("raw")), on="level", how="left")
        .select("level", "published", "raw", "n_actuals")
        .sort("level")
    )
