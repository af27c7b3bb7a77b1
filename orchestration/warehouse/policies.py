"""Row-level security's policies: how a row is compared with the role that asks, and making a table's.

Belongs here: the conditions and ``create policy``. Does not belong here: which tables have which policy, and
for whom (``tenancy``, ``access_rights``).
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql


def own_rows(prefix: str) -> sql.Composed:
    """The condition under which a row is of the client whose role asks.

    A sub-select, which a statement works out once and not for every row. In the collation of the column: a
    role's name has another, and with that no index and no partition would be chosen by it.

    Args:
        prefix: of the roles' names, before the client's slug.
    """
    return sql.SQL(
        """
        client_id = (
            select case when starts_with(current_user, {}) then substr(current_user, {}) end collate "default"
        )
        """
    ).format(sql.Literal(prefix), sql.Literal(len(prefix) + 1))


def provide_policy(
    connection: psycopg.Connection[Any],
    table: str,
    name: str,
    rule: sql.Composable,
) -> None:
    """Give a table a policy of that name where it has none, or one of an earlier version.

    Args:
        connection: works as the table's owner, inside a transaction.
        table: with its schema.
        name: of the policy.
        rule: what follows the table's name.
    """
    found = connection.execute(
        """
        select polroles = '{0}', pg_get_expr(polqual, polrelid) from pg_policy
        where polrelid = %s::regclass and polname = %s
        """,
        (table, name),
    ).fetchone()
    relation = sql.Identifier(*table.split("."))
    if found is not None:
        is_of_everybody, condition = found
        if condition == "true" or (is_of_everybody and "SELECT" in condition):
            return
        # named the tenant group, whose members may drop such a policy, or was worked out for every row
        connection.execute(sql.SQL("drop policy {} on {}").format(sql.Identifier(name), relation))
    connection.execute(sql.SQL("create policy {} on {} {}").format(sql.Identifier(name), relation, rule))
