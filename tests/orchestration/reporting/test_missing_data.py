"""What is said of data that are missing or contradict each other: never that all is well.

A line of the table is a way to be incomplete; for each, what the report, the worklist, the status, the checks
and SQL say is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from orchestration.clients import Client, get_client
from orchestration.reading.gaps import FoundGap, PlanningState
from orchestration.reporting import report
from orchestration.reporting.checklist import Checklist, read_checklist
from orchestration.reporting.questions import volumes
from orchestration.reporting.states import ClientState, client_states, state_warnings
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings
from orchestration.stages.gap_checks import gap_check
from orchestration.warehouse.gap_vocabulary import Gap
from orchestration.warehouse.server import Warehouse
from tests.conftest import deliver
from tests.orchestration.reporting.situations import DELIVERED, LAST_DAY, TODAY, Situation, erase

REFUSED = tuple((path, kind, "rejected", rows) for path, kind, _, rows in DELIVERED)
NO_DEMAND: dict[str, Any] = {"series": None, "run": None}
OUT = {"on_hand_qty": 0, "lead_time_days": None, "stockout_date": LAST_DAY, "flags": ["MISSING_LEAD_TIME"]}
WITHOUT_STOCK = {"on_hand_qty": None, "snapshot_date": None, "flags": ["MISSING_STOCK"]}
WITHOUT_LEAD_TIME = {"lead_time_days": None, "flags": ["MISSING_LEAD_TIME"]}


def but(*kinds: str) -> tuple[tuple[str, str | None, str, int], ...]:
    return tuple(file for file in DELIVERED if file[1] not in kinds)


@dataclass(frozen=True)
class Case:
    """One way to be incomplete.

    Attributes:
        situation: what is in the tables.
        gap: the code that SQL has.
        state: whether orders are known.
        said: words of the sentence.
        urgent: what the status shows.
    """

    situation: Situation
    gap: Gap
    state: str
    said: str
    urgent: str = "0"


def unknown(situation: Situation, gap: Gap, said: str) -> Case:
    return Case(situation, gap, "unknown", said, "unknown")


def partial(situation: Situation, gap: Gap, said: str, urgent: str = "0, rest unknown") -> Case:
    return Case(situation, gap, "partial", said, urgent)


def doubtful(situation: Situation, gap: Gap, said: str) -> Case:
    return Case(situation, gap, "doubtful", said)


def sound(situation: Situation, gap: Gap, said: str) -> Case:
    return Case(situation, gap, "sound", said)


def flagged(*flags: str) -> Situation:
    return Situation(metrics={"flags": list(flags)})


CASES = {
    "nothing delivered": unknown(
        Situation(files=(), **NO_DEMAND), Gap.NOTHING_DELIVERED, "Nothing was delivered yet."
    ),
    "everything refused": unknown(
        Situation(files=REFUSED, **NO_DEMAND), Gap.EVERYTHING_REFUSED, "All 7 delivered files were refused"
    ),
    "no sales among the files": unknown(
        Situation(files=but("sales"), **NO_DEMAND), Gap.NO_SALES, "No sales were delivered, only locations,"
    ),
    "delivered and not run": unknown(
        Situation(**NO_DEMAND), Gap.NOT_RUN_YET, f"200 rows of sales until {LAST_DAY} were delivered"
    ),
    "nothing ever sold": unknown(
        Situation(series={"first_sale_date": None, "last_sale_date": None}, run=None),
        Gap.NO_DEMAND,
        "None of the 2 series ever sold",
    ),
    "no forecast": unknown(Situation(run=None), Gap.NO_FORECAST, "no forecast for any of the 2 series"),
    "every model skipped": unknown(
        Situation(run={"is_champion": False}, skipped=True, plan=None),
        Gap.NO_LEADING_MODEL,
        "chronos2: No weights.",
    ),
    "no plan": unknown(Situation(plan=None), Gap.NO_PLAN, "but no plan was made of it"),
    "no stock at all": unknown(
        Situation(files=but("stock_levels"), metrics=WITHOUT_STOCK),
        Gap.NO_STOCK,
        "No stock was delivered for 2 of 2 series: no orders can be proposed",
    ),
    "no stock for some": partial(
        Situation(salt_metrics=WITHOUT_STOCK), Gap.NO_STOCK, "No stock was delivered for 1 of 2 series"
    ),
    "stock of other items": unknown(
        Situation(metrics=WITHOUT_STOCK), Gap.STOCK_OF_OTHERS, "but for none of the 2 items and locations"
    ),
    "stock after the last sale": unknown(
        Situation(metrics=WITHOUT_STOCK, stock_from=TODAY), Gap.STOCK_TOO_LATE, f"is of {TODAY}, after"
    ),
    "no lead time at all": unknown(
        Situation(files=but("suppliers"), metrics=WITHOUT_LEAD_TIME),
        Gap.NO_LEAD_TIME,
        "No lead time is known for 2 of 2 series",
    ),
    "no lead time for some": partial(
        Situation(salt_metrics=WITHOUT_LEAD_TIME), Gap.NO_LEAD_TIME, "No lead time is known for 1 of 2 series"
    ),
    "neither stock nor lead time": unknown(
        Situation(
            files=but("stock_levels"),
            metrics={**WITHOUT_STOCK, **WITHOUT_LEAD_TIME, "flags": ["MISSING_STOCK", "MISSING_LEAD_TIME"]},
        ),
        Gap.NO_LEAD_TIME,
        "No lead time is known for 2 of 2 series",
    ),
    "suppliers that no item names": unknown(
        Situation(item={"supplier_id": None}, metrics=WITHOUT_LEAD_TIME),
        Gap.SUPPLIERS_UNLINKED,
        "Suppliers were delivered, but no item names one",
    ),
    "stocked out without a lead time": Case(
        Situation(metrics=OUT, line={}),
        Gap.STOCKED_OUT_UNDECIDED,
        "unknown",
        "2 of 2 series are stocked out and no lead time is known",
        "1, rest unknown",
    ),
    "one stocked out without a lead time": partial(
        Situation(salt_metrics=OUT, line={"item_id": "salt"}),
        Gap.STOCKED_OUT_UNDECIDED,
        "1 of 2 series are stocked out",
        "1, rest unknown",
    ),
    "inactive client": doubtful(
        Situation(client={"is_active": False}), Gap.CLIENT_INACTIVE, "The client is inactive"
    ),
    "a file refused": doubtful(
        Situation(files=(*DELIVERED, ("sales_2.csv", "sales", "rejected", 3))),
        Gap.FILES_REFUSED,
        "1 of 8 delivered files are refused",
    ),
    "a stray file": doubtful(
        Situation(files=(*DELIVERED, ("notes.txt", None, "rejected", 0))), Gap.FILES_REFUSED, "notes.txt"
    ),
    "rows rejected": doubtful(
        Situation(rejected=3), Gap.ROWS_REJECTED, "3 of 216 delivered rows were rejected"
    ),
    "feed late": doubtful(
        Situation(
            demand_through=LAST_DAY - timedelta(days=30),
            sales_through=LAST_DAY - timedelta(days=30),
            stock_from=LAST_DAY - timedelta(days=30),
        ),
        Gap.FEED_LATE,
        f"The last day of sales is {LAST_DAY - timedelta(days=30)}, 31 days ago",
    ),
    "newer sales than demand": doubtful(
        Situation(demand_through=LAST_DAY - timedelta(days=2)),
        Gap.DEMAND_BEHIND,
        f"Sales are delivered until {LAST_DAY}, but demand is built until {LAST_DAY - timedelta(days=2)}",
    ),
    "newer demand than forecasts": doubtful(
        Situation(
            run={"as_of_date": LAST_DAY - timedelta(days=2)},
            plan={"as_of_date": LAST_DAY - timedelta(days=2)},
        ),
        Gap.FORECAST_BEHIND,
        f"The latest forecast is as of {LAST_DAY - timedelta(days=2)}, but demand is known until {LAST_DAY}",
    ),
    "a later forecast held back": doubtful(
        Situation(run={"as_of_date": LAST_DAY - timedelta(days=2)}, held_back=True),
        Gap.FORECAST_HELD_BACK,
        f"The forecast as of {LAST_DAY} was held back, since its bands did not hold at past days; orders "
        f"rest on the one as of {LAST_DAY - timedelta(days=2)}",
    ),
    "bands that do not hold": doubtful(
        Situation(run={"bands_hold": False, "bands_problem": "The 80 % band of smooth series held 60.0%."}),
        Gap.BANDS_DO_NOT_HOLD,
        "do not hold what they name at past days: The 80 % band of smooth series held 60.0%.",
    ),
    "newer forecast than plan": doubtful(
        Situation(plan={"forecast_run_id": "00000000-0000-0000-0000-000000000001"}),
        Gap.PLAN_BEHIND,
        "was not made of the latest forecast",
    ),
    "preferred model skipped": doubtful(
        Situation(skipped=True), Gap.MODEL_SKIPPED, "1 of 2 models were skipped: chronos2: No weights."
    ),
    "series left out of the forecast": doubtful(
        Situation(judged={"status": "excluded", "reason": "ALL_MASKED"}),
        Gap.SERIES_NOT_FORECAST,
        "2 of 2 series were left out of the forecast (ALL_MASKED)",
    ),
    "old stock": doubtful(
        Situation(salt_metrics={"snapshot_date": LAST_DAY - timedelta(days=40), "flags": ["STALE_STOCK"]}),
        Gap.STALE_STOCK,
        f"The stock of 1 of 2 series is of {LAST_DAY - timedelta(days=40)} or before",
    ),
    "stock below zero": doubtful(
        Situation(salt_metrics={"on_hand_qty": -3}), Gap.NEGATIVE_STOCK, "1 of 2 series is below zero"
    ),
    "no purchase orders": doubtful(
        Situation(files=but("purchase_orders")), Gap.NO_PURCHASE_ORDERS, "No purchase orders were delivered."
    ),
    "orders overdue": doubtful(flagged("OVERDUE_PO"), Gap.OVERDUE_ORDERS, "of 2 of 2 series were expected"),
    "orders without a day": doubtful(flagged("UNDATED_PO"), Gap.UNDATED_ORDERS, "have no date of arrival"),
    "lead time past the forecast": doubtful(
        flagged("HORIZON_TOO_SHORT"), Gap.HORIZON_TOO_SHORT, "reach past the forecast"
    ),
    "a location that fell silent": doubtful(
        Situation(series={"last_sale_date": LAST_DAY - timedelta(days=60)}),
        Gap.SILENT_LOCATIONS,
        "1 of 1 locations sold nothing in the last 28 days, such as main",
    ),
    "a location that sold nothing in the last month": doubtful(
        Situation(series={"grain": "month", "last_sale_date": LAST_DAY - timedelta(days=70)}),
        Gap.SILENT_LOCATIONS,
        "1 of 1 locations sold nothing in the last 28 days, such as main",
    ),
    "an item that never sold": sound(
        Situation(salt={"first_sale_date": None, "last_sale_date": None}),
        Gap.NEVER_SOLD,
        "1 of 2 series were listed and never sold",
    ),
    "no score yet": sound(Situation(is_scored=False), Gap.NOT_SCORED, "No forecast has been scored yet"),
    "a guard's forecast": sound(
        Situation(judged={"status": "replaced", "reason": "SPIKE"}), Gap.FORECAST_REPLACED, "are a guard's"
    ),
    "short history": sound(flagged("SHORT_HISTORY"), Gap.SHORT_HISTORY, "less than eight weeks of history"),
    "default lead time": sound(flagged("LT_FROM_DEFAULT"), Gap.LEAD_TIME_ASSUMED, "is the client's default"),
    "lead time that may vary": sound(
        flagged("MISSING_LEAD_TIME_SD"), Gap.LEAD_TIME_SPREAD_UNKNOWN, "How much the lead time varies"
    ),
    "no supplier": sound(flagged("MISSING_SUPPLIER"), Gap.NO_SUPPLIER, "No supplier is known for 2 of 2"),
    "no cost": sound(Situation(metrics={"unit_cost": None}), Gap.NO_COST, "The cost of 2 of 2 series"),
    "no price": sound(flagged("MISSING_PRICE"), Gap.NO_PRICE, "Neither price nor cost"),
    "no products": sound(
        Situation(item={"is_described": False}), Gap.NO_PRODUCTS, "2 of 2 items are in no product file"
    ),
    "no locations": sound(
        Situation(place={"is_described": False}), Gap.NO_LOCATIONS, "1 of 1 locations are in no location file"
    ),
    "no promotions": sound(
        Situation(files=but("promotions")), Gap.NO_PROMOTIONS, "No promotions were delivered."
    ),
    "no holidays": sound(
        Situation(client={"country": None}, place={"country": None}), Gap.NO_HOLIDAYS, "No holidays are known"
    ),
}


SOUND = {
    "nothing missing": Situation(),
    "items that ended": Situation(judged={"status": "excluded", "reason": "ENDED"}),
    "sales of the last month, under its first day": Situation(
        series={"grain": "month", "last_sale_date": LAST_DAY - timedelta(days=29)}
    ),
}
"""What nobody needs to be told of."""


@pytest.fixture(scope="module")
def clients(warehouse: Warehouse) -> Iterator[dict[str, str]]:
    """A client for each case, and those of which nothing is missing."""
    names = {case: f"missing_{number}" for number, case in enumerate([*CASES, *SOUND])}
    with warehouse.transaction() as connection:
        for case, client_id in names.items():
            situation = CASES[case].situation if case in CASES else SOUND[case]
            situation.write(connection, client_id)
    yield names
    erase(warehouse, list(names.values()))


@pytest.fixture(scope="module")
def states(warehouse: Warehouse, clients: dict[str, str]) -> dict[str, ClientState]:
    """What ``forecaster status`` is made of, by slug."""
    assert clients
    return {state.client_id: state for state in client_states(warehouse)}


@pytest.fixture(scope="module")
def checklists(warehouse: Warehouse, clients: dict[str, str]) -> dict[str, Checklist]:
    """What ``forecaster client check`` is made of, by case."""
    return {
        case: read_checklist(warehouse, get_client(warehouse, client_id))
        for case, client_id in clients.items()
    }


@pytest.fixture(scope="module")
def about(warehouse: Warehouse, clients: dict[str, str]) -> dict[str, Any]:
    """How much there is, which no case is about."""
    return volumes(warehouse, clients["nothing missing"])


@pytest.fixture
def checklist(checklists: dict[str, Checklist], name: str) -> Checklist:
    """That of the case of the test."""
    return checklists[name]


def found(gaps: list[FoundGap] | Checklist | ClientState, gap: Gap) -> FoundGap:
    listed = gaps if isinstance(gaps, list) else gaps.gaps
    (one,) = [each for each in listed if each.gap == gap]
    return one


def worklist(warehouse: Warehouse, client_id: str) -> list[tuple[str, object]]:
    with warehouse.transaction() as connection:
        return connection.execute(
            "select urgency, order_qty from analytics.planner_worklist where client_id = %s", (client_id,)
        ).fetchall()


@pytest.mark.parametrize("name", CASES)
def test_sql_and_the_checklist_name_what_is_missing_and_what_to_do(checklist: Checklist, name: str) -> None:
    case = CASES[name]
    gap = found(checklist, case.gap)
    assert case.said in gap.sentence
    assert "{" not in f"{gap.sentence}{gap.costs}{gap.remedy}{gap.command}"
    assert gap.remedy
    assert (gap.severity == "error") is bool(case.state in ("unknown", "partial"))
    assert (gap.severity == "info") is (case.state == "sound")
    assert bool(checklist.errors) is (gap.severity == "error")
    assert checklist.next_command.startswith("forecaster ")


@pytest.mark.parametrize("name", CASES)
def test_beside_an_empty_worklist_stands_why(
    warehouse: Warehouse, clients: dict[str, str], checklist: Checklist, name: str
) -> None:
    case, state = CASES[name], checklist.state
    assert state.state == case.state
    lines = worklist(warehouse, clients[name])
    assert lines == ([("stocked_out", None)] if case.situation.line is not None else [])
    if case.state == "sound":
        assert (
            state.sentence == f"As of {LAST_DAY}, no order is due for the 2 series whose stock and lead time "
            "are known."
        )
    else:
        first = next(
            gap for gap in checklist.gaps if gap.severity == ("error" if checklist.errors else "warning")
        )
        assert first.sentence in state.sentence
        assert (state.remedy or "") != ""


@pytest.mark.parametrize("name", CASES)
def test_the_status_warns_of_it_and_calls_nothing_zero_that_is_unknown(
    states: dict[str, ClientState], clients: dict[str, str], name: str
) -> None:
    case, state = CASES[name], states[clients[name]]
    assert state.planning.urgent == case.urgent
    warnings = [warning for warning in state_warnings([state]) if case.said in warning]
    assert len(warnings) == (0 if case.state == "sound" else 1)
    assert found(state, case.gap)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.state != "sound"])
def test_the_check_of_its_answer_does_not_pass(checklist: Checklist, name: str) -> None:
    gap = found(checklist, CASES[name].gap)
    result = gap_check("check", dg.AssetKey("asset"), checklist.gaps, {gap.concerns})
    assert not result.passed
    assert gap.sentence in (result.description or "")


@pytest.mark.parametrize("name", CASES)
def test_the_report_says_it_at_its_head_or_why_there_is_none(
    warehouse: Warehouse,
    clients: dict[str, str],
    checklist: Checklist,
    about: dict[str, Any],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report, "read_checklist", lambda *_: checklist)
    monkeypatch.setattr(report, "series_pages", lambda *_: [])
    monkeypatch.setattr(report, "accuracy_plot", lambda *_: "")
    monkeypatch.setattr(report, "volumes", lambda *_: about)
    case, client = CASES[name], get_client(warehouse, clients[name])
    path = tmp_path / "report.html"
    if case.situation.run is None:
        with pytest.raises(report.ReportError) as refused:
            report.write_report(warehouse, client, path)
        assert case.said in str(refused.value)
        return
    report.write_report(warehouse, client, path)
    page = " ".join(unescape(path.read_text()).split())
    assert case.said in page
    assert "Nothing needs to be ordered" not in page
    assert ("no order is due" in page) is (
        case.state in ("sound", "doubtful", "partial") and not case.situation.line
    )


@pytest.mark.parametrize("name", SOUND)
def test_of_a_client_without_a_gap_nothing_is_said_but_that_no_order_is_due(
    clients: dict[str, str], states: dict[str, ClientState], checklist: Checklist, name: str
) -> None:
    client_id = clients[name]
    assert checklist.gaps == []
    assert state_warnings([states[client_id]]) == []
    assert checklist.state == PlanningState(
        client_id=client_id,
        state="sound",
        as_of_date=LAST_DAY,
        planned_series=2,
        decided_series=2,
        lines=0,
        urgent_lines=0,
        sentence=f"As of {LAST_DAY}, no order is due for the 2 series whose stock and lead time are known.",
        remedy=None,
        command=None,
    )


def test_every_gap_is_in_the_table() -> None:
    assert {case.gap for case in CASES.values()} == set(Gap)


def test_sales_alone_run_to_a_forecast_and_to_the_sentence_why_there_are_no_orders(
    warehouse: Warehouse,
    settings: Settings,
    instance: dg.DagsterInstance,
    new_client: Callable[..., Client],
    tmp_path: Path,
) -> None:
    client = new_client(models=["ma7"])
    instance.add_dynamic_partitions("clients", [client.client_id])
    days = [LAST_DAY - timedelta(days=n) for n in range(70)]
    deliver(
        settings, client.client_id, {"sales": pl.DataFrame({"date": days, "item_id": "tea", "units_sold": 3})}
    )
    (settings.client_landing_dir(client.client_id) / "notes.txt").write_text("call the shop")

    outcome = run_job(warehouse, instance, find_job("client_pipeline"), client.client_id)

    assert outcome.succeeded, outcome.problems
    said = " ".join(outcome.problems)
    assert "notes.txt has no known name" in said
    assert "No stock was delivered for 1 of 1 series: no orders can be proposed for them." in said
    checklist = read_checklist(warehouse, client)
    assert [gap.gap for gap in checklist.errors] == [Gap.NO_STOCK, Gap.NO_LEAD_TIME]
    assert checklist.state.state == "unknown"
    report.write_report(warehouse, client, tmp_path / "report.html")
    page = unescape((tmp_path / "report.html").read_text())
    assert "No orders can be proposed. No stock was delivered for 1 of 1 series" in page
    assert "unknown: no stock" in page
