"""The page of accuracy: how right each model was, over time and by item, which leads, and what is not scored.

Belongs here: what the page asks and hands to its template. Does not belong here: what a metric means
(``reporting.accuracy_words``), why a run is not scored (``reporting.accuracy_questions``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
from fastapi import APIRouter, Request
from fastapi.responses import Response

from forecasting_lib.grain import Grain
from orchestration.api.pages import session
from orchestration.api.pages.plots import Line, Plot
from orchestration.api.pages.render import page
from orchestration.api.pages.service_plot import tradeoff
from orchestration.api.pages.visits import Reads
from orchestration.reading.accuracy import latest_accuracy
from orchestration.reading.gaps import about, find_gaps
from orchestration.reporting.accuracy_questions import best_items, unscored_runs, value_added, worst_items
from orchestration.reporting.accuracy_words import (
    better_models,
    how_good,
    in_words,
    leading_score,
    meanings,
)
from orchestration.reporting.backtest_questions import Reliability, model_comparison
from orchestration.reporting.catalogue import ACCURACY
from orchestration.reporting.covariate_questions import covariate_worth, verdict_in_words
from orchestration.reporting.drift_questions import drift_episodes, drift_sentence
from orchestration.reporting.listings import Wish, read_page
from orchestration.reporting.questions import latest_models
from orchestration.reporting.service_questions import POLICY_NAMES, service_record

_SCORES_READ = 1_000
_WORST_SHOWN = 20
_BEST_SHOWN = 10
_UNSCORED_SHOWN = 20
_EPISODES_SHOWN = 20

router = APIRouter(prefix=f"{session.PATH}/{{client_id}}", include_in_schema=False)


@router.get("/accuracy")
def accuracy(request: Request, visit: Reads) -> Response:
    """How right the forecasts were."""
    with visit.work.reading() as connection:
        models = latest_models(connection, visit.client_id).to_dicts()
        scores = latest_accuracy(connection, visit.client_id).to_dicts()
        over_time = read_page(connection, ACCURACY, visit.client_id, Wish(_SCORES_READ)).rows
        unscored = unscored_runs(connection, visit.client_id)
        judged = model_comparison(connection, visit.client_id)
        service = service_record(connection, visit.client_id)
        worth = covariate_worth(connection, visit.client_id)
        gaps = [] if scores else find_gaps(connection, visit.client_id)
        episodes = drift_episodes(connection, visit.client_id, _EPISODES_SHOWN)
        lead = leading_score(models, scores)
        worst, best, added = [], [], []
        if lead is not None:
            of_run = (connection, visit.client_id, lead["model"], lead["as_of_date"])
            worst = worst_items(*of_run, _WORST_SHOWN).to_dicts()
            best = best_items(*of_run, _BEST_SHOWN).to_dicts()
            added = value_added(connection, visit.client_id, lead["model"]).to_dicts()
    grain = Grain(lead["grain"] if lead else models[0]["grain"] if models else Grain.DAY)
    of_now = over_time.filter(pl.col("grain") == grain)
    return page(
        request,
        visit,
        "accuracy.html.j2",
        grain=grain,
        models=models,
        scores=scores,
        judged=judged,
        service=service,
        policy_names=POLICY_NAMES,
        service_plot=tradeoff(service.frontier, POLICY_NAMES, service.target or 0.0),
        worth=worth,
        verdicts=[verdict_in_words(row) for row in worth.covariates],
        lead=lead,
        record=how_good(lead, scores) if lead else None,
        said=in_words(lead)[1:] if lead else [],
        better=better_models(scores, lead) if lead else [],
        meanings=meanings(grain),
        over_time=of_now.to_dicts(),
        of_other_grains=over_time.height - of_now.height,
        is_cut=over_time.height == _SCORES_READ,
        wape_plot=wape_plot(of_now, lead["model"] if lead else None) if of_now.height else None,
        reliability_plot=reliability_plot(judged.reliability) if judged.reliability else None,
        episodes=episodes,
        drift_said=drift_sentence(episodes),
        added=[row for row in added if row["grain"] == grain],
        worst=worst,
        best=best,
        unscored=unscored[:_UNSCORED_SHOWN],
        more_unscored=max(len(unscored) - _UNSCORED_SHOWN, 0),
        reasons=[*about(gaps, ("deliveries", "forecast", "accuracy")), *_not_scored(gaps)],
    )


def wape_plot(scores: pl.DataFrame, leading: str | None) -> Plot:
    """WAPE of each model over as-of dates, the leading one's line the strongest.

    Args:
        scores: rows of the listing, a row per as-of date and model.
        leading: the model.
    """
    days: list[date] = scores["as_of_date"].unique().sort().to_list()
    lines = []
    for model in sorted(scores["model"].unique().to_list(), key=lambda name: (name != leading, name)):
        of_model = scores.filter(pl.col("model") == model)
        by_day = dict(of_model.select("as_of_date", "wape").iter_rows())
        label = f"{model}, leads" if model == leading else model
        values = [by_day.get(day) for day in days]
        lines.append(Line(label, values, "lead" if model == leading else "other", points=True))
    return Plot(x=days, x_label="as of", y_label="WAPE", lines=lines, is_share=True)


def reliability_plot(held: Reliability) -> Plot:
    """What each quantile held beside what it names: of a forecast that is true, both are the same."""
    levels = held.levels
    lines = [
        Line("as named", levels["level"].to_list(), "quiet"),
        Line(f"{held.preferred}, as it came", levels["raw"].to_list(), "other", points=True),
        Line("published", levels["published"].to_list(), "lead", points=True),
    ]
    return Plot(
        x=levels["level"].to_list(),
        x_label="level of the quantile",
        y_label="actuals below it",
        lines=[line for line in lines if line.is_there],
        is_share=True,
    )


def _not_scored(gaps: Sequence[Any]) -> list[str]:
    """That nothing could be scored yet, which is no warning and so is not said by ``about``."""
    return [gap.advice for gap in gaps if gap.severity == "info" and gap.concerns == "accuracy"]
