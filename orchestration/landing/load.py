"""One file into ``staging`` in one transaction: wholly, or not at all.

Belongs here: knowing a file's content, and the order of what is done with it. Does not belong here: choosing
files (``discovery``), opening them (``folder``), judging rows (``judging``, ``whole_file``), writing
(``publishing``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import psycopg

from orchestration.clients import Client, client_in
from orchestration.feeds import Feed
from orchestration.landing.batches import Table
from orchestration.landing.date_formats import raise_if_of_another_format
from orchestration.landing.delivery import Delivery, NotInPlaceError
from orchestration.landing.discovery import content_hash, unopened_hash
from orchestration.landing.feed_rules import laid_out, layout_of, marks_of, numbering_of
from orchestration.landing.file_names import kind_of, known_names, named
from orchestration.landing.folder import (
    FileChangedError,
    LandingFile,
    NotOpenedError,
    open_listed,
    open_named,
)
from orchestration.landing.grains import judge_grain
from orchestration.landing.header import unused_columns
from orchestration.landing.kinds import kinds_of_table
from orchestration.landing.known_files import earlier_delivery
from orchestration.landing.measures import refuse_other_measures
from orchestration.landing.publishing import changes_nothing, publish
from orchestration.landing.reader import open_delivery
from orchestration.landing.reasons import FileRefusedError, Reason, Refusal, addressed, too_many_bad_rows
from orchestration.landing.recall import recall_text
from orchestration.landing.records import (
    KEPT_ROWS_OF_A_REFUSED_FILE,
    Connection,
    Identity,
    Outcome,
    note_state,
    record_audit,
    record_duplicate,
    record_refusal,
)
from orchestration.landing.shaping import Shaping
from orchestration.landing.snapshots import refuse_large_removal
from orchestration.landing.values import Rules, Zones, is_usable
from orchestration.warehouse.locks import Purpose, lock_transaction
from orchestration.warehouse.server import Warehouse

Progress = Callable[[str, int], None]
"""Called with a file's path and the rows read of it so far."""


def load_file(
    warehouse: Warehouse,
    client: Client,
    source: Path,
    path: str,
    *,
    landing: Path | None = None,
    run_id: str | None = None,
    on_progress: Progress | None = None,
) -> Outcome:
    """Load one file that a person named, or record why not; a content that was refused before is tried again.

    Args:
        warehouse: where to.
        client: whose file it is.
        source: where it is.
        path: what it is called in the records.
        landing: the folder of the clients' landing folders, in which a person vouches for nothing.
        run_id: the Dagster run, where there is one.
        on_progress: told the rows read so far.

    Raises:
        FileChangedError: the file was written to or replaced meanwhile.
    """
    try:
        content = open_named(source, landing)
    except NotOpenedError as error:
        return refuse_unopened(warehouse, client, path, error, run_id=run_id)
    with content:
        return _load(warehouse, _identified(client, content, path, run_id), content, on_progress)


def load_unless_done(
    warehouse: Warehouse,
    client: Client,
    folder: Path,
    file: LandingFile,
    done: Collection[str],
    *,
    run_id: str | None = None,
    on_progress: Progress | None = None,
) -> Outcome | None:
    """Load one file of a landing folder, or record why not, unless its content is done with.

    Args:
        folder: the client's landing folder.
        file: as listed.
        done: hashes of the contents that are done with under this name. The record of such a content takes
            over the file's size and time of change, so that it is not opened the next time.

    Other arguments and errors are those of ``load_file``.
    """
    try:
        content = open_listed(folder, file)
    except NotOpenedError as error:
        if unopened_hash(file.path, error.problem) in done:
            return None
        return refuse_unopened(warehouse, client, file.path, error, run_id=run_id)
    with content:
        identity = _identified(client, content, file.path, run_id)
        if identity.sha256 not in done:
            return _load(warehouse, identity, content, on_progress)
        _raise_if_changed(identity, content)
        with warehouse.transaction() as connection:
            note_state(connection, identity)
        return None


