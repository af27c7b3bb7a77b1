"""Which covariates a model is told of, by what past origins said of each, and how a person reads it.

Belongs here: when covariates are judged anew, what a plan follows, the words. Does not belong here: how one
is judged (``forecasting_lib.backtesting.covariate_worth``), what is stored (``backtest_runs``).
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from forecasting_lib.backtesting.covariate_worth import Window, Worth, covariate_worths
from forecasting_lib.covariates import Use
from forecasting_lib.origins import Origin
from forecasting_lib.panel import Panel
from orchestration.reading.covariate_worth import JudgedCovariate
from orchestration.stages.model_plans import PlannedModel

STANDS_FOR = timedelta(days=56)
"""A verdict is carried on for so long: a window more changes little, and judging every week would double what
the backtest of a small client costs and let a covariate come and go by chance."""


def told_by_worth(plans: Sequence[PlannedModel], found: Iterable[JudgedCovariate]) -> list[PlannedModel]:
    """The plans with what is known of their covariates; of other weights than a plan's nothing is."""
    rows = list(found)
    return [
        replace(
            plan,
            judged={
                row.covariate: row
                for row in rows
                if row.model == plan.model and row.weights_digest == _digest(plan)
            },
        )
        for plan in plans
    ]


def judged_plans(
    plans: Sequence[PlannedModel],
    origins: Sequence[Origin],
    horizon: int,
    *,
    anew: bool,
    log: Callable[[str], None],
) -> list[PlannedModel]:
    """The plans with a verdict on every covariate of the origins, judged now or carried on.

    Args:
        plans: with what the current backtest knew, as :func:`told_by_worth` gives them.
        origins: the earliest first.
        horizon: periods ahead.
        anew: judge whatever stands.
        log: told what is judged, and how long it took.
    """
    return [
        _judged(plan, origins, horizon, anew=anew, log=log) if plan.uses_covariates else plan
        for plan in plans
    ]


def _judged(
    plan: PlannedModel,
    origins: Sequence[Origin],
    horizon: int,
    *,
    anew: bool,
    log: Callable[[str], None],
) -> PlannedModel:
    told = set(origins[-1].panel.past_covariates)
    if not told or (not anew and _stands(plan.judged, told, origins)):
        return replace(
            plan, judged={name: replace(row, duration_seconds=None) for name, row in plan.judged.items()}
        )
    started = time.monotonic()
    worths = covariate_worths(plan.forecaster(), origins, horizon)
    seconds = time.monotonic() - started
    log(f"{plan.model}: {len(worths)} covariates judged in {seconds:.1f} s")
    return replace(plan, judged={worth.covariate: _row(plan, worth, origins, seconds) for worth in worths})


def _stands(judged: Mapping[str, JudgedCovariate], told: set[str], origins: Sequence[Origin]) -> bool:
    return told <= set(judged) and all(
        row.verdict != Use.TOO_FEW_WINDOWS and origins[-1].date - row.last_origin_date < STANDS_FOR
        for row in judged.values()
    )


def _row(plan: PlannedModel, worth: Worth, origins: Sequence[Origin], seconds: float) -> JudgedCovariate:
    gain, own = worth.gain, worth.own_gain
    return JudgedCovariate(
        model=plan.model,
        covariate=worth.covariate,
        verdict=str(worth.verdict),
        gain=gain.share if gain else None,
        standard_error=gain.standard_error if gain else None,
        own_gain=own.share if own else None,
        own_standard_error=own.standard_error if own else None,
        n_windows=gain.n_windows if gain else 0,
        n_series=worth.n_series,
        windows=[_window(window) for window in worth.windows],
        first_origin_date=origins[0].date,
        last_origin_date=origins[-1].date,
        duration_seconds=seconds,
        weights_digest=_digest(plan),
    )


def _window(window: Window) -> dict[str, Any]:
    every, own = window.all_days, window.own_days
    return {
        "origin_date": window.origin_date.isoformat(),
        "decides": window.decides,
        "wql_with": every.wql_with,
        "wql_without": every.wql_without,
        "n_actuals": every.n_actuals,
        "own_wql_with": own.wql_with if own else None,
        "own_wql_without": own.wql_without if own else None,
        "own_n_actuals": own.n_actuals if own else 0,
    }


def _digest(plan: PlannedModel) -> str | None:
    return plan.weights.digest if plan.weights else None


def said_of_covariates(plan: PlannedModel, panel: Panel) -> str:
    """Of which covariates a model is told and of which not, each with its worth, as sentences.

    Args:
        plan: of the model.
        panel: what there is to be told.

    Returns:
        Nothing of a model that uses none, or where there is none.
    """
    there = list(panel.past_covariates) if plan.uses_covariates else []
    told = [_said(name, plan.judged.get(name)) for name in there if name not in plan.left_out]
    left_out = [_said(name, plan.judged.get(name)) for name in there if name in plan.left_out]
    return " ".join(
        f"{start} {', '.join(names)}."
        for start, names in (("Told of:", told), ("Not told of, for want of a gain at past days:", left_out))
        if names
    )


def _said(name: str, row: JudgedCovariate | None) -> str:
    return f"{name} ({worth_in_words(row)})"


def worth_in_words(row: JudgedCovariate | None) -> str:
    """What a covariate was worth, in a few words.

    >>> worth_in_words(None)
    'not judged'
    """
    if row is None:
        return "not judged"
    if row.verdict == Use.TOO_FEW_WINDOWS or row.gain is None:
        return "not judged: too few past windows"
    own = "" if row.own_gain is None else f", {_change(row.own_gain)} on its days"
    return f"{_change(row.gain)} error{own}"


def _change(gain: float) -> str:
    return f"{abs(gain):.1%} {'less' if gain >= 0 else 'more'}"
