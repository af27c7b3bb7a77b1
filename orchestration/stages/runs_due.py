"""Which published runs have scores that are not those of the actuals known now.

Belongs here: what makes a score out of date, as pure functions. Does not belong here: the transaction that
scores (``scoring``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from forecasting_lib.grain import Grain


@dataclass(frozen=True)
class PublishedRun:
    """One model of a published forecast run, and how far it is scored.

    Attributes:
        run_id: the forecast run.
        model: its model.
        as_of_date: the day before the first day forecast.
        horizon_days: days from the as-of date to the end of its last period.
        scored_through: last day of actuals at the current scoring; None where it was never scored.
        scored_watermark: highest delivery visible to that scoring; None where it was never scored.
        grain: what a period of it is.
        actuals_digest: digest of the actuals of its days, as far as they are known; None where none is.
        scored_digest: that of the actuals it was scored by; None where nobody noted it.
    """

    run_id: str
    model: str
    as_of_date: date
    horizon_days: int
    scored_through: date | None
    scored_watermark: int | None
    grain: str = Grain.DAY
    actuals_digest: str | None = None
    scored_digest: str | None = None

    def last_known_day(self, actuals_through: date) -> date:
        """The last day of the horizon that is known when actuals reach ``actuals_through``."""
        return min(actuals_through, self.as_of_date + timedelta(days=self.horizon_days))


@dataclass(frozen=True)
class Delivery:
    """A file that was loaded or withdrawn and changes actuals, and its days, both ends included."""

    file_id: int
    first_date: date
    last_date: date


def runs_due(
    runs: Iterable[PublishedRun], deliveries: Iterable[Delivery], actuals_through: date | None
) -> list[PublishedRun]:
    """The runs whose scores are not those of the actuals known now.

    A run is due when a day of its horizon is known and it was never scored, or more or fewer of its days
    are known than at its scoring, or a delivery since then is about one of its known days. The second case
    stands apart from the third because a delivery makes every day before its own last day an actual, the
    days nobody delivered a row for included. And it is due when the actuals of its days are not those it was
    scored by: a later return was set against an earlier sale, or an earlier day turned out to be closed.

    Args:
        runs: published runs.
        deliveries: loaded files that change actuals, at least those later than the oldest scoring.
        actuals_through: last complete day of demand; None before the first.
    """
    if actuals_through is None:
        return []
    delivered = list(deliveries)
    return [run for run in runs if _is_due(run, delivered, actuals_through)]


def _is_due(run: PublishedRun, deliveries: Sequence[Delivery], actuals_through: date) -> bool:
    if actuals_through <= run.as_of_date:
        return False
    if run.scored_through is None or run.scored_watermark is None or run.actuals_digest != run.scored_digest:
        return True
    last_known = run.last_known_day(actuals_through)
    if last_known != run.last_known_day(run.scored_through):
        return True
    return any(
        delivery.file_id > run.scored_watermark
        and delivery.last_date > run.as_of_date
        and delivery.first_date <= last_known
        for delivery in deliveries
    )
