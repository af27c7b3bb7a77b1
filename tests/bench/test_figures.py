"""Figures of benches are kept beside others, and a ratio that doubled is said."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bench.figures import grown, keep, kept_figures, usual_ratios


@dataclass(frozen=True)
class Found:
    """Two figures, and one that follows from them."""

    load: float
    floor: float

    @property
    def times(self) -> float:
        return self.load / self.floor


def test_what_a_command_finds_takes_the_place_of_what_it_found_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep("landing", Found(1, 1))
    monkeypatch.setattr(kept_figures, "file", tmp_path / "figures.json")
    for load in (6, 3):
        keep("landing", [Found(load, 1.5)])
    keep("demand", {"first": Found(1, 2)})
    kept = json.loads((tmp_path / "figures.json").read_text())
    assert kept["landing"]["found"] == [{"load": 3, "floor": 1.5, "times": 2.0}]
    assert kept["demand"]["found"] == {"first": {"load": 1, "floor": 2, "times": 0.5}}


def test_a_ratio_is_said_that_is_more_than_twice_the_usual_one() -> None:
    usual = usual_ratios()
    assert grown({name: 2 * ratio for name, ratio in usual.items()}, usual) == []
    assert len(grown({name: 2.1 * ratio for name, ratio in usual.items()}, usual)) == len(usual) > 0
    with pytest.raises(KeyError):
        grown({"something else": 1}, usual)
