"""What a source may be, and what of it might be a secret."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from orchestration.fields import setting_of
from orchestration.references import is_reference, take_apart
from orchestration.registry_problems import clauses
from orchestration.sources import Source, is_name

ROWS = {"url": "postgresql://db.example.com/erp", "kind": "sales", "query": "select 1 as item_id"}
SINCE = {**ROWS, "query": "select day from sold where day >= :since", "watermark": "day"}


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "sftp://acme:${ACME_PASSWORD}@files.example.com:2222/out/sales_*.csv"},
        {"url": "sftp://acme@files.example.com/out/*.csv", "options": {"key_filename": "/etc/acme/id"}},
        {"url": "${ACME_EXPORTS}"},
        {"url": "s3://bucket/2026/**/*.parquet", "options": {"secret": "${A}", "anon": "false"}},
        {"url": "s3://bucket/sales_2026-0?.csv"},
        {"url": "file:///srv/exports/*.csv", "cron": "*/15 * * * *"},
        ROWS,
        SINCE,
        {**SINCE, "overlap_days": 7},
        {**ROWS, "url": "postgresql://acme:${P}@db.example.com/erp?sslmode=require&sslpassword=${S}"},
        {**ROWS, "query": "select day::date from sold where at < '05:00:00' or note = 'a \\:b'"},
    ],
)
def test_a_source_is_valid(fields: dict[str, object]) -> None:
    assert Source(**fields).url == fields["url"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "/srv/exports/*.csv"}, "begins with no protocol"),
        ({"url": "file://srv/exports/*.csv"}, "begins with a slash"),
        ({"url": "simplecache::s3://bucket/*.csv"}, "begins with no protocol"),
        ({"url": "file:///a/*.csv", "cron": "now and then"}, "is not a cron expression"),
        ({"url": "file:///a/*.csv", "kind": "sales"}, "kind belongs to a query"),
        ({"url": "file:///a/*.csv", "overlap_days": 3}, "overlap_days belongs to a query"),
        ({"url": "s3://bucket/*.csv", "options": {"secret": "x"}}, "put it into an environment variable"),
        ({"url": "s3://bucket/*.csv", "options": {"token": "${A}x"}}, "put it into an environment variable"),
        ({**ROWS, "kind": None}, "the kind of the query's rows is missing"),
        ({**ROWS, "options": {"anon": "true"}}, "options belong to files"),
        ({**ROWS, "watermark": "day"}, "need each other"),
        ({**SINCE, "watermark": None}, "need each other"),
        ({**ROWS, "query": "select :until"}, ":until in the query stands for nothing"),
        ({**ROWS, "overlap_days": 3}, "goes back from a watermark"),
        ({**SINCE, "overlap_days": -1}, "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_pulled_is_refused_in_a_clause(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Source(**fields)
    assert said in clauses(refused.value)


@pytest.mark.parametrize("field", Source.model_fields)
def test_a_setting_is_explained_in_one_sentence(field: str) -> None:
    assert setting_of(Source, field).help.endswith(".")


def test_names_are_parts_of_files_and_schedules() -> None:
    assert [name for name in ("erp", "erp_2", "a" * 32) if not is_name(name)] == []
    refused = ("", "Erp", "2erp", "erp_", "_erp", "e__p", "../erp", "e/p", "erp\n", "a" * 33)
    assert [name for name in refused if is_name(name)] == []


def test_a_url_is_taken_apart_without_decoding() -> None:
    parts = take_apart("SFTP://a%40b:${P}@host:22/out/*.csv?x")
    assert parts is not None
    assert (parts.scheme, parts.user, parts.password, parts.host, parts.rest) == (
        *("sftp", "a%40b", "${P}", "host:22", "/out/*.csv?x"),
    )
    assert take_apart("no url") is None
    assert [is_reference(text) for text in ("${A_1}", "${A}b", "$A", "${1A}")] == [True, False, False, False]
