"""A page of the documentation that the code makes: printed, or written to its place.

Belongs here: what the commands of all such pages share. Does not belong here: what is on a page.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def print_or_write(module: str, arguments: Sequence[str], page: Path, make: Callable[[], str]) -> int:
    """Print a page, or with ``--write`` write it; returns the exit status.

    Args:
        module: what ``python -m`` runs, for the usage.
        arguments: of the command line.
        page: its place.
        make: gives its text.
    """
    if arguments == ["--write"]:
        page.write_text(make(), encoding="utf-8")
    elif arguments:
        sys.stderr.write(f"usage: python -m {module} [--write]\n")
        return 2
    else:
        sys.stdout.write(make())
    return 0
