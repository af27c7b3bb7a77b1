"""The embedded server: started and stopped whatever a hard stop left behind, and closed to everybody else."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psutil
import psycopg
import pytest

from orchestration.running.psql import psql_program
from orchestration.warehouse import cluster
from orchestration.warehouse.cluster import (
    CONNECTIONS,
    EmbeddedServerError,
    server_programs,
    stand_in_for_root,
)
from orchestration.warehouse.embedded import start_embedded, stop_embedded, throw_away_folder
from orchestration.warehouse.postmaster import is_alive, processes_of
from tests.orchestration.warehouse.hard_stop import (
    GENUINE,
    kill_server,
    names_process,
    owner_of,
    write_as_owner,
)

pytestmark = pytest.mark.starts_first

ROOT = Path(__file__).parents[3]
IS_ROOT = os.geteuid() == 0

as_another_user = pytest.mark.skipif(not IS_ROOT, reason="only root can work as another user of the machine")


def user_of_servers() -> str:
    """Who starts processes that a server may take for another server: PostgreSQL's own user."""
    return stand_in_for_root().pw_name if IS_ROOT else pwd.getpwuid(os.geteuid()).pw_name


def forecaster(data_dir: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the installation that this is the embedded server of."""
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.run(
        [sys.executable, "-m", "orchestration.cli", *arguments],
        env={**inherited, "FORECASTER_HOME": str(data_dir.parent), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def as_user(name: str, work: Callable[[], object]) -> str:
    """What a function returns, or the error it ends in, to another user of the machine.

    A fork and no new program: that user may not be let into the folder Python was installed in.
    """
    entry = pwd.getpwnam(name)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
            said = str(work())
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


@as_another_user
def test_the_user_in_roots_place_is_made_once_however_many_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"forecaster-test-{os.getpid()}"
    monkeypatch.setattr(cluster, "_STAND_IN", name)
    try:
        with ProcessPoolExecutor(6, mp_context=get_context("fork")) as processes:
            asked_for = [processes.submit(stand_in_for_root) for _ in range(6)]
            seen = {answer.result() for answer in asked_for}
        assert seen == {pwd.getpwnam(name)}
    finally:
        subprocess.run(["userdel", name], check=True, capture_output=True)


def asked(url: str, role: str = "postgres") -> object:
    """Who the server takes somebody for."""
    with psycopg.connect(url, user=role) as connection:
        return connection.execute("select current_user").fetchone()


def servers(data_dir: Path) -> list[psutil.Process]:
    return processes_of(data_dir, owner_of(data_dir))[0]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with throw_away_folder() as folder:
        yield folder


@pytest.fixture
def data_dir(folder: Path) -> Path:
    """The data directory of a server that runs."""
    start_embedded(folder / "installation" / "postgres")
    return folder / "installation" / "postgres"


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with the project, of the user that PostgreSQL works as."""
    with subprocess.Popen(["sleep", "3600"], user=user_of_servers(), cwd="/") as process:
        yield process
        process.kill()


# --- after a hard stop --------------------------------------------------------------------------------


def test_down_spares_a_stranger_who_has_the_servers_number_and_status_starts_it_again(
    data_dir: Path, stranger: subprocess.Popen[bytes]
) -> None:
    kill_server(data_dir)
    names_process(data_dir, stranger.pid)
    down = forecaster(data_dir, "down")
    assert (down.returncode, "PostgreSQL was not running." in down.stdout) == (0, True), down.stderr
    assert stranger.poll() is None
    status = forecaster(data_dir, "status")
    assert "The database has no tables yet. Run 'forecaster migrate' first." in status.stderr
    assert len(servers(data_dir)) == 1
    assert stranger.poll() is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("postmaster.pid", b""),
        ("postmaster.pid", b"\n\n"),
        ("postmaster.pid", b"4"),
        ("postmaster.pid", b"99999999999999999999\n/\n1\n5432\n"),
        ("postmaster.pid", b"\x00\xff\xfe" * 40),
        ("postmaster.pid", GENUINE.format(pid=1, data_dir="/")[:30].encode()),
        ("postmaster.opts", b""),
        ("postmaster.opts", b"\x00\xff"),
        (".handle_pids.json", b"[12"),
        ("pg_hba.conf", b""),
        ("pg_ident.conf", b"\xff\x00"),
        ("pg_hba.conf.part", b"half"),
        ("../postgres.part/PG_VERSION", b"1"),
        ("../postgres-socket/.s.PGSQL.5432.lock", b""),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:6]),
)
@pytest.mark.slow
def test_a_torn_file_needs_no_hand(data_dir: Path, name: str, content: bytes) -> None:
    kill_server(data_dir)
    path = data_dir.parent / "postgres" / name
    path.parent.mkdir(exist_ok=True)
    write_as_owner(path, content)
    assert stop_embedded(data_dir) is False
    assert asked(start_embedded(data_dir)) == ("postgres",)
    assert stop_embedded(data_dir) is True
    assert servers(data_dir) == []


