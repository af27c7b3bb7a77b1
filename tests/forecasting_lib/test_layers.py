"""The parts of the library import downwards only, and nothing of the pipeline."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

LIBRARY = Path(__file__).parents[2] / "forecasting_lib"

MAY_IMPORT = {
    "grain": set[str](),
    "ragged": set[str](),
    "panel": {"grain", "ragged"},
    "quantile_grid": {"panel"},
    "covariates": {"grain", "ragged", "panel"},
    "accuracy": {"grain", "panel"},
    "moment_law": {"panel"},
    "history_variance": {"grain", "panel"},
    "drift": {"panel"},
    "outliers": {"panel"},
    "models": {"grain", "ragged", "panel", "quantile_grid"},
    "new_items": {"grain", "ragged", "panel", "quantile_grid", "moment_law", "models"},
    "inventory": {"grain", "panel", "quantile_grid", "moment_law", "history_variance", "models"},
    "origins": {"grain", "ragged", "panel", "covariates", "models"},
    "backtesting": {
        "grain", "panel", "quantile_grid", "covariates", "moment_law", "history_variance", "accuracy",
        "models", "new_items", "inventory", "origins",
    },
    "finetuning": {"grain", "panel", "accuracy", "models", "origins"},
    "pretraining": {"panel", "accuracy"},
    "demo": set[str](),
    "benchmark": {
        "grain", "ragged", "panel", "quantile_grid", "covariates", "accuracy", "moment_law", "models",
        "origins", "pretraining", "demo", "history_variance", "inventory", "backtesting",
    },
}  # fmt: skip
"""Part -> the parts it may import, each of which stands before it."""

OF_THE_PIPELINE = {
    "orchestration",
    "dagster",
    "sqlalchemy",
    "psycopg",
    "psycopg2",
    "adbc_driver_postgresql",
}


def imported(file: Path) -> Iterator[str]:
    """Names of the modules that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def part_of(module: str) -> str:
    return module.split(".")[1]


def modules() -> dict[str, Path]:
    """Every module of the library by its dotted name, without the package itself."""
    named = {}
    for file in LIBRARY.rglob("*.py"):
        parts = file.relative_to(LIBRARY.parent).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return {name: file for name, file in named.items() if "." in name}


def test_every_part_imports_only_parts_below_it() -> None:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for module, file in modules().items():
        found[part_of(module)] |= {
            part_of(name) for name in imported(file) if name.startswith("forecasting_lib.")
        } - {part_of(module)}
    assert set(found) == set(MAY_IMPORT)
    assert {part: names - MAY_IMPORT[part] for part, names in found.items() if names - MAY_IMPORT[part]} == {}


def test_the_parts_stand_in_an_order_without_a_circle() -> None:
    below: set[str] = set()
    for part, names in MAY_IMPORT.items():
        assert names <= below, part
        below.add(part)


def test_no_module_imports_itself_by_way_of_others() -> None:
    uses = {module: set(imported(file)) & set(modules()) for module, file in modules().items()}
    while leaves := [module for module, names in uses.items() if not names]:
        uses = {module: names - set(leaves) for module, names in uses.items() if module not in leaves}
    assert uses == {}


def test_the_library_knows_nothing_of_the_pipeline() -> None:
    for module, file in modules().items():
        roots = {name.split(".")[0] for name in imported(file)}
        assert not roots & OF_THE_PIPELINE, module
