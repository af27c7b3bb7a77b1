"""What is to be known of one series beside its figures: what is missing or doubtful, and what to do.

Pure: rows in, sentences out. An item without stock, lead time or forecast has no figures; it has notes.

Belongs here: which notes a series gets. Does not belong here: what a flag or a gap says
(``forecasting_lib.inventory``, ``warehouse.gap_meanings``), gaps of the whole client (``reading.gaps``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from forecasting_lib.grain import Grain
from forecasting_lib.inventory import FLAG_VOCABULARY, Flag, Severity
from forecasting_lib.models.guards import Note as ForecastNote
from forecasting_lib.models.guards import Reason
from orchestration.warehouse.gap_meanings import GAP_MEANINGS
from orchestration.warehouse.gap_vocabulary import Gap

Row = Mapping[str, Any]

_ENDED = "ENDED"

_OF_FORECASTS: Mapping[str, str] = {
    Reason.NO_HISTORY: "Nothing of it was sold yet, so the forecast is zero.",
    Reason.ALL_MASKED: "No {grain} of its history was both open and in stock, so the forecast is zero.",
    Reason.ALL_ZERO: "It never sold a unit, so the forecast is zero.",
    Reason.SINGLE_POINT: "One {grain} is known since its first sale: the forecast repeats it without spread.",
    Reason.NOT_FINITE: "The model gave no number; the forecast is a moving average.",
    Reason.CAPPED: "The model's forecast was beyond ten times the highest {grain} ever sold; it is a moving "
    "average instead.",
    ForecastNote.COLD_START: "It has been sold for a short time: the forecast rests on very little.",
    ForecastNote.TAIL_SHRUNK: "A {grain} of its history, or the top of the forecast, is beyond what its year "
    "supports, and the forecast is made without it. A typing error is corrected by delivering the right one.",
    ForecastNote.NEW_ITEM: "It is new: what its category sells at the location is part of the forecast "
    "until it has been sold for eight weeks, or half a year where demand is monthly.",
    ForecastNote.SUCCESSOR: "It is new: what the item sold that it replaces is part of the forecast until "
    "it has been sold for eight weeks, or half a year where demand is monthly.",
    _ENDED: "Its planned last day has come, so nothing is forecast and ordered.",
}
_OF_SEVERITY = {
    Reason.NO_HISTORY: Severity.INFO,
    Reason.ALL_ZERO: Severity.INFO,
    ForecastNote.COLD_START: Severity.INFO,
    ForecastNote.NEW_ITEM: Severity.INFO,
    ForecastNote.SUCCESSOR: Severity.INFO,
    _ENDED: Severity.INFO,
}

_REMEDIES: Mapping[str, Gap] = {
    Flag.MISSING_STOCK: Gap.NO_STOCK,
    Flag.STALE_STOCK: Gap.STALE_STOCK,
    Flag.MISSING_LEAD_TIME: Gap.NO_LEAD_TIME,
    Flag.MISSING_LEAD_TIME_SD: Gap.LEAD_TIME_SPREAD_UNKNOWN,
    Flag.LT_FROM_DEFAULT: Gap.LEAD_TIME_ASSUMED,
    Flag.MISSING_SUPPLIER: Gap.NO_SUPPLIER,
    Flag.MISSING_PRICE: Gap.NO_PRICE,
    Flag.NEGATIVE_STOCK_ZEROED: Gap.NEGATIVE_STOCK,
    Flag.OVERDUE_PO: Gap.OVERDUE_ORDERS,
    Flag.UNDATED_PO: Gap.UNDATED_ORDERS,
    Flag.HORIZON_TOO_SHORT: Gap.HORIZON_TOO_SHORT,
    Flag.SHORT_HISTORY: Gap.SHORT_HISTORY,
}
"""Flag of a series -> the gap whose remedy helps it."""


@dataclass(frozen=True)
class Note:
    """Something to know of a series.

    Attributes:
        severity: error where something cannot be computed, warning where it may be wrong, else info.
        sentence: what is the matter.
        remedy: what to deliver or decide; empty where nothing is to be done.
        flag: its code in the tables; empty where it has none.
    """

    severity: str
    sentence: str
    remedy: str = ""
    flag: str = ""


def series_notes(
    grain: Grain, lead: Row | None, judged: Row | None, plan: Row | None, lines: Iterable[Row]
) -> list[Note]:
    """The notes of a series, the gravest first.

    Args:
        grain: of its demand.
        lead: the run of the leading model, None where none leads.
        judged: what became of the series in it, ``status, reason``; None where it is not in it.
        plan: of ``series_questions.series_plan``.
        lines: of the plan about the series, with ``flags``.
    """
    notes = [*_of_forecast(grain, lead, judged), *_of_plan(lead, plan)]
    if plan is not None and plan["is_planned"]:
        flags = [*plan["flags"], *(flag for line in lines for flag in line["flags"])]
        notes += [_of_flag(flag) for flag in dict.fromkeys(flags)]
        if plan["unit_cost"] is None and Flag.MISSING_PRICE not in flags:
            remedy = GAP_MEANINGS[Gap.NO_COST].remedy
            notes.append(
                Note(Severity.INFO, "Its cost is unknown, and so are the values of stock and orders.", remedy)
            )
    order = [str(severity) for severity in (Severity.ERROR, Severity.WARNING, Severity.INFO)]
    return sorted(notes, key=lambda note: order.index(note.severity))


def _of_forecast(grain: Grain, lead: Row | None, judged: Row | None) -> Iterable[Note]:
    if lead is None:
        yield Note(Severity.ERROR, "No forecast of it is known: no model leads.", _remedy(Gap.NO_FORECAST))
    elif judged is None:
        yield Note(
            Severity.ERROR,
            f"The forecast as of {lead['as_of_date']} does not hold it: it was not listed by then.",
            "Run the pipeline again after the next delivery.",
        )
    elif judged["reason"] is not None:
        sentence = _OF_FORECASTS.get(judged["reason"], "The forecast has a remark: {reason}.")
        yield Note(
            _OF_SEVERITY.get(judged["reason"], Severity.WARNING),
            sentence.format(grain=grain, reason=judged["reason"]),
            flag=judged["reason"],
        )


def _of_plan(lead: Row | None, plan: Row | None) -> Iterable[Note]:
    if plan is None:
        yield Note(Severity.ERROR, "No plan was made yet: no order can be proposed.", _remedy(Gap.NO_PLAN))
        return
    if not plan["is_planned"]:
        yield Note(
            Severity.ERROR,
            f"The plan as of {plan['as_of_date']} does not hold it: no order can be proposed.",
            "It follows the forecast; see there.",
        )
    if lead is not None and plan["forecast_run_id"] != lead["run_id"]:
        yield Note(
            Severity.WARNING,
            f"The plan is as of {plan['as_of_date']} and was not made of the latest forecast, as of "
            f"{lead['as_of_date']}.",
            _remedy(Gap.PLAN_BEHIND),
        )


def _of_flag(code: str) -> Note:
    if code not in FLAG_VOCABULARY:
        return Note(Severity.WARNING, f"The plan has the remark {code}.", flag=code)
    meaning = FLAG_VOCABULARY[Flag(code)]
    return Note(
        meaning.severity, meaning.meaning, _remedy(_REMEDIES[code]) if code in _REMEDIES else "", flag=code
    )


def _remedy(gap: Gap) -> str:
    return GAP_MEANINGS[gap].remedy
