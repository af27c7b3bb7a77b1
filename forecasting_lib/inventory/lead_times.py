"""How long suppliers take: the mean and spread of the lead time of every series, from orders and words.

Belongs here: which orders say something about it, the fit with open orders as censored observations, how the
rungs (item at its supplier, supplier, location, client) are weighed against each other.
Does not belong here: how a supplier keeps its word (``supplier_performance``), what a lead time is used for.

Source: ``docs/methods.md#lead-times``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
import polars as pl
from scipy.special import gammaincc

from forecasting_lib.inventory.flags import BoolArray
from forecasting_lib.inventory.lead_time_demand import IntArray
from forecasting_lib.inventory.supply import LeadTimeSource
from forecasting_lib.panel import FloatArray

ORDERS_SCHEMA: dict[str, pl.DataType] = {
    "item_id": pl.String(),
    "location_id": pl.String(),
    "supplier_id": pl.String(),
    "order_date": pl.Date(),
    "expected_date": pl.Date(),
    "received_date": pl.Date(),
}
"""Input: one row per purchase order line placed by the as-of date.

``supplier_id`` is null where it is not known, ``received_date`` while the line is open.
"""

USUAL_STRENGTH = 5.0
"""Receipts that the rung above counts as where too few groups tell how far they lie from it."""

DEFAULT_STRENGTH = 1.0
"""Receipts that the client's default counts as: it stands for all suppliers at once."""

ABSURD_MULTIPLE = 10.0
ABSURD_FROM_DAYS = 60.0

_SPREAD_STRENGTH = 5.0
_MIN_GROUPS = 5
_LEAST_VARIANCE, _MOST_VARIANCE = 1e-3, 1.0
_MOST_ROUNDS = 40
_SETTLED = 1e-3
_HALF_DAY = 0.5


class OrderFault(StrEnum):
    """Why an order line says nothing about lead times."""

    RECEIVED_BEFORE_ORDERED = "received_before_ordered"
    ABSURDLY_LONG = "absurdly_long"
    FORGOTTEN = "forgotten"


def order_ages(orders: pl.DataFrame, as_of_date: date) -> pl.DataFrame:
    """What each order line says of the lead time by the close of a day.

    A line that is received took its days. One that is open says that it takes more than the days since it
    was placed. Left out with the name of their fault are receipts before the order, receipts later than ten
    times the median (of the supplier or of the client, whichever is longer, and 60 days at least), and
    orders open for longer than that, which nobody has closed.

    Args:
        orders: columns of ``ORDERS_SCHEMA``.
        as_of_date: close of business; what was received later counts as open.

    Returns:
        The rows with ``days`` (to the receipt, or so far), ``is_open`` and ``fault`` (of ``OrderFault``, or
        null).
    """
    received = pl.col("received_date") <= as_of_date
    until = pl.when(received).then("received_date").otherwise(pl.lit(as_of_date))
    aged = orders.with_columns(
        (until - pl.col("order_date")).dt.total_days().cast(pl.Float64).alias("days"),
        received.fill_null(False).not_().alias("is_open"),
    )
    usual = pl.col("days").filter(~pl.col("is_open"), pl.col("days") >= 0.0).median()
    longest = pl.max_horizontal(
        usual.over("supplier_id") * ABSURD_MULTIPLE, usual * ABSURD_MULTIPLE, pl.lit(ABSURD_FROM_DAYS)
    )
    return aged.with_columns(
        pl.when(pl.col("days") < 0.0)
        .then(pl.lit(OrderFault.RECEIVED_BEFORE_ORDERED.value))
        .when(pl.col("days") <= longest)
        .then(None)
        .when("is_open")
        .then(pl.lit(OrderFault.FORGOTTEN.value))
        .otherwise(pl.lit(OrderFault.ABSURDLY_LONG.value))
        .alias("fault")
    )


