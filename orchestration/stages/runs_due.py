"""Which published runs have scores that are not those of the actuals known now, and of which periods.

Belongs here: what makes a score out of date, as pure functions.
Does not belong here: the transaction that scores (``scoring``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count, takewhile

from forecasting_lib.accuracy.lag_buckets import lag_bucket
from forecasting_lib.grain import Grain

NO_FACTS = "0"
"""The digest of a known period of which nothing is recorded: nothing was sold and nobody was closed."""


@dataclass(frozen=True)
class PublishedRun:
    """One model of a published forecast run, and the actuals it is scored by.

    Attributes:
        run_id: the forecast run.
        model: its model.
        as_of_date: the day before the first day forecast, the last of a period.
        horizon_days: days from the as-of date to the end of its last period.
        grain: what a period of it is.
        scored_digests: digest of the actuals of each period that it is scored by, the first one first; none
            where it was never scored, or its scores do not stand.
    """

    run_id: str
    model: str
    as_of_date: date
    horizon_days: int
    grain: str = Grain.DAY
    scored_digests: Sequence[str] = ()

    def known_periods(self, actuals_through: date | None) -> list[date]:
        """First days of the periods of its horizon that are known when actuals reach a day."""
        if actuals_through is None:
            return []
        grain = Grain(self.grain)
        last = min(actuals_through, self.as_of_date + timedelta(days=self.horizon_days))
        return list(takewhile(last.__ge__, (grain.shift(self.as_of_date, lag) for lag in count(1))))


@dataclass(frozen=True)
class BucketDue:
    """Periods of one lag bucket that are to be scored.

    Attributes:
        lag_bucket: the bucket.
        dates: first days of the periods; none where none of the bucket's is known any more.
        is_added_to: whether they are added to the sums of the bucket, or make them anew.
    """

    lag_bucket: str
    dates: Sequence[date]
    is_added_to: bool


@dataclass(frozen=True)
class RunDue:
    """A run whose scores are not those of the actuals known now.

    Attributes:
        run: the run and model.
        buckets: what is to be scored, at least one.
        digests: digest of the actuals of each known period, the first one first.
    """

    run: PublishedRun
    buckets: Sequence[BucketDue]
    digests: Sequence[str]


def runs_due(
    runs: Iterable[PublishedRun], digests: Mapping[date, str], actuals_through: date | None
) -> list[RunDue]:
    """The runs whose scores are not those of the actuals known now.

    A lag bucket whose known periods begin with those it is scored by, each with the same actuals, gets the
    later ones added. One with a period that was restated, or is not known any more, is scored anew: more or
    fewer sales were delivered, a later return was set against an earlier sale, an earlier day turned out to
    be closed. A bucket of which nothing changed is left alone.

    Args:
        runs: published runs.
        digests: of the actuals of each period that anything is recorded of, by its first day.
        actuals_through: last complete day of demand; None before the first.
    """
    return [due for run in runs if (due := _due(run, digests, actuals_through)) is not None]


def _due(run: PublishedRun, digests: Mapping[date, str], actuals_through: date | None) -> RunDue | None:
    periods = run.known_periods(actuals_through)
    if not periods:
        return None
    known = [digests.get(period, NO_FACTS) for period in periods]
    places: dict[str, list[int]] = {}
    for place in range(max(len(known), len(run.scored_digests))):
        places.setdefault(lag_bucket(Grain(run.grain), place + 1), []).append(place)
    buckets = []
    for name, of_bucket in places.items():
        now = [place for place in of_bucket if place < len(known)]
        scored = [place for place in of_bucket if place < len(run.scored_digests)]
        if len(scored) <= len(now) and all(run.scored_digests[place] == known[place] for place in scored):
            later = [periods[place] for place in now[len(scored) :]]
            if later:
                buckets.append(BucketDue(name, later, is_added_to=bool(scored)))
        else:
            buckets.append(BucketDue(name, [periods[place] for place in now], is_added_to=False))
    return RunDue(run, buckets, known) if buckets else None
