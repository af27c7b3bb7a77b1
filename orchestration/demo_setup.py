"""The demo clients: their registry entries, their files, and how these are delivered.

Belongs here: which files a demo client has and when it delivers them. Does not belong here: what is in the
files (``forecasting_lib.demo``), and anything that reads them (``landing``).

A demo client's files lie below ``data/demo/<client>/``: ``first`` holds what it had delivered four weeks ago,
``later`` the four weeks since. Files that are there are kept, so setting up twice changes nothing.
"""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import polars as pl

from forecasting_lib.demo import (
    M5Config,
    M5Data,
    RetailerConfig,
    generate_m5_layout,
    generate_retailer,
    hold_back_m5,
    hold_back_retailer,
)
from orchestration.clients import Client, ClientError, add_client, registered_ids, validated
from orchestration.errors import UserError
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse

RETAILER_ID = "demo_retail"
M5_ID = "demo_m5"
DEMO_IDS = (RETAILER_ID, M5_ID)

Part = Literal["first", "later"]

_RETAILER: dict[str, Any] = {
    "client_id": RETAILER_ID,
    "name": "Demo Retail",
    "timezone": "Europe/Dublin",
    "cron": "30 5 * * *",
    "country": "IE",
}
_M5: dict[str, Any] = {
    "client_id": M5_ID,
    "name": "Demo M5",
    "timezone": "America/Chicago",
    "cron": "0 5 * * *",
    "country": "US",
    "default_lead_time_days": 7,
    "review_days": 7,
    "generate_stock": True,
}
_M5_LAST_DAY = date(2016, 5, 22)
"""The last day of the published M5 data; the generated client ends there too and is shifted like it."""

_M5_SALES = ("sales_train_evaluation", "sales_train_validation")
_ENDINGS = (".csv", ".csv.gz")


class DemoError(UserError):
    """The demo cannot be set up; the message says what to do."""


def demo_dir(settings: Settings, client_id: str) -> Path:
    """Where a demo client's files are written."""
    return settings.landing_dir.parent / "demo" / client_id


def own_client(name: str) -> Client:
    """A registry entry for a user's own company; its slug is made of the name.

    Raises:
        ClientError: no slug can be made of the name.
    """
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in name.lower()).split()
    slug = "_".join(words)[:32].rstrip("_")
    if not slug[:1].isalpha():
        raise ClientError(
            f"No identifier can be made of the name {name!r}; use 'forecaster client add <slug> --name ...'."
        )
    return validated(client_id=slug, name=name)


def prepare_retailer(settings: Settings, today: date) -> bool:
    """Write the synthetic retailer's files, its history ending yesterday; False where they were there."""
    folder = demo_dir(settings, RETAILER_ID)
    if folder.exists():
        return False
    last_day = today - timedelta(days=1)
    first, later = hold_back_retailer(generate_retailer(RetailerConfig(end_date=last_day)).deliveries())
    with _complete_or_absent(folder) as draft:
        _write(draft / "first", _dated(first, last_day - timedelta(days=28)))
        _write(draft / "later", _dated(later, last_day))
    return True


def prepare_m5(settings: Settings, m5_dir: Path | None) -> bool:
    """Write the M5 client's files: generated ones, or genuine ones cut in two; False where they were there.

    Raises:
        DemoError: ``m5_dir`` holds no M5 sales file.
    """
    folder = demo_dir(settings, M5_ID)
    if folder.exists():
        return False
    sales = None if m5_dir is None else _m5_file(m5_dir, _M5_SALES)
    if m5_dir is not None and sales is None:
        raise DemoError(f"There is no {_M5_SALES[0]}.csv or {_M5_SALES[1]}.csv (or .gz) in {m5_dir}.")
    if sales is None:
        data = generate_m5_layout(M5Config(end_date=_M5_LAST_DAY))
    else:
        data = M5Data(pl.read_csv(sales), calendar=pl.DataFrame(), sell_prices=pl.DataFrame())
    first, later = hold_back_m5(data)
    with _complete_or_absent(folder) as draft:
        _write(draft / "first", {name: frame for name, frame in first.items() if not frame.is_empty()})
        _write(draft / "later", later)
        if m5_dir is not None:
            for name in ("calendar", "sell_prices"):
                if (source := _m5_file(m5_dir, (name,))) is not None:
                    shutil.copyfile(source, draft / "first" / source.name)
    return True


