"""An endless, seeded stream of synthetic daily demand with known covariates.

Belongs here: what demand can look like (levels, seasons, events, promotions, prices, counts, gaps).
Does not belong here: tensors, models, or any number taken from a genuine data set.

A window is drawn in three steps: the logarithm of the expected demand is a sum of components, the
observation family turns it into counts or amounts, and the record loses what real records lose
(stock-outs, late listings, outliers). Everything is vectorised over the windows of one call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]

COVARIATE_KINDS: Final = ("promotion", "discount", "price", "event", "open", "payday", "driver")
"""Kinds of known covariates: a promotion flag, a promotion's depth, a price, a holiday or event flag,
an open/closed flag, a calendar flag such as a pay-day or benefit day, and a continuous driver."""

_PROMOTION, _DISCOUNT, _PRICE, _EVENT, _OPEN, _PAYDAY, _DRIVER = range(len(COVARIATE_KINDS))
_KIND_SHARES = np.array([0.34, 0.12, 0.14, 0.15, 0.08, 0.07, 0.10])
_UNSEEN_EFFECT_SHARES = np.array([0.15, 0.03, 0.10, 0.25, 0.04, 0.20, 0.0])
"""How often an effect of that kind acts on a window that is not told of it."""

_COVARIATE_COUNT_SHARES = np.array([0.58, 0.23, 0.11, 0.05, 0.03])
"""Shares of windows with 0, 1, 2, 3 and 4 known covariates."""

_ABSENCES = ((0.50, (25.0, 250.0), (1.0, 30.0)), (0.14, (150.0, 600.0), (25.0, 200.0)))
"""How items are missing from the shelf: the share of windows, days between spells, days of a spell. Empty
shelves of days or weeks, and absences of a season or a supplier. Together about one item-day in twelve, as
the world average of retail is (Gruen et al. 2002 in ``docs/methods.md#references``: 8.3 %)."""

_CALENDAR_YEARS = 60
_LOG_RATE_BOUNDS = (-9.0, 11.0)


@dataclass(frozen=True)
class DemandWindows:
    """``n`` windows of ``days`` days each, ``m`` covariate rows among them.

    Attributes:
        target: (n, days) float32, units a day; NaN marks a masked day or a day before the listing.
        futures: (draws, n, horizon) float32, the horizon drawn several times over from the same expected
            demand; the first draw is the end of ``target``.
        covariates: (m, days) float32, the known covariates in the order of their windows.
        covariate_window: (m,) the window of each covariate row, ascending.
        covariate_kind: (m,) its position in ``COVARIATE_KINDS``.
        covariate_known_ahead: (m,) False where only its past is known.
        promotion_lift: (n, days) float64, the factor that promotions put on expected demand.
    """

    target: npt.NDArray[np.float32]
    futures: npt.NDArray[np.float32]
    covariates: npt.NDArray[np.float32]
    covariate_window: Index
    covariate_kind: Index
    covariate_known_ahead: Mask
    promotion_lift: Array


@dataclass(frozen=True)
class _Calendar:
    """Weekday (0..6), day of month (1..31) and day of year (1..366), each (n, days)."""

    weekday: Index
    day_of_month: Index
    day_of_year: Index


def draw_covariate_counts(rng: np.random.Generator, windows: int) -> Index:
    """How many known covariates each of these windows has, (windows,), 0 to 4; 42 % have at least one."""
    return rng.choice(len(_COVARIATE_COUNT_SHARES), size=windows, p=_COVARIATE_COUNT_SHARES)


def generate(
    rng: np.random.Generator,
    covariate_counts: Index,
    context_days: int,
    horizon_days: int,
    *,
    first_kind: str | None = None,
    draws: int = 1,
) -> DemandWindows:
    """Draw one window per element of ``covariate_counts``.

    Args:
        rng: the only source of chance; equal generators give equal windows.
        covariate_counts: (n,) number of known covariates of each window, 0 to 4.
        context_days: days a model will see; effects are made to show in them at least once or twice.
        horizon_days: days it will forecast; most effects also act in them.
        first_kind: makes this kind the first covariate of every window that has one, always with an
            effect and always known ahead: for tests of that kind.
        draws: how often the horizon is observed; the draws differ by chance alone, not in what is expected
            or lost.
    """
    n, days = len(covariate_counts), context_days + horizon_days
    calendar = _draw_calendar(rng, n, days)
    known, acting = _draw_kinds(rng, covariate_counts, first_kind)

    effect = np.zeros((n, days))
    closed = np.zeros((n, days), dtype=bool)
    promotion_effect = np.zeros((n, days))
    values = np.full((n, len(COVARIATE_KINDS), days), np.nan)
    for kind in range(len(COVARIATE_KINDS)):
        rows = np.flatnonzero(known[:, kind] | acting[:, kind])
        if not rows.size:
            continue
        acts = acting[rows, kind][:, None]
        told = known[rows, kind]
        if kind in (_PROMOTION, _DISCOUNT):
            value, log_effect, lift = _promotions(
                rng, calendar, rows, told, context_days, graded=kind == _DISCOUNT
            )
            promotion_effect[rows] += np.where(acts, lift, 0.0)
        elif kind == _PRICE:
            value, log_effect = _prices(rng, told, days, context_days)
        elif kind == _EVENT:
            value, log_effect, shut = _events(rng, calendar, rows, told, context_days)
            closed[rows] |= shut & acts
        elif kind == _OPEN:
            value, log_effect, shut = _closures(rng, told, days, context_days)
            closed[rows] |= shut & acts
        elif kind == _PAYDAY:
            value, log_effect = _paydays(rng, calendar, rows)
        else:
            value, log_effect = _drivers(rng, rows.size, days)
        values[rows, kind] = value
        effect[rows] += np.where(acts, log_effect, 0.0)

    # Items worth a promotion or a price sell more than the others.
    worth = rng.uniform(0.0, 1.8, (n, 1)) * (covariate_counts > 0)[:, None]
    base = _base_log_rate(rng, calendar, n, days) + worth
    log_rate = np.clip(base + effect, *_LOG_RATE_BOUNDS)
    rate = np.where(closed | _closed_weekdays(rng, calendar), 0.0, np.exp(log_rate))
    rate = _aggregate(rng, rate, covariate_counts)
    observed_day = np.concatenate([np.arange(days), np.tile(np.arange(context_days, days), draws - 1)])
    target = _observe(rng, rate, observed_day)
    target, listed = _lose(rng, target, observed_day, context_days)
    futures = target[:, context_days:].reshape(n, draws, horizon_days).swapaxes(0, 1)

    window, kind_of_row = np.nonzero(known)
    covariates = np.where(listed[window], values[window, kind_of_row], np.nan)
    known_ahead = rng.random(window.size) > 0.06
    if first_kind is not None:
        known_ahead |= kind_of_row == COVARIATE_KINDS.index(first_kind)
    return DemandWindows(
        target=target[:, :days].astype(np.float32),
        futures=futures.astype(np.float32),
        covariates=covariates.astype(np.float32),
        covariate_window=window,
        covariate_kind=kind_of_row,
        covariate_known_ahead=known_ahead,
        promotion_lift=np.exp(promotion_effect),
    )


def _draw_calendar(rng: np.random.Generator, n: int, days: int) -> _Calendar:
    start = rng.integers(0, _CALENDAR_YEARS * 365 - days, size=n)
    day = np.datetime64("1990-01-01") + (start[:, None] + np.arange(days))
    return _Calendar(
        weekday=(day.astype(np.int64) + 3) % 7,
        day_of_month=(day - day.astype("datetime64[M]")).astype(np.int64) + 1,
        day_of_year=(day - day.astype("datetime64[Y]")).astype(np.int64) + 1,
    )


def _draw_kinds(
    rng: np.random.Generator, covariate_counts: Index, first_kind: str | None
) -> tuple[Mask, Mask]:
    """Which kinds each window is told of and which act on it, both (n, kinds).

    One covariate in twelve has no effect at all: a model must not believe in every flag it is shown.
    """
    n = len(covariate_counts)
    # Gumbel keys: the k largest are k kinds drawn without replacement by their shares.
    keys = np.log(_KIND_SHARES) + rng.gumbel(size=(n, len(COVARIATE_KINDS)))
    if first_kind is not None:
        keys[:, COVARIATE_KINDS.index(first_kind)] = np.inf
    rank = np.argsort(np.argsort(-keys, axis=1), axis=1)
    known = rank < covariate_counts[:, None]
    chance = np.where(known, 0.92, _UNSEEN_EFFECT_SHARES)
    acting = rng.random(known.shape) < chance
    if first_kind is not None:
        acting[:, COVARIATE_KINDS.index(first_kind)] |= known[:, COVARIATE_KINDS.index(first_kind)]
    return known, acting


def _base_log_rate(rng: np.random.Generator, calendar: _Calendar, n: int, days: int) -> Array:
    """Level, trend, wandering, level shifts, bursts, weekly and yearly season: (n, days).

    Most wandering is rough (a random walk, a mean-reverting process): the level of real demand moves, but
    the direction it moved in says little about where it goes. Smooth, extrapolable movement is the exception.
    """
    t = np.arange(days) / 365.25
    speed = rng.random((n, 1))
    level = np.where(
        speed < 0.78,
        rng.normal(-0.4, 1.3, (n, 1)),
        np.where(speed < 0.92, rng.uniform(1.0, 4.6, (n, 1)), rng.uniform(3.5, 9.0, (n, 1))),
    )
    trend = rng.normal(0.0, 0.25, (n, 1)) * (rng.random((n, 1)) < 0.6) * (t - t[-1])
    total: Array = (
        level
        + trend
        + _random_walk(rng, n, days)
        + _mean_reversion(rng, n, days)
        + _gaussian_process(rng, n, days)
        + _level_shifts(rng, n, days)
        + _bursts(rng, n, days)
        + _weekly(rng, calendar)
        + _yearly(rng, calendar)
    )
    return total


def _log_uniform(rng: np.random.Generator, low: float, high: float, shape: tuple[int, ...]) -> Array:
    return np.asarray(np.exp(rng.uniform(np.log(low), np.log(high), shape)))


def _random_walk(rng: np.random.Generator, n: int, days: int) -> Array:
    daily_sd = _log_uniform(rng, 0.003, 0.06, (n, 1)) * (rng.random((n, 1)) < 0.6)
    return np.cumsum(rng.standard_normal((n, days)) * daily_sd, axis=1)


def _mean_reversion(rng: np.random.Generator, n: int, days: int) -> Array:
    """An Ornstein-Uhlenbeck process (a Gaussian process with an exponential kernel), started in its law."""
    out = np.zeros((n, days))
    rows = np.flatnonzero(rng.random(n) < 0.5)
    keep = np.exp(-1.0 / _log_uniform(rng, 3.0, 150.0, (rows.size,)))
    steps = rng.standard_normal((days, rows.size))
    steps[1:] *= np.sqrt(1.0 - keep**2)
    for day in range(1, days):
        steps[day] += keep * steps[day - 1]
    out[rows] = _log_uniform(rng, 0.05, 0.55, (rows.size, 1)) * steps.T
    return out


def _gaussian_process(rng: np.random.Generator, n: int, days: int) -> Array:
    """A draw from a mixture of stationary kernels, by random Fourier features.

    Long periods carry more variance; one in five is exactly periodic with a period of its own.

    Source: Rahimi and Recht 2007, ``docs/methods.md#references``.
    """
    features = 6
    out: Array = np.zeros((n, days))
    rows = np.flatnonzero(rng.random(n) < 0.2)
    size = (rows.size, features, 1)
    period = _log_uniform(rng, 5.0, 900.0, size)
    own_period = rng.uniform(4.0, 60.0, (rows.size, 1, 1)) / np.arange(1, features + 1)[None, :, None]
    period = np.where(rng.random((rows.size, 1, 1)) < 0.2, own_period, period)
    amplitude = rng.standard_normal(size) * (period / 300.0) ** 0.4
    strength = _log_uniform(rng, 0.05, 0.45, (rows.size, 1))
    phase = rng.uniform(0.0, 2 * np.pi, size)
    waves = amplitude * np.cos(2 * np.pi * np.arange(days) / period + phase)
    out[rows] = strength * waves.sum(axis=1)
    return out


def _level_shifts(rng: np.random.Generator, n: int, days: int) -> Array:
    out = np.zeros((n, days))
    for share in (0.18, 0.06):
        rows = np.flatnonzero(rng.random(n) < share)
        at = rng.integers(0, days, (rows.size, 1))
        out[rows] += rng.normal(0.0, 0.7, (rows.size, 1)) * (np.arange(days) >= at)
    return out


def _bursts(rng: np.random.Generator, n: int, days: int) -> Array:
    """Spells of busier or quieter demand that nothing announces."""
    out = np.zeros((n, days))
    rows = np.flatnonzero(rng.random(n) < 0.12)
    spell, number = _episodes(rng, rows.size, days, gap_days=(15.0, 150.0), duration_days=(2.0, 30.0))
    strengths = rng.uniform(0.2, 1.8, (rows.size, 32)) * np.where(rng.random((rows.size, 1)) < 0.7, 1.0, -1.0)
    out[rows] = spell * np.take_along_axis(strengths, np.minimum(number, 31), axis=1)
    return out


def _weekly(rng: np.random.Generator, calendar: _Calendar) -> Array:
    """A factor per weekday: a weekend swing, a ragged pattern, or none."""
    n = calendar.weekday.shape[0]
    day = np.arange(7)
    style = rng.random((n, 1))
    ragged = rng.standard_normal((n, 7)) * rng.uniform(0.03, 0.4, (n, 1))
    peak = rng.choice([5, 6, 4, 0, 2], p=[0.45, 0.25, 0.12, 0.09, 0.09], size=(n, 1))
    swing = rng.normal(0.25, 0.35, (n, 1)) * np.cos(2 * np.pi * (day - peak) / 7)
    factor = np.where(style < 0.15, 0.0, np.where(style < 0.6, swing + 0.3 * ragged, ragged))
    return np.take_along_axis(factor, calendar.weekday, axis=1)


def _closed_weekdays(rng: np.random.Generator, calendar: _Calendar) -> Mask:
    n = calendar.weekday.shape[0]
    closes = rng.random((n, 1)) < 0.06
    two = rng.random((n, 1)) < 0.35
    first = rng.choice([6, 0, 5, 2], p=[0.7, 0.1, 0.1, 0.1], size=(n, 1))
    shut: Mask = closes & ((calendar.weekday == first) | (two & (calendar.weekday == (first - 1) % 7)))
    return shut


def _yearly(rng: np.random.Generator, calendar: _Calendar) -> Array:
    n = calendar.day_of_year.shape[0]
    angle = 2 * np.pi * calendar.day_of_year / 365.25
    out = np.zeros(angle.shape)
    strength = _log_uniform(rng, 0.08, 0.7, (n, 1))
    for harmonic, scale in ((1, 1.0), (2, 0.5), (3, 0.3)):
        amplitude = strength * rng.normal(0.0, scale, (n, 1))
        out += amplitude * np.cos(harmonic * angle + rng.uniform(0, 2 * np.pi, (n, 1)))
    sharp = np.flatnonzero(rng.random(n) < 0.06)
    peak = rng.uniform(0, 2 * np.pi, (sharp.size, 1))
    width = rng.uniform(2.0, 25.0, (sharp.size, 1))
    season = np.exp(width * (np.cos(angle[sharp] - peak) - 1.0))
    out[sharp] += rng.uniform(0.5, 3.0, (sharp.size, 1)) * season
    return out * (rng.random((n, 1)) < 0.75)


@dataclass(frozen=True)
class _Arrangement:
    """Episodes put where they can be learnt from: two within the context, one in the horizon.

    Only what a window is told of is arranged. What it is not told of comes when it comes, before the cut as
    after it: to a model that cannot see it coming, the days ahead must look like the days behind.

    Attributes:
        told: (n,) the rows to arrange.
        horizon_share: of these rows, the share with an episode that begins in the horizon or at its edge.
    """

    told: Mask
    context_days: int
    horizon_share: float


def _episodes(
    rng: np.random.Generator,
    n: int,
    days: int,
    *,
    gap_days: tuple[float, float],
    duration_days: tuple[float, float],
    arrangement: _Arrangement | None = None,
) -> tuple[Mask, Index]:
    """Episodes at random days: mask and episode number, (n, days)."""
    most, least = 28, 2
    gap = _log_uniform(rng, *gap_days, (n, 1))
    count = np.minimum(rng.poisson(days / gap), most - 1)
    duration = _log_uniform(rng, *duration_days, (n, 1))
    start = rng.random((n, most)) * (days + duration) - duration
    start[:, -1] = np.inf
    if arrangement is not None:
        told, context_days = arrangement.told, arrangement.context_days
        count = np.where(told[:, None], np.maximum(count, least), count)
        early = rng.uniform(0.15, 0.95, (n, least)) * context_days
        start[:, :least] = np.where(told[:, None], early, start[:, :least])
        ahead = rng.uniform(context_days - 1, days - 1, n)
        start[:, -1] = np.where(told & (rng.random(n) < arrangement.horizon_share), ahead, np.inf)
    used = np.arange(most) < count
    used[:, -1] = np.isfinite(start[:, -1])
    row, column = np.nonzero(used)
    length = np.maximum(1, (duration[row, 0] * rng.uniform(0.7, 1.3, row.size)).round()).astype(np.int64)
    first = np.floor(start[row, column]).astype(np.int64)
    edges = np.zeros((n, days + 1), dtype=np.int64)
    np.add.at(edges, (row, np.clip(first, 0, days)), 1)
    np.add.at(edges, (row, np.clip(first + length, 0, days)), -1)
    mask = np.cumsum(edges[:, :days], axis=1) > 0
    begins = mask & ~np.pad(mask, ((0, 0), (1, 0)))[:, :-1]
    return mask, np.cumsum(begins, axis=1)


def _promotions(
    rng: np.random.Generator,
    calendar: _Calendar,
    rows: Index,
    told: Mask,
    context_days: int,
    *,
    graded: bool,
) -> tuple[Array, Array, Array]:
    """Promotions that lift demand, with a dip after each.

    Returns:
        The covariate (a flag, or a depth in 0..1 that differs from one promotion to the next), the
        logarithm of the whole effect, and the part of it on promotion days; all (rows, days).
    """
    n, days = rows.size, calendar.weekday.shape[1]
    mask, number = _episodes(
        rng, n, days, gap_days=(8.0, 60.0), duration_days=(1.0, 16.0),
        arrangement=_Arrangement(told, context_days, 0.8),
    )  # fmt: skip
    weekly = rng.random(n) < 0.15
    on_days = rng.random((n, 7)) < rng.uniform(0.15, 0.5, (n, 1))
    mask[weekly] = np.take_along_axis(on_days[weekly], calendar.weekday[rows][weekly], axis=1)

    uplift = _log_uniform(rng, 1.4, 7.0, (n, 1))
    strength = np.log(uplift) * np.where(rng.random((n, 1)) < 0.04, -0.7, 1.0)
    if graded:
        depths = rng.choice([0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5], size=(n, 64))
        depth = np.take_along_axis(depths, np.minimum(number, 63), axis=1) * mask
        lift = strength * depth / 0.3
        value = depth
    else:
        wobble = rng.normal(1.0, 0.12, (n, 64)) * (rng.random((n, 1)) < 0.5)
        lift = (
            strength
            * mask
            * np.where(
                wobble.any(axis=1, keepdims=True),
                np.take_along_axis(wobble, np.minimum(number, 63), axis=1),
                1.0,
            )
        )
        value = mask.astype(np.float64)

    dip = rng.uniform(0.1, 0.8, (n, 1)) * (rng.random((n, 1)) < 0.4)
    after = np.zeros((n, days))
    for lag in range(1, 6):
        after[:, lag:] = np.maximum(after[:, lag:], mask[:, :-lag] * 0.7 ** (lag - 1))
    return value, lift - dip * after * ~mask, lift


def _prices(rng: np.random.Generator, told: Mask, days: int, context_days: int) -> tuple[Array, Array]:
    """A price that moves in steps, with temporary cuts for half of the windows, and its elasticity."""
    n = told.size
    _, number = _episodes(
        rng, n, days, gap_days=(20.0, 150.0), duration_days=(5.0, 90.0),
        arrangement=_Arrangement(told, context_days, 0.6),
    )  # fmt: skip
    steps = np.cumsum(rng.normal(0.0, 0.12, (n, 64)), axis=1)
    stepped = np.take_along_axis(steps, np.minimum(number, 63), axis=1)
    cuts, cut_number = _episodes(
        rng, n, days, gap_days=(10.0, 60.0), duration_days=(2.0, 14.0),
        arrangement=_Arrangement(told, context_days, 0.7),
    )  # fmt: skip
    depths = -rng.uniform(0.05, 0.5, (n, 64))
    depth = np.take_along_axis(depths, np.minimum(cut_number, 63), axis=1) * cuts
    log_price = stepped + depth * (rng.random((n, 1)) < 0.5)
    elasticity = _log_uniform(rng, 0.6, 4.5, (n, 1))
    centred = log_price - log_price[:, :context_days].mean(axis=1, keepdims=True)
    return np.exp(log_price) * _log_uniform(rng, 0.5, 200.0, (n, 1)), -elasticity * centred


def _events(
    rng: np.random.Generator, calendar: _Calendar, rows: Index, told: Mask, context_days: int
) -> tuple[Array, Array, Mask]:
    """Holidays and events with a ramp before them; for some windows the shop is shut on the day.

    Half of the windows have dates that return every year, the others irregular ones, so that a short
    context holds more than one of them.
    """
    n, days = rows.size, calendar.weekday.shape[1]
    irregular, _ = _episodes(
        rng, n, days, gap_days=(12.0, 70.0), duration_days=(1.0, 3.0),
        arrangement=_Arrangement(told, context_days, 0.7),
    )  # fmt: skip
    dates = rng.integers(1, 366, (n, 12))
    ahead = calendar.day_of_year[rows, rng.integers(context_days - 1, days, n)]
    dates[:, 0] = np.where(told, ahead, dates[:, 0])
    wanted = np.arange(12) < rng.integers(3, 13, (n, 1))
    day_of_year = calendar.day_of_year[rows]
    yearly = np.zeros((n, days), dtype=bool)
    for i in range(12):
        yearly |= wanted[:, i : i + 1] & (day_of_year == dates[:, i : i + 1])
    mask = np.where(rng.random((n, 1)) < 0.5, yearly, irregular)

    strength = np.where(
        rng.random((n, 1)) < 0.65, rng.uniform(0.3, 1.6, (n, 1)), rng.uniform(-2.0, -0.3, (n, 1))
    )
    shut = mask & (rng.random((n, 1)) < 0.2)
    ramp = rng.uniform(0.1, 0.8, (n, 1)) * (rng.random((n, 1)) < 0.5)
    decay = rng.uniform(0.4, 0.85, (n, 1))
    before = np.zeros((n, days))
    for lead in range(1, 8):
        before[:, :-lead] = np.maximum(before[:, :-lead], mask[:, lead:] * decay ** (lead - 1))
    return mask.astype(np.float64), strength * mask + ramp * before * ~mask, shut


def _closures(
    rng: np.random.Generator, told: Mask, days: int, context_days: int
) -> tuple[Array, Array, Mask]:
    """Days closed, often followed by pent-up demand; the covariate is 1 on open days."""
    n = told.size
    shut, _ = _episodes(
        rng, n, days, gap_days=(7.0, 60.0), duration_days=(1.0, 5.0),
        arrangement=_Arrangement(told, context_days, 0.8),
    )  # fmt: skip
    rebound = rng.uniform(0.1, 0.7, (n, 1)) * (rng.random((n, 1)) < 0.5)
    after = np.zeros((n, days))
    after[:, 1:] = shut[:, :-1] & ~shut[:, 1:]
    return np.where(shut, 0.0, 1.0), rebound * after, shut


def _paydays(rng: np.random.Generator, calendar: _Calendar, rows: Index) -> tuple[Array, Array]:
    """Days of the month that lift demand: pay-days, or a run of benefit days."""
    n = rows.size
    day = calendar.day_of_month[rows]
    first = rng.choice([1, 1, 5, 10, 15, 25, 28], size=(n, 1))
    length = rng.integers(1, 11, (n, 1))
    second = (first + 14) % 28
    twice = rng.random((n, 1)) < 0.4
    mask = ((day - first) % 31 < length) | (twice & ((day - second) % 31 < length))
    every_other = (rng.random((n, 1)) < 0.3) & (day % 2 == 0)
    mask &= ~every_other
    return mask.astype(np.float64), rng.uniform(0.1, 0.8, (n, 1)) * mask


def _drivers(rng: np.random.Generator, n: int, days: int) -> tuple[Array, Array]:
    """A continuous driver such as temperature or footfall, smooth or jumpy, with either sign."""
    period = _log_uniform(rng, 6.0, 400.0, (n, 4, 1))
    phase = rng.uniform(0.0, 2 * np.pi, (n, 4, 1))
    smooth = np.cos(2 * np.pi * np.arange(days) / period + phase).sum(axis=1) / np.sqrt(2.0)
    jumpy = rng.standard_normal((n, days))
    share = rng.choice([0.0, 0.3, 1.0], size=(n, 1))
    driver = smooth * (1.0 - share) + jumpy * share
    strength = rng.uniform(0.2, 0.9, (n, 1)) * rng.choice([-1.0, 1.0], size=(n, 1))
    scale = _log_uniform(rng, 0.1, 100.0, (n, 1))
    return rng.normal(0.0, 3.0, (n, 1)) * scale + scale * driver, strength * driver


def _aggregate(rng: np.random.Generator, rate: Array, covariate_counts: Index) -> Array:
    """Replace some windows without covariates by the sum of four: an item over several shops."""
    rows = np.flatnonzero((rng.random(rate.shape[0]) < 0.08) & (covariate_counts == 0))
    if rows.size:
        parts = rng.integers(0, rate.shape[0], (rows.size, 3))
        rate = rate.copy()
        rate[rows] = rate[rows] + rate[parts].sum(axis=1)
    return rate


def _observe(rng: np.random.Generator, rate: Array, observed_day: Index) -> Array:
    """Turn expected demand into Poisson, negative binomial, zero-inflated, lumpy or continuous demand.

    The negative binomial is a Poisson with a gamma-distributed rate; lumpy demand is a compound
    Poisson with geometric sizes; packs multiply a count. Every family keeps the mean. A day named twice in
    ``observed_day`` is drawn twice.
    """
    # Relative noise falls with volume: many buyers average out.
    steadiness = 1.0 + 0.3 * np.sqrt(rate.mean(axis=1, keepdims=True))
    rate = rate[:, observed_day]
    n, days = rate.shape
    family = rng.random((n, 1))
    negative_binomial = (family >= 0.22) & (family < 0.80)
    shape = _log_uniform(rng, 0.25, 25.0, (n, 1)) * steadiness
    gamma_rows = np.flatnonzero(negative_binomial[:, 0])
    noisy = rate.copy()
    noisy[gamma_rows] *= (
        rng.standard_gamma(np.broadcast_to(shape[gamma_rows], (gamma_rows.size, days))) / shape[gamma_rows]
    )
    inflated = np.flatnonzero(negative_binomial[:, 0] & (rng.random(n) < 0.25))
    zero_share = rng.uniform(0.1, 0.75, (inflated.size, 1))
    noisy[inflated] *= (rng.random((inflated.size, days)) > zero_share) / (1.0 - zero_share)

    size = np.ones((n, days))
    mean_size = np.ones((n, 1))
    packed = np.flatnonzero(rng.random(n) < 0.07)
    mean_size[packed] = rng.choice([2, 3, 4, 6, 10, 12, 24], size=(packed.size, 1))
    size[packed] = mean_size[packed]
    lumpy = np.flatnonzero((family[:, 0] >= 0.80) & (family[:, 0] < 0.86))
    mean_size[lumpy] = _log_uniform(rng, 1.5, 20.0, (lumpy.size, 1))
    size[lumpy] = rng.geometric(np.broadcast_to(1.0 / mean_size[lumpy], (lumpy.size, days)))
    counts = size * rng.poisson(noisy / mean_size)

    continuous = family >= 0.86
    spread = _log_uniform(rng, 0.03, 0.6, (n, 1))
    amounts = rate * np.exp(spread * rng.standard_normal((n, days)) - spread**2 / 2)
    rounded = rng.random((n, 1)) < 0.4
    amounts = np.where(rounded, np.rint(amounts), amounts)
    return np.where(continuous, amounts, counts)


def _lose(
    rng: np.random.Generator, target: Array, observed_day: Index, context_days: int
) -> tuple[Array, Mask]:
    """Outliers, stock-outs, ended items and late listings; also returns (n, days) whether listed.

    What befalls a day befalls every draw of it, outliers apart.
    """
    n, observations = target.shape
    days = int(observed_day.max()) + 1

    wild = np.flatnonzero(rng.random(n) < 0.12)
    hit = rng.random((wild.size, observations)) < rng.uniform(0.001, 0.012, (wild.size, 1))
    factor = np.where(hit, rng.uniform(2.0, 15.0, (wild.size, observations)), 1.0)
    target[wild] = np.rint(target[wild] * factor) if wild.size else target[wild]

    for share, gap_days, duration_days in _ABSENCES:
        short = np.flatnonzero(rng.random(n) < share)
        out, _ = _episodes(rng, short.size, days, gap_days=gap_days, duration_days=duration_days)
        marked = rng.random((short.size, 1)) < 0.3
        target[short] = np.where(out[:, observed_day], np.where(marked, np.nan, 0.0), target[short])

    ended = np.flatnonzero(rng.random(n) < 0.03)
    last = rng.integers(context_days // 2, days, (ended.size, 1))
    target[ended] = np.where(observed_day > last, 0.0, target[ended])

    late = rng.random((n, 1)) < 0.28
    listing = np.where(late, rng.uniform(0.0, 0.88, (n, 1)) * context_days, 0.0).astype(np.int64)
    listed = observed_day >= listing
    growing = (rng.random((n, 1)) < 0.25) & late
    grown = 1.0 - np.exp(-(observed_day - listing + 1) / rng.uniform(4.0, 40.0, (n, 1)))
    ramp = np.where(growing, grown, 1.0)
    thinned = np.where(growing & listed, np.rint(target * ramp), target)
    return np.where(listed, thinned, np.nan), listed[:, :days]