def test_a_torn_file_does_not_hide_a_server_that_runs_from_down(data_dir: Path) -> None:
    write_as_owner(data_dir / "postmaster.pid", b"")
    assert stop_embedded(data_dir) is True
    assert processes_of(data_dir, owner_of(data_dir)) == ([], [])


def test_what_outlives_a_killed_server_does_not_keep_the_next_from_starting(data_dir: Path) -> None:
    busy = psycopg.connect(start_embedded(data_dir))
    begun = threading.Event()

    def compute() -> None:
        begun.set()
        with pytest.raises(psycopg.OperationalError):
            busy.execute("select count(*) from generate_series(1, 1000000000000)")

    thread = threading.Thread(target=compute)
    thread.start()
    begun.wait()
    with psycopg.connect(start_embedded(data_dir)) as connection:
        state = "select state from pg_stat_activity where pid = %s"
        while connection.execute(state, (busy.info.backend_pid,)).fetchone() != ("active",):
            connection.rollback()
    backend = psutil.Process(busy.info.backend_pid)
    kill_server(data_dir, with_children=False)
    assert is_alive(backend)
    assert asked(start_embedded(data_dir)) == ("postgres",)
    assert not is_alive(backend)
    thread.join()
    busy.close()


def test_a_server_whose_files_were_removed_ends_before_another_takes_its_place(folder: Path) -> None:
    data_dir = folder / "removed" / "postgres"
    start_embedded(data_dir)
    (first,) = servers(data_dir)
    data_dir.rename(folder / "removed" / "elsewhere")
    start_embedded(data_dir)
    assert not is_alive(first)
    assert len(servers(data_dir)) == 1


def test_commands_that_start_at_once_start_one_server(folder: Path) -> None:
    data_dir = folder / "at_once" / "postgres"
    code = (
        "import sys, pathlib; from orchestration.warehouse.embedded import start_embedded; "
        "print(start_embedded(pathlib.Path(sys.argv[1])))"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, data_dir], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    urls = {process.communicate()[0] for process in started}
    assert [process.returncode for process in started] == [0] * 4
    assert len(urls) == 1
    assert len(servers(data_dir)) == 1


def test_a_server_that_cannot_start_says_why(data_dir: Path) -> None:
    stop_embedded(data_dir)
    version = data_dir / "PG_VERSION"
    genuine = version.read_bytes()
    write_as_owner(version, b"9\n")
    with pytest.raises(EmbeddedServerError, match=r"does not start: .*incompatible.*run the command again"):
        start_embedded(data_dir)
    write_as_owner(version, genuine)


def test_files_that_are_no_database_are_left_alone(folder: Path) -> None:
    data_dir = folder / "photographs" / "postgres"
    data_dir.mkdir(parents=True)
    (data_dir / "holiday.jpg").touch()
    with pytest.raises(EmbeddedServerError, match="holds files that are no database; move them away"):
        start_embedded(data_dir)
    assert list(data_dir.iterdir()) == [data_dir / "holiday.jpg"]


# --- who may enter ------------------------------------------------------------------------------------


def test_a_new_home_is_closed_to_others_and_its_server_has_room_for_clients(data_dir: Path) -> None:
    """Root's server has a user of its own, who passes through."""
    assert data_dir.parent.stat().st_mode & (0o066 if IS_ROOT else 0o077) == 0
    with psycopg.connect(start_embedded(data_dir)) as connection:
        assert connection.execute("show max_connections").fetchone() == (str(CONNECTIONS),)


