"""The command that becomes another program in the environment of this installation: ``exec``."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from orchestration.commands.terminal import open_warehouse
from orchestration.errors import UserError


def execute(
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="The program and its arguments, behind '--'.")
    ],
) -> None:
    """Become another program that finds this installation's Dagster instance: one of Dagster's own, or Ray.

    Brings dagster.yaml up to date first, and gives the program DAGSTER_HOME and the address of the storage.
    """
    settings, warehouse = open_warehouse(migrated=False)
    from orchestration.running.instance import instance_environment, write_instance_config

    write_instance_config(settings, warehouse)
    environment = instance_environment(settings, warehouse)
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        raise UserError(f"{command[0]} cannot be started: {error.strerror}.") from error
