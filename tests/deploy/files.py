"""The files of ``deploy/`` as their tests read them.

Belongs here: parsing, and what a command line or a variable must be. Does not belong here: what a file must
say (the tests beside this one).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from orchestration.settings import Settings
from tests.docs.test_commands import mistake

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
IMAGE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")

OF_THE_PROJECT = {str(field.alias) for field in Settings.model_fields.values()}
OF_OTHERS = {
    "FORWARDED_ALLOW_IPS",  # uvicorn
    "HF_HOME",  # the model hub's client
    "PATH",
    "PYTHONUNBUFFERED",
    "RAY_AUTH_MODE",
    "RAY_AUTH_TOKEN_PATH",
    "RAY_USAGE_STATS_ENABLED",
}
"""Variables of the program's containers that the project does not read itself."""

IN_THE_IMAGE = {"/opt/forecaster/workspace.yaml": DEPLOY / "workspace.yaml"}
"""Files that a command names where the image has them."""


def read(name: str) -> dict[str, Any]:
    """A YAML file of the folder."""
    found = yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def instructions(dockerfile: str = IMAGE) -> Iterator[tuple[str, str]]:
    """The instructions of a Dockerfile, each with its arguments in one line."""
    lines = re.sub(r"^\s*#.*\n", "", dockerfile, flags=re.MULTILINE).replace("\\\n", " ")
    for line in lines.splitlines():
        if line.strip():
            name, _, arguments = line.strip().partition(" ")
            yield name.upper(), " ".join(arguments.split())


def merged(base: Any, override: Any) -> Any:
    """Two compose files as ``docker compose`` merges them: mappings by key, lists added, else the later."""
    if isinstance(base, Mapping) and isinstance(override, Mapping):
        return {
            key: merged(base[key], override[key])
            if key in base and key in override
            else {**base, **override}[key]
            for key in {**base, **override}
        }
    if isinstance(base, list) and isinstance(override, list):
        return [*base, *override]
    return override


def problem_of_command(command: Sequence[str]) -> str | None:
    """What is wrong with a command of a container; None where it would start.

    What ``forecaster exec`` becomes is looked at as a command of its own.
    """
    words = list(command)
    match words:
        case ["forecaster", "exec", "--", *rest]:
            return problem_of_command(rest)
        case ["forecaster", *_]:
            return mistake(shlex.join(words))
        case ["dagster" | "dagster-daemon", *_]:
            return _problem_of_dagster(words)
        case ["python", "-c", code]:
            compile(code, "command", "exec")
    starts = words[:2] in (["python", "-c"], ["ray", "start"], ["ray", "health-check"]) or (
        words[:2] == ["python", "-m"] and find_spec(words[2]) is not None
    )
    return None if starts else f"{shlex.join(words)} would not start"


def _problem_of_dagster(words: list[str]) -> str | None:
    """What Dagster's own command line has against its arguments."""
    from dagster._cli import create_dagster_cli
    from dagster._daemon.cli import create_dagster_daemon_cli

    make: Any = create_dagster_cli if words[0] == "dagster" else create_dagster_daemon_cli
    command = make()
    for number, word in enumerate(words[1:], start=1):
        options = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
        if word.startswith("-"):
            if word.split("=")[0] not in options:
                return f"{shlex.join(words)}: there is no option {word}"
        elif subcommands := getattr(command, "commands", None):
            if word not in subcommands:
                return f"{shlex.join(words)}: there is no command {word}"
            command = subcommands[word]
        elif not words[number - 1].startswith("-"):
            return f"{shlex.join(words)}: nobody asked for {word}"
    return None
