"""Deciding through the API: what is answered, by whom it was decided, and once."""

from __future__ import annotations

import io
import threading
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import polars as pl
import pytest
from fastapi.testclient import TestClient

from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.shops import Shop, open_shop

ITEMS = 30
_numbers = count(1)


@pytest.fixture(scope="module")
def desk(settings: Settings, warehouse: Warehouse) -> Shop:
    """A client with enough items for every test."""
    return open_shop(settings, warehouse, "api_desk", "desk", ITEMS)


@pytest.fixture
def item(desk: Shop) -> str:
    """An item that no other test decides about."""
    return desk.items[next(_numbers)]


def line_of(api: TestClient, desk: Shop, item: str) -> dict[str, Any]:
    """The item's first open order of the worklist."""
    answer = api.get(desk.path(f"/worklist?item_id={item}&state=open&action=order"), headers=desk.key())
    found: dict[str, Any] = answer.json()["data"][0]
    return found


def choice(line: dict[str, Any], decision: str = "approve", **chosen: Any) -> dict[str, Any]:
    key = {name: line[name] for name in ("run_id", "item_id", "location_id", "line_no")}
    return {**key, "decision": decision, **chosen}


def post(api: TestClient, desk: Shop, path: str, body: Any, **headers: str) -> Any:
    return api.post(desk.path(path), json=body, headers={**desk.key(), **headers})


def approve(api: TestClient, desk: Shop, item: str, **chosen: Any) -> str:
    body = {"decisions": [choice(line_of(api, desk, item), **chosen)]}
    answer = post(api, desk, "/decisions", body)
    assert answer.status_code == 201, answer.text
    (decision,) = answer.json()["decision_ids"]
    return str(decision)


def test_a_planner_decides_and_the_worklist_says_so(api: TestClient, desk: Shop, item: str) -> None:
    line = line_of(api, desk, item)
    who = desk.person(api, "planner")
    body = {"decisions": [choice(line, order_qty=line["order_qty"] + 1.5, reason="Fair on Saturday")]}
    answer = api.post(desk.path("/decisions"), json=body, headers=who)
    assert answer.status_code == 201, answer.text
    (decision,) = answer.json()["decision_ids"]
    (shown,) = api.get(
        desk.path(f"/worklist?item_id={item}&state=approved&fields=decision_id,decided_qty,decided_by"),
        headers=who,
    ).json()["data"]
    me = api.get("/api/v1/me", headers=who).json()["name"]
    assert shown == {
        "decision_id": decision,
        "decided_qty": line["order_qty"] + 1.5,
        "decided_by": me,
    }
    (row,) = api.get(desk.path(f"/decisions?decision_id={decision}"), headers=who).json()["data"]
    assert (row["reason"], row["proposed_qty"], row["ending"]) == (
        *("Fair on Saturday", line["order_qty"]),
        None,
    )


def test_a_key_that_may_plan_decides(api: TestClient, desk: Shop, item: str) -> None:
    body = {"decisions": [choice(line_of(api, desk, item), "snooze", until="2026-04-14")]}
    answer = api.post(desk.path("/decisions"), json=body, headers=desk.key("plan"))
    assert answer.status_code == 201, answer.text
    rows = api.get(desk.path(f"/decisions?item_id={item}"), headers=desk.key("plan")).json()["data"]
    assert [(row["decision"], row["decided_by"]) for row in rows] == [("snooze", desk.keys["plan"][:13])]


@pytest.mark.parametrize(
    ("chosen", "status", "said"),
    [
        ({"order_qty": 999}, 422, "reason"),
        ({"order_qty": 0}, 422, "order_qty"),
        ({"order_qty": 1.00001}, 422, "order_qty"),
        ({"order_date": "soon"}, 422, "order_date"),
        ({"decision": "reject"}, 422, "Give a reason"),
        ({"decision": "snooze"}, 422, "until which day"),
        ({"decision": "postpone"}, 422, "decision"),
        ({"line_no": 999}, 404, "no such line"),
        ({"run_id": str(UUID(int=5))}, 404, "no such line"),
        ({"reason": "a\u0000b"}, 422, "reason"),
        ({"client_id": "api_south"}, 422, "client_id"),
    ],
)
def test_what_is_no_decision_is_refused_at_its_place(
    api: TestClient, desk: Shop, chosen: dict[str, Any], status: int, said: str
) -> None:
    right, wrong = (line_of(api, desk, desk.items[-number]) for number in (1, 2))
    answer = post(api, desk, "/decisions", {"decisions": [choice(right), {**choice(wrong), **chosen}]})
    assert answer.status_code == status, answer.text
    document = answer.json()
    assert said in document["detail"]
    assert document["errors"][0]["in"].startswith("body.decisions.1")
    assert line_of(api, desk, desk.items[-1]) == right


