"""The ``forecaster`` command: what it teaches, what it does, and how it answers a mistake."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer
from sqlalchemy import make_url
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.clients import Client, get_client
from orchestration.feeds import Feed
from orchestration.fields import typed_fields
from orchestration.running.instance import open_instance
from orchestration.settings import RESOURCES, WORKPLACE, Settings
from orchestration.warehouse.server import Warehouse

NewClient = Callable[..., Client]


def forecaster(*arguments: str, **options: Any) -> Result:
    return CliRunner().invoke(app, list(arguments), **options)


def commands(group: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """The path of every command that does something."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield (*path, name)


ALL_COMMANDS = list(commands(typer.main.get_command(app)))


def assert_one_sentence(result: Result, *words: str) -> None:
    """The mistake is answered on stderr, in one line, without a trace."""
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line.strip()]
    assert "Traceback" not in line
    assert line.endswith((".", ")", "warehouse")) or " Next: forecaster " in line
    for word in words:
        assert word in line


# --- help ---------------------------------------------------------------------------------------------


def test_every_command_of_the_readme_exists() -> None:
    assert {command[0] for command in ALL_COMMANDS} == {
        *("setup", "demo", "migrate", "client", "ingest", "run", "status", "report", "sql", "up", "down"),
        *("model", "feed", "source", "delivery", "doctor", "backup", "restore", "user", "key", "api", "exec"),
        *("generate", "retain", "backtest", "simulate", "explain", "budget"),
    }
    assert {command[1] for command in ALL_COMMANDS if command[0] == "client"} == {
        *("add", "list", "show", "update", "remove", "password", "check", "guess", "dismiss")
    }


@pytest.mark.parametrize("command", ALL_COMMANDS, ids=" ".join)
def test_help_teaches_with_an_example(command: tuple[str, ...]) -> None:
    result = forecaster(*command, "--help")
    assert result.exit_code == 0
    assert f"Example: forecaster {' '.join(command)}" in " ".join(result.stdout.split())


