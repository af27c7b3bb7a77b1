"""The API's process is killed while it writes: each deed is there whole with its answer, or not at all."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from uuid import uuid4

from orchestration.access.keys import create_key
from orchestration.settings import RESOURCES
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.shops import ORIGIN, Shop
from tests.orchestration.test_sensors import free_port

ROUNDS = 3
AT_ONCE = 4
SECONDS_OF_WRITING = 0.6


def answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
        return True
    return False


def test_a_killed_process_leaves_whole_deeds_and_sending_again_does_each_once(
    shop: Shop, warehouse: Warehouse
) -> None:
    sent: list[str] = []
    with warehouse.transaction() as connection:
        key = create_key(connection, shop.client_id, "killed", ["run"], 1, ORIGIN)

    def post(port: int, once: str) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/inventory/calculate",
            data=b"{}",
            headers={"X-Api-Key": key, "Content-Type": "application/json", "Idempotency-Key": once},
        )
        urllib.request.urlopen(request, timeout=10).close()

    def keep_posting(port: int) -> None:
        while True:
            once = uuid4().hex
            sent.append(once)
            try:
                post(port, once)
            except (OSError, urllib.error.URLError):
                return

    for _ in range(ROUNDS):
        with free_port() as port:
            pass
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestration.api.serving", str(port)],
            cwd=RESOURCES,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not answers(port):
                assert process.poll() is None
                time.sleep(0.1)
            threads = [threading.Thread(target=keep_posting, args=(port,)) for _ in range(AT_ONCE)]
            for thread in threads:
                thread.start()
            time.sleep(SECONDS_OF_WRITING)
        finally:
            process.kill()
            process.wait()
        for thread in threads:
            thread.join()

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
