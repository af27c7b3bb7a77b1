"""What a service costs in stock: rules compared at equal achieved service, never at equal nominal level.

Belongs here: reading a sweep of levels at a service or at a stock. Does not belong here: the sweep itself.
"""

from __future__ import annotations

import numpy as np

from forecasting_lib.panel import FloatArray


def stock_at_service(achieved: FloatArray, stock: FloatArray, target: float) -> float | None:
    """Stock with which a rule achieves a service, between the two points of its sweep beside it.

    >>> stock_at_service(np.array([0.90, 0.94, 0.98]), np.array([10.0, 12.0, 16.0]), 0.96)
    14.0
    >>> stock_at_service(np.array([0.90, 0.94]), np.array([10.0, 12.0]), 0.99) is None
    True

    Args:
        achieved: (k,) service that each level of the sweep achieved.
        stock: (k,) stock it took, in whatever unit.
        target: service to read at.

    Returns:
        In the unit of ``stock``; None where no level of the sweep reached the target, or all went past it:
        nothing is extrapolated.
    """
    return _between(achieved, stock, target)


def service_at_stock(achieved: FloatArray, stock: FloatArray, budget: float) -> float | None:
    """Service that a rule achieves with a stock; as :func:`stock_at_service` the other way round."""
    return _between(stock, achieved, budget)


def _between(x: FloatArray, y: FloatArray, at: float) -> float | None:
    known = np.isfinite(x) & np.isfinite(y)
    # more of one never has less of the other, but for the draw of the lead times: made to hold
    order = np.argsort(x[known], kind="stable")
    xs, ys = x[known][order], np.maximum.accumulate(y[known][order])
    if not len(xs) or not xs[0] <= at <= xs[-1]:
        return None
    return float(np.interp(at, xs, ys))
