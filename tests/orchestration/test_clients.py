"""The tenant registry: what it accepts, what it refuses and what it says then."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin

from orchestration.clients import (
    CLIENT_TAG,
    Client,
    ClientError,
    add_client,
    clients_in_flight,
    get_client,
    partition_changes,
    remove_client,
    sync_partitions,
    update_client,
    validated,
)
from orchestration.resources import Installation
from orchestration.running.instance import follow_registry
from orchestration.sensors import client_registry
from orchestration.settings import Settings
from orchestration.stages.inventory_inputs import policy_of
from orchestration.warehouse import migrate
from orchestration.warehouse.server import Warehouse, WarehouseError
from orchestration.warehouse.tables.analytics import PARTITIONED
from orchestration.warehouse.tenancy import partition_name

NewClient = Callable[..., Client]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("client_id", "Acme", "client_id"),
        ("client_id", "a" * 40, "client_id"),
        ("client_id", "acme; drop table", "client_id"),
        ("timezone", "Mars/Olympus", "IANA time zone"),
        ("cron", "every morning", "cron expression"),
        ("service_level", 1.0, "service_level"),
        ("horizon_days", 0, "horizon_days"),
        ("models", ["crystal_ball"], "unknown models ['crystal_ball']"),
        ("models", ["ma7", "ma7"], "named twice"),
        ("models", [], "models"),
        ("returns_policy", "ignore", "returns_policy"),
        ("favourite_colour", "blue", "favourite_colour"),
    ],
)
def test_a_wrong_field_is_refused_by_name(field: str, value: object, said: str) -> None:
    with pytest.raises(ClientError, match=r"Not a valid client") as refusal:
        validated(**{"client_id": "acme", "name": "Acme", field: value})
    assert said in str(refusal.value)


def test_what_was_added_is_read_back_unchanged(warehouse: Warehouse, new_client: NewClient) -> None:
    client = new_client(
        timezone="Europe/Dublin",
        cron="0 5 * * 1-6",
        column_map={"sales": {"item_id": "SKU", "units_sold": "Qty"}},
        service_level=0.975,
    )
    assert get_client(warehouse, client.client_id) == client


def test_planning_by_cost_needs_a_holding_rate_to_weigh_against(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    with pytest.raises(ClientError, match=r"holding_rate.*weighs shortages against holding"):
        validated(client_id="acme", name="Acme", service_metric="cost")
    client_id = new_client().client_id
    with pytest.raises(ClientError, match=r"holding_rate.*weighs shortages against holding"):
        update_client(warehouse, client_id, service_metric="cost")
    changed = update_client(
        warehouse, client_id, service_metric="cost", holding_rate=0.2, order_cost=25.0, shortage_cost_rate=1.5
    )
    policy = policy_of(changed)
    assert (policy.service_metric, policy.holding_rate) == ("cost", 0.2)
    assert (policy.order_cost, policy.shortage_cost_rate) == (25.0, 1.5)
    with pytest.raises(ClientError, match=r"holding_rate.*weighs shortages against holding"):
        update_client(warehouse, client_id, holding_rate=None)


def test_a_slug_is_taken_once(warehouse: Warehouse, new_client: NewClient) -> None:
    client = new_client()
    with pytest.raises(ClientError, match="exists already"):
        add_client(warehouse, client)


def test_a_client_is_not_added_to_tables_of_another_version(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = validated(client_id="too_early", name="Too Early")
    monkeypatch.setattr(migrate, "newest_revision", lambda: "9999")
    with pytest.raises(WarehouseError, match=r"older than this program\. Run 'forecaster migrate' first"):
        add_client(warehouse, entry)
    monkeypatch.setattr(migrate, "knows_revision", lambda _revision: False)
    with pytest.raises(WarehouseError, match="newer than this program"):
        add_client(warehouse, entry)
    with warehouse.connect_admin() as connection:
        assert connection.execute(
            "select count(*) from pg_roles where rolname = %s", (warehouse.roles.client("too_early"),)
        ).fetchone() == (0,)


def test_an_unknown_client_is_answered_with_the_known(warehouse: Warehouse, new_client: NewClient) -> None:
    known = new_client().client_id
    with pytest.raises(ClientError, match=known):
        get_client(warehouse, "nobody")


def test_updates_are_validated_and_audited(warehouse: Warehouse, new_client: NewClient) -> None:
    client_id = new_client().client_id
    with pytest.raises(ClientError, match="horizon_days"):
        update_client(warehouse, client_id, horizon_days=1000)
    update_client(warehouse, client_id, horizon_days=14, cron=None)
    assert get_client(warehouse, client_id).horizon_days == 14
    with warehouse.transaction() as connection:
        row = connection.execute(
            "select details from ops.audit_log where client_id = %s order by audit_id desc limit 1",
            (client_id,),
        ).fetchone()
    assert row is not None
    assert row[0]["before"]["horizon_days"] is None
    assert row[0]["after"]["horizon_days"] == 14


def test_removing_leaves_no_role_and_no_partition_behind(warehouse: Warehouse, new_client: NewClient) -> None:
    client_id = new_client().client_id

    def roles_and_partitions() -> tuple[int, int]:
        with warehouse.transaction() as connection:
            row = connection.execute(
                """
                select
                    (select count(*) from pg_roles where rolname = %s),
                    (select count(*) from pg_class where relname = any(%s))
                """,
                (
                    warehouse.roles.client(client_id),
                    [partition_name(table.name, client_id) for table in PARTITIONED],
                ),
            ).fetchone()
        assert row is not None
        return row[0], row[1]

    assert roles_and_partitions() == (1, len(PARTITIONED))
    remove_client(warehouse, client_id)
    with pytest.raises(ClientError, match=f"no client '{client_id}'"):
        get_client(warehouse, client_id)
    assert roles_and_partitions() == (0, 0)


def test_partitions_follow_the_registry() -> None:
    assert partition_changes(["a", "c"], ["b", "c"], in_flight=[]) == (["a"], ["b"])
    assert partition_changes(["c"], ["a", "b", "c"], in_flight=["b", "c", "d"]) == ([], ["a"])
    with dg.instance_for_test() as instance:
        assert sync_partitions(instance, ["a", "b"]) == (["a", "b"], [])
        assert sync_partitions(instance, ["b", "c"]) == (["c"], ["a"])
        assert sorted(instance.get_dynamic_partitions("clients")) == ["b", "c"]


@dg.job
def nothing() -> None:
    """A job to have runs of."""


@pytest.mark.parametrize("status", ["QUEUED", "STARTING", "STARTED", "CANCELING"])
def test_a_partition_stays_until_the_last_run_of_its_client_has_ended(status: str) -> None:
    with dg.instance_for_test() as instance:
        sync_partitions(instance, ["a", "b", "c"])
        run = instance.create_run_for_job(
            nothing,
            tags={CLIENT_TAG: "a"},
            status=dg.DagsterRunStatus(status),
            remote_job_origin=RemoteRepositoryOrigin(
                RegisteredCodeLocationOrigin("forecaster"), "__repository__"
            ).get_job_origin("nothing"),
        )
        assert clients_in_flight(instance) == {"a"}
        assert sync_partitions(instance, ["c"]) == ([], ["b"])
        assert sorted(instance.get_dynamic_partitions("clients")) == ["a", "c"]
        instance.report_run_failed(run)
        assert clients_in_flight(instance) == set()
        assert sync_partitions(instance, ["c"]) == ([], ["a"])


def test_the_sensor_leaves_the_partition_of_a_client_in_flight(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    follow_registry(settings, warehouse)
    run = instance.create_run_for_job(
        nothing, tags={CLIENT_TAG: client_id}, status=dg.DagsterRunStatus.STARTED
    )
    remove_client(warehouse, client_id)

    def removed_by_a_tick() -> list[str]:
        resources = {"installation": Installation()}
        with dg.build_sensor_context(instance=instance, resources=resources) as context:
            result = client_registry(context)
        assert isinstance(result, dg.SensorResult)
        return [key for request in result.dynamic_partitions_requests or () for key in request.partition_keys]

    assert client_id not in removed_by_a_tick()
    assert client_id not in follow_registry(settings, warehouse)[1]
    instance.report_run_failed(run)
    assert client_id in removed_by_a_tick()
    assert client_id in follow_registry(settings, warehouse)[1]
