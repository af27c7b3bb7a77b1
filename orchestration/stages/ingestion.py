"""The ingestion stage: from a client's landing folder to the staging tables.

Belongs here: the asset, its checks, and the two ways in (the folder and the command line). Does not belong
here: any decision about a file or a row (``landing``).
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg

from forecasting_lib.grain import Grain
from orchestration.clients import CLIENT_PARTITIONS, Client, get_client
from orchestration.foreign_text import code_span, printable
from orchestration.landing import anomalies
from orchestration.landing.discovery import finished, pending, settled
from orchestration.landing.folder import FileChangedError, listed, name_problem, scan
from orchestration.landing.grains import what_was_found
from orchestration.landing.kinds import KINDS, STAGING_TABLES
from orchestration.landing.known_files import known_files
from orchestration.landing.load import Progress, load_file, load_unless_done
from orchestration.landing.reasons import FileRefusedError, Refusal
from orchestration.landing.records import Outcome, last_delivered_day
from orchestration.reading.gaps import find_gaps
from orchestration.resources import DATABASE_RETRIES, Installation
from orchestration.stages.gap_checks import gap_check
from orchestration.table_assets import table_key, table_spec
from orchestration.warehouse.gap_vocabulary import Gap
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import staging

SALES_KEY = table_key(staging.sales)
STOCK_KEY = table_key(staging.stock_levels)

WARNINGS = {
    "volume_is_usual": "Recent days have about as many rows as a usual day.",
    "no_item_vanished": "Items that were delivered on most days still are.",
    "no_location_is_silent": "Every location delivered in the last week.",
    "prices_are_plausible": "No price went up or down ten times.",
    "feed_is_on_time": "The last delivered day is as recent as the feed's rhythm lets expect.",
}
"""Checks on sales that warn and stop nothing."""

ITEMS_KNOWN = "items_are_known"
GRAIN_KNOWN = "grain_is_known"
DELIVERIES_COMPLETE = "deliveries_are_complete"
FILES_ACCEPTED = "files_accepted"


def ingest_folder(
    warehouse: Warehouse,
    client: Client,
    folder: Path,
    quiet_seconds: float,
    run_id: str | None = None,
    on_progress: Progress | None = None,
) -> list[Outcome]:
    """Load everything in a landing folder that was not loaded or refused before.

    Only files whose size or time of change is new are opened. Files that are still being written are waited
    for, once and no longer than the quiet period; whatever is unfinished then is left to the next run.

    Returns:
        One outcome per file that something was done about, in that order.
    """
    found = scan(folder)
    if len(settled(found, time.time(), quiet_seconds)) < len(found):
        time.sleep(quiet_seconds)
    done = finished(known_files(warehouse, client.client_id), client.reading_digest())
    known: dict[str, set[str]] = {}
    for entry in done:
        known.setdefault(entry.path, set()).add(entry.sha256)
    outcomes = []
    for file in pending(settled(scan(folder), time.time(), quiet_seconds), done, client.feeds):
        try:
            outcomes.append(
                load_unless_done(
                    *(warehouse, client, folder, file, known.get(file.path, set())),
                    run_id=run_id,
                    on_progress=on_progress,
                )
            )
        except FileChangedError:
            continue
    return [outcome for outcome in outcomes if outcome is not None]


def ingest_files(
    warehouse: Warehouse,
    client: Client,
    paths: Sequence[Path],
    landing: Path | None = None,
    on_progress: Progress | None = None,
) -> list[Outcome]:
    """Load files from anywhere, refused ones again; the records know them by their names.

    Args:
        warehouse: where to.
        client: whose files they are.
        paths: the files.
        landing: the folder of the clients' landing folders; what lies in it is opened as a run would.
        on_progress: told the rows read so far.

    Raises:
        FileRefusedError: a path is no file, or its name is not acceptable.
        FileChangedError: a file was written to or replaced meanwhile.
    """
    for path in paths:
        problem = name_problem(path.name) or (None if path.is_file() else "is not a file")
        if problem:
            raise FileRefusedError(Refusal.UNSAFE_NAME, f"{path.name} {problem}")
    if len({path.name for path in paths}) < len(paths):
        raise FileRefusedError(Refusal.UNSAFE_NAME, "Two of the files have the same name")
    folders = {path.name: path.parent for path in paths}
    return [
        load_file(
            *(warehouse, client, folders[file.path] / file.path, file.path),
            landing=landing,
            on_progress=on_progress,
        )
        for file in pending([listed(path) for path in paths], [], client.feeds)
    ]


# --- what the UI shows --------------------------------------------------------------------------------


def table_result(table: str, row_count: int, outcomes: Sequence[Outcome]) -> dg.MaterializeResult[None]:
    """What a staging table shows after a run: its size, and what this run brought."""
    filled_by = {kind.name for kind in KINDS if kind.table == table}
    mine = [outcome for outcome in outcomes if outcome.status == "loaded" and outcome.kind in filled_by]
    return dg.MaterializeResult(
        asset_key=dg.AssetKey(["staging", table]),
        metadata={
            "dagster/row_count": row_count,
            "rows_loaded": sum(outcome.rows_loaded for outcome in mine),
            "rows_rejected": sum(outcome.rows_rejected for outcome in mine),
            "rows_restated": sum(outcome.rows_restated for outcome in mine),
            "files": dg.MetadataValue.md(
                "\n".join(f"- {code_span(outcome.path)}" for outcome in mine) or "none"
            ),
        },
    )


def acceptance(outcomes: Sequence[Outcome]) -> dg.AssetCheckResult:
    """Whether every new file was accepted; the description tells the operator what to do.

    A refused file of a known kind is a part of the delivery that is missing: the run stops. A stray, whose
    name says no kind, is none: it is warned of, and the run goes on.
    """
    refused = [outcome for outcome in outcomes if outcome.status == "rejected"]
    missing = [outcome for outcome in refused if outcome.kind is not None]
    loaded = sum(outcome.status == "loaded" for outcome in outcomes)
    said = f"{len(refused)} file(s) refused; {loaded} other(s) loaded and kept. " + " ".join(
        outcome.message or "" for outcome in refused
    )
    return dg.AssetCheckResult(
        check_name=FILES_ACCEPTED,
        asset_key=SALES_KEY,
        passed=not refused,
        severity=dg.AssetCheckSeverity.ERROR if missing else dg.AssetCheckSeverity.WARN,
        description=(
            f"{loaded} new file(s) loaded, none refused."
            if not refused
            else f"{said} Deliver what is corrected, or run the client again to go on without it: "
            "a refused file is not tried twice."
            if missing
            else f"{said} The run goes on without."
        ),
        metadata={"refused": len(refused), "loaded": loaded},
    )


def warning(name: str, key: dg.AssetKey, problems: Sequence[str]) -> dg.AssetCheckResult:
    """A check that warns: its description is what is odd."""
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=key,
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        description=printable(" ".join(problems[:10])) or "Nothing odd.",
        metadata={"problems": len(problems)},
    )


def delivery_warnings(warehouse: Warehouse, client: Client) -> Iterator[dg.AssetCheckResult]:
    """Judge the client's deliveries as a whole."""
    yield warning(ITEMS_KNOWN, STOCK_KEY, anomalies.unknown_items(warehouse, client.client_id))
    last_day = last_delivered_day(warehouse, client.client_id)
    if last_day is None:
        found: list[list[str]] = [[] for _ in WARNINGS]
    else:
        recent = anomalies.read_recent_sales(warehouse, client.client_id, last_day)
        found = [
            anomalies.unusual_volume(recent),
            anomalies.vanished_items(recent),
            anomalies.silent_locations(recent),
            anomalies.implausible_prices(recent),
            anomalies.late_feed(recent, client.today().date(), Grain(client.grain or Grain.DAY)),
        ]
    for name, problems in zip(WARNINGS, found, strict=True):
        yield warning(name, SALES_KEY, problems)


