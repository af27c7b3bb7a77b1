"""Where the databases are and how to connect to them.

Belongs here: the URLs of both databases, the role a connection works under.
Does not belong here: the embedded server (``embedded``), what is in the databases (``tables``,
``migrations``) and who may see it (``tenancy``).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from sqlalchemy import URL, Engine, NullPool, create_engine, make_url

from orchestration.errors import UserError
from orchestration.settings import Settings
from orchestration.warehouse.cluster import PORT, EmbeddedServerError
from orchestration.warehouse.embedded import embedded_data_dir, start_embedded
from orchestration.warehouse.kept import lent
from orchestration.warehouse.libpq import forget_shell_defaults

EMBEDDED_DATABASE = "warehouse"
INSTANCE_DATABASE = "dagster"
MINIMUM_SERVER_VERSION = 150_000

_NO_TABLES = "The database has no tables yet. Run 'forecaster migrate' first."


class WarehouseError(UserError):
    """The database cannot be used as it is; the message says what to do."""


@dataclass(frozen=True)
class Roles:
    """Names of the roles of one warehouse database.

    Roles belong to the whole server, so each name starts with the database's: two installations may
    share a server without sharing a tenant.
    """

    database: str

    @property
    def pipeline(self) -> str:
        """Owns every table; may read and write all clients' rows."""
        return f"{self.database}_pipeline"

    @property
    def auditor(self) -> str:
        """Owns the audit log, so that the pipeline may only add to it."""
        return f"{self.database}_auditor"

    @property
    def tenant(self) -> str:
        """The group of all client roles; carries the grants on ``analytics``."""
        return f"{self.database}_tenant"

    @property
    def client_prefix(self) -> str:
        return f"{self.database}_client_"

    def client(self, client_id: str) -> str:
        """The login role of one client."""
        return f"{self.client_prefix}{client_id}"

    @property
    def api(self) -> str:
        """What the HTTP API starts as: knows who gets in, and no row of a client."""
        return f"{self.database}_api"

    @property
    def writer(self) -> str:
        """The group of all writers; carries the grants on what people of a client may write."""
        return f"{self.database}_writer"

    @property
    def writer_prefix(self) -> str:
        return f"{self.writer}_"

    def client_writer(self, client_id: str) -> str:
        """The role that writes for one client; as long as the client's own, and nobody logs in as it."""
        return f"{self.writer_prefix}{client_id}"


@dataclass(frozen=True)
class Warehouse:
    """The warehouse database of one installation, by the administrative URL it is reached with."""

    admin_url: str
    instance_url: str

    named_as: str | None = None
    """The database whose name the roles have, where that is another: one that will take its place."""

    @cached_property
    def _url(self) -> URL:
        return make_url(self.admin_url)

    @property
    def database(self) -> str:
        return self._url.database or EMBEDDED_DATABASE

    @cached_property
    def roles(self) -> Roles:
        return Roles(self.named_as or self.database)

    def libpq_url(self, *, role: str | None = None) -> str:
        """A ``postgresql://`` URL for psycopg, ADBC and psql, optionally working under a role."""
        options = "-c timezone=UTC" + (f" -c role={role}" if role else "")
        query = {"options": options, "application_name": program_name()}
        return libpq_spelling(self._url.update_query_dict(query))

    @property
    def pipeline_url(self) -> str:
        return self.libpq_url(role=self.roles.pipeline)

    def connect_admin(self, *, autocommit: bool = False) -> psycopg.Connection[Any]:
        """A connection with the login's own rights: roles, databases, migrations."""
        return _connect(self.libpq_url(), autocommit=autocommit)

    def require_tables(self) -> None:
        """Insist that the database was migrated.

        Raises:
            WarehouseError: it was not, or does not answer.
        """
        with self.connect_admin() as connection:
            found = connection.execute("select to_regclass('ops.alembic_version')").fetchone()
        if found == (None,):
            raise WarehouseError(_NO_TABLES)

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection of the pipeline's role that commits at the end of the block, or not at all."""
        with lent("psycopg", self.pipeline_url, _connect, _cleared) as connection:
            try:
                yield connection
            except BaseException:
                with suppress(psycopg.Error):  # its server may have gone
                    connection.rollback()
                raise
            if not connection.closed:
                connection.commit()

    def connect_pipeline(self) -> psycopg.Connection[Any]:
        """A connection of the pipeline's role, each statement a transaction of its own."""
        return _connect(self.pipeline_url, autocommit=True)

    @cached_property
    def engine(self) -> Engine:
        """A SQLAlchemy engine of the pipeline's role; a connection ends with its block, none is kept."""
        return create_engine(_sqlalchemy_url(self.pipeline_url, "postgresql+psycopg"), poolclass=NullPool)

    @property
    def instance_storage_url(self) -> str:
        """dagster-postgres speaks psycopg2; SQLAlchemy 2.1 would pick psycopg 3 for a bare scheme."""
        return _sqlalchemy_url(self.instance_url, "postgresql+psycopg2").render_as_string(hide_password=False)

    def dbt_environment(self) -> dict[str, str]:
        """What ``dbt_project/profiles.yml`` reads."""
        url = self._url
        query_host = url.query.get("host")
        query_port = url.query.get("port")
        host = url.host or (query_host if isinstance(query_host, str) else "") or "localhost"
        port = url.port or (query_port if isinstance(query_port, str) else PORT)
        return {
            "FORECASTER_DBT_HOST": host,
            "FORECASTER_DBT_PORT": str(port),
            "FORECASTER_DBT_USER": url.username or "postgres",
            "FORECASTER_DBT_PASSWORD": url.password or "",
            "FORECASTER_DBT_DATABASE": self.database,
            "FORECASTER_DBT_ROLE": self.roles.pipeline,
            "FORECASTER_DBT_TENANT_ROLE": self.roles.tenant,
            "FORECASTER_DBT_WRITER_ROLE": self.roles.writer,
        }


