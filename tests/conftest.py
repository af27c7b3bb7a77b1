"""A real PostgreSQL for every test, and clients that do not know of each other.

One migrated warehouse serves the whole session: tests are kept apart the way tenants are, each working for
clients of its own. With ``TEST_DATABASE_URL`` set, the databases are made on that server and dropped at the
end; otherwise the embedded server runs in a temporary folder.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path

import dagster as dg
import hypothesis
import polars as pl
import pytest
from sqlalchemy import make_url

from forecasting_lib.demo import RetailerConfig, generate_retailer, hold_back_retailer
from orchestration.clients import Client, add_client, validated
from orchestration.running.instance import open_instance
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings, load_settings
from orchestration.stages.dbt import build_views
from orchestration.warehouse.embedded import start_embedded, throw_away_folder
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.server import (
    Warehouse,
    libpq_spelling,
    locate_warehouse,
)
from tests.tcp_postgres import tcp_postgres

# A busy machine is slow at any example: time decides nothing.
hypothesis.settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("untimed")

SHARED_DATA = Path(os.environ.get("FORECASTER_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of genuine data sets beside the project; the test is skipped where there is none."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the genuine data sets are not beside the project (FORECASTER_SHARED_DATA)")
    return SHARED_DATA


@pytest.fixture(scope="session")
def session_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's own user can reach, which pytest's temporary folders are not under root."""
    with throw_away_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def settings(session_folder: Path) -> Iterator[Settings]:
    """The environment of an installation of its own, for this session."""
    home = session_folder / "installation"
    home.mkdir()
    server = os.environ.get("TEST_DATABASE_URL")
    base = make_url(server) if server else make_url(start_embedded(home / "postgres"))
    database = f"forecaster_test_{os.getpid()}"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DATABASE_URL", libpq_spelling(base.set(database=database)))
        environment.setenv("FORECASTER_HOME", str(home))
        environment.setenv("FORECASTER_LANDING_DIR", str(home / "landing"))
        environment.setenv("FORECASTER_REPORTS_DIR", str(home / "reports"))
        environment.setenv("FORECASTER_LANDING_QUIET_SECONDS", "0")
        environment.setenv("DAGSTER_HOME", str(home / "dagster"))
        environment.setenv("HF_HUB_OFFLINE", "1")
        environment.delenv("DAGSTER_DATABASE_URL", raising=False)
        environment.delenv("CHRONOS_MODEL_ID", raising=False)
        yield load_settings()


@pytest.fixture(scope="session")
def warehouse(shared_warehouse: Warehouse) -> Warehouse:
    """The migrated warehouse most tests work with."""
    return shared_warehouse


@pytest.fixture(scope="session")
def embedded_warehouse(shared_warehouse: Warehouse) -> Warehouse:
    """The same, of tests about the embedded server; they are skipped where the session has another."""
    if os.environ.get("TEST_DATABASE_URL"):
        pytest.skip("the session's server is not the embedded one")
    return shared_warehouse


@pytest.fixture(scope="session")
def shared_warehouse(settings: Settings) -> Iterator[Warehouse]:
    """A migrated warehouse, shared by the session."""
    warehouse = locate_warehouse(settings)
    migrate(warehouse, lambda: build_views(warehouse))
    yield warehouse
    if os.environ.get("TEST_DATABASE_URL"):
        drop_databases(warehouse)


def drop_databases(warehouse: Warehouse) -> None:
    """Remove a test's databases and roles from a server that outlives the test."""
    admin = libpq_spelling(make_url(warehouse.admin_url).set(database="postgres"))
    import psycopg
    from psycopg import sql

    with psycopg.connect(admin, autocommit=True) as connection:
        for url in (warehouse.admin_url, warehouse.instance_url):
            database = str(make_url(url).database)
            # not "with (force)": a login that is no superuser may not end an autovacuum, and need not
            connection.execute(
                """
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = %s and backend_type = 'client backend'
                """,
                (database,),
            )
            connection.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(database)))
        for (role,) in connection.execute(
            "select rolname from pg_roles where rolname like %s", (f"{warehouse.database}\\_%",)
        ).fetchall():
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