@dataclass(frozen=True)
class Ages:
    """Lead times of m orders in g groups, each finished or still running.

    Attributes:
        group: (m,) 0..g-1.
        days: (m,) days taken, or so far.
        is_open: (m,) whether it still runs.
        groups: g.
    """

    group: IntArray
    days: FloatArray
    is_open: BoolArray
    groups: int

    def count(self, of: BoolArray) -> FloatArray:
        """(g,) orders of each group for which ``of`` (m,) holds."""
        return np.bincount(self.group[of], minlength=self.groups).astype(np.float64)

    def total(self, of: BoolArray, values: FloatArray) -> FloatArray:
        """(g,) sums of ``values`` (m,) over the orders for which ``of`` (m,) holds."""
        return _added(self.group[of], values[of], self.groups)


@dataclass(frozen=True)
class Priors:
    """What is expected of each of g groups before its own orders are looked at.

    Attributes:
        mean: (g,) days; NaN: nothing.
        parent: (g,) which groups share an expectation that was itself fitted to their orders; -1 where it
            was given, such as the supplier's own word.
    """

    mean: FloatArray
    parent: IntArray


@dataclass(frozen=True)
class RungFit:
    """Lead times of the g groups of a rung; arrays are (g,).

    Attributes:
        mean: mean days of the group's own orders, what is open carried to its expected end; NaN without any.
        fitted: mean days once weighed against the prior; NaN where there is neither.
        orders, receipts: orders looked at, and those of them that have arrived.
        relative_variance: own sample variance over the squared mean; NaN of fewer than two orders.
        pooled_variance: the same within all groups together; NaN where no group has two.
        distance_fitted, distance_given: variance of the groups' true means about their priors, over the
            squared prior, for priors that were fitted and that were given; NaN where too few groups tell.
    """

    mean: FloatArray
    fitted: FloatArray
    orders: FloatArray
    receipts: FloatArray
    relative_variance: FloatArray
    pooled_variance: float
    distance_fitted: float
    distance_given: float


def fit_lead_times(ages: Ages, priors: Priors) -> RungFit:
    """Mean and spread of the lead time of each group, open orders taken as censored.

    A censored gamma fit by expectation and maximisation: an order that has run for d days is carried to
    E[L | L > d] under its group's current law, of mean and variance. The mean is shrunk towards the prior by
    n / (n + k), k = variance within a group over the variance of the groups' means about their priors
    (empirical Bayes; Efron and Morris 1975), and each variance towards the pooled one. Without open orders
    the means are plain means, whatever the law.

    >>> one = Priors(np.full(1, np.nan), np.zeros(1, dtype=np.int64))
    >>> days, open_ = np.array([8.0, 10.0, 12.0, 30.0]), np.array([False, False, False, True])
    >>> only_received = Ages(np.zeros(3, dtype=np.int64), days[:3], open_[:3], 1)
    >>> with_overdue = Ages(np.zeros(4, dtype=np.int64), days, open_, 1)
    >>> [float(fit_lead_times(ages, one).mean[0].round(0)) for ages in (only_received, with_overdue)]
    [10.0, 20.0]

    Args:
        ages: orders with a non-negative number of days.
        priors: of the g groups.

    Source: ``docs/methods.md#lead-times``; Dempster, Laird and Rubin 1977.
    """
    arrived = ~ages.is_open
    receipts = ages.count(arrived)
    # without a prior and without an arrival nothing says how long an open order will take
    known = (receipts > 0.0) | ~np.isnan(priors.mean)
    orders = np.where(known, ages.count(np.ones_like(arrived)), 0.0)
    done, done_squared = ages.total(arrived, ages.days), ages.total(arrived, ages.days**2)
    # received on the next day at the earliest: half a day more, as between any two whole numbers
    running, times = np.unique(
        np.column_stack([ages.group[ages.is_open], ages.days[ages.is_open] + _HALF_DAY]),
        axis=0,
        return_counts=True,
    )
    group, age = running[:, 0].astype(np.int64), running[:, 1]
    fitted = np.where(receipts > 0.0, done / np.maximum(receipts, 1.0), priors.mean)
    variance = np.full(ages.groups, 0.1)
    for _ in range(_MOST_ROUNDS):
        ends, ends_squared = _expected_ends(age, fitted[group], variance[group])
        mean = _ratio(done + _added(group, times * ends, ages.groups), orders)
        squares = done_squared + _added(group, times * ends_squared, ages.groups)
        own = _ratio(np.maximum(squares - orders * mean**2, 0.0), mean**2)
        spread_known = orders >= 2.0
        pooled = _share(own[spread_known].sum(), (orders[spread_known] - 1.0).sum())
        variance = _shrunk_variance(own, orders, np.full(ages.groups, pooled))
        distances = _distances(mean, orders, variance, priors)
        given = priors.parent < 0
        strength = _strength(variance, np.where(given, distances[1], distances[0]))
        before, fitted = fitted, _shrunk(mean, orders, priors.mean, strength)
        moved = np.abs(fitted - before) / np.maximum(fitted, 1.0)
        if np.nan_to_num(moved).max(initial=0.0) < _SETTLED:
            break
    return RungFit(
        mean=np.where(orders > 0.0, mean, np.nan),
        fitted=fitted,
        orders=orders,
        receipts=receipts,
        relative_variance=np.where(spread_known, own / np.maximum(orders - 1.0, 1.0), np.nan),
        pooled_variance=pooled,
        distance_fitted=distances[0],
        distance_given=distances[1],
    )


