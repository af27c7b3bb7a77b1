"""What the page of deployment computes is right, and the files it lists are those that are there."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT, inline_code

PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
SUMS = [code for code in inline_code(PAGE) if re.fullmatch(r"[\d.()*/+ ]+ = [\d.]+", code)]


@pytest.mark.parametrize("written", SUMS)
def test_a_sum_is_what_is_written_behind_it(written: str) -> None:
    terms, _, result = written.partition(" = ")
    assert eval(terms, {"__builtins__": {}}) == pytest.approx(float(result), rel=0.02)


def test_the_page_shows_its_sums() -> None:
    assert len(SUMS) > 15


def test_the_files_that_are_listed_are_there() -> None:
    table = PAGE.partition("`tests/deploy/`")[0]
    listed = set(re.findall(r"^\| `([\w.-]+)` \|", table, re.MULTILINE))
    files = (path.name for path in (ROOT / "deploy").iterdir() if path.is_file())
    there = {name for name in files if not name.startswith(".env")}
    parts = {
        *("Dockerfile.dockerignore", "workspace.yaml", "ray-launcher.yaml", "proxy.conf.template"),
        "postgres-login.sh",
    }
    assert listed == there - parts
    assert parts <= there