def test_help_waits_for_no_heavy_library() -> None:
    program = (
        "import sys, orchestration.cli\n"
        "print([m for m in ('dagster', 'torch', 'polars', 'sqlalchemy', 'matplotlib') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_the_version_is_the_packages() -> None:
    result = forecaster("--version")
    assert (result.exit_code, result.stdout.strip()) == (0, f"forecaster {metadata.version('forecaster')}")


def test_the_version_of_code_that_is_not_installed_is_said_to_be_unknown(tmp_path: Path) -> None:
    libraries = Path(str(metadata.distribution("typer").locate_file("")))
    for package in (*libraries.iterdir(), RESOURCES / "orchestration", RESOURCES / "forecasting_lib"):
        if not package.name.startswith(("forecaster", "__editable__")):
            (tmp_path / package.name).symlink_to(package)
    program = [sys.executable, "-S", "-m", "orchestration.cli", "--version"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    shown = subprocess.run(program, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("forecaster of an unknown version: it is not installed")


def test_env_example_comments_every_variable_and_no_other() -> None:
    documented = re.findall(r"^# ([A-Z_]+)=", (WORKPLACE / ".env.example").read_text(), re.MULTILINE)
    read = [str(field.alias) for field in Settings.model_fields.values()]
    assert sorted(documented) == sorted(read)


# --- clients ------------------------------------------------------------------------------------------


def test_a_client_is_added_shown_changed_and_removed(settings: Settings, warehouse: Warehouse) -> None:
    added = forecaster(
        *("client", "add", "shop_a", "--name", "Shop A", "--timezone", "Europe/Berlin"),
        *("--cron", "0 5 * * *", "--map", "sales.item_id=SKU", "--map", "sales.date=Tag", "--model", "ma7"),
    )
    assert added.exit_code == 0, added.output
    client = get_client(warehouse, "shop_a")
    assert (client.timezone, client.cron, client.models) == ("Europe/Berlin", "0 5 * * *", ["ma7"])
    assert client.column_map == {"sales": {"item_id": "SKU", "date": "Tag"}}
    assert settings.client_landing_dir("shop_a").is_dir()
    with open_instance(settings, warehouse) as instance:
        assert instance.has_dynamic_partition("clients", "shop_a")

    assert "shop_a" in forecaster("client", "list").stdout
    assert "Europe/Berlin" in forecaster("client", "show", "shop_a").stdout

    changed = forecaster(
        "client", "update", "shop_a", "--cron", "", "--service-level", "0.98", "--map", "sales.date="
    )
    assert changed.exit_code == 0, changed.output
    client = get_client(warehouse, "shop_a")
    assert (client.cron, client.service_level, client.timezone) == (None, 0.98, "Europe/Berlin")
    assert client.column_map == {"sales": {"item_id": "SKU"}}

    assert forecaster("client", "remove", "shop_a", input="n\n").exit_code == 1
    assert get_client(warehouse, "shop_a").name == "Shop A"
    assert forecaster("client", "remove", "shop_a", "--yes").exit_code == 0
    with open_instance(settings, warehouse) as instance:
        assert not instance.has_dynamic_partition("clients", "shop_a")
    assert_one_sentence(forecaster("client", "show", "shop_a"), "no client 'shop_a'")


EVERY_FIELD = {
    "name": ("--name", "[/x]", "[/x]"),
    "timezone": ("--timezone", "Europe/Berlin", "Europe/Berlin"),
    "cron": ("--cron", "0 5 * * *", "0 5 * * *"),
    "grain": ("--grain", "weekly", "week"),
    "horizon_days": ("--horizon-days", "14", 14),
    "service_level": ("--service-level", "0.9", 0.9),
    "service_metric": ("--service-metric", "cost", "cost"),
    "order_cost": ("--order-cost", "25", 25.0),
    "holding_rate": ("--holding-rate", "0.2", 0.2),
    "shortage_cost_rate": ("--shortage-cost-rate", "1.5", 1.5),
    "supplier_minimum": ("--supplier-minimum", "fill", "fill"),
    "review_days": ("--review-days", "7", 7),
    "default_lead_time_days": ("--default-lead-time-days", "12", 12),
    "transfer_days": ("--transfer-days", "2", 2),
    "country": ("--country", "IE", "IE"),
    "currency": ("--currency", "EUR", "EUR"),
    "models": ("--model", "ma7", ["ma7"]),
    "champion": ("--champion", "first", "first"),
    "when_bands_fail": ("--when-bands-fail", "keep_last_good", "keep_last_good"),
    "backtest_cron": ("--backtest-cron", "0 3 * * 0", "0 3 * * 0"),
    "column_map": ("--map", "sales.item_id=SKU", {"sales": {"item_id": "SKU"}}),
    "date_format": ("--date-format", "%d.%m.%Y", "%d.%m.%Y"),
    "returns_policy": ("--returns-policy", "drop", "drop"),
    "write_off_reasons": ("--write-off-reason", "Breakage", ["Breakage"]),
    "negative_stock": ("--negative-stock", "zero", "zero"),
    "unmet_demand": ("--unmet-demand", "lost", "lost"),
    "outlier_handling": ("--outlier-handling", "clean", "clean"),
    "max_reject_rate": ("--max-reject-rate", "0.5", 0.5),
    "max_gap_days": ("--max-gap-days", "30", 30),
    "keep_forecasts_days": ("--keep-forecasts-days", "30", 30),
    "keep_projections_days": ("--keep-projections-days", "8", 8),
    "keep_plans_days": ("--keep-plans-days", "300", 300),
    "keep_superseded_days": ("--keep-superseded-days", "5", 5),
    "keep_backtests_days": ("--keep-backtests-days", "60", 60),
    "keep_item_scores_days": ("--keep-item-scores-days", "500", 500),
    "keep_delivery_details_days": ("--keep-delivery-details-days", "200", 200),
    "keep_requests_days": ("--keep-requests-days", "100", 100),
    "intraday_feed": ("--intraday-feed", None, True),
    "is_active": ("--inactive", None, False),
}


def test_every_registry_field_is_set_and_changed_from_the_command_line(warehouse: Warehouse) -> None:
    assert EVERY_FIELD.keys() == set(typed_fields(Client)) - {"client_id"}
    options = [word for option, text, _ in EVERY_FIELD.values() for word in (option, text) if word]
    expected = {field: value for field, (_, _, value) in EVERY_FIELD.items()}
    set_at_once = forecaster("client", "add", "every_a", *options)
    assert set_at_once.exit_code == 0, set_at_once.output
    assert get_client(warehouse, "every_a") == Client(client_id="every_a", **expected)

    assert forecaster("client", "add", "every_b", "--name", "B").exit_code == 0
    assert get_client(warehouse, "every_b") == Client(client_id="every_b", name="B")
    changed = forecaster("client", "update", "every_b", *options)
    assert changed.exit_code == 0, changed.output
    assert get_client(warehouse, "every_b") == Client(client_id="every_b", **expected)

    for shown in (forecaster("client", "list"), forecaster("client", "show", "every_b")):
        assert "[/x]" in shown.stdout
    for client_id in ("every_a", "every_b"):
        assert forecaster("client", "remove", client_id, "--yes").exit_code == 0


EVERY_SETTING_OF_A_FEED = {
    "kind": ("--kind", "sales", "sales"),
    "files": ("--file", "till_*", ["till_*"]),
    "columns": ("--map", "item_id=SKU", {"item_id": "SKU"}),
    "constants": ("--constant", "location_id=web", {"location_id": "web"}),
    "derived": ("--derive", "units_sold=a * b", {"units_sold": "a * b"}),
    "date_columns": ("--date-columns", "%Y-%m", "%Y-%m"),
    "date_format": ("--date-format", "%d.%m.%Y", "%d.%m.%Y"),
    "timezone": ("--timezone", "UTC", "UTC"),
    "decimal": ("--decimal", "comma", "comma"),
    "thousands": ("--thousands", "point", "point"),
    "empty_texts": ("--empty", "NA", ["NA"]),
    "separator": ("--separator", "tab", "tab"),
    "encoding": ("--encoding", "latin1", "iso8859-1"),
    "sheet": ("--sheet", "[Data]", "[Data]"),
    "header_row": ("--header-row", "3", 3),
    "lines": ("--lines", "transactions", "transactions"),
    "snapshot": ("--snapshot", None, True),
    "keep_items": ("--keep-item", "a*", ["a*"]),
    "leave_out_items": ("--leave-out-item", "POST", ["POST"]),
    "code_case": ("--code-case", "upper", "upper"),
    "code_spaces": ("--code-spaces", "single", "single"),
}


INSTEAD = {
    "item_columns": ("--item-columns", "*", "*"),
    "weeks_from": ("--weeks-from", "1999-09-16", "1999-09-16"),
    "months_from": ("--months-from", "1999-09-01", "1999-09-01"),
    "days_from": ("--days-from", "1899-12-31", "1899-12-31"),
}
"""Settings of a feed that stand in the place of others."""


@pytest.mark.parametrize("field", INSTEAD)
def test_a_setting_that_takes_the_place_of_others_is_set_and_cleared(
    field: str, warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    option, text, value = INSTEAD[field]
    done = forecaster("feed", "set", client_id, "sales", option, text)
    assert done.exit_code == 0, done.output
    assert get_client(warehouse, client_id).feeds == {
        "sales": Feed.model_validate({"kind": "sales", field: value})
    }
    assert forecaster("feed", "set", client_id, "sales", option, "").exit_code == 0
    assert get_client(warehouse, client_id).feeds == {"sales": Feed(kind="sales")}


def test_a_feed_is_set_shown_changed_and_removed(warehouse: Warehouse, new_client: NewClient) -> None:
    assert EVERY_SETTING_OF_A_FEED.keys() | INSTEAD.keys() == Feed.model_fields.keys()
    client_id = new_client().client_id
    options = [
        word for option, text, _ in EVERY_SETTING_OF_A_FEED.values() for word in (option, text) if word
    ]
    expected = {field: value for field, (_, _, value) in EVERY_SETTING_OF_A_FEED.items()}
    done = forecaster("feed", "set", client_id, "till", *options)
    assert done.exit_code == 0, done.output
    assert get_client(warehouse, client_id).feeds == {"till": Feed.model_validate(expected)}
    assert "[Data]" in forecaster("feed", "list", client_id).stdout

    changed = forecaster(
        "feed", "set", client_id, "till", "--map", "item_id=", "--map", "date=Tag", "--sheet", ""
    )
    assert changed.exit_code == 0, changed.output
    feed = get_client(warehouse, client_id).feeds["till"]
    assert (feed.columns, feed.sheet, feed.header_row) == ({"date": "Tag"}, None, 3)

    assert_one_sentence(forecaster("feed", "set", client_id, "till", "--kind", "hopes"), "no kind 'hopes'")
    assert_one_sentence(forecaster("feed", "remove", client_id, "web"), "Its feeds: till")
    assert forecaster("feed", "remove", client_id, "till").exit_code == 0
    assert get_client(warehouse, client_id).feeds == {}


def test_a_new_feed_is_of_the_kind_it_is_named_after(warehouse: Warehouse, new_client: NewClient) -> None:
    client_id = new_client().client_id
    assert forecaster("feed", "set", client_id, "stock_levels", "--decimal", "comma").exit_code == 0
    assert get_client(warehouse, client_id).feeds["stock_levels"].kind == "stock_levels"


@pytest.mark.parametrize("way", ["prompt", "environment"])
def test_a_password_is_set_without_being_an_argument(
    way: str, warehouse: Warehouse, new_client: NewClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_id = new_client().client_id
    if way == "environment":
        monkeypatch.setenv("FORECASTER_CLIENT_PASSWORD", "correct horse")
    result = forecaster("client", "password", client_id, input="correct horse\ncorrect horse\n")
    assert result.exit_code == 0, result.output
    assert "correct horse" not in result.output
    role = warehouse.roles.client(client_id)
    with psycopg.connect(warehouse.libpq_url(), user=role, password="correct horse") as connection:
        assert connection.execute("select session_user").fetchone() == (role,)
    with warehouse.connect_admin() as connection:
        may_look = connection.execute("select rolsuper from pg_roles where rolname = session_user").fetchone()
        if may_look == (True,):
            stored = connection.execute("select rolpassword from pg_authid where rolname = %s", (role,))
            assert stored.fetchone()[0].startswith("SCRAM-SHA-256$")  # type: ignore[index]


def test_an_empty_password_is_refused(new_client: NewClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORECASTER_CLIENT_PASSWORD", "")
    assert forecaster("client", "password", new_client().client_id).exit_code == 2


# --- mistakes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("client", "show", "nobody"), ("no client 'nobody'",)),
        (("client", "add", "Bad Slug", "--name", "x"), ("client_id",)),
        (("client", "add", "b", "--name", "x", "--timezone", "Mars/Base"), ("Europe/Berlin",)),
        (("client", "add", "b", "--name", "x", "--cron", "often"), ("0 5 * * *",)),
        (("client", "add", "b", "--name", "x", "--model", "oracle"), ("oracle", "ma7")),
        (("run", "--client", "nobody"), ("no client 'nobody'",)),
        (("report", "--client", "nobody"), ("no client 'nobody'",)),
        (("ingest", __file__, "--client", "nobody"), ("no client 'nobody'",)),
        (("sql", "--client", "nobody"), ("no client 'nobody'",)),
        (("setup", "--skip-test-data", "--client-name", "42"), ("forecaster client add",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_mistake_is_answered_in_one_sentence(
    arguments: tuple[str, ...], words: tuple[str, ...], warehouse: Warehouse
) -> None:
    result = forecaster(*arguments)
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    for word in words:
        assert word in result.stderr


def test_a_job_that_does_not_exist_is_answered_with_those_that_do(new_client: NewClient) -> None:
    result = forecaster("run", "--client", new_client().client_id, "--job", "everything")
    assert_one_sentence(result, "no job 'everything'", "client_pipeline")


def test_a_client_without_a_forecast_has_no_report(new_client: NewClient) -> None:
    client_id = new_client().client_id
    assert_one_sentence(
        forecaster("report", "--client", client_id),
        *("Nothing was delivered yet.", f"Next: forecaster ingest FILE --client {client_id}"),
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("run", "--client", "a", "--all"),
        ("run", "--client", "a", "--as-of", "yesterday"),
        ("setup", "--csv-only", "--m5-only"),
        ("setup", "--csv-only", "--m5-dir", "."),
        ("ingest", "no-such-file.csv", "--client", "a"),
        ("client", "update", "a"),
        ("client", "update", "a", "--map", "item_id:SKU"),
        ("nonsense",),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_answered_with_the_usage(arguments: tuple[str, ...], new_client: NewClient) -> None:
    client_id = new_client().client_id
    result = forecaster(*[client_id if argument == "a" else argument for argument in arguments])
    assert result.exit_code == 2
    assert "Usage: " in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://localhost/warehouse", "must name a PostgreSQL database"),
        ("postgresql://localhost:1/warehouse", "PostgreSQL does not answer"),
    ],
)
def test_a_database_that_cannot_be_used_says_what_to_check(
    url: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert_one_sentence(
        forecaster("status"), words, "DATABASE_URL" if "mysql" not in url else "postgresql://"
    )


@pytest.fixture
def empty_database(warehouse: Warehouse) -> Iterator[str]:
    """The URL of a database nobody has migrated."""
    name = f"{warehouse.database}_empty"
    with warehouse.connect_admin(autocommit=True) as connection:
        connection.execute(f"create database {name}")
        yield make_url(warehouse.admin_url).set(database=name).render_as_string(hide_password=False)
        connection.execute(f"drop database {name} with (force)")


def test_an_unmigrated_database_is_answered_with_migrate(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database)
    assert_one_sentence(forecaster("client", "list"), "Run 'forecaster migrate' first.")


def test_a_variable_that_is_not_valid_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORECASTER_LANDING_QUIET_SECONDS", "soon")
    assert_one_sentence(forecaster("status"), "FORECASTER_LANDING_QUIET_SECONDS")


def test_verbose_shows_the_trace(warehouse: Warehouse) -> None:
    result = forecaster("--verbose", "client", "show", "nobody")
    assert result.exit_code == 1
    assert type(result.exception).__name__ == "ClientError"


# --- the rest -----------------------------------------------------------------------------------------


def test_setup_registers_an_own_company_and_repeating_it_changes_nothing(
    settings: Settings, warehouse: Warehouse
) -> None:
    for _ in range(2):
        result = forecaster("setup", "--skip-test-data", "--client-name", "My Company")
        assert result.exit_code == 0, result.output
    client = get_client(warehouse, "my_company")
    assert client.name == "My Company"
    assert settings.client_landing_dir("my_company").is_dir()


def test_status_names_what_needs_a_look(new_client: NewClient) -> None:
    client_id = new_client().client_id
    result = forecaster("status")
    assert result.exit_code == 0, result.output
    assert f"{client_id}: Nothing was delivered yet. Deliver `sales*.csv`" in result.stdout
    record = f"{client_id}: How good the forecast is cannot be said yet, because there is no forecast yet."
    assert record in result.stdout


def test_psql_works_under_the_pipelines_role_and_a_client_sees_analytics_only(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    if make_url(warehouse.admin_url).password:
        pytest.skip("the server asks for a client's password, which psql reads from the terminal")
    client_id = new_client().client_id

    def psql(*arguments: str) -> str:
        program = [sys.executable, "-m", "orchestration.cli", "sql", *arguments]
        return subprocess.run(
            program, env=os.environ, cwd=WORKPLACE, capture_output=True, text=True, check=True
        ).stdout

    assert warehouse.roles.pipeline in psql("-c", "select current_user, count(*) from clients")
    shown = psql("--client", client_id, "-c", "select current_user, count(*) from dim_item")
    assert warehouse.roles.client(client_id) in shown


def test_down_where_nothing_runs_says_so(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FORECASTER_HOME", str(tmp_path))
    result = forecaster("down")
    assert result.exit_code == 0
    assert "The UI was not running." in result.stdout
    assert "left alone" in result.stdout
    with psycopg.connect(warehouse.libpq_url()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