def test_the_socket_is_in_a_folder_of_its_own_that_nobody_else_may_enter(data_dir: Path) -> None:
    sockets = data_dir.with_name("postgres-socket")
    found = [path.stat() for path in (sockets, sockets / ".s.PGSQL.5432")]
    assert [(stat.st_mode & 0o777, stat.st_uid) for stat in found] == [(0o700, owner_of(data_dir))] * 2


def test_the_owner_logs_in_as_any_role(data_dir: Path) -> None:
    url = start_embedded(data_dir)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create role some_client login")
    assert asked(url, "some_client") == ("some_client",)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop role some_client")


@as_another_user
@pytest.mark.parametrize("role", ["postgres", "nobody"])
def test_another_user_of_the_machine_cannot_log_in_even_where_the_folder_was_opened(
    data_dir: Path, role: str
) -> None:
    url = start_embedded(data_dir)
    sockets = data_dir.with_name("postgres-socket")
    for path in (sockets, sockets / ".s.PGSQL.5432"):
        path.chmod(0o777)
    assert "Peer authentication failed" in as_user("nobody", lambda: asked(url, role))
    stop_embedded(data_dir)
    start_embedded(data_dir)
    assert sockets.stat().st_mode & 0o777 == 0o700


@as_another_user
def test_a_server_of_an_earlier_version_that_trusts_everybody_is_closed_while_it_runs(data_dir: Path) -> None:
    start_embedded(data_dir)
    write_as_owner(data_dir / "pg_hba.conf", b"local all all trust\n")
    (server,) = servers(data_dir)
    server.send_signal(signal.SIGHUP)
    url = start_embedded(data_dir)
    assert servers(data_dir) == [server]
    sockets = data_dir.with_name("postgres-socket")
    for path in (sockets, sockets / ".s.PGSQL.5432"):
        path.chmod(0o777)
    # The server reads its rules when it gets to it.
    while "Peer authentication failed" not in (said := as_user("nobody", lambda: asked(url))):
        assert said == "('postgres',)"
        time.sleep(0.1)
    stop_embedded(data_dir)


@as_another_user
def test_a_second_user_of_the_machine_has_a_server_of_their_own(data_dir: Path, folder: Path) -> None:
    home = folder / "second"
    home.mkdir()
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    started = as_user("nobody", lambda: asked(start_embedded(home / "postgres")))
    assert started == "('postgres',)"
    (server,) = servers(home / "postgres")
    assert server.uids().real == nobody.pw_uid
    assert len(servers(data_dir)) == 1
    assert asked(start_embedded(home / "postgres")) == ("postgres",)
    assert stop_embedded(home / "postgres") is True
    start_embedded(home / "postgres")
    (server,) = servers(home / "postgres")
    assert server.uids().real == nobody.pw_uid


@as_another_user
def test_the_server_of_another_user_is_not_for_use(data_dir: Path) -> None:
    refused = as_user("nobody", lambda: start_embedded(data_dir))
    assert "belongs to another user; work as that user, or have FORECASTER_HOME name" in refused


@as_another_user
def test_root_lets_the_servers_user_pass_and_nobody_look(folder: Path) -> None:
    home = folder / "closed" / "installation"
    home.mkdir(parents=True)
    for path in (home.parent, home):
        path.chmod(0o700)
    start_embedded(home / "postgres")
    assert [path.stat().st_mode & 0o777 for path in (home.parent, home)] == [0o701] * 2


# --- where the socket goes ----------------------------------------------------------------------------


@pytest.fixture
def deep(folder: Path, request: pytest.FixtureRequest) -> Path:
    """A data directory whose path leaves no room for a socket's name."""
    return folder.joinpath(request.node.name[:20], *["a" * 30] * 4, "postgres")


