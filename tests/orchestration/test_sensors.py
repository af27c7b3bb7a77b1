"""When something is launched by itself: decided by pure functions, tested without Dagster."""

from __future__ import annotations

import os
from pathlib import Path

from orchestration.sensors import clients_with_news, folder_state


def test_a_client_with_new_files_is_run_once() -> None:
    due, cursor = clients_with_news({"a": "one", "b": ""}, {})
    assert due == ["a"]
    assert clients_with_news({"a": "one", "b": ""}, cursor)[0] == []
    assert clients_with_news({"a": "two", "b": ""}, cursor)[0] == ["a"]


def test_a_delivery_under_way_waits_and_is_not_forgotten() -> None:
    due, cursor = clients_with_news({"a": None}, {"a": "one"})
    assert (due, cursor) == ([], {"a": "one"})
    assert clients_with_news({"a": "two"}, cursor)[0] == ["a"]


def test_an_emptied_folder_is_no_news() -> None:
    assert clients_with_news({"a": ""}, {"a": "one"})[0] == []


def test_a_removed_client_leaves_the_cursor() -> None:
    assert clients_with_news({"b": "one"}, {"a": "one", "b": "one"}) == ([], {"b": "one"})


def test_the_state_of_a_folder_follows_its_files(tmp_path: Path) -> None:
    assert folder_state(tmp_path, 5, now=1000.0) == ""
    file = tmp_path / "sales.csv"
    file.write_text("date,item_id,units_sold\n")
    os.utime(file, (998, 998))
    assert folder_state(tmp_path, 5, now=1000.0) is None
    first = folder_state(tmp_path, 5, now=1004.0)
    assert first
    (tmp_path / "later.csv.part").write_text("half")
    assert folder_state(tmp_path, 5, now=1004.0) == first
    os.utime(file, (999, 999))
    assert folder_state(tmp_path, 5, now=1005.0) not in (first, "", None)