def roles_of(connection: psycopg.Connection[Any]) -> Roles:
    """The roles of the database that a connection is to."""
    return Roles(connection.info.dbname)


def role_exists(connection: psycopg.Connection[Any], role: str) -> bool:
    """Whether the server has a role of that name."""
    return connection.execute("select from pg_roles where rolname = %s", (role,)).fetchone() is not None


def program_name() -> str:
    """What a session is called in the server: the program, its machine and process, and no client."""
    return f"forecaster {socket.gethostname()[:30]}:{os.getpid()}"


def libpq_spelling(url: URL) -> str:
    """A URL in libpq's spelling: SQLAlchemy leaves spaces in passwords and writes them as + in queries."""
    base = url.set(drivername="postgresql", query={}).render_as_string(hide_password=False)
    return f"{base.replace(' ', '%20')}?{urlencode(url.query, doseq=True, quote_via=quote)}"


def _connect(url: str, *, autocommit: bool = False) -> psycopg.Connection[Any]:
    try:
        return psycopg.connect(url, autocommit=autocommit, connect_timeout=10)
    except psycopg.OperationalError as error:
        if _is_missing_database(error):
            raise WarehouseError(_NO_TABLES) from error
        raise WarehouseError(
            f"PostgreSQL does not answer ({_first_line(error)}). {_advice(str(error))}"
        ) from error


def _cleared(connection: psycopg.Connection[Any]) -> None:
    """Drop what an earlier transaction left to its session."""
    connection.execute("discard temp")
    connection.commit()


def _is_missing_database(error: psycopg.OperationalError) -> bool:
    return "does not exist" in str(error) and "database" in str(error)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _advice(message: str) -> str:
    if "does not exist" in message or "permission denied to set role" in message:
        return "Run 'forecaster migrate' first."
    if "password authentication" in message:
        return "Check the user and the password in DATABASE_URL."
    return "Check DATABASE_URL; where it is unset, run the command again, which starts the embedded server."


def _sqlalchemy_url(libpq_url: str, driver: str) -> URL:
    return make_url(libpq_url).set(drivername=driver)


def locate_warehouse(settings: Settings) -> Warehouse:
    """The installation's warehouse; starts the embedded server where ``DATABASE_URL`` is unset.

    Raises:
        WarehouseError: ``DATABASE_URL`` is not a PostgreSQL URL with a database name, or the embedded server
            does not come up.
    """
    forget_shell_defaults()
    if settings.database_url is None:
        try:
            base = make_url(start_embedded(embedded_data_dir(settings)))
        except EmbeddedServerError as error:
            raise WarehouseError(str(error)) from error
        admin = base.set(database=EMBEDDED_DATABASE)
        default_instance = base.set(database=INSTANCE_DATABASE)
    else:
        admin = make_url(settings.database_url.get_secret_value())
        if admin.get_backend_name() != "postgresql" or not admin.database:
            raise WarehouseError(
                "DATABASE_URL must name a PostgreSQL database: postgresql://user:password@host:5432/warehouse"
            )
        default_instance = admin.set(
            database=INSTANCE_DATABASE
            if admin.database == EMBEDDED_DATABASE
            else f"{admin.database}_{INSTANCE_DATABASE}"
        )
    instance = (
        make_url(settings.dagster_database_url.get_secret_value())
        if settings.dagster_database_url
        else default_instance
    )
    return Warehouse(
        admin_url=libpq_spelling(_with_port(admin)),
        instance_url=libpq_spelling(_with_port(instance)),
    )


def _with_port(url: URL) -> URL:
    """The URL with the port it leaves to the environment: whoever opens it elsewhere may have another."""
    if url.port is not None or "port" in url.query:
        return url
    return url.set(port=PORT) if url.host else url.update_query_dict({"port": str(PORT)})


def create_missing_databases(warehouse: Warehouse) -> list[str]:
    """Create the warehouse and the instance database where they are missing; returns those it made.

    Raises:
        WarehouseError: the server is older than PostgreSQL 15, or the login may not create a database.
    """
    created = []
    for url in (make_url(warehouse.admin_url), make_url(warehouse.instance_url)):
        if database_answers(url):
            continue
        maintenance = libpq_spelling(url.set(database="postgres"))
        with _connect(maintenance, autocommit=True) as connection:
            try:
                connection.execute(
                    sql.SQL("create database {} encoding 'UTF8' template template0").format(
                        sql.Identifier(str(url.database))
                    )
                )
            except psycopg.errors.InsufficientPrivilege as error:
                raise WarehouseError(
                    f"The login may not create the database {url.database!r}; "
                    f"create it by hand and run 'forecaster migrate' again."
                ) from error
        created.append(str(url.database))
    with warehouse.connect_admin() as connection:
        if connection.info.server_version < MINIMUM_SERVER_VERSION:
            raise WarehouseError(
                f"PostgreSQL {connection.info.server_version // 10_000} is too old; use 15 or newer."
            )
    return created


def database_answers(url: URL) -> bool:
    """Whether the database is there.

    Raises:
        WarehouseError: the server does not answer.
    """
    try:
        psycopg.connect(libpq_spelling(url), connect_timeout=10).close()
    except psycopg.OperationalError as error:
        if _is_missing_database(error):
            return False
        raise WarehouseError(
            f"PostgreSQL does not answer ({_first_line(error)}). {_advice(str(error))}"
        ) from error
    return True
