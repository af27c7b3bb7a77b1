"""What a client may try against others, beyond reading their rows; ``test_attacks`` tries all of it.

Belongs here: the attacks, and trying one. Does not belong here: which of them may work; ``docs/security.md``
lists those, with what an administrator can do.
"""

# ruff: noqa: E501 - an attack is read best in one line

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import make_url

from orchestration.warehouse.server import Warehouse, libpq_spelling
from tests.orchestration.warehouse.logins import PASSWORD, connected

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Attack:
    """Something a client tries.

    Attributes:
        name: by which the page lists it.
        statements: run one after the other, in one session; ``{other}`` is the slug of another client,
            ``{other_role}`` its role, ``{pipeline}``, ``{tenant}``, ``{login}`` and ``{database}`` are those.
        database: where: ``warehouse``, ``instance`` (Dagster's), or the name of another database.
        works_with_rows: whether it works only where its last statement finds rows.
        undo: run by the client afterwards, where it worked.
    """

    name: str
    statements: tuple[str, ...]
    database: str = "warehouse"
    works_with_rows: bool = False
    undo: tuple[str, ...] = ()


REFUSALS = {
    "42501": "insufficient privilege",
    "25006": "read-only transaction",
    "28000": "not allowed to log in",
    "53300": "too many connections",
    "53400": "a limit of the configuration",
    "55000": "not switched on",
    "0A000": "not supported",
    "42704": "no such object to ask for it",
    "22023": "nothing is loaded that does it",
    "2BP01": "others depend on it",
}
"""Error codes that are an answer to the attack; any other is a mistake in the attack."""


def _each(family: str, **statements: str) -> list[Attack]:
    """Attacks of one statement each, named after their family."""
    return [Attack(f"{family}: {name.replace('_', ' ')}", (text,)) for name, text in statements.items()]


def _finding(family: str, **queries: str) -> list[Attack]:
    """Attacks that work where they find rows."""
    return [
        Attack(f"{family}: {name.replace('_', ' ')}", (text,), works_with_rows=True)
        for name, text in queries.items()
    ]


LOCKS = [
    *_each(
        "advisory locks",
        one="select pg_advisory_lock(hashtextextended('run:{other}', 0))",
        many="select count(pg_advisory_lock(i)) from generate_series(1, 200) as i",
        shared="select pg_advisory_lock_shared(7)",
        of_a_transaction="select pg_advisory_xact_lock(7)",
        tried="select pg_try_advisory_lock(7, 8)",
    ),
    *_each(
        "table locks",
        exclusive="begin\nlock table analytics.dim_item in access exclusive mode",
        row_exclusive="begin\nlock table analytics.dim_item in row exclusive mode",
        of_a_catalog="begin\nlock table pg_catalog.pg_class in access exclusive mode",
        of_another_partition="begin\nlock table analytics.ts_demand_daily__{other} in access share mode",
        of_rows="select * from analytics.dim_item for update",
        of_keys="select * from analytics.dim_item for key share",
    ),
    Attack(
        "transactions: left open",
        ("begin isolation level repeatable read", "select count(*) from analytics.ts_demand_daily"),
    ),
    Attack("transactions: prepared", ("begin", "prepare transaction 'for ever'")),
    Attack(
        "transactions: nested, with records in the write-ahead log",
        ("begin", *(f"savepoint s{i}\nselect pg_logical_emit_message(true, 'x', 'x')" for i in range(3))),
    ),
    Attack(
        "transactions: nested, with changes of its own role",
        (
            "begin",
            *(f"savepoint s{i}\nalter role current_user set application_name = '{i}'" for i in range(9)),
        ),
    ),
]