def test_a_line_that_somebody_has_decided_is_a_conflict(api: TestClient, desk: Shop, item: str) -> None:
    body = {"decisions": [choice(line_of(api, desk, item))]}
    assert post(api, desk, "/decisions", body).status_code == 201
    again = post(api, desk, "/decisions", body)
    assert (again.status_code, again.json()["type"]) == (409, "/docs/problems#conflict")
    assert "withdraw that decision first" in again.json()["detail"]


def test_the_same_key_twice_is_one_decision(api: TestClient, desk: Shop, item: str) -> None:
    body = {"decisions": [choice(line_of(api, desk, item))]}
    once = {"Idempotency-Key": uuid4().hex}
    first, second = (post(api, desk, "/decisions", body, **once) for _ in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json()) == (201, first.json())
    rows = api.get(desk.path(f"/decisions?item_id={item}"), headers=desk.key()).json()["data"]
    assert len(rows) == 1


def test_many_at_once_under_one_key_are_one_decision_with_one_answer(
    api: TestClient, desk: Shop, item: str
) -> None:
    body = {"decisions": [choice(line_of(api, desk, item))]}
    once = {"Idempotency-Key": uuid4().hex}
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.append(post(api, desk, "/decisions", body, **once)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    rows = api.get(desk.path(f"/decisions?item_id={item}"), headers=desk.key()).json()["data"]
    assert len(rows) == 1


def test_of_many_who_decide_at_once_one_is_taken(api: TestClient, desk: Shop, item: str) -> None:
    body = {"decisions": [choice(line_of(api, desk, item))]}
    answers: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(
                post(api, desk, "/decisions", body, **{"Idempotency-Key": uuid4().hex}).status_code
            )
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, *[409] * 5]


def test_a_decision_is_withdrawn_until_it_leaves(api: TestClient, desk: Shop, item: str) -> None:
    decision = approve(api, desk, item)
    answer = post(api, desk, "/decisions/withdrawals", {"decision_ids": [decision]})
    assert (answer.status_code, answer.json()) == (200, {"withdrawn": 1})
    assert line_of(api, desk, item)["state"] == "open"
    assert post(api, desk, "/decisions/withdrawals", {"decision_ids": [decision]}).status_code == 409
    assert post(api, desk, "/decisions/withdrawals", {"decision_ids": [str(uuid4())]}).status_code == 404
    assert post(api, desk, "/decisions/withdrawals", {"decision_ids": []}).status_code == 422


def test_approved_orders_leave_once_and_their_lines_are_a_file(
    api: TestClient, desk: Shop, item: str
) -> None:
    decision = approve(api, desk, item, supplier_id="Leaf & Sons")
    wish = {"supplier_ids": ["Leaf & Sons"]}
    once = {"Idempotency-Key": uuid4().hex}
    first, same = (post(api, desk, "/orders", wish, **once) for _ in range(2))
    assert first.status_code == 201, first.text
    assert same.json() == first.json()
    (order,) = first.json()["orders"]
    assert (order["supplier_id"], order["lines"], order["order_value"]) == ("Leaf & Sons", 1, None)
    nothing = post(api, desk, "/orders", wish).json()
    assert (nothing["orders"], nothing["reason"]) == (
        [],
        "Nothing that is approved waits to leave; approve lines of the worklist first.",
    )
    file = api.get(order["lines_url"], headers={**desk.key(), "Accept": "text/csv"})
    frame = pl.read_csv(io.BytesIO(file.content))
    assert frame.select("order_number", "item_id", "supplier_id", "status").rows() == [
        (order["order_number"], item, "Leaf & Sons", "ordered")
    ]
    (row,) = api.get(
        desk.path(f"/orders?order_number={order['order_number']}"), headers=desk.key("read")
    ).json()["data"]
    assert (row["n_lines"], row["exported_by"]) == (1, desk.keys["all"][:13])
    refused = post(api, desk, "/decisions/withdrawals", {"decision_ids": [decision]})
    assert refused.status_code == 409
    assert f"It left as {order['order_number']}" in refused.json()["detail"]


def test_a_line_of_an_order_is_ended_by_hand(api: TestClient, desk: Shop, item: str) -> None:
    decision = approve(api, desk, item, supplier_id="Late Ltd")
    body = {"decision_ids": [decision], "ending": "cancelled", "reason": "Out of it"}
    assert post(api, desk, "/order-lines/ends", body).status_code == 409
    assert post(api, desk, "/orders", {"supplier_ids": ["Late Ltd"]}).status_code == 201
    assert post(api, desk, "/order-lines/ends", {**body, "ending": "lost"}).status_code == 422
    answer = post(api, desk, "/order-lines/ends", body)
    assert (answer.status_code, answer.json()) == (200, {"ended": 1})
    assert post(api, desk, "/order-lines/ends", body).status_code == 409
    (row,) = api.get(desk.path(f"/order-lines?item_id={item}"), headers=desk.key()).json()["data"]
    assert row["status"] == "cancelled"
    assert line_of(api, desk, item)["state"] == "open"