def refuse_unopened(
    warehouse: Warehouse,
    client: Client,
    path: str,
    why: NotOpenedError,
    *,
    run_id: str | None = None,
) -> Outcome:
    """Record the refusal of something that must not or cannot be opened.

    Args:
        warehouse: where to.
        client: whose file it is.
        path: its storable name; with the problem, it stands for the content.
        why: the refusal.
        run_id: the Dagster run, where there is one.
    """
    listed_as = Identity(client, path, unopened_hash(path, why.problem), 0, None, run_id)
    with warehouse.transaction() as connection:
        identity = _in_turn(connection, listed_as)
        return record_refusal(
            connection,
            identity,
            _kind_name(identity),
            FileRefusedError(why.refusal, f"{path} {why.problem}"),
            rows_read=0,
        )


# --- a file's identity --------------------------------------------------------------------------------


def _identified(client: Client, content: BinaryIO, path: str, run_id: str | None) -> Identity:
    """The content's hash, and the file's size and time of change as they were before it was read."""
    state = os.fstat(content.fileno())
    return Identity(client, path, content_hash(content), state.st_size, state.st_mtime_ns, run_id)


def _raise_if_changed(identity: Identity, content: BinaryIO) -> None:
    state = os.fstat(content.fileno())
    if (state.st_size, state.st_mtime_ns) != (identity.size_bytes, identity.modified_ns):
        raise FileChangedError(identity.path)


def _kind_name(identity: Identity) -> str | None:
    kind = kind_of(identity.path, identity.client.feeds)
    return kind.name if kind else None


# --- the order of things ------------------------------------------------------------------------------


def _load(
    warehouse: Warehouse, identity: Identity, content: BinaryIO, on_progress: Progress | None
) -> Outcome:
    try:
        with warehouse.transaction() as connection:
            identity = _in_turn(connection, identity)
            outcome = stage(connection, identity, content, on_progress)
            _raise_if_changed(identity, content)
            return outcome
    except psycopg.DataError as error:
        refusal = FileRefusedError(
            Refusal.NOT_STORABLE, f"{identity.path} cannot be stored ({str(error).splitlines()[0]})"
        )
        with warehouse.transaction() as connection:
            identity = _in_turn(connection, identity)
            return record_refusal(connection, identity, _kind_name(identity), refusal, rows_read=0)


def _in_turn(connection: Connection, identity: Identity) -> Identity:
    """Wait for the client's turn; its settings are those it has then, a client of the same slug's, too.

    Raises:
        ClientError: the registry entry is not valid any more.
        LockedError: another load took too long.
        NoSuchLockError: the client was removed meanwhile.
    """
    client_id = identity.client.client_id
    lock_transaction(connection, Purpose.LANDING, client_id)
    return replace(identity, client=client_in(connection, client_id))


def stage(
    connection: Connection, identity: Identity, content: BinaryIO, on_progress: Progress | None
) -> Outcome:
    """Judge and publish a file inside the transaction that holds the client's landing lock.

    Its temporary tables end with the transaction.
    """
    try:
        with connection.transaction():
            return _staged(connection, identity, content, on_progress, may_be_in_place=True)
    except NotInPlaceError:
        return _staged(connection, identity, content, on_progress, may_be_in_place=False)


