"""Pulling from a source: what is new there becomes a file of the client's landing folder.

A file becomes visible and is remembered in one step: the record is written, the file is renamed, the record
is committed. A pull that is killed before the commit has remembered nothing, and the next one brings the
same again, which changes nothing where it was loaded already; nothing is remembered that did not land.

Belongs here: the order of things. Does not belong here: how files (``remote_files``) and rows
(``query_rows``) are got.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import BinaryIO

import psycopg

from orchestration.clients import Client, ClientError
from orchestration.errors import UserError
from orchestration.foreign_text import printable
from orchestration.landing.discovery import content_hash
from orchestration.landing.file_names import kind_of
from orchestration.landing.kinds import KINDS, kind_named
from orchestration.pulling import watermarks
from orchestration.pulling.faults import PullError, fault_sentence
from orchestration.pulling.memory import THE_QUERY, Memory, State, memory_of
from orchestration.pulling.parquet_draft import ParquetDraft
from orchestration.pulling.place import Place, opened_place
from orchestration.pulling.query_rows import opened_rows
from orchestration.pulling.remote_files import (
    MOST_BYTES,
    FileStore,
    RemoteFile,
    new_files,
    open_store,
    quiet_files,
)
from orchestration.pulling.secrets import Secrets
from orchestration.settings import Settings
from orchestration.sources import Source
from orchestration.warehouse.locks import Purpose, lock_transaction, try_lock_session, unlock_session
from orchestration.warehouse.server import Warehouse

Progress = Callable[[str], None]
"""Told in a few words what is being done."""


@dataclass
class Pulled:
    """What came of pulling from a source.

    Attributes:
        source: its name.
        landed: paths below the landing folder, in the order in which they landed.
        size_bytes: of all of them.
        notes: what was left where it is, and why; a sentence each.
    """

    source: str
    landed: list[str] = field(default_factory=list)
    size_bytes: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """The same in a few words."""
        if not self.landed:
            return "nothing new"
        return f"{len(self.landed)} file(s), {self.size_bytes:,} bytes"


@dataclass(frozen=True)
class _Pull:
    """What every step of a pull has to know."""

    warehouse: Warehouse
    client: Client
    source: Source
    memory: Memory
    place: Place
    secrets: Secrets
    quiet_seconds: float
    on_progress: Progress
    pulled: Pulled

    def land(self, file: BinaryIO, parts: Sequence[str], item: str, state: State) -> None:
        """Make the draft a delivery, and remember it."""
        size = self.place.settle(file)
        landed_as = "/".join((self.memory.source, *parts))
        with self.warehouse.transaction() as connection:
            lock_transaction(connection, Purpose.PULL, self.client.client_id)
            self.memory.keep(connection, item, state, landed_as, size)
            self.place.publish(parts)
        self.pulled.landed.append(landed_as)
        self.pulled.size_bytes += size


def pull_source(
    warehouse: Warehouse,
    settings: Settings,
    client: Client,
    name: str,
    *,
    anew: bool = False,
    on_progress: Progress = lambda _: None,
) -> Pulled:
    """Bring what is new at a source into the client's landing folder.

    Args:
        warehouse: where it is remembered.
        settings: where the landing folders are.
        client: whose source.
        name: of the source.
        anew: forget what was pulled before, and bring all of it.
        on_progress: told what is being done.

    Raises:
        ClientError: the client has no source of that name.
        PullError: it could not be pulled; what had landed before stays.
        NoSuchLockError: the client was removed meanwhile.
    """
    source = client.sources.get(name)
    if source is None:
        known = ", ".join(client.sources) or "none; 'forecaster source set' adds one"
        raise ClientError(f"{client.client_id} has no source {name!r}. Its sources: {known}.")
    secrets, memory = Secrets(), memory_of(client.client_id, name, source)
    landing = settings.client_landing_dir(client.client_id)
    with _turn(warehouse, client.client_id), opened_place(landing, name) as place:
        if anew:
            memory.forget(warehouse)
        pull = _Pull(
            *(warehouse, client, source, memory, place, secrets, settings.landing_quiet_seconds),
            *(on_progress, Pulled(name)),
        )
        sentence = _sentence_of_failure(pull)
    if sentence is not None:
        raise PullError(sentence)
    return pull.pulled


def require_landable(source: Source, name: str, client: Client) -> None:
    """Insist that the rows of a query would land as a kind that is known.

    Raises:
        PullError: their file's name would say none.
    """
    if source.kind is None:
        return
    if kind_named(source.kind) is None:
        kinds = ", ".join(kind.name for kind in KINDS)
        raise PullError(f"There is no kind {source.kind!r} of rows; there are {kinds}.")
    file_name = _name_of_rows(source, name, datetime(2026, 1, 1, tzinfo=UTC))
    if kind_of(file_name, client.feeds) is None:
        raise PullError(
            f"A file {file_name!r} would be of no kind: 'forecaster feed set' with --kind {source.kind} "
            f"and --file '{source.kind}_{name}_*' says how it is read."
        )


def _sentence_of_failure(pull: _Pull) -> str | None:
    """Pull; what went wrong is said without the secrets, and without the error that may quote them."""
    subject = f"The source {pull.memory.source!r} of {pull.client.client_id}"
    try:
        (_pull_rows if pull.source.is_database else _pull_files)(pull)
    except PullError as error:
        return pull.secrets.hide(str(error))
    except (UserError, psycopg.Error):
        # of the warehouse: a database that is pulled from speaks through SQLAlchemy
        raise
    except Exception as error:
        return pull.secrets.hide(fault_sentence(error, subject))
    return None


def _pull_files(pull: _Pull) -> None:
    known = pull.memory.states(pull.warehouse)
    pull.on_progress(f"{pull.memory.source}: looking what is there")
    with closing(open_store(pull.source, pull.secrets)) as store:
        listed = quiet_files(store, pull.quiet_seconds)
        if not (listed or known):
            raise PullError(
                f"Nothing at {pull.source.url} fits its pattern: compare it with what lies there; a * stands "
                "for any part of one name, ** for any folders."
            )
        files, pull.pulled.notes[:] = new_files(listed, known)
        for number, file in enumerate(files, start=1):
            pull.on_progress(f"{pull.memory.source}: {printable(file.path)}, {number} of {len(files)}")
            _pull_file(pull, store, file)


def _pull_file(pull: _Pull, store: FileStore, file: RemoteFile) -> None:
    with pull.place.draft() as draft:

        def write(block: bytes) -> None:
            with pull.place.explained():
                draft.write(block)

        if store.fetch(file, write):
            pull.land(draft, file.parts, file.path, file.state)
        else:
            pull.pulled.notes.append(
                f"{printable(file.path)} changed while it was brought; the next pull takes it."
            )


def _pull_rows(pull: _Pull) -> None:
    state = pull.memory.states(pull.warehouse).get(THE_QUERY, {})
    mark = watermarks.read(state)
    begin = watermarks.since(mark, pull.source.overlap_days)
    now = datetime.now(UTC)
    pull.on_progress(
        f"{pull.memory.source}: asking since {begin}" if begin else f"{pull.memory.source}: asking"
    )
    with (
        opened_rows(pull.source, begin, pull.secrets) as rows,
        closing(ParquetDraft(pull.place, rows.columns, pull.client.timezone)) as draft,
    ):
        marked = _column_of_mark(pull.source, rows.columns)
        count = 0
        for batch in rows.batches:
            if draft.add(batch) > MOST_BYTES:
                raise PullError(
                    f"The rows of {pull.memory.source!r} fill more than {MOST_BYTES:,} bytes: have the query "
                    "begin later where :since is null."
                )
            if marked is not None:
                mark = watermarks.advanced(mark, (row[marked] for row in batch), now)
            count += len(batch)
            pull.on_progress(f"{pull.memory.source}: {count:,} rows")
        if count == 0:
            return
        file = draft.finish()
        file.seek(0)
        # the same rows again are no news
        after = {**({} if mark is None else watermarks.stored(mark)), "digest": content_hash(file)}
        if after != state:
            pull.land(file, [_name_of_rows(pull.source, pull.memory.source, now)], THE_QUERY, after)


def _column_of_mark(source: Source, columns: Sequence[str]) -> int | None:
    """The place of the watermark among the columns.

    Raises:
        PullError: it is none of them.
    """
    if source.watermark is None:
        return None
    if source.watermark not in columns:
        raise PullError(
            f"The watermark {source.watermark!r} is no column of the query, which has {', '.join(columns)}."
        )
    return columns.index(source.watermark)


def _name_of_rows(source: Source, name: str, moment: datetime) -> str:
    """A file's name that says its kind, its source and when it was asked for, in UTC."""
    return f"{source.kind}_{name}_{moment:%Y%m%dT%H%M%S%f}.parquet"


@contextmanager
def _turn(warehouse: Warehouse, client_id: str) -> Iterator[None]:
    """Nobody else pulls for the client while the block lasts.

    Raises:
        PullError: somebody does.
        NoSuchLockError: there is no such client.
    """
    with warehouse.connect_pipeline() as connection:
        holder = try_lock_session(connection, Purpose.PULL, client_id)
        if holder is not None:
            raise PullError(f"Another command is pulling for {client_id}, {holder}: wait for its end.")
        try:
            yield
        finally:
            # a server that has gone away knows no session that could hold anything
            with suppress(psycopg.OperationalError):
                unlock_session(connection, Purpose.PULL, client_id)
