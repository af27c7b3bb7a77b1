"""The demo clients' files: where they end, how they are delivered, and that nothing is done twice."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from orchestration.clients import ClientError
from orchestration.demo_setup import (
    M5_ID,
    RETAILER_ID,
    DemoError,
    deliver,
    delivered_in_full,
    demo_dir,
    m5_client,
    own_client,
    prepare_m5,
    prepare_retailer,
    weeks_shift,
)
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
            "d": [f"d_{day}" for day in range(1, days + 1)],
        }
    ).write_csv(folder / "calendar.csv")
    return folder


@pytest.mark.parametrize("today", [date(2026, 11, 21) + timedelta(days=n) for n in range(8)])
def test_dates_move_by_whole_weeks_to_within_a_week_of_today(today: date) -> None:
    last = date(2016, 5, 22)
    shift = weeks_shift(last, today)
    assert shift % 7 == 0
    assert 1 <= (today - (last + timedelta(days=shift))).days <= 7


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


def test_genuine_m5_files_are_cut_in_two_and_shifted_by_their_own_last_day(
    installation: Settings, tmp_path: Path
) -> None:
    assert prepare_m5(installation, small_m5(tmp_path / "m5"))
    folder = demo_dir(installation, M5_ID)
    assert sorted(path.name for path in (folder / "first").iterdir()) == [
        "calendar.csv",
        "sales_train_evaluation.csv",
    ]
    assert [path.name for path in (folder / "later").iterdir()] == ["sales_train_d_33_to_d_60.csv"]
    client = m5_client(installation, today=TODAY, shift_dates=True)
    assert client.date_shift_days == weeks_shift(date(2016, 5, 22), TODAY)
    assert m5_client(installation, today=TODAY, shift_dates=False).date_shift_days == 0
    assert client.generate_stock


def test_a_folder_without_m5_sales_is_refused_and_nothing_is_left(
    installation: Settings, tmp_path: Path
) -> None:
    with pytest.raises(DemoError, match=r"no sales_train_evaluation\.csv"):
        prepare_m5(installation, tmp_path)
    assert not demo_dir(installation, M5_ID).exists()


def test_delivering_leaves_no_partial_file_and_touches_nothing_the_second_time(
    installation: Settings, tmp_path: Path
) -> None:
    prepare_m5(installation, small_m5(tmp_path / "m5"))
    assert len(deliver(installation, M5_ID, "first")) == 2
    assert not delivered_in_full(installation, M5_ID)
    landing = installation.client_landing_dir(M5_ID)
    before = snapshot(landing)
    assert not [name for name in before if name.endswith(".part")]
    assert deliver(installation, M5_ID, "first") == []
    assert snapshot(landing) == before
    assert len(deliver(installation, M5_ID, "later")) == 1
    assert delivered_in_full(installation, M5_ID)


@pytest.mark.parametrize(
    ("name", "slug"),
    [("My Company", "my_company"), ("  Åcme & Söhne  GmbH ", "cme_s_hne_gmbh"), ("x" * 50, "x" * 32)],
)
def test_a_slug_is_made_of_the_company_name(name: str, slug: str) -> None:
    client = own_client(name)
    assert (client.client_id, client.name) == (slug, name)


@pytest.mark.parametrize("name", ["", "42 Ltd", "日本"])
def test_a_name_without_a_slug_is_answered_with_the_command_that_takes_one(name: str) -> None:
    with pytest.raises(ClientError, match="forecaster client add"):
        own_client(name)
