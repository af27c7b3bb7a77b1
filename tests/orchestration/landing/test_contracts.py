"""The contract as data: consistent with the tables, and told to people in full."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestration.landing.file_names import kind_of
from orchestration.landing.kind import Kind
from orchestration.landing.kinds import KINDS, M5_SALES, STAGING_TABLES
from orchestration.landing.reasons import Reason, Refusal

DOCUMENT = Path(__file__).parents[3] / "docs" / "data-contracts.md"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sales.csv", "sales"),
        ("Sales_2024-03.CSV.GZ", "sales"),
        ("sub/sales_x.parquet", "sales"),
        ("sales_train_evaluation.csv.gz", "m5_sales"),
        ("calendar.csv", "calendar"),
        ("sell_prices.csv", "prices"),
        ("purchase_orders-1.csv", "purchase_orders"),
        ("my_calendar.csv", None),
        ("sales.txt", "sales"),
        ("SALES.tsv.zst", "sales"),
        ("sales.doc", None),
        ("sales.gz", None),
        ("sales.csv.zip", None),
    ],
)
def test_the_name_says_the_kind(name: str, kind: str | None) -> None:
    found = kind_of(name, {})
    assert (found.name if found else None) == kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_column_and_key_exists_in_staging(kind: Kind) -> None:
    table = STAGING_TABLES[kind.table].columns
    assert {"client_id", *kind.key} == {column.name for column in table if column.primary_key}
    described = {"category", "department", "region"} if kind is M5_SALES else set()
    targets = {"item_id", "category"} if kind.name == "promotions" else set()
    assert {column.staged for column in kind.columns} - described - targets <= set(table.keys())


def test_the_document_lists_every_reason_with_its_sentence() -> None:
    text = DOCUMENT.read_text()
    for reason in Reason:
        assert f"| `{reason.value}` | {reason.sentence} |" in text


def test_the_document_lists_every_refusal_with_its_advice() -> None:
    text = DOCUMENT.read_text()
    for refusal in Refusal:
        assert re.search(
            rf"^\| `{refusal.value}` \| .+ \| {re.escape(refusal.advice)} \|$", text, re.MULTILINE
        )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_document_lists_every_column_with_its_meaning(kind: Kind) -> None:
    section = DOCUMENT.read_text().split(f"### {kind.name}\n")[1].split("\n### ")[0]
    for pattern in kind.patterns:
        assert f"`{pattern}.csv`" in section
    for column in kind.columns:
        required = "required" if column.required else "optional"
        assert f"| `{column.name}` | {column.type.value} | {required} | {column.meaning} |" in section
