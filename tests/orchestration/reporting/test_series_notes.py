"""What is noted of a series: what is missing first, each with what to do."""

from __future__ import annotations

from typing import Any

import pytest

from forecasting_lib.grain import Grain
from forecasting_lib.inventory import FLAG_VOCABULARY, Flag
from forecasting_lib.models.guards import Note as ForecastNote
from forecasting_lib.models.guards import Reason
from orchestration.reporting.series_notes import Note, series_notes

LEAD = {"run_id": "f1", "as_of_date": "2026-03-29"}
FORECAST = {"status": "forecast", "reason": None}
PLAN: dict[str, Any] = {
    "is_planned": True,
    "as_of_date": "2026-03-29",
    "forecast_run_id": "f1",
    "unit_cost": 2.0,
    "flags": [],
}


def notes(**changes: Any) -> list[Note]:
    given: dict[str, Any] = {"lead": LEAD, "judged": FORECAST, "plan": PLAN, "lines": [], **changes}
    return series_notes(Grain.WEEK, **given)


def test_a_series_of_which_nothing_is_missing_has_no_note() -> None:
    assert notes() == []


@pytest.mark.parametrize("flag", list(Flag))
def test_every_flag_is_a_sentence(flag: Flag) -> None:
    (note,) = notes(plan={**PLAN, "flags": [str(flag)]})
    assert (note.flag, note.severity) == (flag, FLAG_VOCABULARY[flag].severity)
    assert note.sentence == FLAG_VOCABULARY[flag].meaning
    if note.severity == "error" and flag is not Flag.BACKORDER:
        assert note.remedy


def test_a_flag_of_a_line_is_noted_once() -> None:
    lines = [{"flags": ["EXCESS", "MOQ_OVERSHOOT"]}, {"flags": ["EXCESS", "MOQ_OVERSHOOT"]}]
    assert {note.flag for note in notes(lines=lines, plan={**PLAN, "flags": ["EXCESS"]})} == {
        "EXCESS",
        "MOQ_OVERSHOOT",
    }
    assert len(notes(lines=lines)) == 2


def test_a_flag_that_nobody_knows_is_told_all_the_same() -> None:
    (note,) = notes(plan={**PLAN, "flags": ["OLD_CODE"]})
    assert "OLD_CODE" in note.sentence


@pytest.mark.parametrize("reason", [*Reason, *ForecastNote, "ENDED", "NEW_CODE"])
def test_every_remark_on_a_forecast_is_a_sentence(reason: str) -> None:
    (note,) = notes(judged={"status": "replaced", "reason": str(reason)})
    assert "{" not in note.sentence
    assert note.flag == reason
    assert ("remark" in note.sentence) == (reason == "NEW_CODE")


def test_what_is_missing_comes_first() -> None:
    found = notes(
        lead=None, judged=None, plan={**PLAN, "flags": ["SHORT_HISTORY", "DIR_CENSORED", "MISSING_STOCK"]}
    )
    assert [note.severity for note in found] == ["error", "error", "warning", "info"]


def test_no_plan_and_no_forecast_are_said() -> None:
    assert "no model leads" in notes(lead=None, judged=None)[0].sentence
    assert "does not hold it" in notes(judged=None)[0].sentence
    assert "No plan was made yet" in notes(plan=None)[0].sentence
    assert "does not hold it" in notes(plan={**PLAN, "is_planned": False})[0].sentence


def test_a_plan_of_an_earlier_forecast_is_said() -> None:
    (note,) = notes(plan={**PLAN, "forecast_run_id": "f0"})
    assert "was not made of the latest forecast" in note.sentence
    assert note.remedy


def test_an_unknown_cost_is_said_once() -> None:
    (note,) = notes(plan={**PLAN, "unit_cost": None})
    assert "unit_cost" in note.remedy
    assert [note.flag for note in notes(plan={**PLAN, "unit_cost": None, "flags": ["MISSING_PRICE"]})] == [
        "MISSING_PRICE"
    ]
