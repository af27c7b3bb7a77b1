"""The image: built of files that are there, from a base that is named, for a user that is nobody."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from fnmatch import fnmatch

from packaging.specifiers import SpecifierSet

from tests.deploy.files import DEPLOY, OF_OTHERS, OF_THE_PROJECT, ROOT, instructions, problem_of_command

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


RESOURCES = next(
    ast.literal_eval(node.value)
    for node in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "RESOURCES"
)
"""What ``setup.py`` puts into a wheel beside the packages."""


def arguments(wanted: str) -> list[str]:
    return [text for name, text in instructions() if name == wanted]


def copied() -> list[str]:
    """What the image takes from the build's folder."""
    return [
        source for text in arguments("COPY") if not text.startswith("--from") for source in text.split()[:-1]
    ]


def test_the_base_is_of_the_python_that_the_project_wants_to_the_patch() -> None:
    (image,) = [text.partition("=")[2] for text in arguments("ARG") if text.startswith("PYTHON_IMAGE=")]
    version = re.fullmatch(r"python:(3\.\d+\.\d+)-slim-\w+", image)
    assert version
    assert version[1] in SpecifierSet(PYPROJECT["project"]["requires-python"])
    assert {text.split()[0] for text in arguments("FROM")} == {"${PYTHON_IMAGE}"}


def test_what_is_copied_is_there_and_is_let_through() -> None:
    let_through = [
        line.removeprefix("!")
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    ]
    assert [path for path in copied() if not (ROOT / path).exists()] == []
    assert sorted(copied()) == sorted(let_through)


def test_nothing_that_a_wheel_is_made_of_is_missing() -> None:
    manifest = (ROOT / "MANIFEST.in").read_text(encoding="utf-8")
    named = [
        name
        for line in manifest.splitlines()
        if line.startswith(("include", "graft"))
        for name in line.split()[1:]
    ]
    project = PYPROJECT["project"]
    wanted = {*RESOURCES, *named, project["readme"], "LICENSE", "pyproject.toml", "setup.py"}
    packages = [
        pattern.rstrip("*") for pattern in PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    ]
    assert {*wanted, *packages} <= set(copied())


def test_the_extras_exist_and_secrets_stay_out_of_the_build() -> None:
    (extras,) = [text.partition("=")[2] for text in arguments("ARG") if text.startswith("EXTRAS=")]
    assert set(extras.split(",")) <= set(PYPROJECT["project"]["optional-dependencies"])
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*"
    assert not any(
        fnmatch(path, line.removeprefix("!")) for path in ("deploy/secrets", ".env") for line in ignored[2:]
    )


def test_it_works_as_nobody_and_knows_no_variable_that_nobody_reads() -> None:
    (user,) = arguments("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    last = [name for name, _ in instructions()]
    assert last.index("USER") > max(number for number, name in enumerate(last) if name in ("RUN", "COPY"))
    variables = {name for text in arguments("ENV") for name in re.findall(r"(\w+)=", text)}
    assert variables
    assert variables <= OF_THE_PROJECT | OF_OTHERS


def test_its_commands_would_start() -> None:
    commands = [
        json.loads(text[text.index("[") :]) for name in ("CMD", "HEALTHCHECK") for text in arguments(name)
    ]
    assert len(commands) == 2
    assert [problem for command in commands if (problem := problem_of_command(command))] == []
