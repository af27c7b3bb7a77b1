"""A finding reads as one sentence."""

from __future__ import annotations

from orchestration.diagnosis.findings import Level, ok, problem, warning


def test_a_finding_is_one_sentence_with_what_to_do_behind_it() -> None:
    assert problem("the disk is full", "make room").sentence == "the disk is full: make room."
    assert ok("there is room").sentence == "there is room."
    assert [found.level for found in (ok("a"), warning("a", "b"), problem("a", "b"))] == list(Level)