STRUCTURE = [
    *_each(
        "structure",
        database="create database mine",
        schema="create schema mine",
        table="create table public.mine (x int)",
        view="create view analytics.mine as select 1 as one",
        index="create index on analytics.dim_item (name)",
        sequence="create sequence public.mine",
        type="create type public.mine as (x int)",
        domain="create domain public.mine as int",
        operator="create operator public.=== (leftarg = int, rightarg = int, function = int4eq)",
        cast="create cast (text as int) with inout as implicit",
        function="create function public.mine() returns int language sql as 'select 1'",
        aggregate="create aggregate public.mine (int) (sfunc = int4pl, stype = int)",
        trigger="create trigger mine before insert on analytics.dim_item execute function suppress_redundant_updates_trigger()",
        rule="create rule mine as on select to analytics.dim_item do instead select 1",
        statistics="create statistics analytics.mine on item_id, name from analytics.dim_item",
        event_trigger="create event trigger mine on ddl_command_start execute function suppress_redundant_updates_trigger()",
        publication="create publication mine for table analytics.dim_item",
        subscription="create subscription mine connection '' publication p with (connect = false)",
        tablespace="create tablespace mine location '/tmp'",
        language="create language plpython3u",
        policy_dropped="drop policy tenant on analytics.dim_item",
        column="alter table analytics.dim_item add column mine int",
        statistics_switched_on="alter table analytics.dim_item alter column name set statistics 100",
        reindex="reindex table analytics.dim_item",
        reindex_of_the_system="reindex system {database}",
        cluster="cluster analytics.dim_item using pk_dim_item",
        vacuum="vacuum full analytics.dim_item",
        vacuum_of_a_catalog="vacuum full pg_catalog.pg_class",
        analyze="analyze analytics.dim_item",
        comment="comment on table analytics.dim_item is 'mine'",
        comment_on_a_role="comment on role {other_role} is 'mine'",
        security_label="security label on table analytics.dim_item is 'mine'",
    ),
    *_each(
        "temporary objects",
        table="create temporary table mine (x int)",
        view="create temporary view mine as select 1 as one",
        sequence="create temporary sequence mine",
        function="create function pg_temp.mine() returns int language sql as 'select 1'",
        table_from_a_query="select 1 as one into temporary mine",
    ),
    *_each(
        "extensions",
        files="create extension file_fdw",
        other_servers="create extension postgres_fdw",
        links="create extension dblink",
        wrapper="create foreign data wrapper mine",
        trusted="create extension hstore",
    ),
]

UNLINKED = "select lo_unlink(oid) from pg_largeobject_metadata where lomowner = current_user::regrole"

LARGE_OBJECTS = [
    *_each(
        "large objects",
        opened="select lo_open(1, 131072)",
        read_from_a_file="select lo_import('/etc/hostname')",
        written_to_a_file="select lo_export(1, '/tmp/mine')",
    ),
    Attack("large objects: created", ("select lo_create(0)",), undo=(UNLINKED,)),
    Attack("large objects: filled", ("select lo_from_bytea(0, 'x')",), undo=(UNLINKED,)),
]

FILES_AND_PROGRAMS = [
    *_each(
        "files",
        read="select pg_read_file('postgresql.conf')",
        read_as_bytes="select pg_read_binary_file('PG_VERSION')",
        listed="select pg_ls_dir('.')",
        write_ahead_log_listed="select pg_ls_waldir()",
        looked_at="select pg_stat_file('PG_VERSION')",
        copied_from="copy analytics.dim_item from '/etc/passwd'",
        copied_to="copy (select 1) to '/tmp/mine'",
        program="copy (select 1) to program 'cat'",
        library="load '$libdir/plpgsql'",
        records_in_the_log="select pg_logical_emit_message(false, 'x', 'x')",
        snapshots="select pg_export_snapshot()",
        replication_slot="select pg_create_physical_replication_slot('mine')",
        rules_of_logging_in="select * from pg_hba_file_rules",
    ),
    Attack(
        "files: temporary ones without a limit",
        ("select 1 where current_setting('temp_file_limit') = '-1'",),
        works_with_rows=True,
    ),
    Attack("files: lines in the server's log", ("do $$ begin raise log 'a line of a client'; end $$",)),
]

