"""Every environment variable the project reads, in one place; ``.env.example`` comments the same list.

Belongs here: names, defaults, the paths derived from them, and where the project's own files lie. Does not
belong here: connections (see ``warehouse.server``), settings of one client (they live in ``ops.clients``).
"""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_PACKAGE = Path(__file__).resolve().parent
_OF_THE_WHEEL = _PACKAGE / "_resources"

INSTALLED = _OF_THE_WHEEL.is_dir()
"""Installed from a wheel, which setup.py gave a copy of the resources; else this is a checkout."""

RESOURCES = _OF_THE_WHEEL if INSTALLED else _PACKAGE.parent
"""What comes with the project and is only read: ``dbt_project``, ``data/models`` and ``workspace.yaml``."""

WORKPLACE = Path.cwd() if INSTALLED else _PACKAGE.parent
"""Where everything that is written goes by default: the checkout, or the folder a command is called in."""


_HOST_NAME = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d+)?")


def _host_names(listed: str | tuple[str, ...]) -> tuple[str, ...]:
    """Names from a list with commas, in lower case.

    Raises:
        ValueError: one of them is more or less than a host with its port.
    """
    parts = listed.split(",") if isinstance(listed, str) else listed
    names = tuple(name.strip().lower() for name in parts if name.strip())
    if wrong := [name for name in names if not _HOST_NAME.fullmatch(name)]:
        raise ValueError(
            f"{wrong[0]!r} is not a host; write it as in planning.example.com or planning.example.com:8443"
        )
    return names


_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d+)?")


def _origins(listed: str | tuple[str, ...]) -> tuple[str, ...]:
    """Origins from a list with commas, as browsers spell them.

    Raises:
        ValueError: one of them is more or less than a scheme and a host with its port.
    """
    parts = listed.split(",") if isinstance(listed, str) else listed
    origins = tuple(origin.strip().lower() for origin in parts if origin.strip())
    if wrong := [origin for origin in origins if not _ORIGIN.fullmatch(origin)]:
        raise ValueError(
            f"{wrong[0]!r} is not an origin; write it as in https://planning.example.com, without a path"
        )
    return origins


_SHORTEST_KEY = 32
"""Characters: RFC 7518 wants as many bytes of a key as its hash has."""


def _long_enough(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value()) < _SHORTEST_KEY:
        raise ValueError(
            f"must have {_SHORTEST_KEY} characters or more; make one with: openssl rand -hex {_SHORTEST_KEY}"
        )
    return secret


SigningKey = Annotated[SecretStr, AfterValidator(_long_enough)]

SECRET_FILES = Path("/run/secrets")
"""Where containers are given secrets: a file named like its variable holds what the variable would."""


