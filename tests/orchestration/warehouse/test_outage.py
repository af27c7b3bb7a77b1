"""A database that goes away under a statement is recognised by every driver's words, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import polars as pl
import psycopg
import pytest
import sqlalchemy

from orchestration.warehouse.embedded import start_embedded, stop_embedded, throw_away_folder
from orchestration.warehouse.outage import ADVICE, is_outage, outage_sentence
from tests.orchestration.warehouse.hard_stop import kill_server

Statement = Callable[[str], object]
ENDINGS: dict[str, Callable[[Path], object]] = {"stopped": stop_embedded, "killed": kill_server}


@contextmanager
def of_psycopg(url: str) -> Iterator[Statement]:
    with closing(psycopg.connect(url)) as connection:
        yield lambda text: connection.execute(text.encode())


@contextmanager
def of_psycopg2(url: str) -> Iterator[Statement]:
    address = sqlalchemy.make_url(url).set(drivername="postgresql+psycopg2")
    with sqlalchemy.create_engine(address, poolclass=sqlalchemy.NullPool).connect() as connection:
        yield connection.exec_driver_sql


@contextmanager
def of_adbc(url: str) -> Iterator[Statement]:
    yield lambda text: pl.read_database_uri(text, url, engine="adbc")


@contextmanager
def of_a_new_connection(url: str) -> Iterator[Statement]:
    def execute(text: str) -> None:
        with psycopg.connect(url) as connection:
            connection.execute(text.encode())

    yield execute


Driver = Callable[[str], AbstractContextManager[Statement]]
DRIVERS: dict[str, Driver] = {
    "psycopg": of_psycopg,
    "psycopg2 under SQLAlchemy": of_psycopg2,
    "ADBC": of_adbc,
    "a new connection": of_a_new_connection,
}


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    with throw_away_folder() as folder:
        yield folder / "postgres"


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
def test_a_server_that_went_away_is_said_with_the_next_step(
    data_dir: Path, driver: Driver, ending: Callable[[Path], object]
) -> None:
    with driver(start_embedded(data_dir)) as execute:
        execute("select 1")
        ending(data_dir)
        with pytest.raises(Exception, match=r"\w") as lost:
            execute("select 1")
    sentence = outage_sentence(lost.value)
    assert sentence is not None, lost.value
    assert sentence.startswith("PostgreSQL went away (")
    assert sentence.endswith(ADVICE)
    assert len(sentence.splitlines()) == 1


@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
def test_a_statement_that_fails_is_no_outage(data_dir: Path, driver: Driver) -> None:
    with driver(start_embedded(data_dir)) as execute, pytest.raises(Exception, match="zero") as failed:
        execute("select 1 / 0")
    assert outage_sentence(failed.value) is None


def test_what_is_raised_from_an_outage_is_one(data_dir: Path) -> None:
    with of_psycopg(start_embedded(data_dir)) as execute:
        kill_server(data_dir)
        with pytest.raises(psycopg.OperationalError) as lost:
            execute("select 1")
    wrapped = RuntimeError("the step failed")
    wrapped.__cause__ = lost.value
    assert outage_sentence(wrapped) is not None


@pytest.mark.parametrize(
    "message",
    [
        'connection to server at "db" failed: FATAL:  password authentication failed for user "a"',
        'connection to server at "db" failed: FATAL:  sorry, too many clients already',
        'relation "analytics.forecast_runs" does not exist',
    ],
)
def test_a_server_that_answers_has_not_gone_away(message: str) -> None:
    assert not is_outage("OperationalError", message)
