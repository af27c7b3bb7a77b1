"""The API's process is killed while it writes: each deed is there whole with its answer, or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from typing import Any
from uuid import uuid4

from orchestration.access.keys import create_key
from orchestration.settings import RESOURCES, Settings
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.shops import ORIGIN, Shop, open_shop
from tests.orchestration.test_sensors import free_port

ROUNDS = 3
AT_ONCE = 4
SECONDS_OF_WRITING = 0.6

Post = Callable[[str, Any], Any]
"""Sends a document to a path; returns the answer's."""


def answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
        return True
    return False


@contextmanager
def killed_while(keep_posting: Callable[[Post], None], key: str, sent: list[str]) -> Iterator[None]:
    """Serve the API, let several write to it, and kill it; each ends once nobody answers.

    Args:
        keep_posting: writes again and again.
        key: a service key.
        sent: takes the Idempotency-Key of each request.
    """
    with free_port() as port:
        pass

    def post(path: str, body: Any) -> Any:
        once = uuid4().hex
        sent.append(once)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}",
            data=json.dumps(body).encode(),
            headers={"X-Api-Key": key, "Content-Type": "application/json", "Idempotency-Key": once},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def until_nobody_answers() -> None:
        with suppress(OSError, urllib.error.URLError):
            keep_posting(post)

    process = subprocess.Popen(
        [sys.executable, "-m", "orchestration.api.serving", str(port)],
        cwd=RESOURCES,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not answers(port):
            assert process.poll() is None
            time.sleep(0.1)
        threads = [threading.Thread(target=until_nobody_answers) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        yield
    finally:
        process.kill()
        process.wait()
    for thread in threads:
        thread.join()


def test_a_killed_process_leaves_whole_deeds_and_sending_again_does_each_once(
    shop: Shop, warehouse: Warehouse
) -> None:
    sent: list[str] = []
    with warehouse.transaction() as connection:
        key = create_key(connection, shop.client_id, "killed", ["run"], 1, ORIGIN)

    def keep_asking(post: Post) -> None:
        while True:
            post("/api/v1/inventory/calculate", {})

    for _ in range(ROUNDS):
        with killed_while(keep_asking, key, sent):
            time.sleep(SECONDS_OF_WRITING)

    with warehouse.transaction() as connection:
        deeds = connection.execute(
            "select request_id::text from ops.run_requests where asked_by = %s", (key[:13],)
        ).fetchall()
        answered = connection.execute(
            """
            select body ->> 'request_id', idempotency_key from ops.idempotent_answers
            where asked_by = %s
            """,
            (key[:13],),
        ).fetchall()
    assert len(answered) >= ROUNDS
    assert sorted(deed for (deed,) in deeds) == sorted(deed for deed, _ in answered)
    assert {key for _, key in answered} <= set(sent)


def test_a_process_that_is_killed_while_it_decides_leaves_every_decision_whole(
    settings: Settings, warehouse: Warehouse
) -> None:
    """Approvals of two lines each, and their withdrawals: whatever is there has its answer."""
    shop = open_shop(settings, warehouse, "api_killed", "killed", 3 * AT_ONCE)
    sent: list[str] = []
    with warehouse.transaction() as connection:
        key = create_key(connection, shop.client_id, "killed", ["plan"], 1, ORIGIN)
        lines = connection.execute(
            """
            select item_id, run_id::text, line_no from analytics.planner_worklist
            where client_id = %s and state = 'open' and action = 'order' order by item_id, line_no
            """,
            (shop.client_id,),
        ).fetchall()
    of_item: dict[str, list[dict[str, Any]]] = {}
    for item, run_id, line_no in lines:
        line = {"run_id": run_id, "item_id": item, "location_id": "main", "line_no": line_no}
        of_item.setdefault(item, []).append({**line, "decision": "approve"})
    pairs = cycle([found[:2] for found in of_item.values() if len(found) > 1])

    def keep_deciding(post: Post) -> None:
        while True:
            # another thread may have decided about them
            with suppress(urllib.error.HTTPError):
                made = post(shop.path("/decisions"), {"decisions": next(pairs)})["decision_ids"]
                post(shop.path("/decisions/withdrawals"), {"decision_ids": made})

    for _ in range(ROUNDS):
        with killed_while(keep_deciding, key, sent):
            time.sleep(SECONDS_OF_WRITING)

    with warehouse.transaction() as connection:
        decided = connection.execute(
            "select decision_id::text from analytics.plan_decisions where decided_by = %s", (key[:13],)
        ).fetchall()
        withdrawn = connection.execute(
            "select count(*) from analytics.decision_ends where ended_by = %s", (key[:13],)
        ).fetchone()
        answered = connection.execute(
            """
            select idempotency_key, body from ops.idempotent_answers where asked_by = %s
            """,
            (key[:13],),
        ).fetchall()
    told = [number for _, body in answered for number in body.get("decision_ids", ())]
    assert len(told) >= 2 * ROUNDS
    assert sorted(told) == sorted(number for (number,) in decided)
    assert withdrawn == (sum(body.get("withdrawn", 0) for _, body in answered),)
    assert {once for once, _ in answered} <= set(sent)