def test_a_deep_path_has_its_socket_in_the_runtime_folder(
    deep: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = folder / "run"
    runtime.mkdir(exist_ok=True)
    runtime.chmod(0o711)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    assert asked(start_embedded(deep)) == ("postgres",)
    (sockets,) = runtime.iterdir()
    assert (sockets.stat().st_mode & 0o777, sockets.stat().st_uid) == (0o700, owner_of(deep))
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert start_embedded(deep)
    assert stop_embedded(deep) is True


def test_a_path_that_is_too_long_is_refused(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with pytest.raises(EmbeddedServerError, match=r"107 bytes.*FORECASTER_HOME name a folder with a short"):
        start_embedded(deep)


def test_a_runtime_folder_where_somebody_laid_a_trap_is_refused(
    deep: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = folder / "trap"
    runtime.mkdir()
    runtime.chmod(0o711)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    start_embedded(deep)
    stop_embedded(deep)
    (sockets,) = runtime.iterdir()
    sockets.rename(folder / "moved")
    sockets.symlink_to(folder / "moved")
    with pytest.raises(EmbeddedServerError, match="must be a folder of the user"):
        start_embedded(deep)
    sockets.unlink()
    if IS_ROOT:
        sockets.mkdir()
        os.chown(sockets, pwd.getpwnam("nobody").pw_uid, -1)
        with pytest.raises(EmbeddedServerError, match="must be a folder of the user"):
            start_embedded(deep)


@pytest.mark.parametrize("name", ["with a space", "a'quote", 'a"quote', "$(false)", "100%", "ü&?#"])
def test_any_other_path_will_do(folder: Path, name: str) -> None:
    data_dir = folder / name / "postgres"
    with psycopg.connect(start_embedded(data_dir)) as connection:
        assert connection.execute("show unix_socket_permissions").fetchone() == ("0700",)
    assert stop_embedded(data_dir) is True


# --- what a shell says --------------------------------------------------------------------------------

SHELL = {
    "PGPORT": "1",
    "PGHOST": "/nowhere",
    "PGHOSTADDR": "192.0.2.1",
    "PGDATABASE": "nowhere",
    "PGUSER": "stranger",
    "PGPASSWORD": "wrong",
    "PGSERVICE": "nowhere",
    "PGOPTIONS": "-c nonsense=1",
    "PGDATA": "/nowhere",
}
EVERY_DRIVER = """
import os, subprocess
import polars, psycopg, sqlalchemy
from orchestration.running.psql import psql_environment, psql_program, psql_url
from orchestration.settings import load_settings
from orchestration.warehouse.server import create_missing_databases, locate_warehouse

warehouse = locate_warehouse(load_settings())
create_missing_databases(warehouse)
print(warehouse.connect_admin().execute("show port").fetchone()[0])
print(polars.read_database_uri("select current_setting('port')", warehouse.libpq_url(), engine="adbc").item())
with sqlalchemy.create_engine(warehouse.instance_storage_url).connect() as connection:
    print(connection.exec_driver_sql("show port").scalar())
for dialect in ("postgresql+psycopg", "postgresql+psycopg2"):
    url = sqlalchemy.make_url(warehouse.admin_url).set(drivername=dialect)
    with sqlalchemy.create_engine(url).connect() as connection:
        print(connection.exec_driver_sql("show port").scalar())
program = psql_program(embedded=True)
environment = {**os.environ, **psql_environment(warehouse, None), "PGOPTIONS": ""}
command = [program, psql_url(warehouse, None), "-XAtc", "show port"]
shown = subprocess.run(command, env=environment, capture_output=True, text=True)
print(shown.stdout.strip(), shown.stderr.strip())
print(warehouse.dbt_environment()["FORECASTER_DBT_PORT"])
"""


@pytest.mark.parametrize("is_running", [True, False], ids=["running", "started by it"])
def test_what_a_shell_sets_for_psql_leads_no_driver_astray(data_dir: Path, is_running: bool) -> None:
    if not is_running:
        stop_embedded(data_dir)
    inherited = {name: value for name, value in os.environ.items() if "DATABASE_URL" not in name}
    done = subprocess.run(
        [sys.executable, "-c", EVERY_DRIVER],
        env={**inherited, **SHELL, "FORECASTER_HOME": str(data_dir.parent)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["5432"] * 7, done.stdout + done.stderr


def test_the_programs_are_those_of_the_newest_version() -> None:
    def version(folder: Path) -> int:
        shown = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
        return int(shown.stdout.split()[-1].split(".")[0])

    folders = list(server_programs().parents[1].glob("pginstall*/bin"))
    assert version(server_programs()) == max(map(version, folders))
    assert psql_program(embedded=True) == str(server_programs() / "psql")


def test_no_port_is_opened(data_dir: Path) -> None:
    running = servers(data_dir)  # a child looks like its server for a moment
    assert running
    connections = [connection for server in running for connection in server.net_connections()]
    assert [c for c in connections if c.family in (socket.AF_INET, socket.AF_INET6)] == []
