"""The vectors of ``oracle.csv``: what goes in (``in_*``), what must come out (``exp_*``) within ``tol``."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

with (Path(__file__).parent / "oracle.csv").open(newline="") as _lines:
    ORACLE = list(csv.DictReader(_lines))

Case = dict[str, str]
TESTED: set[str] = set()


def cases(*groups: str) -> list[Any]:
    """The cases of these groups as parameters."""
    TESTED.update(groups)
    chosen = [row for row in ORACLE if row["group"] in groups]
    assert {row["group"] for row in chosen} == set(groups)
    return [pytest.param(row, id=f"{row['group']}-{row['case']}") for row in chosen]


def number(case: Case, column: str) -> float:
    """A cell as a number; empty and ``NULL`` as NaN."""
    return float(case[column]) if case[column] not in ("", "NULL") else float("nan")


def values(case: Case, *columns: str) -> Any:
    """Cells as arrays of one entry each; of a single column the array."""
    found = [np.array([number(case, column)]) for column in columns]
    return found[0] if len(found) == 1 else found


def near(case: Case, column: str) -> Any:
    return pytest.approx(number(case, column), abs=float(case["tol"]), rel=0.0)
