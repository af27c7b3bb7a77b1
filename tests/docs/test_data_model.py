"""The pages of the data model and of its columns say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from forecasting_lib.models.guards import Note, Reason
from orchestration.registry import Client
from orchestration.retention_policy import PERIODS
from orchestration.settings import Settings
from orchestration.warehouse.tables import metadata
from orchestration.warehouse.tables.__main__ import PAGE, column_page, main
from orchestration.warehouse.tables.analytics import PARTITIONED
from tests.docs.pages import ROOT

TEXT = (ROOT / "docs" / "data-model.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    return TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_the_page_of_the_columns_is_up_to_date() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == column_page(), "run: python -m orchestration.warehouse.tables --write"


def test_every_table_is_on_the_page_with_what_a_row_is() -> None:
    page = column_page()
    for table in metadata.tables.values():
        assert f"### {table.schema}.{table.name}\n\n{table.comment}" in page


def test_writing_makes_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    assert main(["--write"], page) == 0
    assert page.read_text(encoding="utf-8") == column_page()


def test_the_reasons_are_those_of_the_guards_of_ended_items_and_of_cold_starts() -> None:
    codes = re.findall(r"^\| `([A-Z_]+)` \|", section("Reasons for a replaced or excluded forecast"), re.M)
    assert codes == [*map(str, Reason), "ENDED", *map(str, Note)]


def test_the_grain_table_has_the_keys_of_the_tables() -> None:
    rows = re.findall(r"^\| (`.+?) \| .+? \| (`.+`) \|$", section("Grain and keys"), re.M)
    assert rows
    for names, key in rows:
        for name in re.findall(r"`(\w+)`", names):
            primary = [c.name for c in metadata.tables[f"analytics.{name}"].primary_key.columns]
            assert primary == ["client_id", *key.strip("`").split(", ")]


def test_every_table_has_a_rule_of_retention() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rules = page.partition("### What grows, and the rule for it\n")[2].partition("\n### ")[0]
    named = re.findall(r"`((?:analytics|staging|ops)\.\w+)`", rules)
    constant = {"analytics.gap_meanings", "analytics.inventory_flags"}
    assert sorted(named) == sorted(metadata.tables.keys() - constant)


def test_the_policies_of_retention_are_named_with_their_defaults() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    policies = page.partition("\n## Retention\n")[2].partition("\n### ")[0]
    shown = re.findall(r"^\| `(\w+)` \| (\d+) \| ", policies, re.M)
    assert dict(shown) == {
        **{field: str(Client.model_fields[field].default) for field in PERIODS},
        "FORECASTER_KEEP_DAGSTER_RUNS_DAYS": str(Settings.model_fields["keep_dagster_runs_days"].default),
    }


def test_the_partitioned_tables_are_named() -> None:
    paragraph = section("Grain and keys")
    sentence = next(part for part in paragraph.split("\n\n") if "partitioned by client" in part)
    assert {f"`{table.name}`" for table in PARTITIONED} <= set(re.findall(r"`\w+`", sentence))
