"""The step that pyproject.toml cannot say: a wheel carries what a checkout keeps beside the packages."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

RESOURCES = ("dbt_project", "data/models", "workspace.yaml")
"""Copied to where ``orchestration.settings`` looks for them; an editable install finds the originals."""


class BuildWithResources(build_py):
    """Copies the modules, then the resources into the package ``orchestration``."""

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        shutil.rmtree(self.build_lib, ignore_errors=True)  # what an earlier build left is not in this one
        super().run()
        target = Path(self.build_lib) / "orchestration" / "_resources"
        for name in RESOURCES:
            source = Path(name)
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("target", "logs"))
            else:
                shutil.copy(source, target / name)


setup(cmdclass={"build_py": BuildWithResources})
