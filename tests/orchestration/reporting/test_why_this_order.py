"""A plan's line in sentences, of the client whose pipeline ran."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.clients import Client
from orchestration.reporting.series_questions import Series
from orchestration.reporting.why_this_order import NotPlannedError, explanation, lines_of
from orchestration.warehouse.server import Warehouse


@pytest.fixture(scope="module")
def series(warehouse: Warehouse, pipeline_client: Client) -> Series:
    """The item with the most urgent order."""
    with warehouse.transaction() as connection:
        row = connection.execute(
            """
            select item_id, location_id from analytics.planner_worklist
            where client_id = %s and action = 'order' order by priority_rank limit 1
            """,
            (pipeline_client.client_id,),
        ).fetchone()
    assert row is not None
    return Series(pipeline_client.client_id, *row)


def test_every_part_is_a_sentence_and_names_what_the_line_rests_on(
    warehouse: Warehouse, series: Series
) -> None:
    lines = lines_of(warehouse, series)
    said = list(explanation(lines))
    parts = [part for part, _ in said]
    assert parts[0] == f"line {lines[0]['line_no']}"
    for part in ("quantity", "demand", "plan", "forecast", "backtest", "calibration", "files", "not known"):
        assert part in parts
    for part, sentence in said:
        assert part == "flags" or sentence.endswith("."), sentence
        assert "None" not in sentence
        assert "nan" not in sentence.lower().split()
    text = " ".join(sentence for _, sentence in said)
    line = lines[0]
    assert line["inventory_run"]["run_id"] in text
    assert line["forecast"]["run_id"] in text
    assert line["demand_build"]["dbt_invocation_id"] in text
    named = set(re.findall(r"\(delivery (\d+), sha256 ([0-9a-f]{12})\)", text))
    assert (
        str(line["files"]["stock"]["file_id"]),
        line["files"]["stock"]["sha256"][:12],
    ) in named


def test_the_command_shows_it_on_one_screen(series: Series) -> None:
    names = ["--client", series.client_id, "--item", series.item_id, "--location", series.location_id]
    result = CliRunner().invoke(app, ["explain", *names], env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output
    assert f"{series.item_id} at {series.location_id}" in result.output
    assert "reorder point" in result.output
    assert len(result.output.splitlines()) <= 50


def test_an_item_that_no_plan_knows_is_said_to_be_none(warehouse: Warehouse, series: Series) -> None:
    with pytest.raises(NotPlannedError, match="has no item nothing at nowhere"):
        lines_of(warehouse, Series(series.client_id, "nothing", "nowhere"))


def test_an_item_without_a_line_has_none(warehouse: Warehouse, series: Series) -> None:
    with warehouse.transaction() as connection:
        row = connection.execute(
            """
            select metrics.item_id, metrics.location_id
            from analytics.current_inventory_runs as runs
            inner join analytics.inventory_metrics as metrics using (client_id, run_id)
            left join analytics.replenishment_plan as plan using (client_id, run_id, item_id, location_id)
            where client_id = %s and plan.line_no is null
            limit 1
            """,
            (series.client_id,),
        ).fetchone()
    assert row is not None
    assert lines_of(warehouse, Series(series.client_id, *row)) == []
