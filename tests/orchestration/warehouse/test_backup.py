"""A backup brings an installation back as it was: rows, roles, walls; no tenant is in before they stand."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import make_url

from orchestration.access.keys import create_key
from orchestration.access.logins import issue_tokens, revoke
from orchestration.access.security_events import Origin
from orchestration.access.signing import SigningKeys
from orchestration.access.tokens import Claims
from orchestration.access.tokens import read as read_token
from orchestration.access.users import add_user, set_role
from orchestration.clients import add_client, registered_ids, remove_client, validated
from orchestration.stages.dbt import build_views
from orchestration.warehouse import beside, dumps
from orchestration.warehouse import restore as restoring
from orchestration.warehouse.access_rights import LOGS
from orchestration.warehouse.archive import ArchiveError, Manifest, new_archive, open_archive
from orchestration.warehouse.backup import MODELS, write_backup
from orchestration.warehouse.beside import Place, RestoreError
from orchestration.warehouse.dumps import BackupError
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.restore import Restored, holds_something, restore
from orchestration.warehouse.server import Warehouse, libpq_spelling
from orchestration.warehouse.tables import SCHEMAS
from orchestration.warehouse.tenancy import set_client_password
from tests.conftest import drop_databases
from tests.orchestration.warehouse.logins import PASSWORD, give_rows, login

pytestmark = pytest.mark.starts_first

CLIENTS = ("backed_a", "backed_b")


def silent(_part: str, _size: int) -> None:
    pass


def unrecorded(_connection: object) -> None:
    pass


@pytest.fixture(scope="module", params=["embedded", "tcp"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """Both kinds of server: the embedded one, and one on TCP whose owner is no superuser."""
    house: Warehouse = request.getfixturevalue(f"{request.param}_warehouse")
    return house


@pytest.fixture(scope="module")
def source(warehouse: Warehouse) -> Iterator[Warehouse]:
    """An installation of its own with two clients, on either server."""
    house = renamed(warehouse, "first_house")
    migrate(house, lambda: build_views(house))
    with psycopg.connect(house.instance_url) as connection:
        connection.execute("create table runs (id serial primary key, run_id text)")
        connection.execute("insert into runs (run_id) select md5(i::text) from generate_series(1, 50) i")
    for client_id in CLIENTS:
        add_client(house, validated(client_id=client_id, name=client_id))
        set_client_password(house, client_id, PASSWORD)
        give_rows(house, client_id)
        let_in(house, client_id)
    with house.connect_admin() as connection:
        role = sql.Identifier(house.roles.client(CLIENTS[0]))
        connection.execute(sql.SQL("alter role {} connection limit 7").format(role))
        connection.execute(sql.SQL("alter role {} set search_path to analytics, public").format(role))
        connection.execute(
            sql.SQL("alter database {} set work_mem to '5MB'").format(sql.Identifier(house.database))
        )
    yield house
    drop_databases(house)


def let_in(house: Warehouse, client_id: str) -> None:
    """A manager with a login, a key, and a run that was asked for."""
    origin = Origin(actor="somebody")
    email = f"{client_id}@example.com"
    with psycopg.connect(house.libpq_url(role=house.roles.api)) as connection:
        user_id = add_user(connection, email, None, origin)
        set_role(connection, email, client_id, "manager", origin)
        create_key(connection, client_id, "shop", ["read"], 30, origin)
        given = issue_tokens(connection, SigningKeys(SecretStr("k" * 64)), user_id)
        claims = read_token(SigningKeys(SecretStr("k" * 64)), given.access if given else "")
        assert isinstance(claims, Claims)
        revoke(connection, claims, origin)
    with as_writer(house, client_id) as connection:
        connection.execute(
            "insert into ops.run_requests (client_id, job, asked_by) values (%s, 'forecast', 'x')",
            (client_id,),
        )
        connection.execute(
            """
            insert into ops.idempotent_answers (client_id, asked_by, idempotency_key, request_digest, status)
            values (%s, 'x', 'k', 'd', 202)
            """,
            (client_id,),
        )


@contextmanager
def as_writer(house: Warehouse, client_id: str) -> Iterator[psycopg.Connection[Any]]:
    """A transaction of the HTTP API that writes for a client."""
    with psycopg.connect(house.libpq_url(role=house.roles.api)) as connection:
        writer = sql.Identifier(house.roles.client_writer(client_id))
        connection.execute(sql.SQL("set local role {}").format(writer))
        yield connection


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "home" / "models"


def tuned_weights(home: Path) -> Path:
    """Tuned weights of one client, and what a tuning in progress has."""
    folder = home / "models"
    for name in ("backed_a/abc/model.safetensors", "backed_a/abc/tuning.json", "backed_a/.tuning-x/w/part"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode() * 1000)
    return folder


@pytest.fixture(scope="module")
def file(source: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The backup of the source, with weights."""
    folder = tmp_path_factory.mktemp("backup")
    back_up(source, tuned_weights(folder), folder / "backup.zip")
    return folder / "backup.zip"


