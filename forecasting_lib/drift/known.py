"""Averages of what is known, NaN where nothing is.

NumPy's own say so by a warning, and whoever silences one silences it for all threads of the process.
"""

from __future__ import annotations

import numpy as np

from forecasting_lib.panel import FloatArray


def mean_of_known(values: FloatArray) -> FloatArray:
    """(...) the mean over the last axis.

    >>> mean_of_known(np.array([[1.0, np.nan, 3.0], [np.nan] * 3]))
    array([ 2., nan])
    """
    count = np.isfinite(values).sum(axis=-1)
    mean = np.full(count.shape, np.nan)
    np.divide(np.nansum(values, axis=-1), count, out=mean, where=count > 0)
    return mean


def median_of_known(values: FloatArray) -> FloatArray:
    """(n,) the median over the last axis of (n, k).

    >>> median_of_known(np.array([[1.0, np.nan, 4.0], [np.nan] * 3]))
    array([2.5, nan])
    """
    median = np.full(len(values), np.nan)
    known = np.isfinite(values).any(axis=1)
    if known.any():
        median[known] = np.nanmedian(values[known], axis=1)
    return median
