"""The demo clients' files: where they lie, how they are written, how they are delivered.

Belongs here: which files a demo client has and when it delivers them. Does not belong here: what is in the
files (``forecasting_lib.demo``, ``m5_files``), and anything that reads them (``landing``).

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
from typing import Literal

import polars as pl

from forecasting_lib.demo import (
    MOST_ITEMS,
    SNAP_DAYS,
    M5Config,
    M5Data,
    RetailerConfig,
    generate_m5_layout,
    generate_retailer,
    hold_back_retailer,
)
from orchestration.demo.clients import M5_ID, RETAILER_ID
from orchestration.demo.m5_files import STOCK, m5_deliveries
from orchestration.errors import UserError
from orchestration.settings import Settings

Part = Literal["first", "later"]

_M5_LAST_DAY = date(2016, 5, 22)
"""The last day of the published M5 data; the generated client ends there too and is moved like it."""

_M5_SALES = ("sales_train_evaluation", "sales_train_validation")
_ENDINGS = (".csv", ".csv.gz")


class DemoError(UserError):
    """The demo cannot be set up; the message says what to do."""


def demo_dir(settings: Settings, client_id: str) -> Path:
    """Where a demo client's files are written."""
    return settings.landing_dir.parent / "demo" / client_id


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


def prepare_m5(settings: Settings, m5_dir: Path | None, today: date, *, shift_dates: bool = True) -> bool:
    """Write the M5 client's files: generated ones, or genuine ones cut in two; False where they were there.

    Args:
        settings: say where.
        m5_dir: folder of genuine files, a calendar and prices among them where there are; None generates.
        today: the sales end in the week before.
        shift_dates: False leaves M5's dates as they are.

    Raises:
        DemoError: ``m5_dir`` holds no M5 sales file, or an earlier version wrote the files that are there.
        FileRefusedError: the calendar lacks a day of the sales.
    """
    folder = demo_dir(settings, M5_ID)
    if folder.exists():
        if not (folder / "first" / f"{STOCK}.csv").exists():
            raise DemoError(
                f"The files in {folder} are an earlier version's, whose dates were moved on reading. Remove "
                f"the client ('forecaster client remove {M5_ID}'), this folder and "
                f"{settings.client_landing_dir(M5_ID)}, then run this again."
            )
        return False
    data = generate_m5_layout(M5Config(end_date=_M5_LAST_DAY)) if m5_dir is None else _genuine_m5(m5_dir)
    first, later = m5_deliveries(data, today=today if shift_dates else None)
    prices = None if m5_dir is None else _m5_file(m5_dir, ("sell_prices",))
    with _complete_or_absent(folder) as draft:
        _write(draft / "first", first)
        _write(draft / "later", later)
        if prices is not None:
            shutil.copyfile(prices, draft / "first" / prices.name)
    return True


def write_m5(folder: Path, series: int, days: int, last_day: date) -> None:
    """Write generated sales, calendar and prices of M5's layout, of any size.

    Args:
        folder: is made.
        series: items in stores; the last store may have fewer items than the others.
        days: columns of sales.
        last_day: of the sales.

    Raises:
        DemoError: the folder is there already.
        ValueError: there are too few days.
    """
    if folder.exists():
        raise DemoError(f"{folder} is there already; name a new folder, or remove it first.")
    states = len(SNAP_DAYS)
    per_store = min(series, MOST_ITEMS)
    stores = tuple(
        f"{list(SNAP_DAYS)[number % states]}_{number // states + 1}"
        for number in range(-(-series // per_store))
    )
    data = generate_m5_layout(M5Config(last_day, days, per_store, stores))
    kept = data.sales_train_evaluation.head(series)
    prices = data.sell_prices.join(kept, on=["store_id", "item_id"], how="semi", maintain_order="left")
    with _complete_or_absent(folder) as draft:
        _write(draft, M5Data(kept, data.calendar, prices).deliveries())


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


def _genuine_m5(folder: Path) -> M5Data:
    """Sales and calendar of a folder; prices need no change and are copied."""
    sales, calendar = _m5_file(folder, _M5_SALES), _m5_file(folder, ("calendar",))
    if sales is None:
        raise DemoError(f"There is no {_M5_SALES[0]}.csv or {_M5_SALES[1]}.csv (or .gz) in {folder}.")
    return M5Data(
        pl.read_csv(sales),
        calendar=(
            pl.DataFrame()
            if calendar is None
            else pl.read_csv(calendar, infer_schema=False).with_columns(pl.col("date").str.to_date())
        ),
        sell_prices=pl.DataFrame(),
    )


def _m5_file(folder: Path, names: tuple[str, ...]) -> Path | None:
    candidates = (folder / f"{name}{ending}" for name in names for ending in _ENDINGS)
    return next((path for path in candidates if path.is_file()), None)


def _dated(frames: Mapping[str, pl.DataFrame], day: date) -> dict[str, pl.DataFrame]:
    """A delivery's files carry its day in their names, as those of a daily export would."""
    return {f"{kind}_{day.isoformat()}": frame for kind, frame in frames.items()}


def _write(folder: Path, frames: Mapping[str, pl.DataFrame]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
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