@pytest.fixture
def moved(warehouse: Warehouse) -> Iterator[Warehouse]:
    """Where to restore on the same server: an installation of another name, which is not there yet."""
    house = renamed(warehouse, "moved_house")
    yield house
    clean_up(house)


@contextmanager
def migrated(house: Warehouse) -> Iterator[Warehouse]:
    """An installation for the block."""
    migrate(house, lambda: build_views(house))
    try:
        yield house
    finally:
        clean_up(house)


def clean_up(house: Warehouse) -> None:
    for place in beside.places_of(house):
        beside.clear(house.roles, place)
    drop_databases(house)


def renamed(warehouse: Warehouse, name: str) -> Warehouse:
    return Warehouse(
        libpq_spelling(make_url(warehouse.admin_url).set(database=name)),
        libpq_spelling(make_url(warehouse.instance_url).set(database=f"{name}_dagster")),
    )


def superuser_of(tcp_warehouse: Warehouse, session_folder: Path, name: str) -> Warehouse:
    """The TCP server by its superuser."""
    password = (session_folder / "tcp" / "superuser-password").read_text()
    url = make_url(tcp_warehouse.admin_url).set(username="postgres", password=password)
    return renamed(
        replace(tcp_warehouse, admin_url=libpq_spelling(url), instance_url=libpq_spelling(url)), name
    )


def back_up(house: Warehouse, models: Path, path: Path) -> Manifest:
    return write_backup(house, models, path, "0.1.0", silent)


def bring_back(house: Warehouse, path: Path, models: Path) -> Restored:
    with open_archive(path, silent) as archive:
        return restore(house, archive, models, as_dumped, silent, unrecorded)


def as_dumped(_: Warehouse) -> None:
    """The views that the dump brings are those of this version."""


def contents(house: Warehouse) -> dict[str, tuple[int, str]]:
    """(rows, digest of all) of every table, the audit log included, but for what it says of restores."""
    found = {}
    with house.connect_admin() as connection:
        for schema, table in connection.execute(
            "select relnamespace::regnamespace::text, relname from pg_class "
            "where relkind = 'r' and relnamespace::regnamespace::text = any(%s)",
            (list(SCHEMAS),),
        ).fetchall():
            row = connection.execute(
                sql.SQL(
                    "select count(*), coalesce(md5(string_agg(line::text, '|' order by line::text)), '') "
                    """from {} as line where not to_jsonb(line) @> '{{"action": "restore"}}'"""
                ).format(sql.Identifier(schema, table))
            ).fetchone()
            assert row is not None
            found[f"{schema}.{table}"] = (row[0], row[1])
    return found


