"""Weights of an ensemble, fitted on what its members would have said at past origins.

Belongs here: the weights. Does not belong here: the average itself (``forecasting_lib.models.ensembles``),
whether the ensemble leads (``champions``).

The quantile loss of an average of quantiles is convex in the weights, and exponentiated gradient steps
(Kivinen and Warmuth 1997) stay on the simplex. Windows of one client have much in common, so the weights
are drawn towards equal ones (``EQUAL_SHARE``), which no window has chosen (Bates and Granger 1969).
"""

from __future__ import annotations

import numpy as np

from forecasting_lib.panel import FloatArray

STEPS = 60
RATE = 4.0
"""Of the first steps, over the largest gradient so far; it falls with the square root of the step."""

EQUAL_SHARE = 0.25
"""Of equal weights in the fitted ones. Between 0.15 and 0.3 later windows were better or the same on four
data sets; more made a store worse on which one model is far ahead."""

PRIOR_SERIES = 100.0
"""Series of a class whose own weights count as much as everybody's."""

LARGEST_SAMPLE = 400
"""Series of a class and origin that are looked at, evenly spaced."""


def fitted_weights(
    actual: FloatArray, quantiles: FloatArray, levels: FloatArray, scales: FloatArray
) -> FloatArray:
    """Weights that make the scaled quantile loss of the average small.

    Args:
        actual: (r, h) units; NaN is masked.
        quantiles: (m, r, h, k) of each member.
        levels: (k,) of the quantiles.
        scales: (r,) units, above 0; NaN leaves the row out.

    Returns:
        (m,) at least 0, adding up to 1; equal where nothing is known.
    """
    members = len(quantiles)
    weights = np.full(members, 1.0 / members)
    known = ~np.isnan(actual) & np.isfinite(scales)[:, None] & (scales > 0.0)[:, None]
    if members == 1 or not known.any():
        return weights
    y = np.where(known, actual, 0.0)
    scale = np.where(np.isfinite(scales) & (scales > 0.0), scales, 1.0)
    per_row = known / scale[:, None]
    per_row = (per_row / per_row.sum())[..., None]
    largest = 0.0
    average_of_steps = np.zeros(members)
    for step in range(1, STEPS + 1):
        mixed = np.tensordot(weights, quantiles, axes=1)
        slope = ((y[..., None] < mixed) - levels) * per_row
        gradient = np.einsum("rhk,mrhk->m", slope, quantiles)
        gradient = gradient - gradient @ weights
        largest = max(largest, float(np.abs(gradient).max()))
        if largest > 0.0:
            weights = weights * np.exp(-RATE / np.sqrt(step) * gradient / largest)
        weights = weights / weights.sum()
        average_of_steps += weights
    fitted = average_of_steps / STEPS
    return np.asarray((1.0 - EQUAL_SHARE) * fitted + EQUAL_SHARE / members, dtype=np.float64)


def drawn_towards(own: FloatArray, everybody: FloatArray, series: int) -> FloatArray:
    """The weights of a class, drawn towards those of all series where it has few.

    Args:
        own: (m,) of the class.
        everybody: (m,) of all series.
        series: how many the class has.
    """
    share = series / (series + PRIOR_SERIES)
    return np.asarray(share * own + (1.0 - share) * everybody, dtype=np.float64)


def sampled(count: int) -> slice:
    """Positions, evenly spaced, of at most ``LARGEST_SAMPLE`` of so many."""
    return slice(None, None, max(1, -(-count // LARGEST_SAMPLE)))
