"""Two clients in one database: what one can do to see the other's rows, and that it never works."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from orchestration.clients import add_client, remove_client, validated
from orchestration.warehouse.access_rights import LOGS
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import SCHEMAS, metadata
from orchestration.warehouse.tables.analytics import PARTITIONED
from orchestration.warehouse.tenancy import partition_name, secure_table, set_client_password
from tests.orchestration.warehouse.logins import PASSWORD, give_rows, login


@pytest.fixture(scope="module", params=["embedded", "tcp"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """Both kinds of server: the embedded one, and one on TCP whose owner is no superuser."""
    name = "embedded_warehouse" if request.param == "embedded" else "tcp_warehouse"
    house: Warehouse = request.getfixturevalue(name)
    return house


@pytest.fixture(scope="module")
def pair(warehouse: Warehouse) -> Iterator[tuple[str, str]]:
    """Two clients with one row each."""
    names = ("tenant_a", "tenant_b")
    for name in names:
        add_client(warehouse, validated(client_id=name, name=name))
        set_client_password(warehouse, name, PASSWORD)
        give_rows(warehouse, name)
    yield names
    for name in names:
        remove_client(warehouse, name)


@pytest.fixture
def as_a(warehouse: Warehouse, pair: tuple[str, str]) -> Iterator[psycopg.Connection[Any]]:
    """A session that client A logged in to by itself."""
    with login(warehouse, pair[0]) as connection:
        yield connection


def queryable_relations(warehouse: Warehouse) -> list[tuple[str, str]]:
    with warehouse.transaction() as connection:
        return connection.execute(
            """
            select namespace.nspname, relation.relname
            from pg_class as relation
            inner join pg_namespace as namespace on namespace.oid = relation.relnamespace
            where namespace.nspname = any(%s) and relation.relkind in ('r', 'p', 'v', 'm')
            order by 1, 2
            """,
            (list(SCHEMAS),),
        ).fetchall()


def test_a_client_reads_its_own_rows_only(as_a: psycopg.Connection[Any], pair: tuple[str, str]) -> None:
    for table in ("ts_demand_daily", "dim_item"):
        rows = as_a.execute(f"select client_id from analytics.{table}").fetchall()
        assert rows == [(pair[0],)]


def test_no_relation_shows_a_row_of_another_client(
    warehouse: Warehouse, as_a: psycopg.Connection[Any], pair: tuple[str, str]
) -> None:
    """Every table, view and partition of every schema, addressed directly."""
    refused, read = [], []
    for schema, relation in queryable_relations(warehouse):
        try:
            rows = as_a.execute(
                sql.SQL("select to_jsonb(r)::text from {} as r").format(sql.Identifier(schema, relation))
            ).fetchall()
        except psycopg.errors.InsufficientPrivilege:
            refused.append(f"{schema}.{relation}")
            continue
        read.append(f"{schema}.{relation}")
        assert not [row for (row,) in rows if pair[1] in row], f"{schema}.{relation} shows {pair[1]}"
    assert all(name.startswith("analytics.") for name in read)
    assert {"analytics.ts_demand_daily", "analytics.forecast_results"} <= set(read)
    for table in PARTITIONED:
        assert f"analytics.{partition_name(table.name, pair[1])}" in refused
        assert f"analytics.{partition_name(table.name, pair[0])}" in refused


def test_partitions_are_secured_even_if_somebody_grants_them(
    warehouse: Warehouse, as_a: psycopg.Connection[Any], pair: tuple[str, str]
) -> None:
    partition = sql.Identifier("analytics", partition_name("ts_demand_daily", pair[1]))
    tenant = sql.Identifier(warehouse.roles.tenant)
    with warehouse.transaction() as connection:
        connection.execute(sql.SQL("grant select on {} to {}").format(partition, tenant))
    try:
        assert as_a.execute(sql.SQL("select count(*) from {}").format(partition)).fetchone() == (0,)
    finally:
        with warehouse.transaction() as connection:
            connection.execute(sql.SQL("revoke select on {} from {}").format(partition, tenant))


@pytest.mark.parametrize(
    "attempt",
    [
        "select * from ops.clients",
        "select * from ops.audit_log",
        "select * from staging.sales",
        "insert into analytics.dim_item select * from analytics.dim_item",
        "update analytics.dim_item set name = 'x'",
        "delete from analytics.ts_demand_daily",
        "truncate analytics.ts_demand_daily",
        "alter table analytics.dim_item disable row level security",
        "drop policy tenant on analytics.dim_item",
        "create policy all_rows on analytics.dim_item for select using (true)",
        "create table analytics.mine (client_id text)",
        "create function analytics.peek() returns bigint language sql security definer as 'select 1'",
        "create function public.peek() returns bigint language sql as 'select 1'",
        "select pg_read_file('PG_VERSION')",
        "copy analytics.dim_item to program 'cat'",
        "create temporary table mine (client_id text)",
        "create role friend",
    ],
)
def test_a_client_may_not(as_a: psycopg.Connection[Any], attempt: str) -> None:
    as_a.execute("set default_transaction_read_only = off")
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName)):
        as_a.execute(attempt)


def test_a_client_s_rows_are_found_by_index(as_a: psycopg.Connection[Any]) -> None:
    """Whose rows they are is worked out once for a statement, and in the key's collation."""
    as_a.execute("set enable_seqscan = off; set enable_bitmapscan = off")
    for table in ("location_calendar", "ts_demand_daily"):
        query = f"explain (costs off) select * from analytics.{table} where location_id = 'main'"
        plan = "\n".join(line for (line,) in as_a.execute(query.encode()))
        assert re.search(r"Index Cond: .*client_id = \(InitPlan|Index Cond: .*client_id = \$0", plan), plan
        assert "starts_with" not in plan


