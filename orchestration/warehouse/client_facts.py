"""What clients may know of their own entry in ``ops.clients`` and of their deliveries, kept in ``analytics``.

Clients read ``analytics`` only, and what is missing must be said there, too: that nothing was delivered, that
everything was refused, that nobody runs the client. Whoever changes ``ops.clients`` or ``ops.landing_files``
calls this in the same transaction, and ``migrate`` calls it for everybody.

Belongs here: the tables, and when a refused file no longer needs a look. Does not belong here: what
follows from them (``gap_meanings`` and the view ``planning_gaps``).
"""

from __future__ import annotations

from typing import Any

import psycopg

from orchestration.warehouse.gap_meanings import GAP_MEANINGS

Connection = psycopg.Connection[Any]

UNDATED_KINDS = ("products", "locations", "suppliers", "calendar")
"""Kinds without a day, of which a later file replaces an earlier one as a whole."""

_CORRECTED = (
    r"^([ ._-]*(\(\d{1,2}\)|v\d{1,2}|correct(ed|ion)?|fix(ed)?|new|final|copy|again|utf-?8|iso|csv|export))*$"
)
"""What may stand behind a file's name in the name of its correction."""

_STEM = r"regexp_replace(lower(regexp_replace({0}, '^.*/', '')), '(\.[a-z][a-z0-9]{{0,6}})+$', '')"

OPEN_REFUSALS = f"""
    file.status = 'rejected'
    and file.dismissed_at is null
    and not exists (
        select from ops.landing_files as later
        where later.client_id = file.client_id
            and later.file_id > file.file_id
            and (
                later.path = file.path
                or (later.sha256 = file.sha256 and later.status <> 'rejected')
                or (
                    later.status = 'loaded'
                    and (file.kind is null or later.kind = file.kind)
                    and (
                        later.kind = any(%(undated)s) and file.kind is not null
                        or later.first_date <= file.first_date and later.last_date >= file.last_date
                        or (
                            starts_with({_STEM.format("later.path")}, {_STEM.format("file.path")})
                            and substr(
                                {_STEM.format("later.path")}, length({_STEM.format("file.path")}) + 1
                            ) ~ %(corrected)s
                        )
                    )
                )
            )
    )
"""
"""Whether a refused ``file`` still needs a look: it was not dismissed, and no later file made it good.

A later file makes it good where it has its name or its content; where it is a file of the same kind that was
loaded and covers the days that were read of it; where it has its name with an addition such as _v2; or where
the kind has no days, so that a file replaces the one before. Of two refusals under one name the later counts.
"""


def publish_clients(connection: Connection, client_id: str | None = None) -> None:
    """Bring ``analytics.dim_client`` to ``ops.clients``: one client, or all of them."""
    connection.execute(
        """
        insert into analytics.dim_client (
            client_id, name, timezone, country, grain, horizon_days, default_lead_time_days, intraday_feed,
            is_active
        )
        select
            client_id, name, timezone, country, grain, horizon_days, default_lead_time_days, intraday_feed,
            is_active
        from ops.clients
        where %(client)s::text is null or client_id = %(client)s
        on conflict (client_id) do update set
            name = excluded.name, timezone = excluded.timezone, country = excluded.country,
            grain = excluded.grain, horizon_days = excluded.horizon_days,
            default_lead_time_days = excluded.default_lead_time_days,
            intraday_feed = excluded.intraday_feed, is_active = excluded.is_active
        """,
        {"client": client_id},
    )


