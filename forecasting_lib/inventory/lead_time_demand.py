"""Demand over a protection interval: from daily means and variances to one distribution per series.

Belongs here: the cumulation of daily moments over days, the mixture over lead times and the law fitted to the
result. Daily quantiles are never added up: only means and variances are.
Does not belong here: the moments of one day (``forecasting_lib.quantile_grid``), what to do about that demand
(policies) or when stock meets it (projection).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from forecasting_lib.history_variance import blended
from forecasting_lib.inventory.demand_law import DemandLaw, MomentDemand
from forecasting_lib.inventory.error_growth import ErrorGrowth
from forecasting_lib.moment_law import BoolArray
from forecasting_lib.panel import FloatArray

IntArray = npt.NDArray[np.int64]

QTY_TOLERANCE = 1e-9
"""Units below which two quantities count as equal: sums of daily forecasts carry rounding noise."""

_EXTENSION_DAYS = 28
_INSTANT_DAYS = 1e-3


@dataclass(frozen=True)
class CumulativeDemand:
    """Mean and variance of the demand of days 1..t, for any t >= 0, also fractional or past the horizon.

    Inside the horizon mean and variance of independent errors grow linearly within a day. Past it, each day
    adds ``beyond_mean`` and ``beyond_variance``.

    Attributes:
        mean: (n, h+1) units; column t holds days 1..t, column 0 is zero.
        independent: (n, h+1) units squared, likewise: the variance were errors of different days independent.
        beyond_mean: (n,) units a day after the horizon.
        beyond_variance: (n,) units squared a day after the horizon, of independent errors.
        history_variance: (n,) units squared a day, of the history's weeks; NaN where unknown.
        growth: how far errors of different days go together; None: independent, and the history is not
            asked.
        counted: (n,) whether demand comes in whole units, read from the law matched by moments; None: demand
            is normal.
    """

    mean: FloatArray
    independent: FloatArray
    beyond_mean: FloatArray
    beyond_variance: FloatArray
    history_variance: FloatArray
    growth: ErrorGrowth | None = None
    counted: BoolArray | None = None

    @property
    def horizon(self) -> int:
        return int(self.mean.shape[1]) - 1

    @cached_property
    def variance(self) -> FloatArray:
        """(n, h+1) units squared: of the total of days 1..t, error inflation included."""
        if self.growth is None:
            return self.independent
        n, days = self.mean.shape
        passed = np.tile(np.arange(days, dtype=np.float64), n)
        return self._inflated(self.independent.ravel(), passed, np.repeat(np.arange(n), days)).reshape(
            n, days
        )

    @classmethod
    def from_daily(
        cls,
        mean: FloatArray,
        variance: FloatArray,
        last_season_mean: FloatArray | None = None,
        *,
        history_variance: FloatArray | None = None,
        growth: ErrorGrowth | None = None,
        counted: BoolArray | None = None,
    ) -> CumulativeDemand:
        """Cumulate daily moments.

        Args:
            mean: (n, h) units a day.
            variance: (n, h) units squared.
            last_season_mean: (n,) units a day expected after the horizon; NaN or absent: the mean of the
                forecast's last four weeks. Its variance keeps their variance-to-mean ratio, or is
                Poisson's where they hold no demand.
            history_variance, growth, counted: as the attributes.
        """
        tail_mean = mean[:, -_EXTENSION_DAYS:].mean(axis=1)
        tail_variance = variance[:, -_EXTENSION_DAYS:].mean(axis=1)
        dispersion = np.ones_like(tail_mean)
        np.divide(tail_variance, tail_mean, out=dispersion, where=tail_mean > QTY_TOLERANCE)
        beyond = tail_mean
        if last_season_mean is not None:
            beyond = np.where(np.isnan(last_season_mean), tail_mean, last_season_mean)
        start = np.zeros((mean.shape[0], 1))
        return cls(
            mean=np.hstack([start, np.cumsum(mean, axis=1)]),
            independent=np.hstack([start, np.cumsum(variance, axis=1)]),
            beyond_mean=beyond,
            beyond_variance=beyond * dispersion,
            history_variance=np.full(len(mean), np.nan) if history_variance is None else history_variance,
            growth=growth,
            counted=counted,
        )

    def mean_through(self, days: FloatArray, rows: IntArray | None = None) -> FloatArray:
        """C(days): units demanded in days 1..``days``, (m,); NaN days give NaN.

        Args:
            days: (m,) days >= 0, one per row.
            rows: (m,) positions of the series; absent: all of them in order.
        """
        return _at_day(self.mean, self.beyond_mean, days, rows)

    def variance_through(self, days: FloatArray, rows: IntArray | None = None) -> FloatArray:
        """Variance of the same sum, units squared, (m,); arguments as in :meth:`mean_through`."""
        at = np.arange(self.mean.shape[0]) if rows is None else rows
        return self._inflated(self.independent_through(days, rows), days, at)

    def independent_through(self, days: FloatArray, rows: IntArray | None = None) -> FloatArray:
        """The variance were errors of different days independent, likewise."""
        return _at_day(self.independent, self.beyond_variance, days, rows)

    def _inflated(self, independent: FloatArray, days: FloatArray, rows: IntArray) -> FloatArray:
        if self.growth is None:
            return independent
        both = blended(independent, self.history_variance[rows] * days)
        return np.asarray(self.growth.kappa_at(days, rows) * both)

    def days_until(self, quantity: FloatArray, rows: IntArray | None = None) -> FloatArray:
        """Days after which ``quantity`` units are used up, (m,), past the horizon where need be.

        NaN where they are never used up, or the quantity is NaN. The inverse of :meth:`mean_through`.
        """
        at = np.arange(self.mean.shape[0]) if rows is None else rows
        within = forward_cover(self.mean[at], quantity)
        left = quantity - self.mean[at, -1]
        past = np.full_like(within, np.nan)
        rate = self.beyond_mean[at]
        np.divide(left, rate, out=past, where=rate > QTY_TOLERANCE)
        return np.where(np.isnan(within), self.horizon + past, within)


def _at_day(
    cumulative: FloatArray, beyond: FloatArray, days: FloatArray, rows: IntArray | None
) -> FloatArray:
    at = np.arange(cumulative.shape[0]) if rows is None else rows
    horizon = cumulative.shape[1] - 1
    known = np.where(np.isnan(days), 0.0, days)
    whole = np.minimum(np.floor(known), horizon).astype(np.int64)
    value = cumulative[at, whole]
    following = cumulative[at, np.minimum(whole + 1, horizon)]
    slope = np.where(whole < horizon, following - value, beyond[at])
    return np.where(np.isnan(days), np.nan, value + (known - whole) * slope)


def forward_cover(cumulative: FloatArray, stock: FloatArray) -> FloatArray:
    """Days that stock lasts against cumulative demand, fractional inside a day.

    The last moment t with C(t) <= stock. A day without demand does not use stock up, so a stock that
    ends exactly before idle days lasts through them.

    >>> cumulative = np.cumsum([[0.0, 10.0, 10.0, 10.0, 0.0, 0.0, 5.0]], axis=1)
    >>> [float(forward_cover(cumulative, np.array([stock]))[0]) for stock in (25.0, 30.0, 40.0)]
    [2.5, 5.0, nan]

    Args:
        cumulative: (n, h+1) units, non-decreasing along the days, column 0 zero.
        stock: (n,) units.

    Returns:
        (n,) days; 0 where stock <= 0; NaN where it outlasts the horizon or is NaN.

    Source: ``docs/methods.md#cover``.
    """
    horizon = cumulative.shape[1] - 1
    held = np.where(np.isnan(stock), 0.0, stock)
    full_days = (cumulative[:, 1:] <= held[:, None] + QTY_TOLERANCE).sum(axis=1)
    rows = np.arange(cumulative.shape[0])
    start = cumulative[rows, np.minimum(full_days, horizon)]
    step = cumulative[rows, np.minimum(full_days + 1, horizon)] - start
    part = np.zeros_like(start)
    np.divide(held - start, step, out=part, where=step > 0.0)
    days = full_days + np.clip(part, 0.0, 1.0)
    days = np.where(full_days >= horizon, np.nan, days)
    return np.where(np.isnan(stock), np.nan, np.where(held <= 0.0, 0.0, days))


@dataclass(frozen=True)
class NormalDemand:
    """The textbook law of demand over an interval: normal with given mean and standard deviation.

    A standard deviation of zero is legal: demand is then its mean with certainty.

    Attributes:
        mean: (n,) units; NaN where the interval is unknown, and every method then gives NaN.
        sd: (n,) units.
    """

    method: ClassVar[str] = "normal"
    mean: FloatArray
    sd: FloatArray

    @property
    def methods(self) -> list[str]:
        return [self.method] * len(self.mean)

    def quantile(self, level: float | FloatArray) -> FloatArray:
        """Smallest quantity that covers demand with probability ``level``, (n,) units.

        Raises:
            ValueError: the level is not strictly between 0 and 1.
        """
        factor = safety_factor(level) if isinstance(level, float) else ndtri(level)
        return np.asarray(self.mean + factor * self.sd)

    def exceedance(self, quantity: FloatArray) -> FloatArray:
        """P(demand > quantity), (n,); 0 or 1 where the standard deviation is zero."""
        certain = np.where(self.mean > quantity + QTY_TOLERANCE, 1.0, 0.0)
        probability = np.asarray(ndtr(-self._standardised(quantity)), dtype=np.float64)
        result = np.where(self.sd > QTY_TOLERANCE, probability, certain)
        return np.where(np.isnan(self.mean + quantity), np.nan, result)

    def expected_shortage(self, quantity: FloatArray) -> FloatArray:
        """E[(demand - quantity)+], (n,) units: ``sd * G(k)``, ``G(k) = phi(k) - k(1 - Phi(k))``.

        >>> law = NormalDemand(mean=np.array([100.0]), sd=np.array([30.0]))
        >>> round(float(law.expected_shortage(np.array([100.0]))[0]), 3)  # sd / sqrt(2 pi)
        11.968

        Source: the normal loss function, ``docs/methods.md#shortage``.
        """
        k = self._standardised(quantity)
        density = np.exp(-np.square(k) / 2.0) / np.sqrt(2.0 * np.pi)
        loss = self.sd * (density - k * ndtr(-k))
        return np.asarray(
            np.where(self.sd > QTY_TOLERANCE, np.maximum(loss, 0.0), np.maximum(self.mean - quantity, 0.0))
        )

    def _standardised(self, quantity: FloatArray) -> FloatArray:
        k = np.zeros_like(self.mean)
        np.divide(quantity - self.mean, self.sd, out=k, where=self.sd > QTY_TOLERANCE)
        return k


def safety_factor(service_level: float) -> float:
    """``z = Phi^-1(service_level)``.

    >>> round(safety_factor(0.95), 4)
    1.6449

    Raises:
        ValueError: the level is not strictly between 0 and 1; no finite stock serves with certainty.
    """
    if not 0.0 < service_level < 1.0:
        raise ValueError(f"service level {service_level} must lie strictly between 0 and 1, for example 0.95")
    return float(ndtri(service_level))


def two_point_lead_times(
    lead_time_days: FloatArray, lead_time_sd_days: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The two lead times, and the probability of the longer, with the given mean and deviation.

    ``L - sd`` and ``L + sd`` with one half each. Where ``sd > L`` the shorter is zero and the longer,
    rarer one moves out so that mean and deviation still hold. A lead time of zero, or under two minutes,
    does not vary.

    >>> [float(part[0]) for part in two_point_lead_times(np.array([7.0]), np.array([2.0]))]
    [5.0, 9.0, 0.5]
    >>> [float(part[0]) for part in two_point_lead_times(np.array([3.0]), np.array([6.0]))]
    [0.0, 15.0, 0.2]

    Args:
        lead_time_days: (n,) mean, days.
        lead_time_sd_days: (n,) standard deviation, days.

    Returns:
        Shorter (n,) days, longer (n,) days, probability of the longer (n,).
    """
    varies = (lead_time_sd_days > 0.0) & (lead_time_days > _INSTANT_DAYS)
    below = np.where(varies, np.minimum(lead_time_days, lead_time_sd_days), 0.0)
    above = np.zeros_like(below)
    np.divide(lead_time_sd_days**2, below, out=above, where=varies)
    longer_probability = np.full_like(below, 0.5)
    np.divide(below, below + above, out=longer_probability, where=varies)
    return lead_time_days - below, lead_time_days + above, longer_probability


