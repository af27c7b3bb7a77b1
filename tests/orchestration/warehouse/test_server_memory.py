"""The embedded server uses what the machine has, and what somebody wrote into its files stands."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from orchestration.warehouse import server_memory
from orchestration.warehouse.embedded import start_embedded, stop_embedded, throw_away_folder
from orchestration.warehouse.server_memory import settings_for, stated_settings, wanted_settings

INITDB = "shared_buffers = 128MB\t\t\t# min 128kB\nmax_wal_size = 1GB\n#work_mem = 4MB\n"


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "postgresql.conf").write_text(INITDB)
    monkeypatch.setattr(server_memory, "machine_memory", lambda: 16 << 30)
    return tmp_path


def test_a_directory_as_initdb_made_it_gets_all_of_them(data_dir: Path) -> None:
    assert wanted_settings(data_dir) == settings_for(16 << 30)


@pytest.mark.parametrize("file", ["postgresql.conf", "postgresql.auto.conf"])
@pytest.mark.parametrize(
    "line", ["shared_buffers = '256MB'", "shared_buffers=256MB # ours", "  shared_buffers 256MB"]
)
def test_what_somebody_wrote_stands(data_dir: Path, file: str, line: str) -> None:
    with (data_dir / file).open("a") as opened:
        opened.write(f"{line}\n")
    assert stated_settings(data_dir)["shared_buffers"] == "256MB"
    assert "shared_buffers" not in wanted_settings(data_dir)
    assert "max_wal_size" in wanted_settings(data_dir)


def test_a_container_has_what_it_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(server_memory, "_CONTAINER_LIMITS", (limit,))
    of_the_machine = server_memory.machine_memory()
    limit.write_text("max\n")
    assert server_memory.machine_memory() == of_the_machine
    limit.write_text(f"{1 << 20}\n")
    assert server_memory.machine_memory() == 1 << 20


def test_a_server_has_them_from_its_next_start_and_stays_durable(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(url: str) -> dict[str, str]:
        names = ("shared_buffers", "checkpoint_timeout", "fsync", "full_page_writes", "synchronous_commit")
        with psycopg.connect(url) as connection:
            rows = connection.execute(
                "select name, current_setting(name) from pg_settings where name = any(%s)", (list(names),)
            )
            return dict(rows.fetchall())

    durable = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
    with throw_away_folder() as folder:
        monkeypatch.setattr(server_memory, "settings_for", lambda _memory: {})
        before = shown(start_embedded(folder / "postgres"))
        stop_embedded(folder / "postgres")
        monkeypatch.undo()
        monkeypatch.setattr(server_memory, "machine_memory", lambda: 4 << 30)
        after = shown(start_embedded(folder / "postgres"))
        stop_embedded(folder / "postgres")
    assert before == {"shared_buffers": "128MB", "checkpoint_timeout": "5min", **durable}
    assert after == {"shared_buffers": "256MB", "checkpoint_timeout": "15min", **durable}


@pytest.mark.parametrize("gigabytes", [0, 1, 4, 64, 1_024])
def test_a_small_machine_keeps_most_of_its_memory_for_others(gigabytes: int) -> None:
    found = {
        name: int(value.removesuffix("MB"))
        for name, value in settings_for(gigabytes << 30).items()
        if value.endswith("MB")
    }
    assert found["shared_buffers"] <= max(128, gigabytes * 1_024 // 8)
    assert 4 <= found["work_mem"] <= max(4, gigabytes * 1_024 // 256)