def test_a_policy_of_an_earlier_version_is_made_anew(warehouse: Warehouse, pair: tuple[str, str]) -> None:
    def condition(connection: psycopg.Connection[Any]) -> object:
        return connection.execute(
            "select qual from pg_policies where (tablename, policyname) = ('dim_item', 'tenant')"
        ).fetchone()

    with warehouse.transaction() as connection:
        now = condition(connection)
        connection.execute("alter policy tenant on analytics.dim_item using (client_id = current_user)")
        secure_table(connection, warehouse.roles, "analytics", "dim_item")
        assert condition(connection) == now
        connection.rollback()


def test_row_security_off_is_an_error_not_a_way_in(as_a: psycopg.Connection[Any]) -> None:
    as_a.execute("set row_security = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        as_a.execute("select * from analytics.dim_item")


def test_functions_that_run_a_query_see_what_their_caller_sees(
    as_a: psycopg.Connection[Any], pair: tuple[str, str]
) -> None:
    query = "select array_to_tsvector(array[client_id]) from analytics.dim_item"
    words = as_a.execute("select word from ts_stat(%s)", (query,)).fetchall()
    assert words == [(pair[0],)]


def test_an_error_message_names_no_foreign_value(
    as_a: psycopg.Connection[Any], pair: tuple[str, str]
) -> None:
    """A failing cast in the where clause must not be tried on rows the policy hides."""
    for direction in ("asc", "desc"):
        with pytest.raises(psycopg.errors.InvalidTextRepresentation, match=pair[0]):
            as_a.execute(
                f"select * from analytics.dim_item where client_id::int > 0 order by client_id {direction}"
            )


def test_statistics_hide_foreign_values(
    warehouse: Warehouse, as_a: psycopg.Connection[Any], pair: tuple[str, str]
) -> None:
    with warehouse.transaction() as connection:
        connection.execute("analyze analytics.dim_item")
    values = "select concat(most_common_vals, histogram_bounds) from pg_stats where schemaname = 'analytics'"
    assert not [value for (value,) in as_a.execute(values) if pair[1] in value]
    with warehouse.connect_admin() as connection:
        if connection.execute("show is_superuser").fetchone() == ("on",):
            assert [value for (value,) in connection.execute(values) if pair[1] in value], "there are some"


def test_a_client_cannot_become_another_role(
    warehouse: Warehouse, as_a: psycopg.Connection[Any], pair: tuple[str, str]
) -> None:
    first = as_a.execute("select rolname from pg_roles where oid = 10").fetchone()
    assert first is not None
    roles = warehouse.roles
    others = (
        *(roles.client(pair[1]), roles.client_writer(pair[0]), roles.client_writer(pair[1])),
        *(roles.pipeline, roles.auditor, roles.api, roles.writer, first[0]),
    )
    for command in ("set role {}", "set session authorization {}"):
        for role in others:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                as_a.execute(sql.SQL(command).format(sql.Identifier(role)))
    as_a.execute(sql.SQL("set role {}").format(sql.Identifier(warehouse.roles.tenant)))
    assert as_a.execute("select count(*) from analytics.dim_item").fetchone() == (0,)


def test_a_wrong_password_is_refused_over_tcp(tcp_warehouse: Warehouse, new_tcp_client: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        login(tcp_warehouse, new_tcp_client, "wrong")


def test_a_client_without_a_password_cannot_log_in_over_tcp(
    tcp_warehouse: Warehouse, new_tcp_client: str
) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        login(tcp_warehouse, new_tcp_client, "")


@pytest.fixture
def new_tcp_client(tcp_warehouse: Warehouse) -> Iterator[str]:
    add_client(tcp_warehouse, validated(client_id="passwordless", name="Passwordless"))
    yield "passwordless"
    remove_client(tcp_warehouse, "passwordless")


def test_every_tenant_table_forces_row_level_security(warehouse: Warehouse, pair: tuple[str, str]) -> None:
    assert pair
    with warehouse.transaction() as connection:
        rows = connection.execute(
            """
            select
                namespace.nspname || '.' || relation.relname,
                relation.relrowsecurity,
                relation.relforcerowsecurity
            from pg_class as relation
            inner join pg_namespace as namespace on namespace.oid = relation.relnamespace
            where namespace.nspname = any(%s) and relation.relkind in ('r', 'p')
            """,
            (list(SCHEMAS),),
        ).fetchall()
    secured = {name for name, enabled, forced in rows if enabled and forced}
    tenant_tables = {
        f"{table.schema}.{table.name}"
        for table in metadata.tables.values()
        if "client_id" in table.columns and f"{table.schema}.{table.name}" not in LOGS
    }
    partitions = {f"analytics.{partition_name(t.name, c)}" for t in PARTITIONED for c in pair}
    assert tenant_tables | partitions <= secured
    for table in metadata.tables.values():
        if "client_id" in table.columns and f"{table.schema}.{table.name}" not in LOGS:
            assert next(iter(table.columns)).name == "client_id"
            assert "client_id" in table.primary_key.columns


def test_every_view_runs_with_the_rights_of_its_reader(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        views = connection.execute(
            """
            select relation.relname, coalesce(relation.reloptions, '{}') @> '{security_invoker=true}'
            from pg_class as relation
            inner join pg_namespace as namespace on namespace.oid = relation.relnamespace
            where namespace.nspname = any(%s) and relation.relkind = 'v'
            """,
            (list(SCHEMAS),),
        ).fetchall()
    assert views
    assert not [name for name, as_invoker in views if not as_invoker]


@pytest.mark.parametrize(
    "statement",
    ["update ops.audit_log set actor = 'x'", "delete from ops.audit_log", "truncate ops.audit_log"],
)
def test_not_even_the_pipeline_changes_the_audit_log(warehouse: Warehouse, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), warehouse.transaction() as connection:
        connection.execute(statement)


def test_removing_a_client_erases_it_and_leaves_the_others(
    warehouse: Warehouse, pair: tuple[str, str]
) -> None:
    gone = "leaving"
    add_client(warehouse, validated(client_id=gone, name="Leaving"))
    give_rows(warehouse, gone)
    erased = remove_client(warehouse, gone)
    assert erased["analytics.ts_demand_daily"] == 1
    with warehouse.transaction() as connection:
        for table in metadata.sorted_tables:
            if "client_id" not in table.columns or f"{table.schema}.{table.name}" in LOGS:
                continue
            schema, relation = str(table.schema), table.name
            row = connection.execute(
                sql.SQL("select count(*) from {} where client_id = {}").format(
                    sql.Identifier(schema, relation), sql.Literal(gone)
                )
            ).fetchone()
            assert row == (0,), f"{schema}.{relation} still knows {gone}"
        assert connection.execute(
            "select count(*) from pg_roles where rolname = %s", (warehouse.roles.client(gone),)
        ).fetchone() == (0,)
        kept = connection.execute(
            "select count(*) from analytics.ts_demand_daily where client_id = %s", (pair[0],)
        ).fetchone()
        remembered = connection.execute(
            "select count(*) from ops.audit_log where client_id = %s", (gone,)
        ).fetchone()
    assert kept == (1,)
    assert remembered is not None
    assert remembered[0] >= 2


def test_unknown_clients_have_no_partition_to_write_to(warehouse: Warehouse) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="no partition"):
        give_rows(warehouse, f"nobody_{uuid.uuid4().hex[:8]}")
