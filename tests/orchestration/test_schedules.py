"""Schedules: which clients have one, when its ticks are, and what a tick asks for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import is_valid_cron_schedule, schedule_execution_time_iterator
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from orchestration.clients import CLIENT_TAG, Client, validated
from orchestration.cron import is_plain
from orchestration.schedules import client_schedules, registered_clients
from orchestration.settings import Settings, load_settings
from orchestration.warehouse.server import Warehouse, libpq_spelling
from tests.orchestration.queue import waiting_run


def client(client_id: str = "acme", **fields: object) -> Client:
    """One whose models nobody judges by themselves."""
    chosen = {"cron": "30 2 * * *", "backtest_cron": None, **fields}
    return validated(client_id=client_id, name=client_id.title(), **chosen)


def ticks(client: Client, around: date) -> list[str]:
    """When its schedule ticks on a day, the one before and the one after: day, local time and offset.

    The iterator is the one that Dagster's daemon walks.
    """
    [schedule] = client_schedules([client])
    zone = ZoneInfo(str(schedule.execution_timezone))
    start = datetime(around.year, around.month, around.day, tzinfo=zone) - timedelta(days=1)
    end = start + timedelta(days=3)
    found: list[str] = []
    for tick in schedule_execution_time_iterator(
        start.timestamp(), str(schedule.cron_schedule), str(schedule.execution_timezone)
    ):
        if tick.timestamp() >= end.timestamp():
            return found
        found.append(tick.astimezone(zone).isoformat(timespec="minutes").removeprefix(f"{tick:%Y-%m-}"))
    raise AssertionError("a schedule never ends")


@pytest.mark.parametrize(
    ("timezone", "cron", "around", "expected"),
    [
        # the hour that is skipped
        ("Europe/Berlin", "30 2 * * *", date(2026, 3, 29), "28T02:30+01:00 29T03:00+02:00 30T02:30+02:00"),
        ("America/Chicago", "30 2 * * *", date(2026, 3, 8), "07T02:30-06:00 08T03:00-05:00 09T02:30-05:00"),
        # the hour that comes twice
        ("Europe/Berlin", "30 2 * * *", date(2026, 10, 25), "24T02:30+02:00 25T02:30+01:00 26T02:30+01:00"),
        ("America/Chicago", "30 1 * * *", date(2026, 11, 1), "31T01:30-05:00 01T01:30-06:00 02T01:30-06:00"),
        # an hour that is there once
        ("Europe/Berlin", "0 5 * * *", date(2026, 10, 25), "24T05:00+02:00 25T05:00+01:00 26T05:00+01:00"),
        ("Europe/Berlin", "0 5 * * 1-5", date(2026, 3, 29), "30T05:00+02:00"),
        # no daylight saving
        ("Asia/Kolkata", "30 2 * * *", date(2026, 3, 29), "28T02:30+05:30 29T02:30+05:30 30T02:30+05:30"),
        ("UTC", "30 2 * * *", date(2026, 10, 25), "24T02:30+00:00 25T02:30+00:00 26T02:30+00:00"),
    ],
)
def test_a_schedule_ticks_once_a_day_in_its_client_s_time_whatever_the_clocks_do(
    timezone: str, cron: str, around: date, expected: str
) -> None:
    assert ticks(client(timezone=timezone, cron=cron), around) == expected.split()


def test_active_clients_with_a_cron_have_a_schedule_each_under_their_own_name() -> None:
    schedules = client_schedules(
        [
            client("acme", timezone="Europe/Berlin"),
            client("on_files", cron=None),
            client("resting", is_active=False),
            client("zenith", timezone="Asia/Kolkata", cron="0 5 * * 1-6"),
        ]
    )
    assert [(s.name, s.cron_schedule, s.execution_timezone, s.job_name) for s in schedules] == [
        ("acme_pipeline", "30 2 * * *", "Europe/Berlin", "client_pipeline"),
        ("zenith_pipeline", "0 5 * * 1-6", "Asia/Kolkata", "client_pipeline"),
    ]
    assert {s.default_status for s in schedules} == {dg.DefaultScheduleStatus.RUNNING}
    assert [s.tags[CLIENT_TAG] for s in schedules] == ["acme", "zenith"]


def test_the_models_of_a_client_are_judged_weekly_unless_it_says_otherwise() -> None:
    weekly = validated(client_id="acme", name="Acme", timezone="Asia/Kolkata")
    [schedule] = client_schedules([weekly])
    assert (schedule.name, schedule.job_name) == ("acme__backtest", "backtest")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 1 * * 6", "Asia/Kolkata")
    assert client_schedules([client(cron=None), client("resting", is_active=False)]) == []


def test_sources_with_a_cron_have_a_schedule_each_whose_name_no_other_has() -> None:
    exports = {"url": "file:///srv/exports/*.csv", "cron": "*/15 * * * *"}
    sources = {"b_c": exports, "by_hand": {"url": exports["url"]}}
    schedules = client_schedules(
        [
            client("a", sources=sources, cron=None, timezone="Asia/Kolkata"),
            client("a_b", sources={"c": exports}, cron=None),
            client("resting", sources={"c": exports}, is_active=False),
        ]
    )
    assert [(s.name, s.cron_schedule, s.execution_timezone, s.job_name) for s in schedules] == [
        ("a__b_c_pull", "*/15 * * * *", "Asia/Kolkata", "pull_sources"),
        ("a_b__c_pull", "*/15 * * * *", "UTC", "pull_sources"),
    ]


@pytest.fixture
def evaluate(instance: dg.DagsterInstance) -> Callable[[Client, datetime], dg.RunRequest | str]:
    """Evaluate a client's schedule the way the daemon does; returns the request, or why there is none."""
    from orchestration.definitions import build_definitions

    def tick(client: Client, at: datetime) -> dg.RunRequest | str:
        definitions = build_definitions([client])
        with (
            dg.build_schedule_context(
                instance=instance,
                scheduled_execution_time=at,
                repository_def=definitions.get_repository_def(),
            ) as context,
            dg.partition_loading_context(dynamic_partitions_store=instance),
        ):
            data = definitions.resolve_schedule_def(f"{client.client_id}_pipeline").evaluate_tick(context)
        if data.run_requests:
            [request] = data.run_requests
            return request
        return str(data.skip_message)

    return tick


