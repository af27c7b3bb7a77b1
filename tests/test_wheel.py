"""The wheel holds everything: installed where there is no checkout, the demo runs in an empty folder."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from orchestration.stages.dbt import DBT_EXECUTABLE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PACKAGES = ("orchestration", "forecasting_lib")
RESOURCES = ("dbt_project", "data/models", "workspace.yaml")
NOT_SHIPPED = shutil.ignore_patterns("__pycache__", "target", "logs", "_resources", "*.egg-info", "build")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the wheel is built from, since a build leaves its traces."""
    folder = tmp_path_factory.mktemp("source")
    for name in (*PACKAGES, *RESOURCES, "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, folder / name, ignore=NOT_SHIPPED)
        else:
            shutil.copy(path, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [*(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"), "--wheel-dir", str(folder)]
    subprocess.run([*build, str(source)], check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel, which borrows the other packages from the one that tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    paths = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", vars=paths))
    install = [*(sys.executable, "-m", "pip", "--python", str(python)), "install", "--quiet", "--no-deps"]
    subprocess.run([*install, str(wheel)], check=True)
    (packages / "borrowed.pth").write_text("\n".join(site.getsitepackages()), encoding="utf-8")
    (folder / "bin" / "dbt").symlink_to(DBT_EXECUTABLE)
    return folder


@pytest.fixture
def empty_folder() -> Iterator[Path]:
    """Outside of pytest's folders, which PostgreSQL's own user cannot reach under root."""
    with tempfile.TemporaryDirectory(prefix="forecaster-wheel-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def files_below(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in found}


def test_the_wheel_holds_every_file_of_the_packages_and_every_resource(source: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = set()
    for name in files_below(source):
        if name.startswith(PACKAGES):
            expected.add(name)
        elif name.startswith(RESOURCES):
            expected.add(f"orchestration/_resources/{name}")
    assert "orchestration/_resources/workspace.yaml" in expected
    assert shipped == expected


def test_the_demo_runs_in_an_empty_folder_and_writes_nowhere_else(
    environment: Path, empty_folder: Path
) -> None:
    neutral = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FORECASTER_", "DAGSTER_", "DATABASE_", "DBT_", "PYTHON", "CHRONOS_"))
    }

    def forecaster(*arguments: str) -> str:
        return subprocess.run(
            [str(environment / "bin" / "forecaster"), *arguments],
            cwd=empty_folder,
            env={**neutral, "HF_HUB_OFFLINE": "1"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    resources = next(environment.rglob("orchestration/_resources"))
    shipped = files_below(resources)
    try:
        assert "Most urgent" in forecaster("demo")
        computed_by = "copy (select distinct code_version from analytics.forecast_runs) to stdout"
        assert forecaster("sql", "-c", computed_by).split() == [version("forecaster")]
    finally:
        forecaster("down")
    assert files_below(resources) == shipped
    assert {path.name for path in empty_folder.iterdir()} == {".local", "data", "reports"}
    assert files_below(empty_folder / "reports") == {"demo_retail.html", "demo_m5.html"}
