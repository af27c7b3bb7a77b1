"""What covariates are worth to a client's models, by its current backtest, read from the warehouse.

Belongs here: the rows and the query. Does not belong here: how a covariate is judged
(``forecasting_lib.backtesting.covariate_worth``), what follows for a forecast (``stages.covariate_use``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from psycopg.rows import class_row

from forecasting_lib.covariates import Use
from orchestration.warehouse.asking import Place, asking


@dataclass(frozen=True)
class JudgedCovariate:
    """A row of ``analytics.covariate_worth``, with the weights that the model had.

    Attributes:
        model: whose covariate.
        covariate: its name.
        verdict: one of ``Use``.
        gain: share by which the loss is smaller with it; None where no window could tell.
        standard_error: of the gain.
        own_gain: the same on its own days; None where they are few.
        own_standard_error: of that.
        n_windows: windows that decide.
        n_series: series asked about.
        windows: of each origin, what was lost with it and without.
        first_origin_date: last day seen at the first origin.
        last_origin_date: last day seen at the last one.
        duration_seconds: time that judging all of the model's took; None where an earlier verdict stands.
        weights_digest: SHA-256 of the weights; None of a model without.
    """

    model: str
    covariate: str
    verdict: str
    gain: float | None
    standard_error: float | None
    own_gain: float | None
    own_standard_error: float | None
    n_windows: int
    n_series: int
    windows: Sequence[Mapping[str, Any]]
    first_origin_date: date
    last_origin_date: date
    duration_seconds: float | None
    weights_digest: str | None

    @property
    def is_used(self) -> bool:
        """Whether the model is told of it."""
        return self.verdict != Use.NOT_USED


def judged_covariates(place: Place, client_id: str) -> list[JudgedCovariate]:
    """The verdicts of the current backtest by model and covariate; none where none was made."""
    with asking(place) as connection, connection.cursor(row_factory=class_row(JudgedCovariate)) as cursor:
        return cursor.execute(
            """
            select
                worth.model,
                worth.covariate,
                worth.verdict,
                worth.gain,
                worth.standard_error,
                worth.own_gain,
                worth.own_standard_error,
                worth.n_windows,
                worth.n_series,
                worth.windows,
                worth.first_origin_date,
                worth.last_origin_date,
                worth.duration_seconds,
                runs.weights_digest
            from analytics.covariate_worth as worth
            inner join analytics.backtest_runs as runs using (client_id, run_id, model)
            where worth.client_id = %s and runs.is_current
            order by worth.model, worth.covariate
            """,
            (client_id,),
        ).fetchall()