def _expected_ends(
    age: FloatArray, mean: FloatArray, relative_variance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """E[L | L > age] and E[L^2 | L > age] of gamma lead times, (m,) days and days squared."""
    mean = np.maximum(mean, _HALF_DAY)
    # up to the exponential law, beyond which the longer an order runs, the longer it still would
    ratio = np.clip(np.nan_to_num(relative_variance, nan=0.1), _LEAST_VARIANCE, _MOST_VARIANCE)
    shape = 1.0 / ratio
    scaled = age * shape / mean
    left = gammaincc(shape, scaled)
    certain = np.maximum(left, 1e-250)
    first = mean * gammaincc(shape + 1.0, scaled) / certain
    second = mean**2 * (1.0 + ratio) * gammaincc(shape + 2.0, scaled) / certain
    # far beyond the mean the quotient of two vanishing tails gives way to its expansion
    excess = mean * ratio / np.maximum(1.0 - (1.0 - ratio) * mean / np.maximum(age, mean), ratio)
    far = left < 1e-200
    return (
        np.where(far, age + excess, np.maximum(first, age)),
        np.where(far, (age + excess) ** 2 + excess**2, np.maximum(second, age**2)),
    )


def _distances(
    mean: FloatArray, orders: FloatArray, variance: FloatArray, priors: Priors
) -> tuple[float, float]:
    """Variance of the true means about fitted and about given priors, over the squared prior.

    The weighted squares of the observed ratios less what chance makes of them; of fitted priors only groups
    that share theirs, which then differ from it in one direction fewer.
    """
    usable = (orders > 0.0) & (priors.mean > 0.0) & ~np.isnan(variance)
    given = usable & (priors.parent < 0)
    siblings = np.bincount(priors.parent[usable & ~given], minlength=1)
    shared = usable & ~given
    shared[shared] = siblings[priors.parent[shared]] >= 2
    parents = float((siblings >= 2).sum())
    found = []
    for of, lost in ((shared, parents), (given, 0.0)):
        n, squares = orders[of], np.square(mean[of] / priors.mean[of] - 1.0)
        if n.size - lost < _MIN_GROUPS:
            found.append(float("nan"))
            continue
        chance = variance[of].mean() * (n.size - lost)
        weight = n.sum() * (1.0 - lost / n.size)
        found.append(max(float((n * squares).sum() - chance) / float(weight), 0.0))
    return found[0], found[1]


def _strength(
    variance: FloatArray, distance: FloatArray | float, usual: float = USUAL_STRENGTH
) -> FloatArray:
    """k: how many receipts the prior counts as, (g,)."""
    measured = np.full_like(variance, 1e6)
    np.divide(variance, distance, out=measured, where=np.broadcast_to(distance > 0.0, variance.shape))
    return np.where(np.isnan(variance + distance), usual, measured)


def _shrunk(mean: FloatArray, orders: FloatArray, prior: FloatArray, strength: FloatArray) -> FloatArray:
    """``(n mean + k prior) / (n + k)``; the one that is known where the other is not."""
    k = np.where(np.isnan(prior), 0.0, strength)
    own = np.where(orders > 0.0, mean, 0.0)
    total = orders + k
    shrunk = _ratio(orders * own + k * np.nan_to_num(prior), total)
    return np.where(total > 0.0, shrunk, prior)


def _shrunk_variance(squares: FloatArray, orders: FloatArray, prior: FloatArray) -> FloatArray:
    """Relative variance of each group, from its sum of squares and the prior's variance."""
    freedom = np.maximum(orders - 1.0, 0.0)
    own = np.where(freedom > 0.0, squares, 0.0)
    shrunk = (own + _SPREAD_STRENGTH * prior) / (freedom + _SPREAD_STRENGTH)
    alone = np.full_like(own, np.nan)
    np.divide(own, freedom, out=alone, where=freedom > 0.0)
    return np.where(np.isnan(prior), alone, shrunk)


def _added(group: IntArray, values: FloatArray, groups: int) -> FloatArray:
    return np.bincount(group, weights=values, minlength=groups).astype(np.float64)


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    result = np.zeros(numerator.shape)
    np.divide(numerator, denominator, out=result, where=denominator > 0.0)
    return result


def _share(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator > 0.0 else float("nan")


def with_lead_times(series: pl.DataFrame, ages: pl.DataFrame, default_days: float | None) -> pl.DataFrame:
    """The lead time of each series: its item's receipts from its supplier, weighed against the rungs above.

    The rungs are the item at its supplier, the supplier's receipts, the supplier's word, the location's
    receipts and the client's default. Each is shrunk towards the one above by how many receipts it has; the
    supplier's word is what its receipts are shrunk towards, and all there is where it has none.

    Args:
        series: columns ``item_id, location_id, supplier_id`` (the item's, or null) and ``stated_days,
            stated_sd_days`` (the supplier's word, or null).
        ages: rows of :func:`order_ages`; those with a fault are left out.
        default_days: the client's default lead time; None where it has none.

    Returns:
        The frame with ``lead_time_days, lead_time_sd_days, lead_time_source, lead_time_receipts`` instead of
        the supplier's word. The source is the rung that weighs most, the receipts are those of that rung.

    Source: ``docs/methods.md#lead-times``.
    """
    item_supplier = series.select("item_id", own_supplier="supplier_id").unique("item_id", keep="first")
    usable = (
        ages.filter(pl.col("fault").is_null())
        .join(item_supplier, on="item_id", how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("own_supplier").is_null() | (pl.col("own_supplier") == pl.col("supplier_id")))
            .then("item_id")
            .alias("item_id")
        )
    )
    words = series.drop_nulls("supplier_id").unique("supplier_id").select("supplier_id", "stated_days")
    pool = _pooled_mean(usable)
    suppliers = _Rung.of(usable, "supplier_id", series)
    word = _looked_up(suppliers.names, words, "supplier_id", "stated_days")
    supplier_fit = fit_lead_times(
        suppliers.ages,
        Priors(np.where(np.isnan(word), pool, word), np.where(np.isnan(word), 0, -1).astype(np.int64)),
    )
    items = _Rung.of(usable, "item_id", series)
    their_supplier = suppliers.find(_looked_up_name(items.names, item_supplier))
    above = _at(supplier_fit.fitted, their_supplier, pool)
    item_fit = fit_lead_times(
        items.ages, Priors(above, np.where(their_supplier >= 0, their_supplier, suppliers.ages.groups))
    )
    locations = _Rung.of(usable, "location_id", series)
    default = float("nan") if default_days is None else float(default_days)
    nobody = np.full(locations.ages.groups, -1, dtype=np.int64)
    location_fit = fit_lead_times(locations.ages, Priors(np.full(locations.ages.groups, default), nobody))

    n = series.height
    none = np.zeros(n)
    nothing = _Belief(np.full(n, default), np.full(n, location_fit.pooled_variance), none, none, none)
    at_location = _weighed(location_fit, locations.rows, nothing, np.full(n, np.nan), DEFAULT_STRENGTH)
    stated = series["stated_days"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    stated_sd = series["stated_sd_days"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    is_stated = ~np.isnan(stated)
    stated_variance = np.full(n, np.nan)
    np.divide(stated_sd**2, stated**2, out=stated_variance, where=stated > 0.0)
    expected_spread = np.where(
        is_stated & ~np.isnan(stated_variance), stated_variance, supplier_fit.pooled_variance
    )
    before_supplier = _Belief(
        np.where(is_stated, stated, at_location.mean),
        np.where(is_stated | np.isnan(at_location.variance), expected_spread, at_location.variance),
        np.where(is_stated, 0.0, at_location.uncertainty),
        none,
        none,
    )
    of_supplier = _weighed(
        supplier_fit,
        suppliers.rows,
        before_supplier,
        np.where(is_stated, supplier_fit.distance_given, supplier_fit.distance_fitted),
    )
    of_item = _weighed(item_fit, items.rows, of_supplier, np.full(n, item_fit.distance_fitted))
    only_word = is_stated & (of_item.receipts + of_supplier.receipts == 0.0) & ~np.isnan(stated_sd)
    within = np.where(only_word, stated_sd**2, of_item.variance * of_item.mean**2)
    source, receipts = _source(of_item, of_supplier, at_location, is_stated)
    known = ~np.isnan(of_item.mean)
    return series.drop("stated_days", "stated_sd_days").with_columns(
        pl.Series("lead_time_days", of_item.mean).fill_nan(None),
        pl.Series("lead_time_sd_days", np.sqrt(within + of_item.uncertainty)).fill_nan(None),
        pl.Series("lead_time_source", np.where(known, source, ""), dtype=pl.String).replace("", None),
        pl.Series("lead_time_receipts", np.where(known, receipts, np.nan)).fill_nan(None).cast(pl.Int32),
    )


@dataclass(frozen=True)
class _Rung:
    """The orders by one of the series' columns: group names, their ages, and the group of each series."""

    names: pl.Series
    ages: Ages
    rows: IntArray

    @classmethod
    def of(cls, usable: pl.DataFrame, by: str, series: pl.DataFrame) -> _Rung:
        # lines that were ordered and received together tell one lead time, not one each
        told = usable.drop_nulls(by).unique([by, "supplier_id", "order_date", "days", "is_open"])
        names = told[by].unique().sort()
        return cls(
            names,
            Ages(
                _positions(names, told[by]),
                told["days"].to_numpy().astype(np.float64),
                told["is_open"].to_numpy(),
                names.len(),
            ),
            _positions(names, series[by]),
        )

    def find(self, wanted: pl.Series) -> IntArray:
        return _positions(self.names, wanted)


@dataclass(frozen=True)
class _Belief:
    """What is believed of n series' lead times once a rung has been heard; arrays are (n,).

    Attributes:
        mean: days.
        variance: of a lead time, over the squared mean.
        uncertainty: variance of the mean, days squared.
        weight: of the rung's receipts in the mean.
        receipts: of the series' group of the rung.
    """

    mean: FloatArray
    variance: FloatArray
    uncertainty: FloatArray
    weight: FloatArray
    receipts: FloatArray


def _weighed(
    fit: RungFit,
    rows: IntArray,
    above: _Belief,
    distance: FloatArray,
    usual: float = USUAL_STRENGTH,
) -> _Belief:
    """What the rung above says, corrected by what the series' own group of this rung says."""
    orders, receipts = _at(fit.orders, rows, 0.0), _at(fit.receipts, rows, 0.0)
    mean = _at(fit.mean, rows, np.nan)
    squares = _at(fit.relative_variance, rows, 0.0) * np.maximum(orders - 1.0, 0.0)
    variance = _shrunk_variance(np.nan_to_num(squares), orders, above.variance)
    strength = np.where(np.isnan(above.mean), 0.0, _strength(variance, distance, usual))
    weighed = _shrunk(mean, orders, above.mean, strength)
    passed_on = _ratio(strength, orders + strength)
    tells = (receipts > 0.0) | ~np.isnan(distance)
    chance = _ratio(np.nan_to_num(variance) * np.nan_to_num(weighed) ** 2, receipts + strength)
    doubt = np.where(tells, chance, 0.0)
    return _Belief(
        weighed,
        variance,
        doubt + passed_on**2 * above.uncertainty,
        _ratio(receipts, receipts + strength),
        receipts,
    )


def _source(
    item: _Belief, supplier: _Belief, location: _Belief, is_stated: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """(n,) name of the rung that weighs most in each lead time, and (n,) its receipts."""
    left = 1.0 - item.weight
    above = left * (1.0 - supplier.weight)
    weights = np.column_stack(
        [
            item.weight,
            left * supplier.weight,
            np.where(is_stated, above, 0.0),
            np.where(is_stated, 0.0, above * location.weight),
            np.where(is_stated, 0.0, above * (1.0 - location.weight)),
        ]
    )
    heaviest = weights.argmax(axis=1)
    names = np.array(
        [
            LeadTimeSource.RECEIPTS.value,
            LeadTimeSource.SUPPLIER_RECEIPTS.value,
            LeadTimeSource.SUPPLIER.value,
            LeadTimeSource.LOCATION.value,
            LeadTimeSource.CLIENT_DEFAULT.value,
        ]
    )
    nothing = np.zeros(heaviest.size)
    receipts = np.column_stack([item.receipts, supplier.receipts, nothing, location.receipts, nothing])
    return names[heaviest], receipts[np.arange(heaviest.size), heaviest]


def _pooled_mean(usable: pl.DataFrame) -> float:
    """Mean lead time of all the client's orders, days; NaN where none has arrived."""
    told = usable.unique(["supplier_id", "order_date", "days", "is_open"])
    ages = Ages(
        np.zeros(told.height, dtype=np.int64),
        told["days"].to_numpy().astype(np.float64),
        told["is_open"].to_numpy(),
        1,
    )
    return float(fit_lead_times(ages, Priors(np.full(1, np.nan), np.zeros(1, dtype=np.int64))).fitted[0])


def _at(values: FloatArray, rows: IntArray, missing: float) -> FloatArray:
    """(n,) the values at the rows, ``missing`` where a row is -1."""
    return np.where(rows >= 0, values[rows], missing) if values.size else np.full(rows.size, missing)


def _positions(names: pl.Series, wanted: pl.Series) -> IntArray:
    """(n,) position of each wanted name among the unique ``names``; -1 where it is not there."""
    at = pl.DataFrame({"name": names, "at": pl.int_range(names.len(), eager=True)})
    found = wanted.alias("name").to_frame().join(at, on="name", how="left", maintain_order="left")
    return found["at"].fill_null(-1).to_numpy().astype(np.int64)


def _looked_up(names: pl.Series, frame: pl.DataFrame, by: str, column: str) -> FloatArray:
    found = names.alias(by).to_frame().join(frame, on=by, how="left", maintain_order="left")
    return found[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _looked_up_name(items: pl.Series, item_supplier: pl.DataFrame) -> pl.Series:
    found = (
        items.alias("item_id").to_frame().join(item_supplier, on="item_id", how="left", maintain_order="left")
    )
    return found["own_supplier"]
