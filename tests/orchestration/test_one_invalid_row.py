"""A registry row that is not valid is one client's matter: it is reported, and everybody else goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import make_url
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.clients import (
    Client,
    ClientError,
    add_client,
    get_client,
    read_registry,
    registered_ids,
    remove_client,
    stored_fields,
    update_client,
    validated,
)
from orchestration.resources import Installation
from orchestration.running.instance import (
    STORAGE_URL_VARIABLE,
    create_storage,
    follow_registry,
    open_instance,
)
from orchestration.schedules import registered_clients
from orchestration.sensors import client_registry, new_files
from orchestration.settings import Settings, load_settings
from orchestration.stages.dbt import build_views
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.server import Warehouse, libpq_spelling, locate_warehouse

pytestmark = pytest.mark.starts_first

NewClient = Callable[..., Client]

INVALID = {
    "timezone": ("Mars/Olympus", "is not an IANA time zone"),
    "cron": ("every morning", "is not a cron expression"),
    "models": (["crystal_ball"], "unknown models ['crystal_ball']"),
    "review_days": (0, "greater than or equal to 1"),
    "max_reject_rate": (None, "valid number"),
    "column_map": (Jsonb({"sales": {"item_id": 5}}), "valid string"),
}
MENDING = {
    "timezone": "UTC",
    "cron": "0 5 * * *",
    "models": "ma7",
    "review_days": "1",
    "max_reject_rate": "0.02",
    "column_map": "sales.date=Tag",
}


def forecaster(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def spoil(warehouse: Warehouse, client_id: str, field: str, value: object) -> None:
    """Change a client's row as somebody with SQL would, past the project."""
    with warehouse.transaction() as connection:
        connection.execute(
            sql.SQL("update ops.clients set {} = %s where client_id = %s").format(sql.Identifier(field)),
            (value, client_id),
        )


@pytest.fixture
def good(new_client: NewClient) -> str:
    return new_client(cron="0 5 * * *").client_id


@pytest.fixture
def bad(warehouse: Warehouse, new_client: NewClient) -> Iterator[str]:
    """A client whose time zone somebody has made up; it leaves with the test."""
    client_id = new_client(prefix="bad", cron="0 5 * * *").client_id
    spoil(warehouse, client_id, "timezone", "Mars/Olympus")
    yield client_id
    if client_id in registered_ids(warehouse):
        remove_client(warehouse, client_id)


@pytest.mark.parametrize("field", INVALID)
def test_the_row_is_reported_with_its_fault_and_its_cure(
    field: str, warehouse: Warehouse, good: str, bad: str
) -> None:
    value, fault = INVALID[field]
    update_client(warehouse, bad, timezone="UTC")
    spoil(warehouse, bad, field, value)
    registry = read_registry(warehouse)
    assert good in [client.client_id for client in registry.clients]
    (problem,) = registry.problems
    assert problem.client_id == bad
    assert fault in problem.message
    assert f"forecaster client update {bad} --" in problem.message
    with pytest.raises(ClientError) as refusal:
        get_client(warehouse, bad)
    assert str(refusal.value) == problem.message
    assert get_client(warehouse, good).client_id == good

    option = problem.message.split(f"client update {bad} ")[1].split(" ")[0]
    mended = forecaster("client", "update", bad, option, MENDING[field])
    assert mended.exit_code == 0, mended.output
    assert get_client(warehouse, bad).client_id == bad


def test_a_column_map_that_is_not_one_is_mended_pair_by_pair(warehouse: Warehouse, bad: str) -> None:
    update_client(warehouse, bad, timezone="UTC")
    spoil(warehouse, bad, "column_map", Jsonb({"sales": {"item_id": "SKU", "date": 5}, "products": "all"}))
    assert forecaster("client", "update", bad, "--map", "sales.date=Tag").exit_code == 0
    assert get_client(warehouse, bad).column_map == {"sales": {"item_id": "SKU", "date": "Tag"}}


def test_a_feed_that_is_not_valid_is_mended_by_forgetting_it(warehouse: Warehouse, bad: str) -> None:
    update_client(warehouse, bad, timezone="UTC")
    spoil(warehouse, bad, "feeds", Jsonb({"till": {"kind": "sales", "decimal": "dot"}}))
    (problem,) = read_registry(warehouse).problems
    assert f"Mend it with 'forecaster feed remove {bad} till'." in problem.message
    mended = forecaster("feed", "remove", bad, "till")
    assert mended.exit_code == 0, mended.output
    assert get_client(warehouse, bad).feeds == {}


def test_mending_one_of_two_faults_is_refused_with_the_other(warehouse: Warehouse, bad: str) -> None:
    spoil(warehouse, bad, "review_days", 0)
    with pytest.raises(ClientError, match="timezone"):
        update_client(warehouse, bad, review_days=1)
    update_client(warehouse, bad, review_days=1, timezone="Europe/Dublin")
    with warehouse.transaction() as connection:
        row = connection.execute(
            "select details from ops.audit_log where client_id = %s order by audit_id desc limit 1", (bad,)
        ).fetchone()
    assert row is not None
    assert row[0]["before"] == {"review_days": 0, "timezone": "Mars/Olympus"}
    assert row[0]["after"] == {"review_days": 1, "timezone": "Europe/Dublin"}


