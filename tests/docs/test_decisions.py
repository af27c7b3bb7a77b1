"""Each decision has a page with its date, and the index leads to all of them in their order."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT

FOLDER = ROOT / "docs" / "decisions"
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_index_leads_to_every_decision_in_the_order_of_their_dates() -> None:
    shown = re.findall(r"^\| ([\d-]+) \| \[.+\]\((.+)\) \|$", INDEX, re.MULTILINE)
    assert sorted(page for _, page in shown) == sorted(path.name for path in FOLDER.glob("2*.md"))
    assert [date for date, _ in shown] == sorted(date for date, _ in shown)
    assert all(page.startswith(f"{date}-") for date, page in shown)


def test_a_decision_says_when_it_was_taken_and_what_the_index_calls_it() -> None:
    titles = {page: title for title, page in re.findall(r"\[(.+?)\]\((2.+?)\)", INDEX)}
    for path in FOLDER.glob("2*.md"):
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {titles[path.name]}\n\nDecided on {path.name[:10]}.\n\n")
