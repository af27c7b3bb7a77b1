"""What the pages tell a reader to type exists: commands with their options, targets of make, variables."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from orchestration.cli import app
from orchestration.commands.clients import PASSWORD_VARIABLE
from orchestration.commands.users import NEW_PASSWORD_VARIABLE
from orchestration.settings import Settings
from tests.docs.pages import PAGES, ROOT, code_blocks, inline_code, name

each_page = pytest.mark.parametrize("page", PAGES, ids=name)

SETTINGS = {str(field.alias or field_name) for field_name, field in Settings.model_fields.items()}
VARIABLE = re.compile(r"(?:FORECASTER|DAGSTER|TEST|DATABASE|CHRONOS|HF)_[A-Z_]+")


def commands(text: str) -> list[str]:
    """The lines a reader would type, from shell blocks and from inline code."""
    blocks = "".join(block.code for block in code_blocks(text) if block.language == "sh")
    typed = blocks.replace("\\\n", " ").splitlines()
    return [line.strip() for line in [*typed, *inline_code(text)]]


def mistake(line: str) -> str | None:
    """What the command line would not understand in a ``forecaster`` command; None where it would."""
    command: Any = get_command(app)
    for word in shlex.split(line, comments=True)[1:]:
        options = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
        if word == "--":  # of another program
            break
        if word.startswith("-"):
            if word.split("=")[0] not in options | {"--help", "-h"}:
                return f"{line}: {command.name} has no option {word}"
        elif subcommands := getattr(command, "commands", None):
            if word not in subcommands:
                return f"{line}: there is no command {word}"
            command = subcommands[word]
    return None


@each_page
def test_forecaster_commands_exist(page: Path) -> None:
    typed = [line for line in commands(page.read_text(encoding="utf-8")) if line.startswith("forecaster ")]
    assert [problem for line in typed if (problem := mistake(line))] == []


def test_the_pages_show_commands_and_targets() -> None:
    typed = [line for page in PAGES for line in commands(page.read_text(encoding="utf-8"))]
    assert len([line for line in typed if line.startswith("forecaster ")]) >= 20
    assert len([line for line in typed if line.startswith("make ")]) >= 5


def test_a_wrong_command_is_found() -> None:
    assert mistake("forecaster client add acme --name 'Acme Foods'  # registers it") is None
    assert mistake("forecaster launch") is not None
    assert mistake("forecaster client add acme --colour red") is not None


@each_page
def test_targets_of_make_exist(page: Path) -> None:
    targets = set(
        re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    typed = [line for line in commands(page.read_text(encoding="utf-8")) if line.startswith("make ")]
    assert {shlex.split(line, comments=True)[1] for line in typed} <= targets


def test_every_command_is_mentioned_in_the_operations_page_or_the_readme() -> None:
    pages = [ROOT / "README.md", ROOT / "docs" / "operations.md"]
    text = " ".join(line for page in pages for line in commands(page.read_text(encoding="utf-8")))
    names = set(getattr(get_command(app), "commands", {}))
    assert names
    assert {command for command in names if f"forecaster {command}" not in text} == set()


def table_of_variables(page: Path) -> set[str]:
    """Names in the first column of the page's tables."""
    return set(re.findall(r"^\| `([A-Z_]+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_operations_page_lists_the_variables_the_code_reads() -> None:
    page = ROOT / "docs" / "operations.md"
    flags = set(re.findall(r"`([A-Z_]+)`", page.read_text(encoding="utf-8"))) - table_of_variables(page)
    assert table_of_variables(page) == SETTINGS | {PASSWORD_VARIABLE, NEW_PASSWORD_VARIABLE}
    assert {f for f in flags if VARIABLE.fullmatch(f)} == {"FORECASTER_INSTANCE_URL", "FORECASTER_DBT_HOST"}


def test_the_example_of_the_environment_lists_the_settings() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^# ?([A-Z_]+)=", example, re.MULTILINE)) == SETTINGS


@each_page
def test_variables_that_are_named_are_read_somewhere(page: Path) -> None:
    named = {
        code.split("=")[0]
        for code in inline_code(page.read_text(encoding="utf-8"))
        if VARIABLE.fullmatch(code.split("=")[0])
    }
    folders = ("orchestration", "tests")
    code = "".join(path.read_text(encoding="utf-8") for f in folders for path in (ROOT / f).rglob("*.py"))
    assert {variable for variable in named if f'"{variable}"' not in code} == set()