def test_an_inactive_client_is_no_matter_of_the_active(warehouse: Warehouse, bad: str) -> None:
    spoil(warehouse, bad, "is_active", False)
    assert read_registry(warehouse, active_only=True).problems == []
    assert [problem.client_id for problem in read_registry(warehouse).problems] == [bad]


def test_definitions_load_with_the_schedules_of_the_others(
    settings: Settings, warehouse: Warehouse, good: str, bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    # loading the assembly looks for the installation, which is this session's once ``settings`` is there
    from orchestration.definitions import build_definitions

    definitions = build_definitions(registered_clients(settings))
    schedules = {schedule.name for schedule in definitions.get_repository_def().schedule_defs}
    assert f"{good}_pipeline" in schedules
    assert f"{bad}_pipeline" not in schedules
    assert f"No schedule for {bad}: The registry entry of '{bad}' is not valid" in caplog.text


def test_the_sensor_takes_the_files_of_the_others_and_says_who_is_left_out(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance, good: str, bad: str
) -> None:
    follow_registry(settings, warehouse)
    for client_id in (good, bad):
        folder = settings.client_landing_dir(client_id)
        folder.mkdir(parents=True)
        (folder / "sales.csv").write_text("date,item_id,units_sold\n")

    def tick(cursor: str | None = None) -> dg.SensorResult:
        with dg.build_sensor_context(
            instance=instance, cursor=cursor, resources={"installation": Installation()}
        ) as context:
            result = new_files(context)
        assert isinstance(result, dg.SensorResult)
        return result

    first = tick()
    requested = {request.partition_key for request in first.run_requests or ()}
    assert good in requested
    assert bad not in requested
    second = tick(first.cursor)
    assert second.skip_reason is not None
    assert f"The registry entry of '{bad}' is not valid" in str(second.skip_reason.skip_message)
    update_client(warehouse, bad, timezone="UTC")
    third = tick(second.cursor)
    assert [request.partition_key for request in third.run_requests or ()] == [bad]
    spoil(warehouse, bad, "timezone", "Mars/Olympus")
    fourth = tick(third.cursor)
    update_client(warehouse, bad, timezone="UTC")
    assert not tick(fourth.cursor).run_requests


def test_the_partition_of_an_invalid_row_stays(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance, bad: str
) -> None:
    follow_registry(settings, warehouse)
    with dg.build_sensor_context(instance=instance, resources={"installation": Installation()}) as context:
        result = client_registry(context)
    assert isinstance(result, dg.SensorResult)
    assert not result.dynamic_partitions_requests
    assert instance.has_dynamic_partition("clients", bad)


@pytest.mark.parametrize("command", [("client", "list"), ("status",)], ids=" ".join)
def test_the_others_are_shown_and_the_fault_beside_them(
    command: tuple[str, ...], warehouse: Warehouse, good: str, bad: str
) -> None:
    result = forecaster(*command)
    assert result.exit_code == 0, result.output
    assert good in result.stdout
    assert f"warning: The registry entry of '{bad}' is not valid: timezone: 'Mars/Olympus'" in result.stdout


def test_the_client_can_be_removed_and_given_a_password(warehouse: Warehouse, bad: str) -> None:
    password = CliRunner(env={"FORECASTER_CLIENT_PASSWORD": "correct horse"}).invoke(
        app, ["client", "password", bad]
    )
    assert password.exit_code == 0, password.output
    removed = forecaster("client", "remove", bad, "--yes")
    assert removed.exit_code == 0, removed.output
    with pytest.raises(ClientError, match="no client"):
        stored_fields(warehouse, bad)


@pytest.fixture
def installation_of_two(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """An installation on databases of its own with a client ``sound`` and a client ``spoilt``."""
    url, names = (
        make_url(warehouse.admin_url),
        [f"{warehouse.database}_two", f"{warehouse.database}_two_runs"],
    )
    with monkeypatch.context() as environment:
        environment.setenv("DATABASE_URL", libpq_spelling(url.set(database=names[0])))
        environment.setenv("DAGSTER_DATABASE_URL", libpq_spelling(url.set(database=names[1])))
        environment.setenv("DAGSTER_HOME", str(tmp_path))
        environment.setenv(STORAGE_URL_VARIABLE, "set by whoever opens the instance")
        own = locate_warehouse(load_settings())
        migrate(own, lambda: build_views(own))
        create_storage(load_settings(), own)
        for client_id in ("sound", "spoilt"):
            add_client(own, validated(client_id=client_id, name=client_id, models=["ma7"]))
        spoil(own, "spoilt", "models", [])
        yield own
    with warehouse.connect_admin(autocommit=True) as connection:
        for name in names:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_run_all_runs_the_others_names_the_invalid_and_fails(installation_of_two: Warehouse) -> None:
    result = forecaster("run", "--all", "--job", "quality_only")
    assert "not run: The registry entry of 'spoilt' is not valid: models:" in result.stderr
    assert result.exit_code == 1
    settings = load_settings()
    with open_instance(settings, installation_of_two) as instance:
        runs = instance.get_runs(dg.RunsFilter(tags={"client": "sound"}))
        assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS]
        assert instance.get_runs(dg.RunsFilter(tags={"client": "spoilt"})) == []
