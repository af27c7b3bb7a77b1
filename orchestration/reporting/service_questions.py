"""What people ask of a replay: what service was promised, what was kept, and what more of it costs.

Belongs here: the queries and the sentence. Does not belong here: the picture (``plots``), the replay itself
(``stages.simulating``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl
from psycopg.rows import class_row

from forecasting_lib.inventory.simulation.baselines import MOVING_AVERAGE, TEXTBOOK
from forecasting_lib.inventory.simulation.judgement import Basis
from forecasting_lib.inventory.simulation.rolled_levels import FORECAST
from orchestration.warehouse.asking import Place, asking
from orchestration.warehouse.bulk import read_frame, render

POLICY_NAMES = {FORECAST: "the plan", TEXTBOOK: "textbook formula", MOVING_AVERAGE: "7-day average x factor"}

NOT_SIMULATED = "Unknown: nothing has been replayed yet; 'forecaster simulate' shows what was kept."


@dataclass(frozen=True)
class ReplayedService:
    """A policy's service over all series of the current replay, at one choice of its level."""

    policy: str
    basis: str
    target: float
    cycles: float | None
    cycles_low: float | None
    cycles_high: float | None
    promised: float | None
    units: float | None
    cover_days: float | None

    @property
    def chosen(self) -> str:
        """How the level was chosen, in words."""
        return "as set" if self.basis == Basis.AS_SET.value else "fitted on earlier days"


@dataclass(frozen=True)
class Replayed:
    """When and what was replayed."""

    first_date: date
    last_date: date
    n_series: int
    n_series_of: int
    model: str
    service_target: float


@dataclass(frozen=True)
class ServiceRecord:
    """What a replay comes to.

    Attributes:
        rows: the policies at their own level and, for the client's target, at one fitted before.
        frontier: ``policy, achieved, cover_days`` of the levels swept, all series together.
        sentence: what was kept beside what was promised.
        target: service level of the client's policy then; None where nothing was replayed.
    """

    rows: Sequence[ReplayedService]
    frontier: pl.DataFrame
    sentence: str
    target: float | None


def service_record(place: Place, client_id: str) -> ServiceRecord:
    """The service of the current replay; empty, with a sentence, where there is none."""
    with asking(place) as connection:
        with connection.cursor(row_factory=class_row(Replayed)) as cursor:
            replayed = cursor.execute(
                """
                select first_date, last_date, n_series, n_series_of, model, service_target
                from analytics.service_backtest_runs where client_id = %s and is_current
                """,
                (client_id,),
            ).fetchone()
        with connection.cursor(row_factory=class_row(ReplayedService)) as cursor:
            rows = cursor.execute(_ROWS, {"client": client_id}).fetchall()
        equal = connection.execute(_EQUAL, {"client": client_id, "textbook": TEXTBOOK}).fetchone()
        frontier = read_frame(connection, render(_FRONTIER, c=client_id))
    extra = None if equal is None else equal[0]
    target = None if replayed is None else replayed.service_target
    return ServiceRecord(rows, frontier, service_sentence(replayed, rows, extra), target)


def service_sentence(
    replayed: Replayed | None, rows: Sequence[ReplayedService], textbook_stock: float | None
) -> str:
    """What was kept beside what was promised.

    Args:
        replayed: when and what; None where nothing was.
        rows: as ``ServiceRecord.rows``.
        textbook_stock: stock that the textbook formula took for the service of the plan's fitted levels, over
            the plan's; None where it is not known.
    """
    plan = next((row for row in rows if (row.policy, row.basis) == (FORECAST, Basis.AS_SET.value)), None)
    if replayed is None or plan is None:
        return NOT_SIMULATED
    days = (replayed.last_date - replayed.first_date).days + 1
    of = "" if replayed.n_series == replayed.n_series_of else f" of {replayed.n_series_of:,}"
    where = f"Over {days} days to {replayed.last_date}, replayed for {replayed.n_series:,}{of} series"
    if plan.cycles is None or plan.cycles_low is None or plan.cycles_high is None:
        return f"{where}, no order arrived, so whether {plan.target:.0%} was kept is unknown."
    kept = (
        f"{where}, the plan's levels kept {plan.cycles:.1%} "
        f"({plan.cycles_low:.1%} to {plan.cycles_high:.1%}) of replenishment cycles without a stock-out; "
        f"{plan.target:.0%} was promised."
    )
    if textbook_stock is None:
        return f"{kept} Against the textbook formula's stock at equal service nothing can be said."
    more = "more" if textbook_stock >= 1.0 else "less"
    return f"{kept} For equal service the textbook formula took {abs(textbook_stock - 1.0):.0%} {more} stock."


_ROWS = """
    with current as (
        select line.*, run.service_target
        from analytics.service_backtest as line
        inner join analytics.service_backtest_runs as run using (client_id, run_id)
        where run.client_id = %(client)s and run.is_current and line.segment = 'all'
    )

    select
        cycle.policy,
        cycle.basis,
        cycle.target,
        cycle.achieved as cycles,
        cycle.achieved_low as cycles_low,
        cycle.achieved_high as cycles_high,
        cycle.predicted as promised,
        unit.achieved as units,
        cycle.cover_days
    from current as cycle
    left join current as unit
        on unit.policy = cycle.policy and unit.basis = cycle.basis and unit.target = cycle.target
            and unit.metric = 'fill_rate' and cycle.basis = 'as_set'
    where cycle.metric = 'csl_cycle' and cycle.basis in ('as_set', 'fitted')
        and cycle.target = cycle.service_target
    order by cycle.basis, cycle.line_no
"""

_EQUAL = """
    select other.on_hand_qty / nullif(plan.on_hand_qty, 0)
    from analytics.service_backtest as other
    inner join analytics.service_backtest_runs as run using (client_id, run_id)
    inner join lateral (
        select line.on_hand_qty from analytics.service_backtest as line
        where line.client_id = other.client_id and line.run_id = other.run_id and line.policy = 'forecast'
            and line.segment = other.segment and line.metric = other.metric and line.target = other.target
            and line.basis in ('fitted', 'as_set')
        order by line.basis desc
        limit 1
    ) as plan on true
    where run.client_id = %(client)s and run.is_current and other.policy = %(textbook)s
        and other.basis = 'equal_service' and other.segment = 'all' and other.metric = 'csl_cycle'
        and other.target = run.service_target
"""

_FRONTIER = """
    select line.policy, line.achieved, line.cover_days
    from analytics.service_backtest as line
    inner join analytics.service_backtest_runs as run using (client_id, run_id)
    where run.client_id = {c} and run.is_current and line.segment = 'all' and line.metric = 'csl_cycle'
        and line.basis = 'sweep' and line.achieved is not null and line.cover_days is not null
    order by line.line_no
"""
