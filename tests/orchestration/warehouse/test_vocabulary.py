"""A column of a closed vocabulary holds the words it says: comment, checks, rows and views agree."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg import sql

from forecasting_lib.inventory.classification import ADI_CUT, CV2_CUT, demand_class
from orchestration.clients import Client
from orchestration.fields import choices
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import metadata
from orchestration.warehouse.tables.columns import VOCABULARY
from orchestration.warehouse.tables.vocabulary import (
    AuditAction,
    DemandClass,
    SecurityEvent,
    TotalBucket,
    TotalGrain,
    words_of,
)
from tests.docs.pages import ROOT

CLOSED = {
    (str(table), column.name): tuple(column.info[VOCABULARY])
    for table in metadata.tables.values()
    for column in table.columns
    if VOCABULARY in column.info
}
OF_BACKTESTS = (
    ("analytics.backtest_reliability", "demand_class"),
    ("analytics.backtest_reliability", "lag_bucket"),
    ("analytics.backtest_runs", "grain"),
    ("analytics.backtest_runs", "status"),
    ("analytics.backtest_scores", "lag_bucket"),
    ("analytics.backtest_series", "demand_class"),
    ("analytics.backtest_series", "reason"),
    ("analytics.calibrations", "demand_class"),
    ("analytics.calibrations", "lag_bucket"),
    ("analytics.covariate_worth", "verdict"),
    ("analytics.error_inflation", "demand_class"),
)
"""Columns of tables that a client's first backtest fills."""

OF_REPLAYS = (
    *(("analytics.service_backtest", column) for column in ("basis", "metric", "policy", "segment")),
    ("analytics.service_backtest_runs", "unmet_demand"),
)
"""Columns of tables that a client's first replay fills."""

MODELS = ROOT / "dbt_project" / "models"


def list_at_the_start(comment: str) -> tuple[str, ...] | None:
    """The words of a comment that begins with ``a, b or c``; None where it begins otherwise."""
    match = re.match(r"(?:[\w-]+, )*[\w-]+ or [\w-]+(?=[.:;]|$)", comment)
    return tuple(re.split(", | or ", match[0])) if match else None