CATALOGS = (
    "select nspname, nspowner::regrole::text, {acl} from pg_namespace, lateral (select nspacl as list) a "
    "where nspname = any(%(schemas)s) or nspname = 'public'",
    "select relnamespace::regnamespace::text, relname, relkind, relowner::regrole::text, relrowsecurity, "
    "relforcerowsecurity, reloptions, relispartition, pg_get_expr(relpartbound, oid), {acl} "
    "from pg_class, lateral (select relacl as list) a "
    "where relnamespace::regnamespace::text = any(%(schemas)s)",
    "select schemaname, tablename, policyname, permissive, roles::text, cmd, qual, with_check "
    "from pg_policies",
    "select attrelid::regclass::text, attname, atttypid::regtype::text, attnotnull, attidentity, "
    "attstattarget, col_description(attrelid, attnum), pg_get_expr(adbin, adrelid), {acl} "
    "from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum "
    "inner join pg_class on pg_class.oid = attrelid cross join lateral (select attacl as list) a "
    "where relnamespace::regnamespace::text = any(%(schemas)s) and attnum > 0 and not attisdropped",
    "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint "
    "where connamespace::regnamespace::text = any(%(schemas)s)",
    "select schemaname, sequencename, last_value from pg_sequences where schemaname = any(%(schemas)s)",
    "select schemaname, indexname, indexdef from pg_indexes where schemaname = any(%(schemas)s)",
    "select viewname, definition from pg_views where schemaname = any(%(schemas)s)",
    "select {acl} from pg_database, lateral (select datacl as list) a where datname = current_database()",
    "select rolname, rolcanlogin, rolinherit, rolconnlimit, rolsuper, rolcreaterole, rolcreatedb, "
    "rolbypassrls, rolconfig from pg_roles where starts_with(rolname, current_database() || '_')",
    "select roleid::regrole::text, member::regrole::text from pg_auth_members "
    "where starts_with(roleid::regrole::text, current_database() || '_')",
    "select setrole::regrole::text, setconfig from pg_db_role_setting "
    "where setdatabase = (select oid from pg_database where datname = current_database())",
)
ACL = (
    "(select array_agg(grantee::regrole::text || ' ' || privilege_type || ' ' || is_grantable "
    "order by grantee::regrole::text, privilege_type) from aclexplode(list))"
)


def catalog(house: Warehouse) -> list[list[tuple[str, ...]]]:
    """What the catalogs say of owners, rights, policies, columns and roles, without the database's name."""
    after_prefix = f", {len(house.roles.client_prefix) + 1})"

    def neutral(value: object) -> str:
        return str(value).replace(house.database, "DATABASE").replace(after_prefix, ", AFTER PREFIX)")

    with house.connect_admin() as connection:
        return [
            sorted(
                tuple(neutral(value) for value in row)
                for row in connection.execute(
                    query.format(acl=ACL),
                    {"schemas": list(SCHEMAS)},
                ).fetchall()
            )
            for query in CATALOGS
        ]


# --- the round trip -----------------------------------------------------------------------------------


def test_an_installation_comes_back_under_another_name_with_the_roles_of_that_name(
    source: Warehouse, moved: Warehouse, tmp_path: Path
) -> None:
    file = tmp_path / "backup.zip"
    manifest = back_up(source, tuned_weights(tmp_path), file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert holds_something(moved) is None
    with open_archive(file, silent) as archive:
        restored = restore(moved, archive, tmp_path / "other" / "models", build_views, silent, unrecorded)
    assert (restored.clients, restored.notes) == (list(CLIENTS), [])
    assert restored.without_password == ([] if manifest.has_passwords else list(CLIENTS))
    assert contents(moved) == contents(source)
    assert {name: rows for name, (rows, _) in contents(source).items()} == manifest.rows
    for here, there in zip(catalog(moved), catalog(source), strict=True):
        assert here == there
    with psycopg.connect(moved.instance_url) as connection:
        assert connection.execute("select count(*), max(id) from runs").fetchone() == (50, 50)
        assert connection.execute("select nextval('runs_id_seq')").fetchone() == (51,)
    weights = {path.relative_to(tmp_path / "other" / "models") for path in (tmp_path / "other").rglob("*.*")}
    assert weights == {Path("backed_a/abc/model.safetensors"), Path("backed_a/abc/tuning.json")}
    for log in LOGS:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), moved.transaction() as connection:
            connection.execute(sql.SQL("delete from {}").format(sql.Identifier(*log.split("."))))
    let_in = ("users", "memberships", "service_keys", "refresh_tokens", "revoked_tokens", "run_requests")
    assert {manifest.rows[f"ops.{table}"] for table in let_in} == {len(CLIENTS)}
    for client_id in CLIENTS:
        with as_writer(moved, client_id) as connection:
            assert connection.execute("select client_id from ops.run_requests").fetchall() == [(client_id,)]


