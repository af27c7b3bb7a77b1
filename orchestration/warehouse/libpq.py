"""What libpq would take from a shell's environment, kept away from the project's connections and servers.

Belongs here: the list of those variables. Does not belong here: the URLs that say all this explicitly
(``server``).
"""

from __future__ import annotations

import os

SHELL_DEFAULTS = (
    *("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "PGSERVICE", "PGSERVICEFILE"),
    *("PGDATA", "PGOPTIONS", "PGTZ", "PGDATESTYLE", "PGCLIENTENCODING", "PGTARGETSESSIONATTRS"),
)
"""Which server, as whom, and how a session begins. What guards a connection, such as ``PGSSLMODE``, stays."""


def forget_shell_defaults() -> None:
    """Remove the variables from this process, and so from every program it starts.

    libpq fills what a URL leaves out from them, and takes some, such as ``PGHOSTADDR``, before what the URL
    says; ``PGSERVICE`` ends each connection where the service is not defined.
    """
    for name in SHELL_DEFAULTS:
        os.environ.pop(name, None)
