"""Taking a delivery back: staging as if the file had never come.

What came after it and may concern the same rows is taken back first, the latest first, and loaded again from
the landing folder, all in one transaction. A delivery is a layer on the ones before: the topmost can be
lifted off exactly, since the rows that it replaced are kept whole.

Belongs here: which deliveries have to be lifted, lifting one, and the order of it. Does not belong here:
loading (``load``), what a delivery replaced (``publishing``, ``snapshots``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO

from psycopg import sql
from psycopg.rows import class_row

from orchestration import audit
from orchestration.clients import Client, client_in
from orchestration.errors import UserError
from orchestration.foreign_text import printable
from orchestration.landing.changes import note_lifted
from orchestration.landing.discovery import content_hash
from orchestration.landing.folder import NotOpenedError, open_listed, scan
from orchestration.landing.kinds import KINDS, kinds_of_table
from orchestration.landing.load import stage
from orchestration.landing.records import Connection, Identity, Outcome, record
from orchestration.warehouse.client_facts import publish_feeds
from orchestration.warehouse.locks import Purpose, ignore, lock_transaction
from orchestration.warehouse.server import Warehouse


class WithdrawalError(UserError):
    """A delivery cannot be taken back; the message says what to do."""


@dataclass(frozen=True)
class Delivered:
    """A file that was loaded and stands, as ``ops.landing_files`` has it.

    Attributes:
        file_id: the delivery's number.
        path: its name.
        sha256: its content.
        size_bytes: its size.
        kind: of the contract.
        first_date: its first day; None for kinds without days.
        last_date: its last day.
        rows_changed: rows it replaced or took out.
        thinned_at: when these were thinned; None where they are kept.
    """

    file_id: int
    path: str
    sha256: str
    size_bytes: int
    kind: str
    first_date: date | None
    last_date: date | None
    rows_changed: int
    thinned_at: datetime | None


@dataclass(frozen=True)
class Withdrawal:
    """What was done.

    Attributes:
        taken_back: the delivery.
        file_id: number of the withdrawal.
        loaded_again: the deliveries that came after it, as they were loaded again.
    """

    taken_back: Delivered
    file_id: int
    loaded_again: Sequence[Outcome]


def withdraw(
    warehouse: Warehouse,
    client: Client,
    delivery: str,
    folder: Path,
    *,
    on_wait: Callable[[str], None] = ignore,
) -> Withdrawal:
    """Take a delivery back.

    Args:
        warehouse: where.
        client: whose delivery it is.
        delivery: its number, or a name, which means the latest loaded under it.
        folder: the client's landing folder, from which later deliveries are loaded again.
        on_wait: told who is waited for, where somebody is.

    Raises:
        WithdrawalError: there is no such delivery, what it replaced was not kept, or a later one that has to
            be loaded again is not in the folder or is refused.
        FileChangedError: a file was written to while it was read.
    """
    with warehouse.transaction() as connection:
        lock_transaction(connection, Purpose.LANDING, client.client_id, on_wait=on_wait)
        client = client_in(connection, client.client_id)
        standing = _standing(connection, client.client_id)
        target = chosen(standing, delivery)
        table = next(kind.table for kind in KINDS if kind.name == target.kind)
        above = lifted_with(target, standing, kinds_of_table(table))
        for lifted in (*reversed(above), target):
            _lift(connection, client.client_id, lifted, table)
        file_id = _record(connection, client, target)
        again = [_load_again(connection, client, folder, later, file_id) for later in above]
        audit.record(
            connection,
            "withdraw",
            target.path,
            client_id=client.client_id,
            file_id=target.file_id,
            sha256=target.sha256,
            kind=target.kind,
            withdrawal_id=file_id,
            loaded_again=[outcome.file_id for outcome in again],
        )
        publish_feeds(connection, client.client_id)
        return Withdrawal(target, file_id, again)


def chosen(standing: Sequence[Delivered], delivery: str) -> Delivered:
    """The delivery that a person named by number or name.

    Raises:
        WithdrawalError: none that stands is.
    """
    by_name = [entry for entry in standing if entry.path == delivery]
    by_number = [entry for entry in standing if str(entry.file_id) == delivery]
    if found := by_name or by_number:
        return found[-1]
    raise WithdrawalError(
        printable(
            f"No delivery {delivery} is loaded and stands; 'forecaster delivery list' shows those that do."
        )
    )


def lifted_with(target: Delivered, standing: Iterable[Delivered], kinds: Sequence[str]) -> list[Delivered]:
    """The later deliveries that may have changed the same rows, in their order.

    Those of the same table whose days meet the target's or those of another one lifted with it; of kinds
    without days all of them.
    """
    lifted: list[Delivered] = []
    first, last = target.first_date, target.last_date
    for later in standing:
        if later.file_id <= target.file_id or later.kind not in kinds:
            continue
        if first is None or last is None or later.first_date is None or later.last_date is None:
            lifted.append(later)
        elif later.first_date <= last and later.last_date >= first:
            lifted.append(later)
            first, last = min(first, later.first_date), max(last, later.last_date)
    return lifted


def _standing(connection: Connection, client_id: str) -> list[Delivered]:
    """The deliveries of a client that are loaded, in their order."""
    with connection.cursor(row_factory=class_row(Delivered)) as cursor:
        return cursor.execute(
            """
            select
                file_id, path, sha256, size_bytes, kind, first_date, last_date,
                rows_restated + rows_removed as rows_changed, thinned_at
            from ops.landing_files
            where client_id = %s and status = 'loaded'
            order by file_id
            """,
            (client_id,),
        ).fetchall()


def _lift(connection: Connection, client_id: str, delivery: Delivered, table: str) -> None:
    """Take the topmost delivery off its table: its rows go, those it replaced or took out come back.

    Raises:
        WithdrawalError: what it replaced was thinned, or an earlier version loaded it, which did not keep it.
    """
    if delivery.rows_changed and delivery.thinned_at is not None:
        raise WithdrawalError(
            printable(
                f"{delivery.path} (delivery {delivery.file_id}) cannot be taken back: the "
                f"{delivery.rows_changed:,} rows it replaced were thinned on {delivery.thinned_at:%Y-%m-%d}. "
                "Deliver the right values instead."
            )
        )
    names = {"client": sql.Literal(client_id), "file_id": sql.Literal(delivery.file_id)}
    staged = sql.Identifier("staging", table)
    connection.execute(
        sql.SQL("delete from {staged} where client_id = {client} and file_id = {file_id}").format(
            staged=staged, **names
        )
    )
    restored = connection.execute(
        sql.SQL(
            """
            insert into {staged}
            select before.*
            from ops.replaced_rows as replaced
            cross join lateral jsonb_populate_record(null::{staged}, replaced.was) as before
            where replaced.client_id = {client} and replaced.file_id = {file_id}
            """
        ).format(staged=staged, **names)
    ).rowcount
    if restored < delivery.rows_changed:
        raise WithdrawalError(
            printable(
                f"{delivery.path} (delivery {delivery.file_id}) was loaded by an earlier version, which did "
                f"not keep the {delivery.rows_changed:,} rows it replaced. Deliver the right values instead."
            )
        )
    for kept in ("replaced_rows", "restated_sales"):
        connection.execute(
            sql.SQL("delete from {kept} where client_id = {client} and file_id = {file_id}").format(
                kept=sql.Identifier("ops", kept), **names
            )
        )
    note_lifted(connection, client_id, table, delivery.first_date)
    _close(connection, client_id, delivery, "Taken back.")


def _close(connection: Connection, client_id: str, delivery: Delivered, message: str) -> None:
    connection.execute(
        """
        update ops.landing_files set status = 'withdrawn', message = %s where client_id = %s and file_id = %s
        """,
        (message, client_id, delivery.file_id),
    )


def _record(connection: Connection, client: Client, target: Delivered) -> int:
    """The withdrawal as an event of its own, which demand and scores follow as they follow a delivery."""
    identity = Identity(client, target.path, target.sha256, target.size_bytes, None, None)
    outcome = Outcome(
        path=target.path,
        kind=target.kind,
        status="withdrawal",
        message=f"Takes back delivery {target.file_id}.",
        first_date=target.first_date,
        last_date=target.last_date,
    )
    return record(connection, identity, outcome)


def _load_again(
    connection: Connection, client: Client, folder: Path, later: Delivered, withdrawal_id: int
) -> Outcome:
    """Load a delivery that was lifted off once more.

    Raises:
        WithdrawalError: it is not in the folder any more, or is refused now.
    """
    where = f"{later.path} (delivery {later.file_id}) came later and is about the same days"
    with _content(folder, later, where) as content:
        connection.execute("discard temp")
        state = Identity(client, later.path, later.sha256, later.size_bytes, None, None)
        outcome = stage(connection, state, content, None)
    if outcome.status == "rejected":
        raise WithdrawalError(
            printable(f"{where}, and would be refused if it were loaded again: {outcome.message}")
        )
    _close(
        connection,
        client.client_id,
        later,
        f"Loaded again as delivery {outcome.file_id} after withdrawal {withdrawal_id}.",
    )
    return outcome


def _content(folder: Path, later: Delivered, where: str) -> BinaryIO:
    """The file of a delivery with the content that was loaded.

    Raises:
        WithdrawalError: it is not there, or holds something else.
    """
    advice = (
        f"{where}; to load it again, put it back into {folder} with the content it had, "
        f"or withdraw it first: 'forecaster delivery withdraw'."
    )
    file = next((file for file in scan(folder) if file.path == later.path and file.problem is None), None)
    if file is None:
        raise WithdrawalError(printable(advice))
    try:
        content = open_listed(folder, file)
    except NotOpenedError as error:
        raise WithdrawalError(printable(advice)) from error
    if content_hash(content) != later.sha256:
        content.close()
        raise WithdrawalError(printable(advice))
    return content
