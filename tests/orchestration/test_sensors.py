"""What starts by itself: the decisions as pure functions, then each sensor as Dagster evaluates it."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import dagster as dg
import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from sqlalchemy import make_url

from orchestration import run_requests, sensors
from orchestration.clients import CLIENT_TAG, Client, remove_client, update_client
from orchestration.resources import Installation
from orchestration.running.runs import find_job, run_job
from orchestration.sensors import clients_with_news, folder_state
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse, libpq_spelling
from tests.orchestration.queue import waiting_run
from tests.webhook_receiver import webhook_that_answers

NewClient = Callable[..., Client]
TICK_SECONDS_OF_A_WEBHOOK = 0.3


# --- decisions ----------------------------------------------------------------------------------------


def test_a_client_with_new_files_is_run_once() -> None:
    due, cursor = clients_with_news({"a": "one", "b": ""}, {})
    assert due == ["a"]
    assert clients_with_news({"a": "one", "b": ""}, cursor)[0] == []
    assert clients_with_news({"a": "two", "b": ""}, cursor)[0] == ["a"]


def test_a_delivery_under_way_waits_and_is_not_forgotten() -> None:
    due, cursor = clients_with_news({"a": None}, {"a": "one"})
    assert (due, cursor) == ([], {"a": "one"})
    assert clients_with_news({"a": "two"}, cursor)[0] == ["a"]


def test_an_emptied_folder_is_no_news() -> None:
    assert clients_with_news({"a": ""}, {"a": "one"})[0] == []


def test_a_removed_client_leaves_the_cursor() -> None:
    assert clients_with_news({"b": "one"}, {"a": "one", "b": "one"}) == ([], {"b": "one"})


def test_the_state_of_a_folder_follows_its_files(tmp_path: Path) -> None:
    assert folder_state(tmp_path, 5, now=1000.0) == ""
    file = tmp_path / "sales.csv"
    file.write_text("date,item_id,units_sold\n")
    os.utime(file, (998, 998))
    assert folder_state(tmp_path, 5, now=1000.0) is None
    first = folder_state(tmp_path, 5, now=1004.0)
    assert first
    (tmp_path / "later.csv.part").write_text("half")
    assert folder_state(tmp_path, 5, now=1004.0) == first
    os.utime(file, (999, 999))
    assert folder_state(tmp_path, 5, now=1005.0) not in (first, "", None)


# --- ticks --------------------------------------------------------------------------------------------


@dataclass
class Tick:
    """What Dagster makes of one evaluation of a sensor."""

    cursor: str | None
    skipped: str | None
    runs: list[dg.RunRequest]
    partitions_added: list[str]
    partitions_removed: list[str]
    reactions: int
    errors: list[str]
    """Traces that the evaluation leaves in the log."""
    logged: list[str]
    checks: list[dg.AssetCheckEvaluation]

    def answers(self, client: Client) -> list[bool]:
        """What its check was found to be."""
        return [check.passed for check in self.checks if check.partition == client.client_id]

    def clients(self, *among: Client) -> list[str]:
        """The clients a run is requested for, of those a test is about."""
        known = {client.client_id for client in among}
        return [str(run.partition_key) for run in self.runs if run.partition_key in known]


class Heard(logging.Handler):
    """Keeps the messages it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture
def tick(settings: Settings, instance: dg.DagsterInstance) -> Callable[..., Tick]:
    """Evaluate a sensor the way the daemon does, in the environment as it is at that moment."""
    from orchestration.definitions import build_definitions

    definitions = build_definitions([])

    def evaluate(name: str, cursor: str | None = None) -> Tick:
        heard = Heard()
        with (
            dg.build_sensor_context(
                instance=instance,
                cursor=cursor,
                definitions=definitions,
                repository_name="__repository__",
                resources={"installation": Installation()},
            ) as context,
            dg.partition_loading_context(dynamic_partitions_store=instance),
        ):
            context.log.addHandler(heard)
            data = definitions.resolve_sensor_def(name).evaluate_tick(context)
        changes: dict[type, list[str]] = {}
        for request in data.dynamic_partitions_requests or []:
            assert request.partitions_def_name == "clients"
            changes.setdefault(type(request), []).extend(request.partition_keys)
        return Tick(
            cursor=data.cursor,
            skipped=data.skip_message,
            runs=list(data.run_requests or []),
            partitions_added=changes.get(dg.AddDynamicPartitionsRequest, []),
            partitions_removed=changes.get(dg.DeleteDynamicPartitionsRequest, []),
            reactions=len(data.dagster_run_reactions or []),
            errors=[str(reaction.error) for reaction in data.dagster_run_reactions or [] if reaction.error],
            logged=heard.messages,
            checks=[event for event in data.asset_events if isinstance(event, dg.AssetCheckEvaluation)],
        )

    return evaluate