def protection_moments(
    demand: CumulativeDemand,
    lead_time_days: FloatArray,
    lead_time_sd_days: FloatArray,
    review_days: FloatArray,
    rows: IntArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of the demand over L + R when L varies, (m,) each.

    ``E[X] = E_L[C(L+R)]`` and ``Var[X] = E_L[V(L+R)] + Var_L[C(L+R)]`` over the two-point lead time.

    Arguments and source as of :func:`protection_demand`.
    """
    shorter, longer, p = two_point_lead_times(lead_time_days, lead_time_sd_days)
    early, late = (demand.mean_through(days + review_days, rows) for days in (shorter, longer))
    early_variance, late_variance = (
        demand.variance_through(days + review_days, rows) for days in (shorter, longer)
    )
    mean = (1.0 - p) * early + p * late
    variance = (1.0 - p) * early_variance + p * late_variance + p * (1.0 - p) * (late - early) ** 2
    return mean, variance


def protection_demand(
    demand: CumulativeDemand,
    lead_time_days: FloatArray,
    lead_time_sd_days: FloatArray,
    review_days: FloatArray,
    rows: IntArray | None = None,
) -> DemandLaw:
    """The law of demand over the protection interval L + R when L varies, as the demand is to be read.

    With a level forecast this is the textbook ``(L+R) sigma^2 + mu^2 sigma_L^2`` exactly.

    >>> demand = CumulativeDemand.from_daily(np.full((1, 28), 20.0), np.full((1, 28), 8.0**2))
    >>> law = protection_demand(demand, np.array([7.0]), np.array([2.0]), np.array([1.0]))
    >>> float(law.mean[0]), float(law.sd[0]) == (8 * 8.0**2 + 20.0**2 * 2.0**2) ** 0.5
    (160.0, True)

    Args:
        demand: cumulative moments of n series.
        lead_time_days: (m,) mean lead time; NaN: unknown, the law is NaN there.
        lead_time_sd_days: (m,) its standard deviation.
        review_days: (m,) review period; 0 for the lead time alone.
        rows: (m,) positions of the series; absent: all of them in order, m = n.

    Source: ``docs/methods.md#protection-interval``.
    """
    mean, variance = protection_moments(demand, lead_time_days, lead_time_sd_days, review_days, rows)
    return law_of(demand, mean, variance, rows)


def law_of(
    demand: CumulativeDemand, mean: FloatArray, variance: FloatArray, rows: IntArray | None = None
) -> DemandLaw:
    """The law with these moments that a demand is to be read by; ``rows`` as of :func:`protection_demand`."""
    sd = np.sqrt(variance)
    if demand.counted is None:
        return NormalDemand(mean=mean, sd=sd)
    return MomentDemand(mean, sd, demand.counted if rows is None else demand.counted[rows])