OTHERS = [
    *_each(
        "other sessions",
        pipeline_ended="select pg_terminate_backend(pid) from pg_stat_activity where usename = '{login}'",
        pipeline_cancelled="select pg_cancel_backend(pid) from pg_stat_activity where usename = '{login}'",
        client_ended="select pg_terminate_backend(pid) from pg_stat_activity where usename = '{other_role}'",
        memory_logged="select pg_log_backend_memory_contexts(pid) from pg_stat_activity where usename = '{login}'",
    ),
    *_each(
        "the server",
        checkpoint="checkpoint",
        reload="select pg_reload_conf()",
        log_rotated="select pg_rotate_logfile()",
        log_switched="select pg_switch_wal()",
        restore_point="select pg_create_restore_point('mine')",
        promoted="select pg_promote()",
        backup="select pg_backup_start('mine')",
        statistics_reset="select pg_stat_reset()",
        configuration="alter system set work_mem = '1GB'",
        configuration_of_the_database="alter database {database} set work_mem = '1GB'",
        replication_role="set session_replication_role = replica",
        system_tables="set allow_system_table_mods = on",
        logging="set log_statement = 'none'",
        tracking="set track_activities = off",
        deadlocks="set deadlock_timeout = '1h'",
    ),
    Attack("notifications: in Dagster's database", ("notify run_events, 'x'",), database="instance"),
    Attack("notifications: in its own database", ("listen mine", "notify mine, 'x'")),
    Attack(
        "notifications: kept from being read",
        ("listen mine", "begin", "select pg_notify('mine', 'x')"),
    ),
    Attack("other databases: Dagster's", ("select 1",), database="instance"),
    Attack("other databases: postgres", ("select 1",), database="postgres"),
    Attack("other databases: template1", ("select 1",), database="template1"),
    Attack(
        "other databases: a temporary table in postgres",
        ("create temporary table mine (x int)",),
        database="postgres",
    ),
]

ROLES = [
    *_each(
        "its own role",
        more_connections="alter role current_user connection limit 1000",
        more_rights="alter role current_user createrole",
        past_policies="alter role current_user bypassrls",
        renamed="alter role {self} rename to mine",
        given_to_another="grant {self} to {other_role}",
        settings_of_a_superuser="alter role current_user set session_preload_libraries = 'mine'",
        temporary_files="alter role current_user set temp_file_limit = -1",
        read_all="grant pg_read_all_data to current_user",
        signal_all="grant pg_signal_backend to current_user",
    ),
    *_each(
        "other roles",
        settings="alter role {other_role} set statement_timeout = '1ms'",
        settings_of_the_pipeline="alter role {pipeline} set statement_timeout = '1ms'",
        settings_of_all="alter role all set statement_timeout = '1ms'",
        password="alter role {other_role} password 'mine'",
        taken="set role {pipeline}",
        taken_by_a_function="select set_config('role', '{pipeline}', false)",
        member_of_the_pipeline="grant {pipeline} to current_user",
        member_of_another="grant {other_role} to current_user",
        owned="reassign owned by {pipeline} to current_user",
        default_privileges="alter default privileges for role {pipeline} grant select on tables to public",
    ),
    Attack(
        "other roles: settings of its group",
        ("set role {tenant}", "alter role current_user set statement_timeout = '1ms'"),
        undo=("alter role current_user reset statement_timeout",),
    ),
    Attack(
        "other roles: the policies of its group dropped",
        (
            "drop owned by {tenant}",
            "select 1 where not exists (select from pg_policies where (tablename, policyname) = ('dim_item', 'tenant'))",
        ),
        works_with_rows=True,
    ),
    Attack(
        "other roles: the rights of its group dropped",
        (
            "drop owned by {tenant}",
            "select 1 where not has_table_privilege('{tenant}', 'analytics.dim_item', 'select')",
        ),
        works_with_rows=True,
    ),
    Attack(
        "its own role: no time limits",
        ("alter role current_user set statement_timeout = 0",),
        undo=("alter role current_user set statement_timeout = '15min'",),
    ),
    Attack(
        "its own role: its password",
        (f"alter role current_user password '{PASSWORD}'",),
    ),
    Attack(
        "its own role: default privileges",
        ("alter default privileges grant select on tables to public",),
        undo=("alter default privileges revoke select on tables from public",),
    ),
]

USE = [
    *_each(
        "use",
        no_time_limit="set statement_timeout = 0",
        memory_to_sort="set work_mem = '64GB'",
        memory_of_a_value="select length(repeat('x', 50000000))",
        processors="set max_parallel_workers_per_gather = 1024",
        loops="do $$ begin for i in 1..1000 loop perform i; end loop; end $$",
        transaction_numbers="select pg_current_xact_id()",
        a_name_of_its_choice="set application_name = 'forecaster migrate'",
        writable_transactions="set default_transaction_read_only = off",
    ),
    Attack("use: cursors left open", ("begin", "declare mine cursor with hold for select 1", "commit")),
    Attack("use: statements left prepared", ("prepare mine as select 1",)),
]

