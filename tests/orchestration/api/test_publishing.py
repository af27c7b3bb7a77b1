"""Reads while a run of the same client publishes: every answer is of one run, whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from orchestration.clients import update_client
from orchestration.settings import Settings
from orchestration.stages.inventory import inventory
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.shops import Shop, materialize, open_shop

PLANS = 5
HORIZON = 28

WHOLE: dict[str, Callable[[Shop], int | None]] = {
    "inventory": lambda shop: len(shop.items),
    "projection": lambda shop: len(shop.items) * HORIZON,
    "lead-time-demand": lambda shop: len(shop.items),
    "worklist": lambda _: None,
}
"""Listing -> rows that a whole run has, where that is known."""


@pytest.fixture(scope="module")
def moving(settings: Settings, warehouse: Warehouse) -> Shop:
    """A client whose plan is made anew again and again."""
    return open_shop(settings, warehouse, "api_moving", "moving")


@pytest.mark.slow
def test_an_answer_is_of_one_run_while_another_is_published(
    api: TestClient, warehouse: Warehouse, moving: Shop
) -> None:
    is_over = threading.Event()
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in WHOLE}
    failures: list[BaseException] = []

    def read(name: str) -> None:
        try:
            while not is_over.is_set():
                answer = api.get(moving.path(f"/{name}?limit=1000"), headers=moving.key())
                assert answer.status_code == 200, answer.text
                answers[name].append(answer.json())
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read, args=(name,)) for name in WHOLE]
    for reader in readers:
        reader.start()
    try:
        for number in range(PLANS):
            update_client(warehouse, moving.client_id, default_lead_time_days=6 + number)
            materialize(moving.client_id, None, inventory)
    finally:
        is_over.set()
        for reader in readers:
            reader.join(30)
    assert failures == []
    seen: set[str] = set()
    for name, rows_of in WHOLE.items():
        for page in answers[name]:
            runs = {row["run_id"] for row in page["data"]}
            assert len(runs) == 1
            seen |= runs
            assert rows_of(moving) in (None, len(page["data"]))
    assert len(seen) > 1