def row_counts(warehouse: Warehouse, client_id: str) -> dict[str, int]:
    """Rows of a client in each staging table."""
    with warehouse.transaction() as connection:
        return {
            table: (connection.execute(query, (client_id,)).fetchone() or (0,))[0]
            for table, query in _COUNTS.items()
        }


_COUNTS = {name: f"select count(*) from staging.{name} where client_id = %s" for name in STAGING_TABLES}


@dg.multi_asset(
    name="landing_files",
    retry_policy=DATABASE_RETRIES,
    specs=[table_spec(table, "ingestion") for table in STAGING_TABLES.values()],
    check_specs=[
        dg.AssetCheckSpec(
            FILES_ACCEPTED,
            asset=SALES_KEY,
            blocking=True,
            description="No file of this run was refused whole; one whose name says no kind only warns. "
            "The other files were loaded either way.",
        ),
        *(dg.AssetCheckSpec(name, asset=SALES_KEY, description=text) for name, text in WARNINGS.items()),
        dg.AssetCheckSpec(
            GRAIN_KNOWN,
            asset=SALES_KEY,
            description="It was known before whether sales are totals of days, weeks or months.",
        ),
        dg.AssetCheckSpec(
            DELIVERIES_COMPLETE,
            asset=SALES_KEY,
            description="Sales were delivered, and no file, row or location of them is missing.",
        ),
        dg.AssetCheckSpec(
            ITEMS_KNOWN,
            asset=STOCK_KEY,
            description="Items of stock, orders and promotions were sold or described.",
        ),
    ],
    partitions_def=CLIENT_PARTITIONS,
)
def landing_files(
    context: dg.AssetExecutionContext, installation: Installation
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Load every new file of the client's landing folder, each in a transaction of its own."""
    settings, warehouse = installation.settings, installation.warehouse
    client = get_client(warehouse, context.partition_key)
    outcomes = ingest_folder(
        warehouse,
        client,
        settings.client_landing_dir(client.client_id),
        settings.landing_quiet_seconds,
        run_id=context.run.run_id,
        on_progress=lambda path, rows: context.log.debug(f"{path}: {rows:,} rows read"),
    )
    for outcome in outcomes:
        context.log.info(printable(f"{outcome.path}: {outcome.status}. {outcome.message or ''}"))
    for table, row_count in row_counts(warehouse, client.client_id).items():
        yield table_result(table, row_count, outcomes)
    yield warning(GRAIN_KNOWN, SALES_KEY, what_was_found(warehouse, client))
    yield from delivery_warnings(warehouse, get_client(warehouse, client.client_id))
    gaps = find_gaps(warehouse, client.client_id)
    yield gap_check(DELIVERIES_COMPLETE, SALES_KEY, gaps, {"deliveries"}, but={Gap.FEED_LATE})
    yield acceptance(outcomes)
