"""Which version of the project computed a number."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib.metadata import version

from orchestration.settings import INSTALLED, WORKPLACE


@cache
def code_version() -> str:
    """Package version and, in a git checkout, the commit, with ``+changes`` where files differ from it."""
    release = version("forecaster")
    if INSTALLED or not (WORKPLACE / ".git").exists():
        return release
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty=+changes", "--exclude=*"],
            cwd=WORKPLACE,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return release
    return f"{release}-{described}"