class Settings(BaseSettings):
    """The environment of one installation: variables, else ``.env``, else secret files, else the defaults."""

    model_config = SettingsConfigDict(
        env_file=WORKPLACE / ".env",
        secrets_dir=SECRET_FILES if SECRET_FILES.is_dir() else None,
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,  # it may be a secret
    )

    database_url: SecretStr | None = Field(default=None, alias="DATABASE_URL")
    """Administrative login of the warehouse database; unset starts the embedded server."""

    dagster_database_url: SecretStr | None = Field(default=None, alias="DAGSTER_DATABASE_URL")
    """Instance storage; unset means the database ``dagster`` on the warehouse's server."""

    home: Path = Field(default=WORKPLACE / ".local", alias="FORECASTER_HOME")
    """Where the embedded server and the Dagster instance keep their files."""

    landing_dir: Path = Field(default=WORKPLACE / "data" / "landing", alias="FORECASTER_LANDING_DIR")
    """One folder per client below it receives that client's files."""

    reports_dir: Path = Field(default=WORKPLACE / "reports", alias="FORECASTER_REPORTS_DIR")
    """Where ``forecaster report`` writes."""

    landing_quiet_seconds: float = Field(default=5.0, ge=0, alias="FORECASTER_LANDING_QUIET_SECONDS")
    """A file must have been still for this long before the sensor takes it."""

    dagster_home_override: Path | None = Field(default=None, alias="DAGSTER_HOME")

    chronos_model_id: str | None = Field(default=None, alias="CHRONOS_MODEL_ID")
    """A hub id or a directory of weights; unset follows the resolution order in docs/operations.md."""

    hub_offline: bool = Field(default=False, alias="HF_HUB_OFFLINE")

    alert_webhook_url: SecretStr | None = Field(default=None, alias="FORECASTER_ALERT_WEBHOOK_URL")
    """Receives a JSON POST when a run fails or drift is found."""

    alert_webhook_secret: SecretStr | None = Field(default=None, alias="FORECASTER_ALERT_WEBHOOK_SECRET")
    """Signs what the webhook is sent, so that the receiver knows it is from here."""

    ui_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_host_names)] = Field(
        default=(), alias="FORECASTER_UI_HOSTS"
    )
    """Under which names a proxy offers the UI, as browsers send them; the loopback's are always answered."""

    keep_dagster_runs_days: int = Field(default=90, ge=1, le=3660, alias="FORECASTER_KEEP_DAGSTER_RUNS_DAYS")
    """Days for which Dagster's runs that have ended are kept, with their events and logs."""

    run_launcher: Literal["local", "ray", "k8s"] = Field(default="local", alias="FORECASTER_RUN_LAUNCHER")
    """Where runs work: beside the code server, or as jobs of a Ray or Kubernetes cluster."""

    run_launcher_config: Path | None = Field(default=None, alias="FORECASTER_RUN_LAUNCHER_CONFIG")
    """A YAML file with the launcher's own settings."""

    runs_at_once: int = Field(default=4, ge=1, alias="FORECASTER_RUNS_AT_ONCE")
    """How many runs go on at a time, whosever they are; the others wait in the queue."""

    forecast_workers: int = Field(default=0, ge=0, alias="FORECASTER_FORECAST_WORKERS")
    """Ray workers that share the forecast of one large client; 0 forecasts in the run's own process."""

    environment: Literal["development", "production"] = Field(default="development", alias="ENVIRONMENT")
    """Whether anybody but the developer depends on it; in production nothing is made up."""

    api_port: int = Field(default=8000, ge=1, le=65535, alias="FORECASTER_API_PORT")
    """Port of the HTTP API on 127.0.0.1."""

    jwt_secret_key: SigningKey | None = Field(default=None, alias="JWT_SECRET_KEY")
    """Signs access tokens; required in production, made up in development."""

    jwt_secret_key_previous: SigningKey | None = Field(default=None, alias="JWT_SECRET_KEY_PREVIOUS")
    """Tokens signed with it are accepted, too, until they expire."""

    cors_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = Field(
        default=(), alias="CORS_ORIGINS"
    )
    """Web sites whose pages may call the HTTP API from a browser."""

    @cached_property
    def dagster_home(self) -> Path:
        return (self.dagster_home_override or self.home / "dagster").resolve()

    @cached_property
    def bundled_models_dir(self) -> Path:
        return RESOURCES / "data" / "models"

    def made_home(self) -> Path:
        """``home``, closed to other users where it has to be made."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.home

    def client_landing_dir(self, client_id: str) -> Path:
        return self.landing_dir / client_id


def load_settings() -> Settings:
    """Read the environment once; callers pass the result on instead of reading it again."""
    return Settings()


def secret_named(name: str) -> SecretStr | None:
    """What a reference of the registry stands for: the variable, else what ``.env`` or a secret file says."""
    value = os.environ.get(name) or dotenv_values(WORKPLACE / ".env").get(name)
    file = SECRET_FILES / name
    if not value and file.is_file():
        value = file.read_text(encoding="utf-8").strip()
    return SecretStr(value) if value else None


def dagster_environment(settings: Settings) -> dict[str, str]:
    """The variables a Dagster process needs to find this installation's instance."""
    return {**os.environ, "DAGSTER_HOME": str(settings.dagster_home)}
