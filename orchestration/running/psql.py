"""psql on the right database, as the pipeline or as a client.

Belongs here: which program, which login, what it sees. Does not belong here: SQL.
"""

from __future__ import annotations

import shutil

from sqlalchemy import make_url

from orchestration.errors import UserError
from orchestration.warehouse.cluster import EmbeddedServerError, server_programs
from orchestration.warehouse.server import Warehouse


class PsqlError(UserError):
    """psql cannot be started; the message says what to do."""


def psql_program(*, embedded: bool) -> str:
    """The psql to use: the embedded server's own for the embedded server, else the one on the PATH.

    Raises:
        PsqlError: there is none.
    """
    installed = shutil.which("psql")
    if installed and not embedded:
        return installed
    try:
        return str(server_programs() / "psql")
    except EmbeddedServerError as error:
        if installed:
            return installed
        raise PsqlError("There is no psql on the PATH; install PostgreSQL's client programs.") from error


def psql_url(warehouse: Warehouse, client_id: str | None) -> str:
    """Where psql connects; never with a password, because arguments are for everybody to read."""
    url = make_url(warehouse.admin_url).set(drivername="postgresql")
    if client_id is not None:
        url = url.set(username=warehouse.roles.client(client_id))
    return url._replace(password=None).render_as_string()


def psql_environment(warehouse: Warehouse, client_id: str | None) -> dict[str, str]:
    """The rest of the connection: the role to work under, the search path, the operator's password.

    A client's password is asked for by psql itself, where the server wants one.
    """
    if client_id is not None:
        return {"PGOPTIONS": "-c search_path=analytics", "PGPASSWORD": ""}
    return {
        "PGOPTIONS": f"-c role={warehouse.roles.pipeline} -c search_path=analytics,staging,ops",
        "PGPASSWORD": make_url(warehouse.admin_url).password or "",
    }
