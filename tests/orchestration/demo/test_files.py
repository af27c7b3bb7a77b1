"""The demo clients' files: where they end, how they are delivered, and that nothing is done twice."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from orchestration.demo.clients import M5_ID, RETAILER_ID
from orchestration.demo.files import (
    DemoError,
    deliver,
    delivered_in_full,
    demo_dir,
    prepare_m5,
    prepare_retailer,
    write_m5,
)
from orchestration.demo.m5_files import weeks_shift
from orchestration.settings import Settings, load_settings

TODAY = date(2026, 11, 21)


@pytest.fixture
def installation(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose landing folder is this test's own."""
    monkeypatch.setenv("FORECASTER_LANDING_DIR", str(tmp_path / "data" / "landing"))
    return load_settings()


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def small_m5(folder: Path, days: int = 60) -> Path:
    """Genuine column layout, two items, the last day being 2016-05-22."""
    folder.mkdir()
    first = date(2016, 5, 22) - timedelta(days=days - 1)
    items = [f"FOODS_1_00{n}" for n in (1, 2)]
    pl.DataFrame(
        {
            "id": [f"{item}_CA_1_evaluation" for item in items],
            "item_id": items,
            "dept_id": "FOODS_1",
            "cat_id": "FOODS",
            "store_id": "CA_1",
            "state_id": "CA",
            **{f"d_{day}": [day % 3, day % 5] for day in range(1, days + 1)},
        }
    ).write_csv(folder / "sales_train_evaluation.csv")
    pl.DataFrame(
        {
            "date": [(first + timedelta(days=day)).isoformat() for day in range(days)],
            "wm_yr_wk": [11_600 + day // 7 for day in range(days)],
            "month": [(first + timedelta(days=day)).month for day in range(days)],
            "d": [f"d_{day}" for day in range(1, days + 1)],
        }
    ).write_csv(folder / "calendar.csv")
    return folder


def test_the_retailer_ends_yesterday_and_is_written_once(installation: Settings) -> None:
    assert prepare_retailer(installation, TODAY)
    folder = demo_dir(installation, RETAILER_ID)
    before = snapshot(folder)
    assert not prepare_retailer(installation, TODAY + timedelta(days=3))
    assert snapshot(folder) == before
    first, later = (
        pl.read_csv(folder / part / f"sales_{day}.csv", try_parse_dates=True)["date"]
        for part, day in (("first", "2026-10-23"), ("later", "2026-11-20"))
    )
    assert (first.max(), later.min(), later.max()) == (
        date(2026, 10, 23),
        date(2026, 10, 24),
        date(2026, 11, 20),
    )


def test_genuine_m5_files_are_cut_in_two_and_moved_to_the_week_before(
    installation: Settings, tmp_path: Path
) -> None:
    source = small_m5(tmp_path / "m5")
    (source / "sell_prices.csv").write_text("store_id,item_id,wm_yr_wk,sell_price\n")
    assert prepare_m5(installation, source, TODAY)
    folder = demo_dir(installation, M5_ID)
    assert [path.name for path in sorted((folder / "first").iterdir())] == [
        "calendar.csv",
        "sales_train_evaluation.csv",
        "sell_prices.csv",
        "stock_levels_generated.csv",
    ]
    assert [path.name for path in sorted((folder / "later").iterdir())] == [
        "sales_train_d_33_to_d_60.csv",
        "stock_levels_generated_d_33_to_d_60.csv",
    ]
    before, after = (pl.read_csv(path, try_parse_dates=True) for path in calendars(source, folder))
    assert after.drop("date", "month").equals(before.drop("date", "month"))
    assert set(after["date"] - before["date"]) == {timedelta(days=weeks_shift(date(2016, 5, 22), TODAY))}
    assert after["month"].equals(after["date"].dt.month().cast(pl.Int64))
    assert after["date"].max() == date(2026, 11, 15)


def calendars(*folders: Path) -> list[Path]:
    return [next(folder.rglob("calendar.csv")) for folder in folders]


def test_dates_stay_where_they_are_when_asked(installation: Settings, tmp_path: Path) -> None:
    source = small_m5(tmp_path / "m5")
    prepare_m5(installation, source, TODAY, shift_dates=False)
    before, after = (pl.read_csv(path) for path in calendars(source, demo_dir(installation, M5_ID)))
    assert after.equals(before)


def test_files_of_an_earlier_version_are_not_delivered_with_dates_that_nobody_moves(
    installation: Settings, tmp_path: Path
) -> None:
    prepare_m5(installation, small_m5(tmp_path / "m5"), TODAY)
    (demo_dir(installation, M5_ID) / "first" / "stock_levels_generated.csv").unlink()
    with pytest.raises(DemoError, match="forecaster client remove demo_m5"):
        prepare_m5(installation, None, TODAY)


def test_a_folder_without_m5_sales_is_refused_and_nothing_is_left(
    installation: Settings, tmp_path: Path
) -> None:
    with pytest.raises(DemoError, match=r"no sales_train_evaluation\.csv"):
        prepare_m5(installation, tmp_path, TODAY)
    assert not demo_dir(installation, M5_ID).exists()


def test_delivering_leaves_no_partial_file_and_touches_nothing_the_second_time(
    installation: Settings, tmp_path: Path
) -> None:
    prepare_m5(installation, small_m5(tmp_path / "m5"), TODAY)
    assert len(deliver(installation, M5_ID, "first")) == 3
    assert not delivered_in_full(installation, M5_ID)
    landing = installation.client_landing_dir(M5_ID)
    before = snapshot(landing)
    assert not [name for name in before if name.endswith(".part")]
    assert deliver(installation, M5_ID, "first") == []
    assert snapshot(landing) == before
    assert len(deliver(installation, M5_ID, "later")) == 2
    assert delivered_in_full(installation, M5_ID)


def test_m5_of_any_size_has_exactly_the_series_and_days_asked_for(tmp_path: Path) -> None:
    write_m5(tmp_path / "large", 700, 60, date(2016, 5, 22))
    sales, calendar, prices = (
        pl.read_csv(tmp_path / "large" / f"{name}.csv", try_parse_dates=True)
        for name in ("sales_train_evaluation", "calendar", "sell_prices")
    )
    assert sales.height == 700 == sales.select("item_id", "store_id").n_unique()
    assert sales["store_id"].unique(maintain_order=True).to_list() == ["CA_1", "TX_1"]
    days = [name for name in sales.columns if name.startswith("d_")]
    assert len(days) == 60
    assert calendar.filter(pl.col("d") == days[-1])["date"].to_list() == [date(2016, 5, 22)]
    assert prices.join(sales, on=["item_id", "store_id"], how="anti").is_empty()
    with pytest.raises(DemoError, match="is there already"):
        write_m5(tmp_path / "large", 700, 60, date(2016, 5, 22))