def register(warehouse: Warehouse, client: Client) -> bool:
    """Add a client unless it is registered; False where it was."""
    if client.client_id in registered_ids(warehouse):
        return False
    add_client(warehouse, client)
    return True


def retailer_client() -> Client:
    return validated(**_RETAILER)


def m5_client(settings: Settings, *, today: date, shift_dates: bool) -> Client:
    """The M5 client's entry; its dates are shifted by whole weeks so that the last day is a recent one."""
    last_day = m5_last_day(settings)
    shift = weeks_shift(last_day, today) if shift_dates else 0
    return validated(**_M5, date_shift_days=shift)


def weeks_shift(last_day: date, today: date) -> int:
    """Days to add so that a history ends in the week before today; whole weeks, weekdays stay weekdays."""
    return (today - timedelta(days=1) - last_day).days // 7 * 7


def m5_last_day(settings: Settings) -> date:
    """The day of the last sales column among the M5 client's files; the published data's where unknown."""
    folder = demo_dir(settings, M5_ID)
    columns = [
        column
        for path in folder.glob("*/sales_train_*.csv")
        for column in pl.read_csv(path, n_rows=0).columns
        if column.startswith("d_")
    ]
    calendar = _m5_file(folder / "first", ("calendar",))
    if calendar is None or not columns:
        return _M5_LAST_DAY
    last_column = max(columns, key=lambda column: int(column.removeprefix("d_")))
    day = pl.read_csv(calendar, columns=["date", "d"]).filter(pl.col("d") == last_column)["date"]
    return date.fromisoformat(day[0]) if len(day) else _M5_LAST_DAY


def deliver(settings: Settings, client_id: str, part: Part) -> list[Path]:
    """Put a part of a demo client's files into its landing folder, as a careful client would.

    Each file is written under a name that is not read and renamed when it is whole; a file that is there
    with the same bytes is left alone.

    Returns:
        The files that were put there.
    """
    landing = settings.client_landing_dir(client_id)
    landing.mkdir(parents=True, exist_ok=True)
    delivered = []
    for source in sorted((demo_dir(settings, client_id) / part).iterdir()):
        target = landing / source.name
        if target.exists() and filecmp.cmp(source, target, shallow=False):
            continue
        draft = target.with_name(f"{target.name}.part")
        shutil.copyfile(source, draft)
        draft.replace(target)
        delivered.append(target)
    return delivered


def delivered_in_full(settings: Settings, client_id: str) -> bool:
    """The later part lies in the landing folder already."""
    later = demo_dir(settings, client_id) / "later"
    landing = settings.client_landing_dir(client_id)
    return later.is_dir() and all((landing / path.name).exists() for path in later.iterdir())


def today_utc() -> date:
    """The day that decides where a demo history ends; the same for every command of a day."""
    return datetime.now(UTC).date()


def _m5_file(folder: Path, names: tuple[str, ...]) -> Path | None:
    candidates = (folder / f"{name}{ending}" for name in names for ending in _ENDINGS)
    return next((path for path in candidates if path.is_file()), None)


def _dated(frames: Mapping[str, pl.DataFrame], day: date) -> dict[str, pl.DataFrame]:
    """A delivery's files carry its day in their names, as those of a daily export would."""
    return {f"{kind}_{day.isoformat()}": frame for kind, frame in frames.items()}


def _write(folder: Path, frames: Mapping[str, pl.DataFrame]) -> None:
    folder.mkdir(parents=True)
    for name, frame in frames.items():
        frame.write_csv(folder / f"{name}.csv")


@contextmanager
def _complete_or_absent(folder: Path) -> Iterator[Path]:
    """A folder to write into that takes its name at the end: a killed setup leaves nothing half-written."""
    draft = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    yield draft
    draft.rename(folder)