_numbers = itertools.count(1)


@pytest.fixture
def new_client(warehouse: Warehouse) -> Callable[..., Client]:
    """Register a fresh client; keyword arguments override registry fields."""

    def add(**fields: object) -> Client:
        slug = f"{fields.pop('prefix', 'client')}_{next(_numbers)}"
        client = validated(
            **{
                **{"client_id": slug, "name": slug.title(), "grain": "day"},
                **{"models": ["ma7", "seasonal_naive"], **fields},
            }
        )
        add_client(warehouse, client)
        return client

    return add


@pytest.fixture(scope="session")
def tcp_server(session_folder: Path) -> Iterator[str]:
    """A second PostgreSQL that listens on TCP and asks every role for its password; yields the admin URL."""
    with tcp_postgres(session_folder / "tcp" / "data") as url:
        yield url


@pytest.fixture(scope="session")
def tcp_superuser(tcp_server: str, session_folder: Path) -> str:
    """The URL of that server's superuser, whom the project never is there."""
    password = (session_folder / "tcp" / "superuser-password").read_text()
    superuser = make_url(tcp_server).set(username="postgres", password=password)
    return libpq_spelling(superuser)


@pytest.fixture(scope="session")
def tcp_warehouse(tcp_server: str) -> Warehouse:
    """A migrated warehouse on the TCP server."""
    admin = make_url(tcp_server).set(database="warehouse")
    instance = admin.set(database="dagster")
    warehouse = Warehouse(libpq_spelling(admin), libpq_spelling(instance))
    migrate(warehouse, lambda: build_views(warehouse))
    return warehouse


def deliver(settings: Settings, client_id: str, frames: Mapping[str, pl.DataFrame], suffix: str = "") -> None:
    """Write frames as CSV files into a client's landing folder, the way a client delivers them."""
    folder = settings.client_landing_dir(client_id)
    folder.mkdir(parents=True, exist_ok=True)
    for kind, frame in frames.items():
        draft = folder / f"{kind}{suffix}.csv.part"
        frame.write_csv(draft)
        draft.rename(folder / f"{kind}{suffix}.csv")


@pytest.fixture(scope="session")
def instance(settings: Settings, warehouse: Warehouse) -> Iterator[dg.DagsterInstance]:
    """The installation's Dagster instance, on the same server."""
    with open_instance(settings, warehouse) as instance:
        yield instance


SMALL_RETAILER = RetailerConfig(end_date=date(2026, 6, 30), days=400, n_items=14, n_locations=2)


def run_retailer(
    settings: Settings,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    config: RetailerConfig,
    client_id: str,
    name: str,
) -> Client:
    """A generated retailer whose pipeline ran twice: before and after its last 28 days landed."""
    client = validated(
        client_id=client_id,
        name=name,
        grain="day",
        country="IE",
        models=["ma7", "seasonal_naive"],
    )
    add_client(warehouse, client)
    instance.add_dynamic_partitions("clients", [client.client_id])
    first, later = hold_back_retailer(generate_retailer(config).deliveries())
    for part, frames in (("_first", first), ("_later", later)):
        deliver(settings, client.client_id, frames, part)
        outcome = run_job(warehouse, instance, find_job("client_pipeline"), client.client_id)
        assert outcome.succeeded, outcome.problems
    return client


@pytest.fixture(scope="session")
def pipeline_client(settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance) -> Client:
    """A small retailer whose pipeline ran twice."""
    return run_retailer(settings, warehouse, instance, SMALL_RETAILER, "small_retail", "Small Retail")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long go first, in the order drawn, so that no process is left with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("starts_first") is None)
