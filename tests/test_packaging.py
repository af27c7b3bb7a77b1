"""What the project declares that it needs is what it imports, and every pin comes from a declaration.

Read from the files and from the metadata of what is installed; no registry is asked.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
OWN = {"orchestration", "forecasting_lib", "tests"}
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(PYPROJECT)["project"]
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8")

ON_REQUEST = {"statsforecast", "lightgbm", "paramiko", "ray"}
"""Of an extra, imported by the packages too, which say what to install where it is missing."""

WITHOUT_A_PIN = re.compile(r"pip|setuptools|triton|(nvidia|cuda)-.*")
"""What every virtual environment has of its own, and what a torch for GPUs brings along."""


SET_UP = tomllib.loads(PYPROJECT)["tool"]["pip-tools"]["extra"]
"""The extras that 'make setup' installs and constraints.txt pins."""

ENGINES = [extra for extra in PROJECT["optional-dependencies"] if extra not in SET_UP]
"""Those of several machines, which nobody needs to work on the project: pinned in deploy/constraints.txt."""

ENGINE_PINS = (ROOT / "deploy" / "constraints.txt").read_text(encoding="utf-8")


def declared(*extras: str) -> dict[str, Requirement]:
    """The requirements of the project and of some of its extras, by canonical name."""
    texts = [*PROJECT["dependencies"], *(t for e in extras for t in PROJECT["optional-dependencies"][e])]
    return {canonicalize_name(found.name): found for found in map(Requirement, texts)}


def pins(constraints: str = CONSTRAINTS) -> dict[str, str]:
    return {
        canonicalize_name(name): pinned
        for name, pinned in re.findall(r"^([\w.-]+)==(\S+)$", constraints, re.MULTILINE)
    }


EVERYTHING = declared(*SET_UP)
"""What the project may need on one machine, and so what is pinned."""


def imported(*folders: str) -> set[str]:
    """Canonical names of the distributions that the code below these folders imports anywhere."""
    providers = packages_distributions()
    found: set[str] = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for module in _imports(ast.parse(path.read_text(encoding="utf-8"))):
            if module not in OWN | sys.stdlib_module_names:
                found |= {canonicalize_name(name) for name in providers.get(module, [module])}
    return found


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def needed_by(requirements: dict[str, Requirement]) -> set[str]:
    """Canonical names of what these requirements bring along, from the metadata of what is installed."""
    seen: set[tuple[str, str]] = set()
    waiting = list(requirements.values())
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in ("", *sorted(wanted.extras)):
            if (name, extra) not in seen:
                seen.add((name, extra))
                further = map(Requirement, _requires(name))
                waiting += [r for r in further if r.marker is None or r.marker.evaluate({"extra": extra})]
    return {name for name, _ in seen}


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


def test_what_the_packages_import_is_declared() -> None:
    assert imported("orchestration", "forecasting_lib") - set(declared()) == ON_REQUEST


def test_what_the_tests_import_is_declared() -> None:
    assert imported("tests") - set(declared(*SET_UP, *ENGINES)) == set()


def test_what_is_declared_is_imported_or_says_what_it_serves() -> None:
    unused = set(declared(*SET_UP, *ENGINES)) - imported(*sorted(OWN))
    explained = re.findall(r'^ +"([\w.-]+)[^"\n]*",  # .{10}', PYPROJECT, re.MULTILINE)
    assert unused
    assert unused <= set(explained)


def test_every_declared_version_is_pinned_within_its_bounds() -> None:
    for name, requirement in EVERYTHING.items():
        assert name in pins(), f"{name} has no pin; run 'make lock'"
        assert requirement.specifier.contains(pins()[name]), f"{requirement}, pinned {pins()[name]}"


def test_the_pins_are_what_the_declared_dependencies_bring_along() -> None:
    needed = needed_by(EVERYTHING)
    assert set(pins()) == {name for name in needed if not WITHOUT_A_PIN.fullmatch(name)}


def test_the_pinned_versions_are_the_ones_that_the_tests_run_with() -> None:
    installed = {name: version(name).partition("+")[0] for name in pins()}
    assert installed == pins()


def test_what_make_setup_installs_is_what_is_pinned() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.findall(r"-e '\.\[([\w,]+)\]'", makefile) == [",".join(SET_UP)]
    assert set(ENGINES) == {"ray", "k8s"}


def test_the_engines_are_pinned_within_their_bounds_beside_the_pins_of_everybody() -> None:
    beside = pins(ENGINE_PINS)
    assert not set(beside) & set(pins())
    for name, requirement in declared(*ENGINES).items():
        if name not in EVERYTHING:
            assert requirement.specifier.contains(beside.get(name) or pins()[name]), requirement


@pytest.mark.skipif(
    find_spec("dagster_ray") is None or find_spec("dagster_k8s") is None, reason="not installed"
)
def test_the_engines_fit_the_pins_of_everybody() -> None:
    needed = {name for name in needed_by(declared(*ENGINES)) if not WITHOUT_A_PIN.fullmatch(name)}
    assert needed <= set(pins()) | set(pins(ENGINE_PINS))
    assert set(pins(ENGINE_PINS)) <= needed
    assert {name: version(name).partition("+")[0] for name in pins(ENGINE_PINS)} == pins(ENGINE_PINS)


@pytest.mark.parametrize("constraints", [CONSTRAINTS, ENGINE_PINS], ids=["everybody", "engines"])
def test_the_pins_name_no_place_to_fetch_from(constraints: str) -> None:
    lines = [line for line in constraints.splitlines() if line and not line.lstrip().startswith("#")]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9.-]+==[a-z0-9.]+", line)] == []
    assert re.findall(r"--|://|@|/\w+/", constraints) == []
