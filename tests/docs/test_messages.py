"""The page of the messages says what the code says, and every message says what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from orchestration.landing.reasons import Refusal
from orchestration.reporting.messages import PAGE, main, message_page
from orchestration.warehouse.gap_meanings import GAP_MEANINGS
from orchestration.warehouse.gap_vocabulary import Gap

DEEDS = (
    *(
        "Activate",
        "Add",
        "Ask",
        "Choose",
        "Close",
        "Compress",
        "Correct",
        "Count",
        "Check",
        "Decide",
        "Deliver",
    ),
    *(
        "Do",
        "Export",
        "Give",
        "Lengthen",
        "Let",
        "Name",
        "Nothing",
        "Rename",
        "Run",
        "Set",
        "Then",
        "Transfer",
    ),
    *("Use", "Wait", "Write"),
)


def test_the_page_of_the_messages_is_up_to_date() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == message_page(), "run: python -m orchestration.reporting.messages --write"


def test_writing_makes_the_page_of_the_messages(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    assert main(["--write"], page) == 0
    assert page.read_text(encoding="utf-8") == message_page()


@pytest.mark.parametrize("gap", Gap)
def test_what_is_said_of_a_gap_is_whole_sentences_and_begins_its_advice_with_a_deed(gap: Gap) -> None:
    meaning = GAP_MEANINGS[gap]
    for sentence in (meaning.sentence, meaning.costs, meaning.remedy):
        assert sentence[0].isupper() or sentence.startswith("{")
        assert sentence.endswith((".", "{detail}"))
    assert meaning.remedy.split()[0].rstrip(",") in DEEDS
    named = set(
        re.findall(r"\{(\w+)\}", f"{meaning.sentence} {meaning.costs} {meaning.remedy} {meaning.command}")
    )
    assert named <= {"affected", "total", "day", "detail", "client"}


@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_begins_its_advice_with_a_deed(refusal: Refusal) -> None:
    assert refusal.advice.split()[0] in DEEDS
    assert refusal.advice.endswith(".")