def test_every_tick_asks_for_a_run_of_its_client_that_no_earlier_run_can_stand_for(
    instance: dg.DagsterInstance, evaluate: Callable[[Client, datetime], dg.RunRequest | str]
) -> None:
    scheduled = client("scheduled")
    instance.add_dynamic_partitions("clients", ["scheduled"])
    for day in (1, 2):
        request = evaluate(scheduled, datetime(2026, 3, day, 2, 30, tzinfo=ZoneInfo("UTC")))
        assert isinstance(request, dg.RunRequest)
        assert request.partition_key == "scheduled"
        assert request.tags[CLIENT_TAG] == "scheduled"
        assert request.run_key is None


def test_a_tick_of_a_client_that_is_gone_says_what_to_do(
    evaluate: Callable[[Client, datetime], dg.RunRequest | str],
) -> None:
    gone = evaluate(client("gone"), datetime(2026, 3, 1, 2, 30, tzinfo=ZoneInfo("UTC")))
    assert gone == "gone is no longer registered; reload the code location."


def test_a_tick_asks_for_nothing_while_a_run_that_does_the_same_has_yet_to_begin(
    instance: dg.DagsterInstance, evaluate: Callable[[Client, datetime], dg.RunRequest | str]
) -> None:
    impatient, other = client("impatient"), client("unhurried")
    instance.add_dynamic_partitions("clients", ["impatient", "unhurried"])
    at = datetime(2026, 3, 1, 2, 30, tzinfo=ZoneInfo("UTC"))
    with waiting_run(instance, "client_pipeline", "impatient"):
        assert evaluate(impatient, at) == "A run of impatient that does the same is waiting already."
        assert isinstance(evaluate(other, at), dg.RunRequest)
    assert isinstance(evaluate(impatient, at), dg.RunRequest)


OTHER_FIELDS = ["", "*", "*/5", "1-3", "L", "07", "x"]
field = st.one_of(st.integers(0, 70).map(str), st.sampled_from(OTHER_FIELDS))


@given(st.lists(field, min_size=4, max_size=6).map(" ".join))
def test_what_is_known_to_be_a_cron_expression_without_dagster_is_one_for_dagster(expression: str) -> None:
    if is_plain(expression):
        assert is_valid_cron_schedule(expression)
        assert next(schedule_execution_time_iterator(0, expression, "UTC"))


@pytest.mark.parametrize("expression", ["0 5 * * *", "59 23 28 12 6", "* * * * *", "0 0 1 1 0"])
def test_numbers_and_stars_are_plain(expression: str) -> None:
    assert is_plain(expression)


@pytest.mark.usefixtures("warehouse")
def test_the_clients_of_the_registry_get_their_schedules(
    settings: Settings, new_client: Callable[..., Client]
) -> None:
    daily, resting = new_client(cron="30 2 * * *"), new_client(cron="30 2 * * *", is_active=False)
    names = {schedule.name for schedule in client_schedules(registered_clients(settings))}
    assert f"{daily.client_id}_pipeline" in names
    assert f"{resting.client_id}_pipeline" not in names


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("away", "PostgreSQL does not answer"),
        ("never_migrated", "The database has no tables yet. Run 'forecaster migrate' first."),
        ("postgres", "The database has no tables yet. Run 'forecaster migrate' first."),
    ],
)
def test_without_a_usable_database_there_are_no_schedules_and_a_warning(
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    database: str,
    said: str,
) -> None:
    url = make_url("postgresql://127.0.0.1:1") if database == "away" else make_url(warehouse.admin_url)
    monkeypatch.setenv("DATABASE_URL", libpq_spelling(url.set(database=database)))
    assert registered_clients(load_settings()) == []
    assert f"Client schedules are missing until this code location is reloaded: {said}" in caplog.text