def test_users_alone_are_an_installation(moved: Warehouse) -> None:
    with migrated(moved) as house:
        assert holds_something(house) is None
        with house.transaction() as connection:
            add_user(connection, "first@example.com", None, Origin(), is_operator=True)
        assert holds_something(house) is not None


def test_every_row_of_a_table_is_in_it_as_the_superuser_sees_them(
    tcp_warehouse: Warehouse, session_folder: Path, tmp_path: Path
) -> None:
    with migrated(renamed(tcp_warehouse, "whole")) as house:
        add_client(house, validated(client_id="a", name="A"))
        give_rows(house, "a")
        manifest = back_up(house, tmp_path, tmp_path / "backup.zip")
        seen = contents(superuser_of(tcp_warehouse, session_folder, "whole"))
        assert {name: rows for name, (rows, _) in seen.items()} == manifest.rows
        assert manifest.rows["ops.audit_log"] > 0
        assert manifest.rows["analytics.dim_item"] == 1


def test_a_client_logs_in_with_its_old_password_and_sees_its_rows_only(
    tcp_warehouse: Warehouse, session_folder: Path, embedded_warehouse: Warehouse, tmp_path: Path
) -> None:
    """From the embedded server to one's own, by a login that is no superuser."""
    target = renamed(tcp_warehouse, "travels")
    with migrated(renamed(embedded_warehouse, "travels")) as house:
        for client_id in CLIENTS:
            add_client(house, validated(client_id=client_id, name=client_id))
            set_client_password(house, client_id, PASSWORD)
            give_rows(house, client_id)
        assert back_up(house, tmp_path / "none", tmp_path / "backup.zip").has_passwords
        bring_back(target, tmp_path / "backup.zip", tmp_path / "models")
        with login(target, CLIENTS[0]) as connection:
            rows = connection.execute("select client_id from analytics.ts_demand_daily").fetchall()
            assert rows == [(CLIENTS[0],)]
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            login(target, CLIENTS[0], "wrong")
        assert contents(target) == contents(house)
        clean_up(target)


# --- what is there before -----------------------------------------------------------------------------


@pytest.mark.slow
def test_a_replaced_installation_is_that_of_the_backup_and_a_later_client_has_no_login(
    file: Path, moved: Warehouse, models: Path
) -> None:
    bring_back(moved, file, models)
    as_restored, roles = contents(moved), catalog(moved)
    add_client(moved, validated(client_id="later", name="Later"))
    remove_client(moved, CLIENTS[1])
    set_client_password(moved, CLIENTS[0], PASSWORD)
    assert holds_something(moved) is not None
    with login(moved, CLIENTS[0]):  # a tenant's open session does not stop it
        bring_back(moved, file, models)
    assert contents(moved) == as_restored
    assert catalog(moved) == roles


