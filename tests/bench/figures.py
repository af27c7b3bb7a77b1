"""What benches found, as JSON beside their tables, and whether a ratio has grown since.

Belongs here: the file of figures, and comparing some with those that were kept. Does not belong here:
measuring.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

USUAL = Path(__file__).with_name("usual_ratios.json")
"""Times the floor that small sizes take, by what is measured."""

MOST = 2.0
"""Times the usual ratio that is a mistake, and not a busy machine."""


class Measured(Protocol):
    """Something that was measured beside its floor."""

    @property
    def times(self) -> float:
        """How many times the floor it took."""
        ...


_Round = TypeVar("_Round", bound=Measured)


def middle(rounds: Sequence[_Round]) -> _Round:
    """The round whose ratio has as many below it as above."""
    return sorted(rounds, key=lambda one: one.times)[len(rounds) // 2]


@dataclass
class Kept:
    """Where figures are kept; None: nowhere."""

    file: Path | None = None


kept_figures = Kept()


def keep(command: str, found: object) -> None:
    """Add what a command found to the file of figures, where one was named.

    Args:
        command: whose figures these are; what was there of it is replaced.
        found: dataclasses, or sequences or mappings of such; what they compute is kept, too.
    """
    file = kept_figures.file
    if file is None:
        return
    whole = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    whole[command] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "found": _plain(found),
    }
    file.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")


def grown(ratios: Mapping[str, float], usual: Mapping[str, float]) -> list[str]:
    """A sentence for each ratio that is more than twice the usual one.

    Raises:
        KeyError: of something measured no usual ratio is known.
    """
    return [
        f"{what} takes {ratio:.1f} times its floor, where {usual[what]:.1f} is usual"
        for what, ratio in ratios.items()
        if ratio > MOST * usual[what]
    ]


def usual_ratios() -> dict[str, float]:
    """What was measured when it was last looked at."""
    known: dict[str, float] = json.loads(USUAL.read_text(encoding="utf-8"))
    return known


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        computed = [name for name, of in vars(type(value)).items() if isinstance(of, property)]
        return {name: _plain(getattr(value, name)) for name in [*(f.name for f in fields(value)), *computed]}
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