def publish_feeds(connection: Connection, client_id: str | None = None) -> None:
    """Bring ``feeds`` and ``delivered_files`` to ``ops.landing_files``: of one client, or of all of them."""
    connection.execute(
        f"""
        with seen as (
            select file.*, {OPEN_REFUSALS} as is_open
            from ops.landing_files as file
            where %(client)s::text is null or file.client_id = %(client)s
        ),

        counted as (
            select
                client_id,
                coalesce(kind, 'other') as kind,
                count(*) filter (where status = 'loaded') as files_loaded,
                count(*) filter (where is_open) as files_refused,
                coalesce(sum(rows_read) filter (where status = 'loaded'), 0) as rows_read,
                coalesce(sum(rows_loaded) filter (where status = 'loaded'), 0) as rows_loaded,
                coalesce(sum(rows_rejected) filter (where status = 'loaded'), 0) as rows_rejected,
                min(first_date) filter (where status = 'loaded') as first_date,
                max(last_date) filter (where status = 'loaded') as last_date,
                max(loaded_at) as last_loaded_at,
                (array_agg(message order by file_id desc) filter (where is_open))[1] as refusal
            from seen
            group by client_id, coalesce(kind, 'other')
        ),

        stepped as (
            select
                client_id,
                coalesce(kind, 'other') as kind,
                last_date - lag(last_date) over (
                    partition by client_id, coalesce(kind, 'other') order by file_id
                ) as step_days
            from seen
            where status = 'loaded' and last_date is not null
        ),

        usual as (
            select
                client_id,
                kind,
                ceil(percentile_cont(0.5) within group (order by step_days))::int as usual_step_days
            from stepped
            where step_days > 0
            group by client_id, kind
        )

        insert into analytics.feeds (
            client_id, kind, files_loaded, files_refused, rows_read, rows_loaded, rows_rejected,
            first_date, last_date, last_loaded_at, refusal, usual_step_days
        )
        select counted.*, usual.usual_step_days
        from counted
        left join usual using (client_id, kind)
        on conflict (client_id, kind) do update set
            files_loaded = excluded.files_loaded, files_refused = excluded.files_refused,
            rows_read = excluded.rows_read, rows_loaded = excluded.rows_loaded,
            rows_rejected = excluded.rows_rejected, first_date = excluded.first_date,
            last_date = excluded.last_date, last_loaded_at = excluded.last_loaded_at,
            refusal = excluded.refusal, usual_step_days = excluded.usual_step_days
        """.encode(),
        {"client": client_id, "undated": list(UNDATED_KINDS), "corrected": _CORRECTED},
    )
    publish_files(connection, client_id)


def publish_files(connection: Connection, client_id: str | None = None) -> None:
    """Bring ``analytics.delivered_files`` to ``ops.landing_files``; a file that did not change stays."""
    connection.execute(
        """
        insert into analytics.delivered_files (
            client_id, file_id, path, kind, status, sha256, size_bytes, rows_loaded, rows_rejected,
            first_date, last_date, received_at, loaded_at
        )
        select
            client_id, file_id, path, kind, status, sha256, size_bytes, rows_loaded, rows_rejected,
            first_date, last_date, received_at, loaded_at
        from ops.landing_files as file
        where (%(client)s::text is null or client_id = %(client)s)
            and not exists (
                select from analytics.delivered_files as told
                where told.client_id = file.client_id and told.file_id = file.file_id
                    and told.status = file.status
            )
        on conflict (client_id, file_id) do update set status = excluded.status
        """,
        {"client": client_id},
    )


def publish_meanings(connection: Connection) -> None:
    """Bring ``analytics.gap_meanings`` to the vocabulary."""
    for place, (gap, meaning) in enumerate(GAP_MEANINGS.items(), start=1):
        connection.execute(
            """
            insert into analytics.gap_meanings (
                gap, place, severity, concerns, sentence, costs, remedy, command
            )
            values (%s, %s, %s, %s, %s, %s, %s, %s)
            on conflict (gap) do update set
                place = excluded.place, severity = excluded.severity, concerns = excluded.concerns,
                sentence = excluded.sentence, costs = excluded.costs, remedy = excluded.remedy,
                command = excluded.command
            """,
            (
                str(gap),
                place,
                str(meaning.severity),
                meaning.concerns,
                meaning.sentence,
                meaning.costs,
                meaning.remedy,
                meaning.command,
            ),
        )
    connection.execute(
        "delete from analytics.gap_meanings where gap <> all(%s)", ([str(gap) for gap in GAP_MEANINGS],)
    )
