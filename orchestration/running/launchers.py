"""Which engine carries runs out: processes beside the code server, or jobs of a Ray or Kubernetes cluster.

Belongs here: the part of ``dagster.yaml`` that names the engine, and whether it can be had. Does not belong
here: the rest of that file (``instance``), how one run's forecast is shared (``stages.ray_workers``).

The queue comes before the engine: how many runs go on, one per client and the pools hold whichever it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from orchestration.errors import UserError
from orchestration.settings import Settings


class LauncherError(UserError):
    """The engine cannot be used as it is; the message says what to do."""


@dataclass(frozen=True)
class Engine:
    """A run launcher that others maintain.

    Attributes:
        module: of its class.
        name: of its class.
        extra: of this project, which installs it.
        wrapped_in: the key below which it wants its settings; None where they are on top.
        needs: a setting that its schema does not ask for and its class does.
    """

    module: str
    name: str
    extra: str
    wrapped_in: str | None = None
    needs: str | None = None


ENGINES: Mapping[str, Engine] = {
    "ray": Engine("dagster_ray", "RayRunLauncher", "ray", wrapped_in="ray", needs="address"),
    "k8s": Engine("dagster_k8s", "K8sRunLauncher", "k8s"),
}
"""Those that ``FORECASTER_RUN_LAUNCHER`` may name beside ``local``."""


def launcher_section(settings: Settings) -> dict[str, Any]:
    """``run_launcher`` of ``dagster.yaml``; nothing where runs are processes beside the code server.

    Raises:
        LauncherError: the engine is not installed, the installation is one that other machines cannot
            reach, or the engine does not take the settings of ``FORECASTER_RUN_LAUNCHER_CONFIG``.
    """
    if settings.run_launcher == "local":
        return {}
    engine = ENGINES[settings.run_launcher]
    chosen = f"FORECASTER_RUN_LAUNCHER is {settings.run_launcher}"
    try:
        launcher = getattr(import_module(engine.module), engine.name)
    except ModuleNotFoundError as error:
        raise LauncherError(
            f"{chosen}, and {error.name} is not installed. Install it with: "
            f"pip install 'forecaster[{engine.extra}]'."
        ) from error
    if settings.database_url is None:
        raise LauncherError(
            f"{chosen}, and DATABASE_URL is not set: the embedded server answers this machine's processes "
            "only. Name a PostgreSQL that every machine reaches."
        )
    own = _own_settings(settings.run_launcher_config)
    config = own if engine.wrapped_in is None else {engine.wrapped_in: own}
    problems = _problems(launcher, config)
    if engine.needs is not None and engine.needs not in own:
        problems = [f"'{engine.needs}' is missing."]
    if problems:
        raise LauncherError(
            f"{chosen}, and {engine.name} does not take the settings of FORECASTER_RUN_LAUNCHER_CONFIG "
            f"({settings.run_launcher_config or 'not set'}): {problems[0]}"
        )
    return {"run_launcher": {"module": engine.module, "class": engine.name, "config": config}}


def _own_settings(path: Path | None) -> dict[str, Any]:
    """What the operator's file says.

    Raises:
        LauncherError: it is not there, or is not a YAML mapping.
    """
    if path is None:
        return {}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LauncherError(
            f"FORECASTER_RUN_LAUNCHER_CONFIG is {path}, which cannot be read: {error.strerror}."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LauncherError(
            f"FORECASTER_RUN_LAUNCHER_CONFIG is {path}, which is not YAML: {error}"
        ) from error
    if not isinstance(found, dict):
        raise LauncherError(f"FORECASTER_RUN_LAUNCHER_CONFIG is {path}; write 'name: value' lines into it.")
    return found


def _problems(launcher: Any, config: Mapping[str, Any]) -> list[str]:
    """What a launcher's own schema has against a configuration."""
    from dagster._config import process_config, resolve_to_config_type

    judged = process_config(resolve_to_config_type(launcher.config_type()), config)
    return [error.message for error in judged.errors or []]
