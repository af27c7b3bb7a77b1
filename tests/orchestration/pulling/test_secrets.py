"""A secret is nowhere but in the environment, and a source is the operator's business alone."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.clients import Client, ClientError, get_client, remove_client
from orchestration.pulling.faults import PullError
from orchestration.pulling.memory import last_pulls
from orchestration.pulling.secrets import Secrets
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings, secret_named
from orchestration.warehouse.server import Warehouse
from tests.orchestration.pulling.conftest import PullFrom, SetSource
from tests.orchestration.pulling.sftp_server import PASSWORD, SftpServer
from tests.orchestration.pulling.test_files import SALES
from tests.orchestration.warehouse.logins import log_in

NewClient = Callable[..., Client]

WRONG = "hunter2/with@all:kinds of?things%20#"


def forecaster(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def trace(answer: Result) -> str:
    """What a command printed, and all that could be printed of the error that it ended with."""
    error = answer.exception
    return answer.output + ("" if error is None else "".join(traceback.format_exception(error)))


def everything_in(url: str) -> str:
    """All rows of all tables of a database, as text."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            """
            select table_schema, table_name from information_schema.tables
            where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')
            """
        ).fetchall()
        return "\n".join(
            str(row)
            for table in tables
            for row in connection.execute(
                sql.SQL("select t::text from {} as t").format(sql.Identifier(*table))
            ).fetchall()
        )


def test_the_secret_is_in_no_table_no_log_and_no_answer(
    sftp: SftpServer,
    new_client: NewClient,
    warehouse: Warehouse,
    settings: Settings,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    client = new_client().client_id
    instance.add_dynamic_partitions("clients", [client])
    (sftp.folder / "out" / "sales_1.csv").write_text(SALES)
    answers = [
        forecaster(
            *("source", "set", client, "shop", "--url", sftp.url("/out/*.csv")),
            *("--option", f"host_key={sftp.host_key}"),
        ),
        forecaster("source", "pull", client),
        forecaster("source", "list", client),
        forecaster("client", "show", client),
    ]
    assert [answer.exit_code for answer in answers] == [0, 0, 0, 0], answers[-1].output
    assert "${ACME_SFTP_PASSWORD}" in answers[2].stdout
    assert run_job(warehouse, instance, find_job("pull_sources"), client).succeeded

    monkeypatch.setenv("ACME_SFTP_PASSWORD", WRONG)
    answers += [forecaster("source", "pull", client), forecaster("--verbose", "source", "pull", client)]
    assert [answer.exit_code for answer in answers[-2:]] == [1, 1]
    monkeypatch.setattr("orchestration.stages.pulling.pull_from_sources._retry_policy", None)
    failed = run_job(warehouse, instance, find_job("pull_sources"), client)
    assert not failed.succeeded
    assert any("refuses the credentials" in problem for problem in failed.problems)

    said = "\n".join(map(trace, answers))
    printed = capfd.readouterr()
    logs = "\n".join(
        path.read_text(errors="replace")
        for path in settings.home.rglob("*")
        if path.is_file() and "postgres" not in path.parts and path.stat().st_size < 10**7
    )
    tables = everything_in(warehouse.libpq_url()) + everything_in(warehouse.instance_url)
    assert "ACME_SFTP_PASSWORD" in tables
    for secret in (PASSWORD, WRONG):
        for place in (said, printed.out, printed.err, logs, tables, *failed.problems):
            assert secret not in place


@pytest.mark.parametrize(
    "setting",
    [
        ("--url", f"sftp://acme:{WRONG}@files.example.com/out/*.csv"),
        ("--url", "sftp://acme:hunter2@files.example.com/out/*.csv"),
        ("--url", "sftp://acme:hunter2/more@files.example.com/out/*.csv"),
        ("--url", "sftp://acme:${HALF}hunter2@files.example.com/out/*.csv"),
        ("--url", "s3://bucket/*.csv", "--option", "secret=hunter2"),
        ("--url", "s3://bucket/*.csv", "--option", "client_kwargs.aws_secret_access_key=hunter2"),
        ("--url", "s3://bucket/*.csv", "--option", "endpoint_url=https://acme:hunter2@s3.example.com"),
        ("--url", "https://files.example.com/sales.csv?token=hunter2"),
        *(
            ("--kind", "sales", "--query", "select 1 as item_id", "--url", url)
            for url in (
                "postgresql://acme:hunter2@db.example.com/erp",
                "postgresql://db.example.com/erp?user=acme&password=hunter2",
                "mssql+pyodbc://?odbc_connect=Driver%3Dx%3BPWD%3Dhunter2",
            )
        ),
    ],
)
def test_a_secret_that_is_written_out_is_refused_and_not_repeated(
    setting: tuple[str, ...], new_client: NewClient, warehouse: Warehouse
) -> None:
    client = new_client().client_id
    for verbose in ((), ("--verbose",)):
        answer = forecaster(*verbose, "source", "set", client, "shop", *setting)
        assert answer.exit_code == 1
        assert "hunter2" not in trace(answer)
    assert "Not a valid source" in forecaster("source", "set", client, "shop", *setting).stderr
    assert get_client(warehouse, client).sources == {}


def test_secrets_are_filled_in_and_hidden_however_they_are_spelt() -> None:
    values = {"LOGIN": "it's/50%", "WHOLE": "sftp://acme:p%40ss@host/out", "SHORT": "it's"}
    secrets = Secrets(lambda name: SecretStr(values[name]) if name in values else None)
    assert secrets.fill("a ${LOGIN} b ${SHORT}") == "a it's/50% b it's"
    secrets.fill("${WHOLE}")
    assert secrets.hide("it's/50% it%27s%2F50%25 p%40ss p@ss it's") == (
        "${LOGIN} ${LOGIN} ${WHOLE} ${WHOLE} ${SHORT}"
    )
    assert repr(secrets) == "Secrets(${LOGIN}, ${SHORT}, ${WHOLE})"
    with pytest.raises(PullError, match="MISSING"):
        secrets.fill("${MISSING}")


def test_a_secret_comes_from_the_environment_or_from_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("orchestration.settings.WORKPLACE", tmp_path)
    (tmp_path / ".env").write_text("ACME_ONE=of the file\nACME_TWO=of the file\n")
    monkeypatch.setenv("ACME_TWO", "of the environment")
    found = [secret_named(name) for name in ("ACME_ONE", "ACME_TWO", "ACME_THREE")]
    assert [secret and secret.get_secret_value() for secret in found] == [
        *("of the file", "of the environment", None)
    ]


# --- whose sources they are -----------------------------------------------------------------------------


def test_a_client_sees_no_source_its_own_included(
    new_client: NewClient, set_source: SetSource, pull_from: PullFrom, warehouse: Warehouse, tmp_path: Path
) -> None:
    (tmp_path / "sales_1.csv").write_text(SALES)
    owner = set_source(new_client(), "shop", url=f"file://{tmp_path}/*.csv")
    pull_from(owner, "shop")
    for reader in (new_client().client_id, owner.client_id):
        for query in ("select * from ops.pulled", "select sources from ops.clients"):
            with (
                log_in(warehouse, reader) as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                connection.execute(query)
        with log_in(warehouse, reader, autocommit=True) as connection:
            (entry,) = connection.execute("select t::text from analytics.dim_client as t").fetchone() or ("",)
        assert str(tmp_path) not in entry


def test_removing_a_source_or_its_client_forgets_what_was_pulled(
    new_client: NewClient,
    set_source: SetSource,
    pull_from: PullFrom,
    warehouse: Warehouse,
    settings: Settings,
    tmp_path: Path,
) -> None:
    (tmp_path / "sales_1.csv").write_text(SALES)
    url = f"file://{tmp_path}/*.csv"
    client = set_source(set_source(new_client(), "one", url=url), "two", url=url)
    other = set_source(new_client(), "one", url=url)
    for owner, name in ((client, "one"), (client, "two"), (other, "one")):
        pull_from(owner, name)
    removed = forecaster("source", "remove", client.client_id, "one")
    assert removed.exit_code == 0, removed.output
    assert set(get_client(warehouse, client.client_id).sources) == {"two"}
    assert set(last_pulls(warehouse, client.client_id)) == {"two"}
    with pytest.raises(ClientError, match=r"no source 'one'\. Its sources: two"):
        pull_from(get_client(warehouse, client.client_id), "one")
    remove_client(warehouse, client.client_id)
    assert last_pulls(warehouse, client.client_id) == {}
    assert set(last_pulls(warehouse, other.client_id)) == {"one"}


def test_an_entry_with_a_source_that_is_not_valid_says_how_it_is_mended(
    new_client: NewClient, warehouse: Warehouse
) -> None:
    client = new_client().client_id
    stored: dict[str, Any] = {"shop": {"url": "sftp://acme:hunter2@files.example.com/*.csv"}}
    with warehouse.transaction() as connection:
        connection.execute(
            "update ops.clients set sources = %s where client_id = %s",
            (psycopg.types.json.Jsonb(stored), client),
        )
    answer = forecaster("source", "list", client)
    assert answer.exit_code == 1
    assert f"Mend it with 'forecaster source remove {client} shop'." in answer.stderr
    assert "hunter2" not in answer.output
    assert forecaster("source", "remove", client, "shop").exit_code == 0
    assert get_client(warehouse, client).sources == {}