def described_by_dbt() -> Iterator[tuple[str, dict[str, Any]]]:
    """Table or view and column of every model's yml."""
    for path in sorted(MODELS.rglob("*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            yield from ((model["name"], column) for column in model.get("columns", []))


def test_a_list_in_a_comment_is_found() -> None:
    assert list_at_the_start("loaded, rejected or duplicate.") == ("loaded", "rejected", "duplicate")
    assert list_at_the_start("1, 2-7 or all; of days") == ("1", "2-7", "all")
    assert list_at_the_start("One row per client and item that was sold or described.") is None


def test_no_comment_lists_words_by_hand() -> None:
    """The registry's words stand with its model; those of every other column are declared beside it."""
    for table in metadata.tables.values():
        for column in table.columns:
            words = list_at_the_start(column.comment or "")
            if words is None:
                continue
            declared = CLOSED.get((str(table), column.name))
            if declared is None and table.name == "clients":
                declared = choices(Client, column.name)
            assert declared == words, f"{table}.{column.name}: declare it with one_of"


def test_views_list_the_words_of_the_column_they_show() -> None:
    shown = {column: {words for (_, c), words in CLOSED.items() if c == column} for _, column in CLOSED}
    for view, column in described_by_dbt():
        words = list_at_the_start(column.get("description", ""))
        assert words is None or words in shown[column["name"]], f"{view}.{column['name']}"


def test_dbt_accepts_the_words_of_the_column() -> None:
    accepted = {
        (f"analytics.{model}", column["name"]): tuple(test["accepted_values"]["arguments"]["values"])
        for model, column in described_by_dbt()
        for test in column.get("data_tests", [])
        if isinstance(test, dict) and "accepted_values" in test
    }
    assert accepted
    assert accepted == {column: CLOSED[column] for column in accepted}


def test_checks_of_the_database_allow_the_words_of_the_column(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        checks = connection.execute(
            r"""
            select check_.conrelid::regclass::text, attribute.attname,
                array(select (regexp_matches(pg_get_constraintdef(check_.oid), '''([^'']+)''::text', 'g'))[1])
            from pg_constraint as check_
            inner join pg_attribute as attribute
                on attribute.attrelid = check_.conrelid and array[attribute.attnum] = check_.conkey
            inner join pg_class as relation on relation.oid = check_.conrelid and not relation.relispartition
            where check_.contype = 'c' and pg_get_constraintdef(check_.oid) like %s
            """,
            ("%= ANY (ARRAY[%",),
        ).fetchall()
    found = {(table, column): tuple(words) for table, column, words in checks}
    assert {c: w for c, w in found.items() if c[0] != "ops.clients"} == {
        column: CLOSED[column]
        for column in (
            *OF_BACKTESTS,
            *OF_REPLAYS,
            ("analytics.decision_ends", "ending"),
            ("analytics.demand_outliers", "reason"),
            ("analytics.dim_series", "grain"),
            ("analytics.drift_events", "grain"),
            ("analytics.drift_events", "kind"),
            ("analytics.forecast_runs", "grain"),
            ("analytics.forecast_runs", "status"),
            ("analytics.forecast_series", "status"),
            ("analytics.order_line_ends", "ending"),
            ("analytics.plan_decisions", "action"),
            ("analytics.plan_decisions", "decision"),
            ("analytics.score_sums", "lag_bucket"),
            ("analytics.ts_demand_periods", "grain"),
            ("ops.landing_files", "status"),
            ("ops.memberships", "role"),
            ("ops.refresh_tokens", "purpose"),
            ("ops.run_requests", "job"),
            ("ops.run_requests", "state"),
        )
    }


def test_rows_hold_no_other_words(warehouse: Warehouse, pipeline_client: Client) -> None:
    held: dict[tuple[str, str], set[str]] = {}
    with warehouse.transaction() as connection:
        for table, column in CLOSED:
            query = sql.SQL("select distinct {0} from {1} as held where {0} is not null {2}").format(
                sql.Identifier(column),
                sql.Identifier(*table.split(".")),
                sql.SQL("and client_id = {}").format(sql.Literal(pipeline_client.client_id))
                if "client_id" in metadata.tables[table].columns
                else sql.SQL(""),
            )
            held[table, column] = {word for (word,) in connection.execute(query)}
    assert {column: words for column, words in held.items() if words - set(CLOSED[column])} == {}
    assert held["analytics.score_totals", "grain"] == set(words_of(TotalGrain))
    daily = {"1", "2-7", "8-14", "15-28"}
    assert held["analytics.score_sums", "lag_bucket"] == daily
    assert held["analytics.score_totals", "lag_bucket"] == daily | {"all"} < set(words_of(TotalBucket))
    assert {column for column, words in held.items() if not words} <= {
        *OF_BACKTESTS,
        *OF_REPLAYS,
        ("staging.promotions", "target_type"),
        ("analytics.decision_ends", "ending"),
        ("analytics.demand_outliers", "reason"),
        ("analytics.drift_events", "grain"),
        ("analytics.drift_events", "kind"),
        ("analytics.forecast_runs", "weights_source"),
        ("analytics.order_line_ends", "ending"),
        ("analytics.plan_decisions", "action"),
        ("analytics.plan_decisions", "decision"),
        ("analytics.ts_demand_periods", "grain"),
        ("ops.memberships", "role"),
        ("ops.refresh_tokens", "purpose"),
        ("ops.run_requests", "job"),
        ("ops.run_requests", "state"),
        ("ops.security_events", "event"),
    }


@pytest.mark.parametrize(
    "words", [{*words_of(AuditAction)}, {*words_of(SecurityEvent)}], ids=["audit", "security"]
)
def test_every_word_of_a_log_is_written_somewhere(words: set[str]) -> None:
    definitions = Path("orchestration/warehouse/tables")
    written = {
        node.value
        for path in (ROOT / "orchestration").rglob("*.py")
        if not path.relative_to(ROOT).is_relative_to(definitions)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert words - written == set()


@pytest.mark.parametrize(("adi", "cv2"), [(None, None), (1.0, None)])
def test_demand_without_statistics_has_no_class(adi: float | None, cv2: float | None) -> None:
    assert demand_class(adi, cv2) is None


def test_the_engine_gives_each_demand_class_and_no_other() -> None:
    around = itertools.product((ADI_CUT - 0.1, ADI_CUT), (CV2_CUT - 0.1, CV2_CUT))
    assert {demand_class(adi, cv2) for adi, cv2 in around} == set(words_of(DemandClass))
