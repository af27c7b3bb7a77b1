"""Formats by Accept, and the tags of bodies."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from orchestration.api.formats import Format, chosen_format, etag, is_known, written
from orchestration.api.problems import ProblemError

ROWS = pl.DataFrame(
    {
        "name": ['te,a "x"', None],
        "day": [date(2026, 3, 31), None],
        "at": pl.Series([datetime(2026, 3, 31, 5, tzinfo=UTC), None], dtype=pl.Datetime("us", "UTC")),
        "flags": [["A", "B"], None],
        "qty": [1.5, None],
    }
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, Format.JSON),
        ("*/*", Format.JSON),
        ("text/csv", Format.CSV),
        ("text/*", Format.CSV),
        ("application/json;q=0.5, text/csv", Format.CSV),
        ("text/csv;q=0.1, */*;q=0.2", Format.JSON),
        ("APPLICATION/VND.APACHE.PARQUET", Format.PARQUET),
        ("application/json;q=0, application/*", Format.PARQUET),
        ("text/csv;q=many, application/json;q=0.1", Format.JSON),
    ],
)
def test_the_format_that_is_liked_best_is_chosen(accept: str | None, expected: Format) -> None:
    assert chosen_format(accept) is expected


@pytest.mark.parametrize("accept", ["image/png", "*/*;q=0", "", "text/html"][:2])
def test_none_that_is_offered_is_a_problem(accept: str) -> None:
    with pytest.raises(ProblemError, match="Ask for one of"):
        chosen_format(accept)


def test_json_says_what_is_beside_the_rows() -> None:
    document = json.loads(written(ROWS, Format.JSON, {"next": None, "reason": "Why."}))
    assert document["data"][0] == {
        "name": 'te,a "x"',
        "day": "2026-03-31",
        "at": "2026-03-31T05:00:00.000000Z",
        "flags": ["A", "B"],
        "qty": 1.5,
    }
    assert document["data"][1] == dict.fromkeys(ROWS.columns)
    assert (document["next"], document["reason"]) == (None, "Why.")


def test_csv_and_parquet_hold_the_rows() -> None:
    csv = pl.read_csv(io.BytesIO(written(ROWS, Format.CSV, {})))
    assert csv.columns == ROWS.columns
    assert csv.row(0) == ('te,a "x"', "2026-03-31", "2026-03-31T05:00:00.000000Z", "A|B", 1.5)
    assert pl.read_parquet(io.BytesIO(written(ROWS, Format.PARQUET, {}))).equals(ROWS)


def test_a_tag_is_that_of_the_bytes() -> None:
    tag = etag(b"body")
    assert tag == etag(b"body") != etag(b"other")
    assert is_known(tag, tag)
    assert is_known(tag, f'"x", W/{tag}')
    assert is_known(tag, "*")
    assert not is_known(tag, '"x"')
    assert not is_known(tag, None)
