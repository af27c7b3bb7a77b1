"""Which covariates a model is told of: verdicts that are carried on, followed and said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import psycopg
import pytest

from forecasting_lib.backtesting.evidence import gathered
from forecasting_lib.backtesting.newcomers import NO_NEWCOMERS
from forecasting_lib.backtesting.replay import replay
from forecasting_lib.covariates import Use
from forecasting_lib.models.weights import ResolvedWeights, WeightsSource
from forecasting_lib.origins import Origin, cut
from forecasting_lib.panel import Panel
from orchestration.clients import Client
from orchestration.reading.covariate_worth import JudgedCovariate, judged_covariates
from orchestration.reading.origins import KnownOrigins
from orchestration.reporting.covariate_questions import covariate_sentence, worth_line
from orchestration.stages.backtest_origins import Asked
from orchestration.stages.backtest_runs import BacktestRun, Replayed, publish
from orchestration.stages.covariate_use import (
    STANDS_FOR,
    judged_plans,
    said_of_covariates,
    told_by_worth,
)
from orchestration.stages.model_plans import PlannedModel, panel_for, settings_of
from orchestration.warehouse.server import Warehouse

AS_OF = date(2026, 6, 2)
ROW = JudgedCovariate(
    model="chronos2",
    covariate="promotion",
    verdict=Use.USED,
    gain=0.041,
    standard_error=0.01,
    own_gain=0.212,
    own_standard_error=0.03,
    n_windows=4,
    n_series=300,
    windows=(),
    first_origin_date=AS_OF - timedelta(days=140),
    last_origin_date=AS_OF,
    duration_seconds=12.0,
    weights_digest="d1",
)
SNAP = replace(
    ROW, covariate="snap", verdict=Use.NOT_USED, gain=-0.003, own_gain=None, own_standard_error=None
)


def plan_of(digest: str = "d1") -> PlannedModel:
    """Chronos-2 on weights that are never loaded."""
    return PlannedModel("chronos2", ResolvedWeights(WeightsSource.EXPLICIT, "tiny", Path("nowhere"), digest))


def panel_of(*names: str, as_of: date = AS_OF) -> Panel:
    rows = {name: (np.arange(40.0) % 2,) for name in names}
    ahead = {name: (np.ones(7),) for name in names}
    return Panel(("0",), as_of, (np.arange(1.0, 41.0),), rows, ahead)


def test_what_did_not_help_is_not_shown() -> None:
    [plan, other] = told_by_worth([plan_of(), PlannedModel("ma7")], [ROW, SNAP])
    panel = panel_of("promotion", "price", "snap")
    shown = panel_for(plan, panel)
    assert set(shown.past_covariates) == set(shown.future_covariates) == {"promotion", "price"}
    assert panel_for(plan_of(), panel) is panel, "as long as nobody has judged"
    assert not panel_for(other, panel).past_covariates
    settings = settings_of(plan, panel)
    assert settings["covariates"] == {"promotion": "announced", "price": "held"}
    worth = settings["covariate_worth"]
    assert (worth["snap"]["verdict"], worth["snap"]["gain"]) == ("not_used", -0.003)
    assert worth["promotion"]["own_gain"] == 0.212
    assert worth["price"] == {"verdict": "not_judged"}


def test_a_run_says_what_each_covariate_was_worth() -> None:
    [plan] = told_by_worth([plan_of()], [ROW, SNAP])
    panel = panel_of("promotion", "price", "snap")
    assert said_of_covariates(plan, panel) == (
        "Told of: promotion (4.1% less error, 21.2% less on its days), price (not judged). "
        "Not told of, for want of a gain at past days: snap (0.3% more error)."
    )
    assert said_of_covariates(plan_of(), panel_of("price")) == "Told of: price (not judged)."
    assert said_of_covariates(plan, panel_of()) == ""
    assert said_of_covariates(PlannedModel("ma7"), panel) == ""
    unknown = replace(ROW, verdict=Use.TOO_FEW_WINDOWS, gain=None)
    [plan] = told_by_worth([plan_of()], [unknown])
    assert said_of_covariates(plan, panel_of("promotion")) == (
        "Told of: promotion (not judged: too few past windows)."
    )


def test_other_weights_have_to_be_judged_themselves() -> None:
    [plan] = told_by_worth([plan_of("tuned since")], [ROW, SNAP])
    assert plan.judged == {}
    assert plan.left_out == frozenset()


def origins(*names: str, later_days: int) -> list[Origin]:
    as_of = AS_OF + timedelta(days=later_days)
    return [Origin(panel_of(*names, as_of=as_of), np.ones((1, 7)))]


def not_asked(plan: PlannedModel, of: list[Origin]) -> bool:
    """Whether a verdict stands; where it does not, one origin is too few and the model is not loaded."""
    [after] = judged_plans([plan], of, 7, anew=False, log=print)
    assert all(row.duration_seconds is None or row.n_series == 0 for row in after.judged.values())
    return all(row.verdict != Use.TOO_FEW_WINDOWS for row in after.judged.values())


def test_a_verdict_stands_for_eight_weeks() -> None:
    [plan] = told_by_worth([plan_of()], [ROW, SNAP])
    assert not_asked(plan, origins("promotion", "snap", later_days=STANDS_FOR.days - 1))
    assert not_asked(plan, origins("promotion", later_days=0)), "a calendar that has ended"
    assert not not_asked(plan, origins("promotion", "snap", later_days=STANDS_FOR.days))
    assert not not_asked(plan, origins("promotion", "price", later_days=0)), "a covariate nobody has judged"
    [after] = judged_plans([plan], origins("promotion", later_days=0), 7, anew=True, log=print)
    assert after.judged["promotion"].verdict == Use.TOO_FEW_WINDOWS
    [short] = told_by_worth([plan_of()], [replace(ROW, verdict=Use.TOO_FEW_WINDOWS)])
    assert not not_asked(short, origins("promotion", later_days=0)), "there may be more windows now"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "No covariate has been judged"),
        ([ROW, SNAP], "Of 2 covariates of models, 1 made forecasts clearly better at past days and is used."),
        ([replace(ROW, verdict=Use.TOO_FEW_WINDOWS)], "1 could not be judged on so few windows"),
    ],
)
def test_the_verdicts_come_to_a_sentence(rows: list[JudgedCovariate], said: str) -> None:
    assert said in covariate_sentence(rows)


def test_each_verdict_has_its_figures() -> None:
    assert worth_line(ROW) == (
        "used; error -4.1% (± 1.0%) with it, on its own days -21.2% (± 3.0%), 4 windows through 2026-06-02"
    )
    assert worth_line(SNAP) == "not used; error +0.3% (± 1.0%) with it, 4 windows through 2026-06-02"
    unknown = replace(ROW, verdict=Use.TOO_FEW_WINDOWS, gain=None, standard_error=None)
    assert worth_line(unknown) == "used, too few windows to judge"


def backtest_of(client: Client, folder: Path, *verdicts: JudgedCovariate) -> BacktestRun:
    """A backtest of one series that found these verdicts."""
    panel = Panel(("0",), AS_OF, (np.arange(60.0) % 5,))
    origins = [cut(panel, back, 7) for back in (21, 14, 7)]
    plan = PlannedModel("hist_q", judged={row.covariate: row for row in verdicts})
    replays = {"hist_q": replay(plan.forecaster(), origins, 7, folder)}
    keys = pl.DataFrame({"series_id": ["0"], "item_id": ["a"], "location_id": ["main"]})
    return BacktestRun(
        client,
        Asked([origin.date for origin in origins], 7, 7),
        KnownOrigins(origins, keys, None, [None] * len(origins)),
        [Replayed(plan)],
        gathered(origins, replays, {"hist_q": 0}, ["hist_q"], folder),
        "digest",
        "dagster run",
        {"hist_q": NO_NEWCOMERS},
    )


def test_a_backtest_that_dies_while_it_publishes_leaves_the_verdicts_before(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    """The last row of all is refused by the database."""
    client = new_client(prefix="told")
    own = [replace(row, model="hist_q", weights_digest=None) for row in (ROW, SNAP)]
    publish(warehouse, backtest_of(client, tmp_path, *own))
    assert judged_covariates(warehouse, client.client_id) == [replace(row, windows=[]) for row in own]
    better = replace(own[0], gain=0.5)
    damaged = replace(own[1], gain=float("inf"))
    with pytest.raises(psycopg.errors.CheckViolation):
        publish(warehouse, backtest_of(client, tmp_path, better, damaged))
    assert judged_covariates(warehouse, client.client_id) == [replace(row, windows=[]) for row in own]
    publish(warehouse, backtest_of(client, tmp_path, better))
    [after] = judged_covariates(warehouse, client.client_id)
    assert after == replace(better, windows=[])
    with warehouse.transaction() as connection:
        rows = connection.execute(
            "select count(*) from analytics.covariate_worth where client_id = %s", (client.client_id,)
        ).fetchone()
    assert rows == (3,), "those of both backtests that were published"
