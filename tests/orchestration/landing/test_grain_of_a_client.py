"""The load finds a client's grain by its first sales, keeps it, and refuses totals that cannot be cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path

import pytest

from forecasting_lib.grain import Grain
from orchestration.clients import Client, get_client, update_client
from orchestration.landing.grains import GrainError, require_grain_fits, what_was_found
from orchestration.landing.records import Outcome
from orchestration.stages.ingestion import ingest_folder
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver, rows

MONDAY = date(2024, 1, 1)

Deliver = Callable[[Client, str, Iterable[date]], Outcome]


@pytest.fixture
def send(warehouse: Warehouse, tmp_path: Path) -> Deliver:
    def write(client: Client, name: str, dates: Iterable[date]) -> Outcome:
        lines = [f"{day},{item},2" for day in dates for item in ("tea", "jam")]
        return deliver(warehouse, client, tmp_path, name, "\n".join(["date,item_id,units_sold", *lines]))

    return write


def mondays(count: int) -> list[date]:
    return [MONDAY + timedelta(weeks=n) for n in range(count)]


def days(count: int) -> list[date]:
    return [MONDAY + timedelta(days=n) for n in range(count)]


def month_ends(count: int) -> list[date]:
    return [date(2022 + n // 12, n % 12 + 1, 28) for n in range(count)]


def test_the_first_sales_tell_the_grain_and_the_audit_log_keeps_it(
    warehouse: Warehouse, new_client: Callable[..., Client], send: Deliver
) -> None:
    client = new_client(grain=None)
    outcome = send(client, "sales.csv", mondays(20))
    assert outcome.status == "loaded"
    assert (outcome.message or "").startswith("Found to be weekly sales (20 of 20 dates are Mondays)")
    assert get_client(warehouse, client.client_id).grain == "week"
    [(details,)] = rows(
        warehouse,
        "select details from ops.audit_log where client_id = %s and details ->> 'found_in' is not null",
        client.client_id,
    )
    assert details["after"] == {"grain": "week"}


def test_too_few_dates_decide_nothing_until_later_deliveries_do(
    warehouse: Warehouse, new_client: Callable[..., Client], send: Deliver
) -> None:
    client = new_client(grain=None)
    for number, day in enumerate(mondays(7)):
        outcome = send(client, f"sales_{number}.csv", [day])
        assert (outcome.message or "").startswith("Taken for daily sales")
        assert get_client(warehouse, client.client_id).grain is None
    send(client, "sales_last.csv", [MONDAY + timedelta(weeks=7)])
    assert get_client(warehouse, client.client_id).grain == "week"


def test_weekly_totals_of_a_daily_client_are_refused_until_its_grain_is_changed(
    warehouse: Warehouse, new_client: Callable[..., Client], send: Deliver, tmp_path: Path
) -> None:
    client = new_client(grain="day")
    outcome = send(client, "sales.csv", mondays(20))
    assert outcome.status == "rejected"
    assert outcome.message == (
        "sales.csv looks like weekly totals (20 of 20 dates are Mondays), but "
        f"{client.client_id} is planned by day, and totals are not spread over shorter periods. If they are, "
        f"run 'forecaster client update {client.client_id} --grain week' and ingest the file again; if they "
        "are not, deliver them together with the other days."
    )
    assert rows(warehouse, "select from staging.sales where client_id = %s", client.client_id) == []
    weekly = update_client(warehouse, client.client_id, grain="week")
    assert [again.status for again in ingest_folder(warehouse, weekly, tmp_path, 0)] == ["loaded"]


@pytest.mark.parametrize(
    ("grain", "dates", "status"),
    [
        ("week", days(60), "loaded"),
        ("week", month_ends(24), "rejected"),
        ("month", mondays(40), "loaded"),
        ("month", month_ends(24), "loaded"),
        ("day", month_ends(24), "rejected"),
        ("day", mondays(7), "loaded"),
        ("day", [*days(14), *mondays(20)[3:]], "loaded"),
    ],
)
def test_shorter_periods_are_taken_and_longer_ones_refused(
    grain: str, dates: list[date], status: str, new_client: Callable[..., Client], send: Deliver
) -> None:
    assert send(new_client(grain=grain), "sales.csv", dates).status == status


def test_a_run_says_what_it_found_unless_it_is_days(
    warehouse: Warehouse, new_client: Callable[..., Client], send: Deliver
) -> None:
    for dates, said in (
        (days(20), []),
        (mondays(20), ["Found to be weekly"]),
        (days(2), ["Taken for daily"]),
    ):
        before = new_client(grain=None)
        send(before, "sales.csv", dates)
        found = what_was_found(warehouse, before)
        assert [sentence.startswith(words) for sentence, words in zip(found, said, strict=True)] == [
            True
        ] * len(said)
    assert what_was_found(warehouse, new_client(grain="week")) == []


def test_a_client_is_not_planned_in_shorter_periods_than_it_delivered(
    warehouse: Warehouse, new_client: Callable[..., Client], send: Deliver
) -> None:
    client = new_client(grain="week")
    send(client, "sales.csv", mondays(20))
    require_grain_fits(warehouse, client.client_id, Grain.MONTH)
    with pytest.raises(GrainError, match="look like weekly totals"):
        require_grain_fits(warehouse, client.client_id, Grain.DAY)