CATALOG = [
    *_finding(
        "catalog",
        passwords="select * from pg_authid",
        password_hashes="select * from pg_shadow",
        statistics="select * from pg_statistic",
        values_in_statistics="select 1 from pg_stats where schemaname <> 'pg_catalog' and concat(most_common_vals, histogram_bounds) like '%{other}%'",
        queries_of_others="select query from pg_stat_activity where usename = '{other_role}' and query like 'select%'",
        place_of_the_files="select 1 from pg_settings where name = 'data_directory' and setting <> ''",
        external_entities="select 1 where xmlparse(document '<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>')::text like '%root%'",
        names_of_clients="select 1 from pg_roles where rolname = '{other_role}'",
        names_of_partitions="select 1 from pg_class where relname = 'ts_demand_daily__{other}'",
        sizes_of_partitions="select pg_relation_size(oid) from pg_class where relname = 'ts_demand_daily__{other}'",
        rows_of_partitions="select n_live_tup from pg_stat_user_tables where relname = 'ts_demand_daily__{other}'",
        who_is_connected="select 1 from pg_stat_activity where usename = '{other_role}'",
        settings_of_others="select 1 from pg_db_role_setting as s inner join pg_roles as r on r.oid = s.setrole where r.rolname = '{other_role}'",
        locks_of_others="select 1 from pg_locks where pid <> pg_backend_pid()",
    ),
    *_finding(
        "rows",
        sampled="select 1 from analytics.dim_item tablesample system (100) where client_id = '{other}'",
        by_their_place="select 1 from analytics.dim_item where ctid = '(0,1)' and client_id = '{other}'",
        as_xml="select 1 where query_to_xml('select * from analytics.dim_item', true, false, '')::text like '%{other}%'",
        through_a_view="select 1 from analytics.demand_summary where client_id = '{other}'",
        of_a_partition="select 1 from analytics.ts_demand_daily__{other}",
    ),
]

ATTACKS = [
    *(*LOCKS, *STRUCTURE, *LARGE_OBJECTS, *FILES_AND_PROGRAMS),
    *(*OTHERS, *ROLES, *USE, *CATALOG),
]


class MistakenAttackError(AssertionError):
    """The server did not understand the attack, so it says nothing about the wall."""


def works(warehouse: Warehouse, client_id: str, other: str, attack: Attack) -> bool:
    """Try an attack as a client that has switched its own defaults off; whether it works.

    Args:
        warehouse: whose server is attacked.
        client_id: the attacker, whose password is :data:`PASSWORD`.
        other: a client with rows and a session.
        attack: what is tried.

    Raises:
        MistakenAttackError: the server's answer is no refusal.
    """
    names = {
        "self": warehouse.roles.client(client_id),
        "other": other,
        "other_role": warehouse.roles.client(other),
        "pipeline": warehouse.roles.pipeline,
        "tenant": warehouse.roles.tenant,
        "login": str(make_url(warehouse.admin_url).username or "postgres"),
        "database": warehouse.database,
    }
    try:
        with _session(warehouse, client_id, attack.database) as connection:
            warnings: list[str] = []
            connection.add_notice_handler(lambda notice: warnings.append(notice.message_primary or ""))
            rows = [_run(connection, text, names) for text in attack.statements][-1]
            if attack.works_with_rows and not rows:
                return False
            if any("skipping" in warning for warning in warnings):  # vacuum and analyze refuse by a warning
                return False
            for text in attack.undo:
                _run(connection, text, names)
    except psycopg.Error as error:
        if (error.sqlstate or _of_a_login(error)) in REFUSALS:
            return False
        raise MistakenAttackError(f"{attack.name}: {error.sqlstate} {error}") from error
    return True


@contextmanager
def _session(warehouse: Warehouse, client_id: str, database: str) -> Iterator[Connection]:
    url = make_url(warehouse.instance_url if database == "instance" else warehouse.admin_url)
    if database not in ("warehouse", "instance"):
        url = url.set(database=database)
    role = warehouse.roles.client(client_id)
    with connected(libpq_spelling(url), role) as connection:
        connection.execute("set default_transaction_read_only = off")
        connection.execute("set lock_timeout = '2s'")
        yield connection


def _run(connection: Connection, text: str, names: Mapping[str, str]) -> list[Any]:
    rows: list[Any] = []
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    for statement in text.split("\n"):
        cursor = connection.execute(statement.encode())
        with suppress(psycopg.ProgrammingError):
            rows = cursor.fetchall()
    return rows


def _of_a_login(error: psycopg.Error) -> str | None:
    """The code of a refused login, which libpq gives as text only."""
    return "28000" if "permission denied for database" in str(error) else None
