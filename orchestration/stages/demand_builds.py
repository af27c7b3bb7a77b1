"""How much of a client's demand a build makes again.

Belongs here: what concerns all days, the last day that stands, and the record of a build that came to its
end. Does not belong here: what is noted of a delivery (``landing.changes``), how a build follows it
(``dbt_project/macros/standing.sql``).

A change that was noted stays until a build that knew of it has come to its end. So a build that fails or is
killed is made up for by the next one, and one that meets a delivery on its way leaves that to the next.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from forecasting_lib.grain import Grain
from orchestration.clients import Client, client_in
from orchestration.stages.dbt import project_digest
from orchestration.stages.provenance import code_version
from orchestration.warehouse.server import Warehouse


@dataclass(frozen=True)
class Change:
    """Something that demand has yet to follow.

    Attributes:
        change_id: its number.
        first_date: first day whose demand it may concern; None where that may be any.
    """

    change_id: int
    first_date: date | None


@dataclass(frozen=True)
class Basis:
    """What all of a client's days rest on.

    Attributes:
        digest: of the project and the client's settings.
        last_date: last day with demand; None without sales.
    """

    digest: str
    last_date: date | None


@dataclass(frozen=True)
class Build:
    """A build that begins.

    Attributes:
        client_id: of whom.
        build_id: under which it notes what it finds on its way.
        basis: what it rests on.
        standing_until: the last day that stands; None where all days are built.
        changes: what it follows.
    """

    client_id: str
    build_id: str
    basis: Basis
    standing_until: date | None
    changes: Sequence[Change]


def standing_until(last: Basis | None, now: Basis, changes: Sequence[Change], client: Client) -> date | None:
    """The last day whose demand stands; None where all days are to be built.

    Totals of weeks and months are few. Where returns are set back against earlier sales, a day may change any
    before it.

    Args:
        last: of the last whole build or of what followed it; None where there was none.
        now: what there is.
        changes: since then.
        client: as registered.
    """
    by_day = (client.grain or Grain.DAY) == Grain.DAY and client.returns_policy != "net_back"
    if not by_day or last is None or last.digest != now.digest or last.last_date is None:
        return None
    standing = last.last_date
    for change in changes:
        if change.first_date is None:
            return None
        standing = min(standing, change.first_date - timedelta(days=1))
    return standing


def begin_build(warehouse: Warehouse, client_id: str, build_id: str) -> Build:
    """Find out how much of a client's demand is to be built.

    Args:
        warehouse: where.
        client_id: of whom.
        build_id: names the build.

    Raises:
        ClientError: there is no such client, or its entry is not valid.
    """
    with warehouse.transaction() as connection:
        client = client_in(connection, client_id)
        rows = connection.execute(
            "select change_id, first_date from ops.demand_changes where client_id = %s", (client_id,)
        ).fetchall()
        delivered = connection.execute(
            "select max(date) from staging.sales where client_id = %s", (client_id,)
        ).fetchone()
        built = connection.execute(
            "select digest, last_date from ops.demand_builds where client_id = %s", (client_id,)
        ).fetchone()
    last_date = delivered[0] if delivered else None
    if last_date is not None and client.intraday_feed:
        last_date -= timedelta(days=1)
    now = Basis(_digest(client), last_date)
    changes = [Change(*row) for row in rows]
    last = Basis(*built) if built else None
    return Build(client_id, build_id, now, standing_until(last, now, changes, client), changes)


def record_build(warehouse: Warehouse, build: Build, dbt_invocation_id: str | None = None) -> None:
    """Record that a build came to its end: what it followed need not be followed again.

    Args:
        warehouse: where.
        build: as it began.
        dbt_invocation_id: of the command of dbt that built it; None where there was nothing to build.
    """
    with warehouse.transaction() as connection:
        followed = connection.execute(
            """
            delete from ops.demand_changes where client_id = %s and (change_id = any(%s) or build_id = %s)
            returning change_id, first_date
            """,
            (build.client_id, [change.change_id for change in build.changes], build.build_id),
        ).fetchall()
        connection.execute(
            """
            insert into ops.demand_builds (client_id, digest, last_date)
            select client_id, %s, %s from ops.clients where client_id = %s
            on conflict (client_id) do update
            set digest = excluded.digest, last_date = excluded.last_date, built_at = now()
            """,
            (build.basis.digest, build.basis.last_date, build.client_id),
        )
        connection.execute(
            """
            insert into analytics.demand_runs (
                client_id, dagster_run_id, dbt_invocation_id, digest, code_version, built_after, last_date
            )
            select client_id, %s, %s, %s, %s, %s, %s from ops.clients where client_id = %s
            on conflict (client_id, dagster_run_id) do update set
                dbt_invocation_id = excluded.dbt_invocation_id, digest = excluded.digest,
                code_version = excluded.code_version, built_after = excluded.built_after,
                last_date = excluded.last_date, ended_at = now()
            """,
            (
                build.build_id,
                dbt_invocation_id,
                build.basis.digest,
                code_version(),
                stood_until(build, [Change(*row) for row in followed]),
                build.basis.last_date,
                build.client_id,
            ),
        )


def stood_until(build: Build, followed: Sequence[Change]) -> date | None:
    """The last day that stood in the end; None where all days were built.

    Args:
        build: as it began.
        followed: the changes it knew of, and those it found on its way.
    """
    standing = build.standing_until
    for change in followed:
        if standing is None or change.first_date is None:
            return None
        standing = min(standing, change.first_date - timedelta(days=1))
    return standing


def _digest(client: Client) -> str:
    """Digest of what concerns all days: the project, and the settings that ``stg_clients`` reads."""
    settings = [
        client.country,
        client.grain,
        client.horizon_days,
        client.returns_policy,
        client.write_off_reasons,
        client.intraday_feed,
    ]
    return hashlib.sha256(json.dumps([project_digest(), settings]).encode()).hexdigest()