@pytest.mark.slow
def test_a_restore_that_fails_leaves_what_was_there(
    file: Path, moved: Warehouse, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_back(moved, file, models)
    add_client(moved, validated(client_id="later", name="Later"))
    before, roles = contents(moved), catalog(moved)

    def fails(*_: object) -> list[str]:
        raise RuntimeError("in the middle of the step")

    monkeypatch.setattr(restoring, "arrange_roles", fails)
    with pytest.raises(RuntimeError, match="in the middle"):
        bring_back(moved, file, models)
    assert contents(moved) == before
    assert catalog(moved) == roles
    monkeypatch.undo()
    bring_back(moved, file, models)
    assert registered_ids(moved) == list(CLIENTS)


def test_a_restore_interrupted_after_the_step_is_finished_by_the_next(
    file: Path, moved: Warehouse, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring_back(moved, file, models)
    with monkeypatch.context() as patch:
        patch.setattr(restoring, "_restore_models", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            bring_back(moved, file, tmp_path / "other" / MODELS)
    with open_archive(file, silent) as archive:
        assert beside.is_finishing(Place(moved.admin_url), archive.seal)
    bring_back(moved, file, tmp_path / "other" / MODELS)
    with open_archive(file, silent) as archive:
        assert not beside.is_finishing(Place(moved.admin_url), archive.seal)
    assert (tmp_path / "other" / MODELS / "backed_a" / "abc" / "tuning.json").exists()
    with moved.connect_admin() as connection:
        left = connection.execute("select datname from pg_database where datname like 'moved%'").fetchall()
    assert sorted(left) == [("moved_house",), ("moved_house_dagster",)]


def test_a_restore_is_refused_while_somebody_works(file: Path, moved: Warehouse, models: Path) -> None:
    bring_back(moved, file, models)
    with moved.transaction(), pytest.raises(RestoreError, match="Somebody is at work"):
        bring_back(moved, file, models)


def test_a_database_that_a_restore_did_not_make_is_not_dropped(
    file: Path, moved: Warehouse, models: Path
) -> None:
    with Place(moved.admin_url).connect() as connection:
        connection.execute("create database moved_house_restoring")
        try:
            with pytest.raises(RestoreError, match="rename that one"):
                bring_back(moved, file, models)
        finally:
            connection.execute("drop database moved_house_restoring")


# --- tenants during a restore -------------------------------------------------------------------------


@pytest.fixture
def of_a_superuser(tcp_warehouse: Warehouse, session_folder: Path, tcp_superuser: str) -> Iterator[Warehouse]:
    """A superuser's installation, whose migration closes databases that other tests find open."""
    yield superuser_of(tcp_warehouse, session_folder, "polled")
    with psycopg.connect(tcp_superuser, autocommit=True) as connection:
        connection.execute("grant connect, temporary on database postgres to public")
        connection.execute("grant connect on database template1 to public")


def test_at_no_moment_of_a_restore_can_a_tenant_make_anything(
    of_a_superuser: Warehouse, tmp_path: Path, models: Path
) -> None:
    """The client's role is on the server already, as where roles were restored first."""
    house = of_a_superuser
    ended = threading.Event()
    made: list[str] = []
    attempts: dict[str, int] = {}

    def poll() -> None:
        while not ended.is_set():
            for database in ("polled", "polled_restoring", "polled_dagster_restoring"):
                url = libpq_spelling(make_url(house.admin_url).set(database=database))
                attempts[database] = attempts.get(database, 0) + 1
                try:
                    with psycopg.connect(
                        url, user=house.roles.client("a"), password=PASSWORD, autocommit=True
                    ) as tenant:
                        tenant.execute("set default_transaction_read_only = off")
                        attempts["connected"] = attempts.get("connected", 0) + 1
                        for statement in (
                            "create temporary table mine (a int)",
                            "create table public.mine (a int)",
                            "create schema mine",
                            "create table analytics.mine (a int)",
                        ):
                            try:
                                tenant.execute(statement)
                                made.append(f"{database}: {statement}")
                            except psycopg.Error:
                                pass
                        seen = tenant.execute("select distinct client_id from analytics.dim_item").fetchall()
                        made.extend(f"{database} shows {row}" for row in seen if row != ("a",))
                except psycopg.Error:
                    pass

    with migrated(house):
        for client_id in ("a", "b"):
            add_client(house, validated(client_id=client_id, name=client_id))
            give_rows(house, client_id)
        set_client_password(house, "a", PASSWORD)
        back_up(house, models, tmp_path / "backup.zip")
        thread = threading.Thread(target=poll)
        thread.start()
        try:
            bring_back(house, tmp_path / "backup.zip", models)
        finally:
            ended.set()
            thread.join()
        assert made == []
        assert attempts["connected"] > 0
        assert min(attempts.values()) > 5


# --- what is refused ----------------------------------------------------------------------------------


def test_a_cut_or_changed_file_is_refused(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    spoilt = [whole[:-1], whole[: len(whole) // 2], b"", whole + b"x", b"not a backup at all"]
    for position in (0, 20, len(whole) // 3, len(whole) - 200, len(whole) - 1):
        changed = bytearray(whole)
        changed[position] ^= 1
        spoilt.append(bytes(changed))
    for number, data in enumerate(spoilt):
        bad = tmp_path / f"bad{number}.zip"
        bad.write_bytes(data)
        with pytest.raises(ArchiveError, match="cut short, or changed"), open_archive(bad, silent):
            pass


def test_a_backup_of_a_newer_version_is_refused(
    file: Path, moved: Warehouse, models: Path, tmp_path: Path
) -> None:
    with open_archive(file, silent) as archive:
        newer = replace(
            archive,
            manifest=archive.manifest.model_copy(update={"revision": "9999", "project_version": "7.0"}),
        )
        with pytest.raises(RestoreError, match=r"newer version, 7\.0"):
            restore(moved, newer, models, build_views, silent, unrecorded)
    with new_archive(tmp_path / "format.zip", silent) as writer:
        writer.finish(archive.manifest.model_copy(update={"format": 2}))
    with pytest.raises(ArchiveError, match="newer one"), open_archive(tmp_path / "format.zip", silent):
        pass


def test_rows_that_did_not_come_back_are_noticed(file: Path, moved: Warehouse, models: Path) -> None:
    with open_archive(file, silent) as archive:
        rows = archive.manifest.rows | {"ops.clients": 3}
        counted = replace(archive, manifest=archive.manifest.model_copy(update={"rows": rows}))
        with pytest.raises(RestoreError, match=r"Not every row came back in ops\.clients"):
            restore(moved, counted, models, build_views, silent, unrecorded)
    assert holds_something(moved) is None


def test_a_backup_that_would_miss_rows_is_not_made(tcp_warehouse: Warehouse, tmp_path: Path) -> None:
    with migrated(renamed(tcp_warehouse, "hidden")) as house:
        with house.transaction() as connection:
            connection.execute("drop policy pipeline on staging.sales")
        with pytest.raises(BackupError, match=r"every row of staging\.sales.*'forecaster migrate'"):
            back_up(house, tmp_path, tmp_path / "backup.zip")
        assert list(tmp_path.glob("backup*")) == []


def test_a_file_that_exists_is_not_written_over_and_two_backups_do_not_share_one(
    source: Warehouse, models: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.zip").write_text("mine")
    with pytest.raises(ArchiveError, match="exists already"):
        back_up(source, models, tmp_path / "mine.zip")
    assert (tmp_path / "mine.zip").read_text() == "mine"
    with (
        new_archive(tmp_path / "other.zip", silent),
        pytest.raises(ArchiveError, match="Another backup"),
    ):
        back_up(source, models, tmp_path / "other.zip")
    assert [path.name for path in tmp_path.glob("other*")] == ["other.zip"]


def test_a_program_that_fails_says_why_and_leaves_no_file(
    source: Warehouse, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dumps, "LOCK_SECONDS", "no number")
    with pytest.raises(BackupError, match="pg_dump ended with an error"):
        back_up(source, models, tmp_path / "backup.zip")
    assert list(tmp_path.glob("backup*")) == []


def test_a_full_disk_says_so_and_leaves_no_file(source: Warehouse, models: Path, tmp_path: Path) -> None:
    def tell(_part: str, _size: int) -> None:
        raise OSError(28, os.strerror(28))

    with pytest.raises(ArchiveError, match="no space left"):
        write_backup(source, models, tmp_path / "backup.zip", "0.1.0", tell)
    assert list(tmp_path.glob("backup*")) == []


@pytest.fixture
def only_old_programs(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    from orchestration.warehouse import programs

    def only(major: int) -> None:
        monkeypatch.setattr(programs, "_major_of", lambda _folder: major)

    return only


def test_programs_older_than_the_server_are_answered_with_what_to_install(
    source: Warehouse, models: Path, tmp_path: Path, only_old_programs: Callable[..., Any]
) -> None:
    only_old_programs(12)
    with pytest.raises(Exception, match=r"or newer are needed and those that are installed are of 12"):
        back_up(source, models, tmp_path / "backup.zip")
