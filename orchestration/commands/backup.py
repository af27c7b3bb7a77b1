"""The commands ``backup`` and ``restore``.

Belongs here: what a person is asked and told. Does not belong here: what is done (``warehouse.backup`` and
``warehouse.restore``).
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from orchestration.commands.terminal import err, open_warehouse, out
from orchestration.errors import UserError
from orchestration.foreign_text import escape

if TYPE_CHECKING:
    from orchestration.settings import Settings
    from orchestration.warehouse.archive import Told
    from orchestration.warehouse.server import Warehouse


def backup(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The new file.",
            show_default="backups/forecaster-<day>T<time>Z.zip below FORECASTER_HOME",
        ),
    ] = None,
) -> None:
    """Write everything that brings the installation back into one file; work may go on meanwhile.

    That is both databases as of one moment, the clients' roles with their passwords, and tuned weights.
    Not in it: delivered files, reports, the environment and .env, base weights of your own.
    """
    settings, warehouse = open_warehouse()
    from orchestration.reading.tuned_weights import models_dir
    from orchestration.warehouse.backup import write_backup

    path = (
        file or settings.made_home() / "backups" / f"forecaster-{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.zip"
    ).resolve()
    with _progress("Backing up") as tell:
        manifest = write_backup(warehouse, models_dir(settings), path, _version(), tell)
    table = Table("part", "size")
    table.columns[1].justify = "right"
    weights = [facts.bytes for name, facts in manifest.parts.items() if name.startswith("models/")]
    for name, facts in manifest.parts.items():
        if not name.startswith("models/"):
            table.add_row(name, _size(facts.bytes))
    table.add_row(f"tuned weights, {len(weights)} files", _size(sum(weights)))
    err.print(table)
    out.print(
        f"[green]Wrote[/] {escape(str(path))}: {sum(manifest.rows.values()):,} rows, "
        f"{_size(path.stat().st_size)}.",
        soft_wrap=True,
    )
    clients = [suffix.removeprefix("_client_") for suffix in manifest.roles if suffix.startswith("_client_")]
    if clients and not manifest.has_passwords:
        err.print(
            "[yellow]The login of DATABASE_URL may not read passwords, so they are not in it; after a "
            f"restore on another server, 'forecaster client password' sets them: {', '.join(clients)}.[/]",
            soft_wrap=True,
        )


def restore(
    file: Annotated[Path, typer.Argument(help="A file that 'forecaster backup' wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace what the installation holds; asks first.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Bring an installation back from a backup, into one that holds nothing or with --replace.

    The databases are made beside those that are there and take their place in one step at the end, so that
    an interrupted restore changes nothing; run it again and it finishes. No client may connect before that.
    """
    settings, warehouse = open_warehouse(migrated=False)
    _require_no_service(settings)
    from orchestration import audit
    from orchestration.reading.tuned_weights import models_dir
    from orchestration.running.instance import create_storage, follow_registry
    from orchestration.stages.dbt import build_views
    from orchestration.warehouse.archive import open_archive
    from orchestration.warehouse.restore import restore as bring_back

    with _alone(settings), ExitStack() as stack:
        with _progress("Checking") as tell:
            archive = stack.enter_context(open_archive(file, tell))
        _require_consent(warehouse, archive.seal, file, replace=replace, yes=yes)
        with _progress("Restoring") as tell:
            restored = bring_back(
                *(warehouse, archive, models_dir(settings), build_views, tell),
                record=lambda connection: audit.record(
                    connection,
                    "restore",
                    file.name,
                    row_count=sum(archive.manifest.rows.values()),
                    seal=archive.seal,
                    created_at=archive.manifest.created_at,
                ),
            )
            tell("Dagster's storage and partitions", 0)
            create_storage(settings, warehouse)
            follow_registry(settings, warehouse)
    for note in restored.notes:
        err.print(f"[yellow]{escape(note)}[/]", soft_wrap=True)
    if restored.without_password:
        err.print(
            "[yellow]The backup holds no passwords; where a client cannot log in, 'forecaster client "
            f"password' sets one: {', '.join(restored.without_password)}.[/]",
            soft_wrap=True,
        )
    out.print(
        f"[green]Restored[/] {len(restored.clients)} clients with {restored.rows:,} rows, as of "
        f"{archive.manifest.created_at}."
    )


def _require_no_service(settings: Settings) -> None:
    from orchestration.running.service import running_service

    if service := running_service(settings):
        raise UserError(f"The UI is running at {service.url}; stop it with 'forecaster down', then restore.")


def _require_consent(warehouse: Warehouse, seal: str, file: Path, *, replace: bool, yes: bool) -> None:
    from orchestration.warehouse.beside import is_finishing, places_of
    from orchestration.warehouse.restore import holds_something

    if is_finishing(places_of(warehouse)[0], seal) or (held := holds_something(warehouse)) is None:
        return
    if not replace:
        raise UserError(f"Nothing was restored: {held}. 'forecaster restore {file} --replace' replaces it.")
    if not yes:
        typer.confirm(f"{held[0].upper()}{held[1:]}. Replace all of it by the backup?", abort=True)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One restore at a time."""
    with (settings.made_home() / "restore.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                "Another restore of this installation is in progress; wait for its end."
            ) from error
        yield


@contextmanager
def _progress(title: str) -> Iterator[Told]:
    """Show what is worked on, how much of it is done and since when; a line for each elsewhere."""
    began, current = time.monotonic(), ""

    def tell(part: str, size: int) -> None:
        nonlocal began, current
        done = f", {_size(size)}" if size else ""
        if part != current:
            began, current = time.monotonic(), part
            if not err.is_terminal:
                err.print(f"  {escape(part)}")
        status.update(escape(f"{title}: {part}{done}, {time.monotonic() - began:.0f} s"))

    with err.status(title) as status:
        yield tell


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _version() -> str:
    try:
        return metadata.version("forecaster")
    except metadata.PackageNotFoundError:
        return "of an unknown version"