@pytest.fixture
def with_partition(instance: dg.DagsterInstance, new_client: NewClient) -> NewClient:
    """Register a fresh client and make its partition, as 'forecaster client add' does."""

    def add(**fields: object) -> Client:
        client = new_client(**fields)
        instance.add_dynamic_partitions("clients", [client.client_id])
        return client

    return add


def land(settings: Settings, client: Client, name: str = "sales.csv", at: float = 1_700_000_000) -> Path:
    """Put a file of a given time of change into a client's landing folder."""
    file = settings.client_landing_dir(client.client_id) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("date,item_id,location_id,units_sold\n2026-03-01,a,s,3\n")
    os.utime(file, (at, at))
    return file


@pytest.fixture(params=["no database", "no tables"])
def never_migrated(
    request: pytest.FixtureRequest, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """``DATABASE_URL`` names a database that 'forecaster migrate' has not seen, on the tests' server."""
    name = f"forecaster_test_{os.getpid()}_never_migrated"
    url = libpq_spelling(make_url(warehouse.admin_url).set(database=name))
    monkeypatch.setenv("DATABASE_URL", url)
    with warehouse.connect_admin(autocommit=True) as connection:
        if request.param == "no tables":
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


# --- new_files ----------------------------------------------------------------------------------------


def test_a_first_delivery_is_run_for_its_client_and_nothing_new_is_not(
    settings: Settings, tick: Callable[..., Tick], with_partition: NewClient
) -> None:
    client = with_partition()
    before = tick("new_files")
    assert before.clients(client) == []
    land(settings, client)
    first = tick("new_files", before.cursor)
    [run] = [run for run in first.runs if run.partition_key == client.client_id]
    assert run.tags[CLIENT_TAG] == client.client_id
    assert first.skipped is None
    second = tick("new_files", first.cursor)
    assert second.runs == []
    assert second.skipped is not None
    assert second.skipped.startswith("No new files for ")


def test_a_run_for_new_files_has_no_key_that_could_stop_a_later_one(
    settings: Settings, warehouse: Warehouse, tick: Callable[..., Tick], with_partition: NewClient
) -> None:
    client = with_partition()
    land(settings, client)
    runs = [run for run in tick("new_files").runs if run.partition_key == client.client_id]
    assert [run.run_key for run in runs] == [None]


def test_the_same_bytes_touched_again_are_looked_at_once_more(
    settings: Settings, tick: Callable[..., Tick], with_partition: NewClient
) -> None:
    client = with_partition()
    file = land(settings, client)
    first = tick("new_files")
    os.utime(file, (1_700_000_001, 1_700_000_001))
    again = tick("new_files", first.cursor)
    assert again.clients(client) == [client.client_id]
    assert tick("new_files", again.cursor).clients(client) == []


def test_a_delivery_under_way_is_left_alone_until_it_is_still(
    settings: Settings,
    tick: Callable[..., Tick],
    with_partition: NewClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = with_partition()
    monkeypatch.setenv("FORECASTER_LANDING_QUIET_SECONDS", "3600")
    land(settings, client, "products.csv")
    young = land(settings, client, "sales.csv")
    os.utime(young)
    under_way = tick("new_files")
    assert under_way.clients(client) == []
    os.utime(young, (1_700_000_000, 1_700_000_000))
    assert tick("new_files", under_way.cursor).clients(client) == [client.client_id]


def test_each_client_is_run_for_its_own_files(
    settings: Settings, tick: Callable[..., Tick], with_partition: NewClient
) -> None:
    one, other = with_partition(), with_partition()
    land(settings, one)
    land(settings, other)
    first = tick("new_files")
    assert first.clients(one, other) == [one.client_id, other.client_id]
    land(settings, other, "products.csv")
    assert tick("new_files", first.cursor).clients(one, other) == [other.client_id]


def test_a_run_that_has_yet_to_begin_finds_what_came_meanwhile(
    settings: Settings, instance: dg.DagsterInstance, tick: Callable[..., Tick], with_partition: NewClient
) -> None:
    client, other = with_partition(), with_partition()
    land(settings, client)
    land(settings, other)
    with waiting_run(instance, "client_pipeline", client.client_id):
        first = tick("new_files")
    assert first.clients(client, other) == [other.client_id]
    assert tick("new_files", first.cursor).clients(client, other) == []
    land(settings, client, "products.csv")
    with waiting_run(instance, "quality_only", client.client_id):
        assert tick("new_files", first.cursor).clients(client, other) == [client.client_id]


def test_a_lost_cursor_costs_one_run(
    settings: Settings, tick: Callable[..., Tick], with_partition: NewClient
) -> None:
    client = with_partition()
    land(settings, client)
    assert tick("new_files").clients(client) == [client.client_id]
    lost = tick("new_files", None)
    assert lost.clients(client) == [client.client_id]
    assert tick("new_files", lost.cursor).clients(client) == []


def test_an_inactive_client_is_not_run_and_comes_back_with_its_files(
    settings: Settings, warehouse: Warehouse, tick: Callable[..., Tick], with_partition: NewClient
) -> None:
    client = with_partition(is_active=False)
    land(settings, client)
    idle = tick("new_files")
    assert idle.clients(client) == []
    update_client(warehouse, client.client_id, is_active=True)
    assert tick("new_files", idle.cursor).clients(client) == [client.client_id]


def test_a_removed_client_is_not_run_and_one_that_comes_back_is(
    settings: Settings,
    warehouse: Warehouse,
    tick: Callable[..., Tick],
    with_partition: NewClient,
    new_client: NewClient,
) -> None:
    client = with_partition()
    land(settings, client)
    first = tick("new_files")
    remove_client(warehouse, client.client_id)
    gone = tick("new_files", first.cursor)
    assert gone.clients(client) == []
    assert client.client_id not in json.loads(str(gone.cursor))
    back = new_client(client_id=client.client_id, name=client.name)
    assert tick("new_files", gone.cursor).clients(back) == [client.client_id]


def test_a_client_without_a_partition_waits_for_it(
    settings: Settings, instance: dg.DagsterInstance, tick: Callable[..., Tick], new_client: NewClient
) -> None:
    client = new_client()
    land(settings, client)
    waiting = tick("new_files")
    assert waiting.clients(client) == []
    instance.add_dynamic_partitions("clients", [client.client_id])
    assert tick("new_files", waiting.cursor).clients(client) == [client.client_id]


# --- client_registry ----------------------------------------------------------------------------------


def test_the_partitions_follow_clients_that_come_and_go(
    warehouse: Warehouse, instance: dg.DagsterInstance, tick: Callable[..., Tick], new_client: NewClient
) -> None:
    one, other = new_client(), new_client(is_active=False)
    added = tick("client_registry").partitions_added
    assert {one.client_id, other.client_id} <= set(added)
    instance.add_dynamic_partitions("clients", added)
    remove_client(warehouse, one.client_id)
    later = tick("client_registry")
    assert one.client_id in later.partitions_removed
    assert other.client_id not in [*later.partitions_added, *later.partitions_removed]


def test_partitions_that_are_right_are_left_alone(
    warehouse: Warehouse, instance: dg.DagsterInstance, tick: Callable[..., Tick], new_client: NewClient
) -> None:
    new_client()
    change = tick("client_registry")
    instance.add_dynamic_partitions("clients", change.partitions_added)
    for gone in change.partitions_removed:
        instance.delete_dynamic_partition("clients", gone)
    right = tick("client_registry")
    assert (right.partitions_added, right.partitions_removed) == ([], [])
    assert right.skipped is not None
    assert "all with a partition" in right.skipped


@pytest.mark.parametrize("name", ["new_files", "client_registry", "early_backtests", "late_clients"])
@pytest.mark.usefixtures("never_migrated")
def test_without_tables_a_sensor_says_what_to_run_and_keeps_its_cursor(
    tick: Callable[..., Tick], name: str
) -> None:
    waiting = tick(name, '{"acme": "state"}')
    assert waiting.skipped == "The database has no tables yet. Run 'forecaster migrate' first."
    assert waiting.cursor == '{"acme": "state"}'
    assert not waiting.runs + waiting.partitions_added + waiting.partitions_removed


@pytest.mark.parametrize("name", ["new_files", "client_registry", "late_clients"])
def test_without_a_server_a_sensor_says_so_and_removes_nothing(
    tick: Callable[..., Tick], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with free_port() as port:
        monkeypatch.setenv("DATABASE_URL", f"postgresql://postgres@127.0.0.1:{port}/warehouse")
        away = tick(name)
    assert away.skipped is not None
    assert away.skipped.startswith("PostgreSQL does not answer")
    assert not away.runs + away.partitions_added + away.partitions_removed


# --- late_clients -------------------------------------------------------------------------------------


def test_what_is_late_of_a_client_is_said_once_and_when_it_changes(
    settings: Settings, warehouse: Warehouse, tick: Callable[..., Tick], with_partition: NewClient
) -> None:
    client = with_partition(cron="0 0 * * *")
    first = tick("late_clients")
    assert first.answers(client) == [True]
    assert tick("late_clients", first.cursor).answers(client) == []
    with warehouse.transaction() as connection:
        connection.execute(
            "update ops.clients set updated_at = now() - interval '9 days' where client_id = %s",
            (client.client_id,),
        )
    later = tick("late_clients", first.cursor)
    assert later.answers(client) == [False]
    assert tick("late_clients", later.cursor).answers(client) == []


# --- early_backtests ----------------------------------------------------------------------------------


def test_models_are_judged_before_their_time_once_for_each_drift_of_demand_since_the_last(
    warehouse: Warehouse, tick: Callable[..., Tick], with_partition: NewClient
) -> None:
    def drifts(client: Client, kind: str, part_of: str | None = None) -> str:
        with warehouse.transaction() as connection:
            row = connection.execute(
                """
                insert into analytics.drift_events (
                    client_id, kind, grain, grain_key, first_date, detected_date, seen_date, is_current,
                    sentence, dagster_run_id, part_of_event_id
                ) values (%s, %s, 'client', 'all', now(), now(), now(), true, '', '', %s)
                returning event_id::text
                """,
                (client.client_id, kind, part_of),
            ).fetchone()
        assert row is not None
        return str(row[0])

    def judged(client: Client, days_ago: int) -> None:
        with warehouse.transaction() as connection:
            connection.execute(
                """
                insert into analytics.backtest_runs (
                    client_id, run_id, model, grain, status, is_current, reason, n_origins, stride_periods,
                    horizon_periods, first_origin_date, last_origin_date, code_version, input_digest,
                    dagster_run_id, published_at
                ) values (
                    %s, gen_random_uuid(), 'ma7', 'day', 'published', true, '', 6, 28, 28, now(), now(), '',
                    '', '', now() - make_interval(days => %s)
                )
                """,
                (client.client_id, days_ago),
            )

    drifted, faulty, unscheduled, never_judged, judged_since = (
        with_partition(backtest_cron=cron) for cron in ("@weekly", "@weekly", None, "@weekly", "@weekly")
    )
    every = (drifted, faulty, unscheduled, never_judged, judged_since)
    event = drifts(drifted, "demand_level")
    drifts(drifted, "weekly_pattern", part_of=event)
    drifts(faulty, "price_level")
    for client in every[2:]:
        drifts(client, "demand_level")
    for client, days_ago in ((drifted, 3), (faulty, 3), (unscheduled, 3), (judged_since, -1)):
        judged(client, days_ago)
    found = tick("early_backtests")
    assert found.clients(*every) == [drifted.client_id]
    [run] = [run for run in found.runs if run.partition_key == drifted.client_id]
    assert (run.run_key, run.tags["forecaster/drift_event"]) == (event, event)


# --- run_failures -------------------------------------------------------------------------------------


@contextmanager
def free_port() -> Iterator[int]:
    """A port that is taken and refuses everybody, so that nothing else can answer there."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def failed_run(
    warehouse: Warehouse, instance: dg.DagsterInstance, with_partition: NewClient
) -> Callable[[], tuple[str, str]]:
    """Make a run fail: a forecast for a client that delivered nothing. Returns the client and the run."""

    def fail() -> tuple[str, str]:
        client_id = with_partition().client_id
        outcome = run_job(warehouse, instance, find_job("forecast_only"), client_id)
        assert not outcome.succeeded
        return client_id, outcome.run_id

    return fail


def audited(warehouse: Warehouse, run_id: str) -> list[dict[str, Any]]:
    with warehouse.transaction() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """
            select client_id, object, details from ops.audit_log
            where run_id = %s and action = 'run_failure'
            """,
            (run_id,),
        ).fetchall()


def test_a_failed_run_is_audited_and_told_to_the_webhook_once(
    warehouse: Warehouse,
    tick: Callable[..., Tick],
    failed_run: Callable[[], tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = tick("run_failures")
    client_id, run_id = failed_run()
    with webhook_that_answers(200) as webhook:
        monkeypatch.setenv("FORECASTER_ALERT_WEBHOOK_URL", webhook.url)
        first = tick("run_failures", start.cursor)
        second = tick("run_failures", first.cursor)
    assert (first.reactions, first.errors, first.logged) == (1, [], [])
    assert (second.reactions, second.logged) == (0, [])
    [row] = audited(warehouse, run_id)
    assert (row["client_id"], row["object"]) == (client_id, "forecast_only")
    message = row["details"]["message"]
    assert "forecast" in message
    assert webhook.bodies == [
        {"job": "forecast_only", "client": client_id, "run_id": run_id, "message": message}
    ]
    assert [headers["content-type"] for headers in webhook.headers] == ["application/json"]


def test_a_failed_run_of_one_asset_is_audited_with_its_client(
    warehouse: Warehouse, instance: dg.DagsterInstance, tick: Callable[..., Tick], with_partition: NewClient
) -> None:
    from orchestration.definitions import build_definitions
    from orchestration.stages.forecasting import forecasts

    start = tick("run_failures")
    client_id = with_partition().client_id
    job = build_definitions([]).resolve_implicit_global_asset_job_def()
    one_asset = job.get_subset(asset_selection=set(forecasts.keys))
    result = one_asset.execute_in_process(instance=instance, partition_key=client_id, raise_on_error=False)
    assert not result.success
    tick("run_failures", start.cursor)
    assert [row["client_id"] for row in audited(warehouse, result.run_id)] == [client_id]


@pytest.mark.parametrize("trouble", ["answers 500", "refuses", "is silent", "is no URL"])
def test_a_webhook_in_trouble_loses_no_failure_and_is_said_in_the_log_of_the_tick(
    warehouse: Warehouse,
    tick: Callable[..., Tick],
    failed_run: Callable[[], tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    monkeypatch.setattr(sensors, "_WEBHOOK_SECONDS", TICK_SECONDS_OF_A_WEBHOOK)
    start = tick("run_failures")
    failures = [failed_run(), failed_run()]
    with (
        webhook_that_answers(500) as webhook,
        free_port() as refusing,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        url, said = {
            "answers 500": (webhook.url, "it answered 500 Internal Server Error"),
            "refuses": (f"http://127.0.0.1:{refusing}/s3cret", "it cannot be reached"),
            "is silent": (f"http://127.0.0.1:{silent.getsockname()[1]}/s3cret", "it did not answer within"),
            "is no URL": ("s3cret", "FORECASTER_ALERT_WEBHOOK_URL is not a URL"),
        }[trouble]
        monkeypatch.setenv("FORECASTER_ALERT_WEBHOOK_URL", url)
        told = tick("run_failures", start.cursor)
        later = tick("run_failures", told.cursor)
    assert (told.reactions, told.errors) == (2, [])
    assert [len(audited(warehouse, run_id)) for _, run_id in failures] == [1, 1]
    assert len(told.logged) == 2
    for line, (_, run_id) in zip(told.logged, failures, strict=True):
        assert f"The webhook was not told of the failure of run {run_id}: {said}" in line
        assert "s3cret" not in line
    assert (later.reactions, later.logged) == (0, [])


def test_a_failure_that_cannot_be_audited_is_still_told_and_said_in_a_sentence(
    tick: Callable[..., Tick],
    failed_run: Callable[[], tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = tick("run_failures")
    _, run_id = failed_run()
    with webhook_that_answers(200) as webhook, free_port() as away:
        monkeypatch.setenv("FORECASTER_ALERT_WEBHOOK_URL", webhook.url)
        monkeypatch.setenv("DATABASE_URL", f"postgresql://postgres@127.0.0.1:{away}/warehouse")
        told = tick("run_failures", start.cursor)
    assert told.errors == []
    assert [body["run_id"] for body in webhook.bodies] == [run_id]
    [line] = told.logged
    assert f"The failure of run {run_id} is not in the audit log: PostgreSQL does not answer" in line


# --- requested_runs -----------------------------------------------------------------------------------


def ask(warehouse: Warehouse, client: Client, job: str = "inventory", **parameters: str) -> UUID:
    """Ask for a run as the API does."""
    with psycopg.connect(warehouse.libpq_url()) as connection:
        writer = sql.Identifier(warehouse.roles.client_writer(client.client_id))
        connection.execute(sql.SQL("set local role {}").format(writer))
        told = {"http_request": "morning-1", **parameters}
        return run_requests.ask(connection, client.client_id, job, told, "fc_0123456789")


def request_of(warehouse: Warehouse, client: Client, number: UUID) -> run_requests.RunRequest:
    with warehouse.transaction() as connection:
        found = run_requests.find(connection, client.client_id, number)
    assert found is not None
    return found


def test_a_request_is_one_run_with_its_number_as_key_and_who_asked_as_tags(
    warehouse: Warehouse, tick: Callable[..., Tick], with_partition: NewClient
) -> None:
    client = with_partition()
    number = ask(warehouse, client, "forecast", as_of_date="2026-03-31")
    for _ in range(2):
        (run,) = [run for run in tick("requested_runs").runs if run.partition_key == client.client_id]
        assert (run.run_key, run.job_name) == (str(number), "forecast_only")
        assert run.run_config == {"ops": {"forecasts": {"config": {"as_of_date": "2026-03-31"}}}}
        assert {
            CLIENT_TAG: client.client_id,
            run_requests.REQUEST_TAG: str(number),
            run_requests.ASKED_BY_TAG: "fc_0123456789",
            run_requests.HTTP_REQUEST_TAG: "morning-1",
        }.items() <= run.tags.items()
    assert request_of(warehouse, client, number).state == "asked"


def test_what_became_of_a_requested_run_is_written_back_in_words(
    warehouse: Warehouse, instance: dg.DagsterInstance, tick: Callable[..., Tick], with_partition: NewClient
) -> None:
    client = with_partition()
    number = ask(warehouse, client)
    job = find_job("inventory_only")
    result = job.execute_in_process(
        instance=instance,
        partition_key=client.client_id,
        raise_on_error=False,
        tags={CLIENT_TAG: client.client_id, run_requests.REQUEST_TAG: str(number)},
    )
    assert not result.success
    assert tick("requested_runs").clients(client) == []
    found = request_of(warehouse, client, number)
    assert (found.state, found.run_id) == ("failed", result.run_id)
    assert "forecast" in found.sentence
    assert found.ended_at is not None
    assert tick("requested_runs").clients(client) == []


def test_an_inactive_client_gets_no_run_and_is_told_so(
    warehouse: Warehouse, tick: Callable[..., Tick], with_partition: NewClient
) -> None:
    client = with_partition(is_active=False)
    number = ask(warehouse, client)
    assert tick("requested_runs").clients(client) == []
    found = request_of(warehouse, client, number)
    assert (found.state, found.is_open) == ("refused", False)
    assert "client update" in found.sentence


def test_a_client_that_asks_without_end_keeps_nobody_else_waiting(
    warehouse: Warehouse, tick: Callable[..., Tick], with_partition: NewClient
) -> None:
    greedy, modest = with_partition(), with_partition()
    asked = [ask(warehouse, greedy) for _ in range(60)]
    ask(warehouse, modest)
    clients = tick("requested_runs").clients(greedy, modest)
    assert clients[-1] == modest.client_id
    assert 0 < clients.count(greedy.client_id) < len(asked)


def test_answers_are_forgotten_after_a_week(
    warehouse: Warehouse, tick: Callable[..., Tick], with_partition: NewClient
) -> None:
    client = with_partition()
    with warehouse.transaction() as connection:
        for key, days in (("a week ago", 7), ("on the sixth day", 6), ("now", 0)):
            connection.execute(
                """
                insert into ops.idempotent_answers
                    (client_id, asked_by, idempotency_key, request_digest, status, created_at)
                values (%s, 'somebody', %s, 'd', 201, now() - make_interval(days => %s))
                """,
                (client.client_id, key, days),
            )
    tick("requested_runs")
    with warehouse.transaction() as connection:
        kept = connection.execute(
            "select idempotency_key from ops.idempotent_answers where client_id = %s order by created_at",
            (client.client_id,),
        ).fetchall()
    assert kept == [("on the sixth day",), ("now",)]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("QUEUED", "asked"),
        ("STARTING", "started"),
        ("STARTED", "started"),
        ("CANCELING", "started"),
        ("SUCCESS", "succeeded"),
        ("FAILURE", "failed"),
        ("CANCELED", "failed"),
    ],
)
def test_every_status_of_a_run_is_a_state_with_a_sentence(status: str, state: str) -> None:
    turn = run_requests.turn_of(status, "run", None)
    assert (turn.state, turn.message[-1]) == (state, ".")
    assert run_requests.turn_of(status, "run", None, is_retried=True).state == "started"
