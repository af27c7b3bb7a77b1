"""The genuine launcher of Ray; skipped where Ray is not installed, which is of an extra of its own.

Belongs here: what it takes as settings. Does not belong here: what is said where it is missing
(``test_launchers``).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from orchestration.running.launchers import LauncherError, launcher_section
from orchestration.settings import RESOURCES, Settings

pytestmark = pytest.mark.skipif(
    find_spec("dagster_ray") is None, reason="Ray is not installed: pip install -c constraints.txt '.[ray]'"
)


def test_the_genuine_launcher_takes_the_settings_of_the_deployment_and_wants_an_address(
    settings: Settings, tmp_path: Path
) -> None:
    file = RESOURCES / "deploy" / "ray-launcher.yaml"
    chosen = settings.model_copy(update={"run_launcher": "ray", "run_launcher_config": file})
    assert launcher_section(chosen)["run_launcher"]["config"] == {"ray": yaml.safe_load(file.read_text())}
    with pytest.raises(LauncherError, match="'address' is missing"):
        launcher_section(chosen.model_copy(update={"run_launcher_config": None}))
    other = tmp_path / "other.yaml"
    other.write_text("address: http://head:8265\ncpus: 4\n")
    with pytest.raises(LauncherError, match="cpus"):
        launcher_section(chosen.model_copy(update={"run_launcher_config": other}))
