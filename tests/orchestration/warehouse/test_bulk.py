"""Frames that are written in parts arrive whole, and are not kept once they are written."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import polars as pl
import pytest

from orchestration.clients import Client
from orchestration.warehouse.bulk import insert_frame, insert_frames, read_frame, render, snapshot
from orchestration.warehouse.server import Warehouse

NewClient = Callable[..., Client]
TABLE = "staging.stock_levels"


def levels(rows: int, first: int = 0) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "item_id": [f'item "{first + n}", ä' for n in range(rows)],
            "date": [date(2026, 1, 1) + timedelta(days=(first + n) % 7) for n in range(rows)],
            "on_hand_qty": [(first + n) / 8 for n in range(rows)],
            "reserved_qty": [None if (first + n) % 5 == 0 else 0.5 for n in range(rows)],
        }
    )


def written(warehouse: Warehouse, client_id: str) -> pl.DataFrame:
    query = f"""
        select item_id, location_id, date, on_hand_qty::text, reserved_qty::text, file_id from {TABLE}
        where client_id = {{c}} order by item_id collate "C"
    """
    return read_frame(warehouse, render(query, c=client_id))


@pytest.mark.parametrize("rows", [1, 3, 40])
def test_frames_in_parts_are_written_like_the_whole(
    rows: int, warehouse: Warehouse, new_client: NewClient
) -> None:
    whole, parted = new_client().client_id, new_client().client_id
    same = {"location_id": "main", "file_id": 1}
    with warehouse.transaction() as connection:
        frame = levels(40).with_columns(location_id=pl.lit("main"), file_id=1, client_id=pl.lit(whole))
        assert insert_frame(connection, TABLE, frame) == 40
        parts = [pl.DataFrame(schema=levels(1).schema), *levels(40).iter_slices(rows)]
        assert insert_frames(connection, TABLE, iter(parts), {"client_id": parted, **same}) == 40
        assert insert_frames(connection, TABLE, [], {"client_id": parted, **same}) == 0
    assert written(warehouse, parted).equals(written(warehouse, whole))


def test_a_frame_is_written_before_the_next_is_made_and_kept_no_longer(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    made: list[weakref.ref[pl.DataFrame]] = []
    alive: list[int] = []

    def frames() -> Iterator[pl.DataFrame]:
        for number in range(8):
            alive.append(sum(frame() is not None for frame in made))
            frame = levels(5, first=5 * number)
            made.append(weakref.ref(frame))
            yield frame
            del frame

    same = {"client_id": new_client().client_id, "location_id": "main", "file_id": 1}
    with warehouse.transaction() as connection:
        assert insert_frames(connection, TABLE, frames(), same) == 40
    assert max(alive) <= 2


def test_a_snapshot_does_not_see_what_is_written_meanwhile(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    query = render(f"select item_id from {TABLE} where client_id = {{c}}", c=client_id)
    same = {"client_id": client_id, "location_id": "main", "file_id": 1}
    with snapshot(warehouse) as seen:
        assert seen.frame(query).is_empty()
        with warehouse.transaction() as connection:
            insert_frames(connection, TABLE, [levels(3)], same)
        assert sum(part.height for part in seen.parts(query)) == 0
    with snapshot(warehouse) as seen:
        assert sum(part.height for part in seen.parts(query)) == 3