def _staged(
    connection: Connection,
    identity: Identity,
    content: BinaryIO,
    on_progress: Progress | None,
    *,
    may_be_in_place: bool,
) -> Outcome:
    client = identity.client
    said = named(identity.path, client.feeds)
    if said is None:
        return record_refusal(connection, identity, None, _no_kind(identity), rows_read=0)
    kind = laid_out(said.kind, said.feed)
    earlier = earlier_delivery(connection, identity, kinds_of_table(kind.table))
    if earlier and earlier.is_latest:
        return record_duplicate(connection, identity, kind.name, earlier.path)
    delivery = Delivery(
        *(connection, identity, kind, layout_of(client, said.feed)),
        feed_name=said.feed_name,
        is_snapshot=said.is_snapshot,
        may_be_in_place=may_be_in_place and not said.is_snapshot and said.feed.lines != "transactions",
    )
    rows_read = 0
    try:
        table = open_delivery(delivery, content)
        rules = _rules(delivery, said.feed, table)
        shaping = Shaping(said.feed, kind, rules.marks, identity.path, client.currency)
        rows = kind.rows(delivery, shaping.shaped(table), rules)
        for judged in rows.judged():
            rows_read += judged.rows_read
            delivery.append(judged.accepted, judged.rejected)
            if on_progress:
                on_progress(identity.path, rows_read + shaping.left_out.rows)
        delivery.complete()
        refuse_other_measures(delivery)
        if not delivery.is_in_place:
            kind.whole_file(delivery)
        rejected = _rejected_in_bounds(delivery, rows_read)
        remarks = judge_grain(delivery, kind.totals_of) if kind.has_sales else []
        refuse_large_removal(delivery)
    except FileRefusedError as refusal:
        recall_text(delivery, content, KEPT_ROWS_OF_A_REFUSED_FILE)
        refusal = refusal.addressed_to(client.client_id, delivery.feed_to_set)
        outcome = record_refusal(connection, identity, kind.name, refusal, rows_read=rows_read)
        delivery.end()
        return outcome
    if earlier and changes_nothing(delivery):
        delivery.end()
        return record_duplicate(connection, identity, kind.name, earlier.path)
    recall_text(delivery, content, None)
    left_out = shaping.left_out
    found = [addressed(remark, client.client_id, delivery.feed_to_set) for remark in table.remarks]
    notes = [
        *found,
        *remarks,
        *(unused_columns(table.unused) if kind.names_unused else []),
        *left_out.remark(),
    ]
    outcome = publish(delivery, rows.described(), rows_read, rejected, left_out, notes)
    record_audit(connection, identity, outcome)
    return outcome


def _no_kind(identity: Identity) -> FileRefusedError:
    """Why a file is refused whose name says no kind that is read."""
    known = known_names(identity.client.feeds)
    return FileRefusedError(Refusal.UNKNOWN_KIND, f"{identity.path} has no known name; known are {known}")


def _rules(delivery: Delivery, feed: Feed, table: Table) -> Rules:
    """What the rows are judged by.

    Raises:
        FileRefusedError: the date format does not give a day.
    """
    client = delivery.identity.client
    date_format = None if feed.numbered else feed.date_format or client.date_format
    if date_format and not delivery.contract.iso_dates and not is_usable(date_format):
        whose = "feed" if feed.date_format else "client"
        raise FileRefusedError(
            Refusal.BAD_DATE_FORMAT,
            f"{delivery.identity.path}: the {whose}'s date_format {date_format!r} does not give a day",
            None
            if feed.date_format
            else "Correct it with 'forecaster client update CLIENT --date-format FORMAT'.",
        )
    [last_day] = delivery.row("select max(date) from staging.sales where client_id = %s", (client.client_id,))
    return Rules(
        today=client.today().date(),
        last_day=last_day,
        max_gap_days=client.max_gap_days,
        date_format=date_format,
        numbering=numbering_of(feed),
        zones=Zones(client.timezone, feed.timezone),
        marks=marks_of(feed, decimal_comma=table.decimal_comma),
        typed_dates=table.typed_dates,
    )


def _rejected_in_bounds(delivery: Delivery, rows_read: int) -> int:
    """The number of rejected rows.

    Raises:
        FileRefusedError: they are more than the client allows.
    """
    counts = delivery.connection.execute(
        "select reason, count(*), min(line_number) from refused group by reason order by 2 desc, 1"
    ).fetchall()
    rejected: int = sum(count for _, count, _ in counts)
    allowed = delivery.identity.client.max_reject_rate
    if rejected > allowed * rows_read:
        reason, count, line = counts[0]
        if reason == Reason.BAD_DATE:
            raise_if_of_another_format(delivery, count, rows_read)
        raise FileRefusedError(
            Refusal.TOO_MANY_BAD_ROWS,
            f"{delivery.identity.path}: {rejected:,} of {rows_read:,} rows are bad, more than the "
            f"{allowed:.1%} allowed; most often {reason} ({count:,} rows, first on "
            f"line {line:,}): {Reason(reason).sentence.rstrip('.')}",
            too_many_bad_rows(Reason(reason)),
        )
    return rejected
