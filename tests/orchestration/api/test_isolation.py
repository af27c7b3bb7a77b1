"""Attacks on the rows of another client, each through HTTP: no row, no write, the right status, and a record.

The attacker has everything that its own client's people and programs may have. The victim's rows all carry a
mark, which no answer may hold.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from fastapi.testclient import TestClient

from orchestration.access import users
from orchestration.access.keys import create_key, revoke_key
from orchestration.access.signing import signing_keys
from orchestration.access.tokens import signed
from orchestration.api import callers
from orchestration.reporting.catalogue import CATALOGUE
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.shops import ORIGIN, PASSWORD, Shop, bearer

DECISION_TABLES = tuple(
    f"analytics.{name}" for name in ("plan_decisions", "decision_ends", "approved_orders", "order_line_ends")
)


@dataclass(frozen=True)
class World:
    """What an attack has to work with."""

    api: TestClient
    settings: Settings
    warehouse: Warehouse
    mine: Shop
    theirs: Shop

    def written(self) -> tuple[int, ...]:
        """How much there is of both clients that the API can write."""
        with self.warehouse.transaction() as connection:
            counts = [
                connection.execute(
                    f"select count(*) from {table} where client_id = any(%s)".encode(),
                    ([self.mine.client_id, self.theirs.client_id],),
                ).fetchone()
                for table in (
                    *(f"ops.{name}" for name in ("idempotent_answers", "memberships", "run_requests")),
                    "ops.service_keys",
                    *DECISION_TABLES,
                )
            ]
        folders = [self.settings.client_landing_dir(shop.client_id) for shop in (self.mine, self.theirs)]
        files = sum(len(list(folder.iterdir())) for folder in folders if folder.exists())
        return (*(count[0] for count in counts if count), files)

    def events(self, request_id: str) -> list[str]:
        with self.warehouse.transaction() as connection:
            rows = connection.execute(
                "select event from ops.security_events where request_id = %s", (request_id,)
            ).fetchall()
        return [event for (event,) in rows]

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a token of the attacker's manager says, with some of it changed; None leaves it out."""
        token = bearer(self.api, self.mine.people["manager"])["Authorization"].removeprefix("Bearer ")
        said = jwt.decode(token, options={"verify_signature": False})
        return {name: value for name, value in {**said, **changes}.items() if value is not None}

    @property
    def secret(self) -> str:
        return signing_keys(self.settings).current.get_secret_value()


Headers = Callable[[World], Mapping[str, str]]


def with_key(scope: str = "all") -> Headers:
    return lambda world: world.mine.key(scope)


def as_person(role: str) -> Headers:
    return lambda world: world.mine.person(world.api, role)


def token(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@dataclass(frozen=True)
class Attack:
    """One request of the attacker.

    Attributes:
        name: what it tries.
        path: with places for the names of both clients.
        status: that refuses it, or 200 where no row is an answer.
        event: of the record; None where nothing tells it from a mistake.
        method: of HTTP.
        headers: made when it is tried.
        body: a JSON document.
    """

    name: str
    path: str
    status: int
    event: str | None = None
    method: str = "GET"
    headers: Headers = field(default_factory=with_key)
    body: Any = None


THEIRS = "/api/v1/clients/api_south"
MINE = "/api/v1/clients/api_north"


def unsigned(world: World) -> dict[str, str]:
    head, body, _ = jwt.encode(world.claims(), world.secret, algorithm="HS256").split(".")
    return token(f"{head}.{body}.")


def without_algorithm(world: World) -> dict[str, str]:
    return token(jwt.encode(world.claims(), "", algorithm="none"))


def none_in_capitals(world: World) -> dict[str, str]:
    def part(document: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")

    return token(f"{part({'alg': 'NONE', 'typ': 'JWT'})}.{part(world.claims())}.")


def claiming(algorithm: str = "HS256", secret: str | None = None, **changes: Any) -> Headers:
    def headers(world: World) -> dict[str, str]:
        return token(jwt.encode(world.claims(**changes), secret or world.secret, algorithm=algorithm))

    return headers


def expired(world: World) -> dict[str, str]:
    with world.warehouse.transaction() as connection:
        user = users.get_user(connection, world.mine.people["manager"])
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    return token(signed(signing_keys(world.settings), user.user_id, uuid4(), long_ago))


def changed_payload(world: World) -> dict[str, str]:
    head, _, seal = jwt.encode(world.claims(), world.secret, algorithm="HS256").split(".")
    body = base64.urlsafe_b64encode(json.dumps(world.claims(sub=str(uuid4()))).encode()).decode().rstrip("=")
    return token(f"{head}.{body}.{seal}")


def logged_out(world: World) -> dict[str, str]:
    headers = bearer(world.api, world.mine.people["manager"])
    assert world.api.post("/api/v1/auth/logout", headers=headers).status_code == 204
    return headers


def of_a_disabled_user(world: World) -> dict[str, str]:
    email = f"gone-{uuid4().hex[:8]}@example.com"
    with world.warehouse.transaction() as connection:
        users.add_user(connection, email, PASSWORD, ORIGIN)
        users.set_role(connection, email, world.mine.client_id, "manager", ORIGIN)
    headers = bearer(world.api, email)
    with world.warehouse.transaction() as connection:
        users.set_active(connection, email, False, ORIGIN)
    return headers


def revoked_key(world: World) -> dict[str, str]:
    with world.warehouse.transaction() as connection:
        text = create_key(connection, world.mine.client_id, "lost", ["read"], 1, ORIGIN)
        revoke_key(connection, text, ORIGIN)
    return {"X-Api-Key": text}


def expired_key(world: World) -> dict[str, str]:
    with world.warehouse.transaction() as connection:
        text = create_key(connection, world.mine.client_id, "old", ["read"], 1, ORIGIN)
        connection.execute(
            "update ops.service_keys set expires_at = now() - interval '1 second' where prefix = %s",
            (text[:13],),
        )
    return {"X-Api-Key": text}


def grafted_key(world: World) -> dict[str, str]:
    """Their readable part before one's own secret."""
    return {"X-Api-Key": world.theirs.keys["all"][:13] + world.mine.keys["all"][13:]}


def naming_both(world: World) -> dict[str, str]:
    return {**world.mine.key(), **world.mine.person(world.api, "manager")}


def with_header(name: str, value: str) -> Headers:
    return lambda world: {**world.mine.key(), name: value}


SQL = "x' or '1'='1'; set role postgres; select * from ops.users --"

LINE = {
    **{"run_id": str(UUID(int=1)), "item_id": "south-0", "location_id": "main", "line_no": 1},
    "decision": "approve",
}
DEEDS: Mapping[str, Any] = {
    "decisions": {"decisions": [LINE]},
    "decisions/withdrawals": {"decision_ids": [str(UUID(int=1))]},
    "orders": {},
    "order-lines/ends": {"decision_ids": [str(UUID(int=1))], "ending": "received"},
}
"""Path of each deed of planning -> a body that is one."""

ATTACKS = (
    # another client in the path, with every kind of caller
    *(
        Attack(f"path: {listing.name}", f"{THEIRS}/{listing.name}", 404, "access_refused")
        for listing in CATALOGUE
    ),
    Attack("path: as a manager", f"{THEIRS}/worklist", 404, "access_refused", headers=as_person("manager")),
    Attack("path: planning", f"{THEIRS}/planning", 404, "access_refused"),
    Attack("path: the client itself", THEIRS, 404, "access_refused"),
    Attack("path: the latest accuracy", f"{THEIRS}/latest-accuracy", 404, "access_refused"),
    Attack("path: a client that is not there", "/api/v1/clients/nobody/worklist", 404, "access_refused"),
    Attack("path: another spelling", "/api/v1/clients/API_SOUTH/worklist", 404, "access_refused"),
    Attack("path: climbing", f"{MINE}/../api_south/worklist", 404),
    Attack("path: climbing, encoded", "/api/v1/clients/api_north%2F..%2Fapi_south/worklist", 404),
    Attack("path: SQL", "/api/v1/clients/a'; reset role; --/worklist", 404, "access_refused"),
    Attack("path: a group's role", "/api/v1/clients/tenant/worklist", 404, "access_refused"),
    Attack("path: quality of their item", "/api/v1/forecasts/quality/south-0", 200),
    Attack("path: SQL for an item", f"/api/v1/forecasts/quality/{SQL}", 200),
    # another client in a header
    Attack(
        "header: X-Client",
        "/api/v1/forecasts/quality/south-0",
        404,
        "access_refused",
        headers=with_header("X-Client", "api_south"),
    ),
    Attack(
        "header: X-Client against the path",
        f"{MINE}/worklist",
        400,
        headers=with_header("X-Client", "api_south"),
    ),
    Attack(
        "header: SQL in X-Client",
        "/api/v1/forecasts/quality/a",
        404,
        "access_refused",
        headers=with_header("X-Client", "x' or 'a'='a"),
    ),
    Attack(
        "header: another method",
        f"{MINE}/worklist",
        200,
        headers=with_header("X-HTTP-Method-Override", "DELETE"),
    ),
    Attack(
        "header: another address",
        f"{THEIRS}/worklist",
        404,
        "access_refused",
        headers=with_header("X-Original-URL", f"{THEIRS}/worklist"),
    ),
    Attack(
        "header: a name of a role",
        f"{THEIRS}/worklist",
        404,
        "access_refused",
        headers=with_header("X-Remote-User", "operator@forecaster.example.com"),
    ),
    Attack("header: two credentials", f"{MINE}/worklist", 400, headers=naming_both),
    # another client in the query
    Attack("query: client_id", f"{MINE}/worklist?client_id=api_south", 422),
    Attack("query: sort", f"{MINE}/worklist?sort=client_id", 422),
    Attack("query: order by SQL", f"{MINE}/worklist?order={SQL}", 422),
    Attack("query: fields of another table", f"{MINE}/worklist?fields=client_id", 422),
    Attack("query: fields with SQL", f"{MINE}/worklist?fields=item_id,(select 1)", 422),
    Attack("filter: their item", f"{MINE}/forecasts?item_id=south-0", 200),
    Attack(
        "filter: their item and one's own location", f"{MINE}/demand?item_id=south-1&location_id=main", 200
    ),
    Attack("filter: SQL", f"{MINE}/worklist?item_id={SQL}", 200),
    Attack("filter: SQL in a range", f"{MINE}/demand?date_from={SQL}", 422),
    Attack("filter: SQL in a number", f"{MINE}/deliveries?file_id=1 or 1=1", 422),
    Attack("filter: SQL in a truth", f"{MINE}/forecasts?is_champion=true or true", 422),
    Attack("filter: their delivery", f"{MINE}/deliveries?sha256=south-0", 200),
    Attack("filter: zero byte", f"{MINE}/worklist?item_id=%00", 422),
    Attack("page: made up", f"{MINE}/demand?page=WyJzb3V0aC0wIl0", 422, "access_refused"),
    Attack("page: SQL", f"{MINE}/demand?page={SQL}", 422, "access_refused"),
    # tokens that are none
    Attack("token: unsigned", f"{MINE}/worklist", 401, "token_refused", headers=unsigned),
    Attack("token: alg none", f"{MINE}/worklist", 401, "token_refused", headers=without_algorithm),
    Attack("token: alg NONE", f"{MINE}/worklist", 401, "token_refused", headers=none_in_capitals),
    Attack("token: swapped key", f"{MINE}/worklist", 401, "token_refused", headers=claiming(secret="s" * 64)),
    Attack("token: another algorithm", f"{MINE}/worklist", 401, "token_refused", headers=claiming("HS512")),
    Attack("token: expired", f"{MINE}/worklist", 401, "token_refused", headers=expired),
    Attack("token: changed payload", f"{MINE}/worklist", 401, "token_refused", headers=changed_payload),
    Attack(
        "token: for another audience", f"{MINE}/worklist", 401, "token_refused", headers=claiming(aud="x")
    ),
    Attack("token: for no audience", f"{MINE}/worklist", 401, "token_refused", headers=claiming(aud=None)),
    Attack("token: of another issuer", f"{MINE}/worklist", 401, "token_refused", headers=claiming(iss="x")),
    Attack("token: without an end", f"{MINE}/worklist", 401, "token_refused", headers=claiming(exp=None)),
    Attack("token: of nobody", f"{MINE}/worklist", 401, "token_refused", headers=claiming(sub=str(uuid4()))),
    Attack("token: SQL for a user", f"{MINE}/worklist", 401, "token_refused", headers=claiming(sub=SQL)),
    Attack("token: logged out", f"{MINE}/worklist", 401, "token_refused", headers=logged_out),
    Attack("token: of a disabled user", f"{MINE}/worklist", 401, "token_refused", headers=of_a_disabled_user),
    Attack(
        "token: claims to be an operator",
        f"{THEIRS}/worklist",
        404,
        "access_refused",
        headers=claiming(is_operator=True, roles={"api_south": "manager"}),
    ),
    Attack("token: none", f"{MINE}/worklist", 401, headers=lambda _: {}),
    # keys that are none
    Attack("key: revoked", f"{MINE}/worklist", 401, "key_refused", headers=revoked_key),
    Attack("key: expired", f"{MINE}/worklist", 401, "key_refused", headers=expired_key),
    Attack("key: grafted", f"{THEIRS}/worklist", 401, "key_refused", headers=grafted_key),
    Attack("key: SQL", f"{MINE}/worklist", 401, "key_refused", headers=lambda _: {"X-Api-Key": SQL}),
    # doing what is not one's to do
    Attack("deed: a run for them", f"{THEIRS}/forecast", 404, "access_refused", "POST", body={}),
    Attack(
        "deed: a plan for them, by header",
        "/api/v1/inventory/calculate",
        404,
        "access_refused",
        "POST",
        with_header("X-Client", "api_south"),
        {},
    ),
    Attack(
        "deed: a delivery for them",
        f"{THEIRS}/forecasts/actuals",
        404,
        "access_refused",
        "POST",
        body={"rows": [{"item_id": "a"}]},
    ),
    Attack(
        "deed: a viewer asks for a run",
        "/api/v1/forecast",
        403,
        "access_refused",
        "POST",
        as_person("viewer"),
        {},
    ),
    Attack(
        "deed: a planner asks for a run",
        "/api/v1/forecast",
        403,
        "access_refused",
        "POST",
        as_person("planner"),
        {},
    ),
    Attack(
        "deed: a viewer delivers",
        "/api/v1/forecasts/actuals",
        403,
        "access_refused",
        "POST",
        as_person("viewer"),
        {"rows": [{"item_id": "a"}]},
    ),
    Attack(
        "deed: a reading key asks for a run",
        "/api/v1/forecast",
        403,
        "access_refused",
        "POST",
        with_key("read"),
        {},
    ),
    Attack("deed: a running key reads", f"{MINE}/worklist", 403, "access_refused", headers=with_key("run")),
    Attack(
        "deed: a delivering key reads", f"{MINE}/worklist", 403, "access_refused", headers=with_key("deliver")
    ),
    *(
        Attack(f"decision: {path} for them", f"{THEIRS}/{path}", 404, "access_refused", "POST", body=body)
        for path, body in DEEDS.items()
    ),
    *(
        Attack(f"decision: {who}: {path}", f"{MINE}/{path}", 403, "access_refused", "POST", headers, body)
        for path, body in DEEDS.items()
        for who, headers in (
            ("a viewer", as_person("viewer")),
            ("a reading key", with_key("read")),
            ("a delivering key", with_key("deliver")),
            ("a running key", with_key("run")),
        )
    ),
    *(
        Attack(f"decision: {what}", f"{MINE}/decisions", status, None, "POST", body={"decisions": [line]})
        for what, status, line in (
            ("a plan that is not there", 404, LINE),
            ("their client", 422, {**LINE, "client_id": "api_south"}),
            ("who decided", 422, {**LINE, "decided_by": "somebody"}),
            ("a number of its own", 422, {**LINE, "decision_id": str(UUID(int=7))}),
            ("SQL for an item", 404, {**LINE, "item_id": SQL}),
            ("SQL for a decision", 422, {**LINE, "decision": SQL}),
            ("SQL for a reason", 404, {**LINE, "reason": SQL}),
        )
    ),
    Attack("decision: no number", f"{MINE}/orders", 422, None, "POST", body={"order_number": "FC000001"}),
    Attack("body: their client", "/api/v1/forecast", 422, None, "POST", body={"client_id": "api_south"}),
    Attack("body: their item", "/api/v1/forecast", 422, None, "POST", body={"items": ["south-0"]}),
    Attack(
        "body: a state", "/api/v1/forecast", 422, None, "POST", body={"state": "succeeded", "run_id": "1"}
    ),
    Attack("body: who asked", "/api/v1/forecast", 422, None, "POST", body={"asked_by": "somebody"}),
    Attack("body: SQL for an item", "/api/v1/forecast", 422, None, "POST", body={"items": [SQL]}),
    Attack("body: SQL for a model", "/api/v1/forecast", 422, None, "POST", body={"model": SQL}),
    Attack("body: SQL for a day", "/api/v1/forecast", 422, None, "POST", body={"as_of_date": SQL}),
    Attack(
        "body: a job of its own", "/api/v1/inventory/calculate", 422, None, "POST", body={"job": "pipeline"}
    ),
    Attack("deed: another kind of file", f"{MINE}/deliveries?kind=../../etc", 422, None, "POST", body={}),
    Attack(
        "deed: SQL for an idempotency key",
        "/api/v1/forecast",
        422,
        None,
        "POST",
        with_header("Idempotency-Key", "a b'; --"),
        {},
    ),
    Attack(
        "login: SQL",
        "/api/v1/auth/token",
        401,
        "login_failed",
        "POST",
        lambda _: {},
        {"email": SQL[:100], "password": "x' or '1'='1"},
    ),
    Attack(
        "login: a role of one's choice",
        "/api/v1/auth/token",
        422,
        None,
        "POST",
        lambda _: {},
        {"email": "a@example.com", "password": "b", "is_operator": True},
    ),
    Attack(
        "refresh: made up",
        "/api/v1/auth/refresh",
        401,
        "token_refused",
        "POST",
        lambda _: {},
        {"refresh_token": "x" * 43},
    ),
)


@pytest.fixture(scope="module")
def world(api: TestClient, settings: Settings, warehouse: Warehouse, shop: Shop, other: Shop) -> World:
    return World(api, settings, warehouse, shop, other)


def test_there_are_enough_attacks() -> None:
    assert len(ATTACKS) >= 40
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: str(attack.name))
def test_an_attack_gets_no_row_writes_nothing_and_is_written_down(world: World, attack: Attack) -> None:
    request_id = uuid4().hex
    headers = {**attack.headers(world), "X-Request-Id": request_id}
    before = world.written()
    answer = world.api.request(attack.method, attack.path, headers=headers, json=attack.body)
    assert answer.status_code == attack.status, answer.text
    document = answer.json()
    if attack.status == 200:
        rows = document["data"]
        assert rows == [] or attack.name == "header: another method"
        assert all(world.theirs.mark not in json.dumps(row) for row in rows)
    else:
        assert "data" not in document
        assert document["detail"].endswith((".", ";")) or document["detail"]
    assert "postgres" not in answer.text.lower().replace(SQL, "") or "SQL" in attack.name
    assert world.written() == before
    if attack.event is not None:
        assert attack.event in world.events(request_id)


def test_a_client_that_is_not_there_is_answered_like_one_of_somebody_else(world: World) -> None:
    def refusal(client_id: str) -> dict[str, Any]:
        answer = world.api.get(f"/api/v1/clients/{client_id}/worklist", headers=world.mine.key())
        document: dict[str, Any] = answer.json()
        document.pop("request_id")
        return {**document, "detail": document["detail"].replace(client_id, "X")}

    assert refusal(world.theirs.client_id) == refusal("nobody_at_all")


def test_the_owner_of_the_rows_does_see_them(world: World) -> None:
    answer = world.api.get(world.theirs.path("/worklist"), headers=world.theirs.key())
    assert world.theirs.mark in answer.text


def test_a_page_token_of_theirs_leads_nowhere(world: World) -> None:
    theirs = world.api.get(world.theirs.path("/demand?limit=1"), headers=world.theirs.key()).json()["next"]
    mine = world.api.get(world.mine.path("/demand?limit=1"), headers=world.mine.key()).json()["next"]
    for path in (
        f"/demand?limit=1&page={theirs}",
        f"/inventory?page={mine}",
        f"/demand?item_id=a&page={mine}",
    ):
        answer = world.api.get(world.mine.path(path), headers=world.mine.key())
        assert answer.status_code == 422, path


def test_a_stolen_refresh_token_ends_the_login(world: World) -> None:
    login = {"email": world.mine.people["planner"], "password": PASSWORD}
    first = world.api.post("/api/v1/auth/token", json=login).json()
    second = world.api.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]}).json()
    answer = world.api.post(
        "/api/v1/auth/refresh",
        json={"refresh_token": first["refresh_token"]},
        headers={"X-Request-Id": "theft-1"},
    )
    assert answer.status_code == 401
    assert "token_reused" in world.events("theft-1")
    headers = token(second["access_token"])
    assert world.api.get("/api/v1/me", headers=headers).status_code == 401


@pytest.fixture
def without_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The application lets everybody do everything for everybody."""
    monkeypatch.setattr(callers, "permits", lambda *_: True)


@pytest.mark.usefixtures("without_policy")
@pytest.mark.parametrize("listing", CATALOGUE, ids=lambda listing: str(listing.name))
def test_without_the_applications_policy_the_database_gives_no_row_of_theirs(
    world: World, listing: Any
) -> None:
    for headers in (world.mine.key(), world.mine.person(world.api, "viewer")):
        answer = world.api.get(world.theirs.path(f"/{listing.name}?limit=10000"), headers=headers)
        assert answer.status_code == 200
        assert answer.json()["data"] == []
        assert world.theirs.mark not in answer.text


@pytest.mark.usefixtures("without_policy")
def test_without_the_applications_policy_the_database_writes_nothing_for_them(world: World) -> None:
    before = world.written()
    for path in ("/forecast", "/inventory/calculate"):
        answer = world.api.post(world.theirs.path(path), json={}, headers=world.mine.key())
        assert answer.status_code == 403, answer.text
    assert world.written() == before
    folder = world.settings.client_landing_dir(world.theirs.client_id)
    files = sorted(folder.iterdir()) if folder.exists() else []
    world.api.post(
        world.theirs.path("/forecasts/actuals"),
        json={"rows": [{"item_id": "a"}]},
        headers={**world.mine.key(), "Idempotency-Key": uuid4().hex},
    )
    assert (sorted(folder.iterdir()) if folder.exists() else []) == files


def bodies_about_theirs(world: World) -> list[tuple[str, dict[str, Any]]]:
    """Every deed of planning, about the victim's own lines and decisions."""

    def harvest(rest: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = world.api.get(
            world.theirs.path(rest), headers=world.theirs.key()
        ).json()["data"]
        assert rows
        return rows

    (open_line, *_) = harvest("/worklist?state=open&action=order")
    line = {name: open_line[name] for name in ("run_id", "item_id", "location_id", "line_no")}
    waits = [row["decision_id"] for row in harvest("/order-lines?status=approved")]
    left = [row["decision_id"] for row in harvest("/order-lines?status=ordered")]
    return [
        ("/decisions", {"decisions": [{**line, "decision": "approve"}]}),
        ("/decisions", {"decisions": [{**line, "decision": "reject", "reason": "Mine now"}]}),
        ("/decisions/withdrawals", {"decision_ids": waits}),
        ("/order-lines/ends", {"decision_ids": left, "ending": "cancelled"}),
    ]


def test_what_is_theirs_cannot_be_decided_as_ones_own(world: World) -> None:
    before = world.written()
    for path, body in bodies_about_theirs(world):
        answer = world.api.post(world.mine.path(path), json=body, headers=world.mine.key())
        assert answer.status_code == 404, answer.text
    theirs = {"supplier_ids": ["south supplies", None]}
    answer = world.api.post(world.mine.path("/orders"), json=theirs, headers=world.mine.key())
    assert (answer.status_code, answer.json()["orders"]) == (201, [])
    assert world.written() == before


@pytest.mark.usefixtures("without_policy")
def test_without_the_applications_policy_the_database_decides_nothing_for_them(world: World) -> None:
    deeds = bodies_about_theirs(world)
    before = world.written()
    for headers in (world.mine.key(), world.mine.person(world.api, "viewer")):
        for path, body in deeds:
            answer = world.api.post(world.theirs.path(path), json=body, headers=headers)
            assert answer.status_code == 404, answer.text
        answer = world.api.post(world.theirs.path("/orders"), json={}, headers=headers)
        assert (answer.status_code, answer.json()["orders"]) == (201, [])
        kept = {**headers, "Idempotency-Key": uuid4().hex}
        assert world.api.post(world.theirs.path("/orders"), json={}, headers=kept).status_code == 403
    assert world.written() == before


@pytest.mark.usefixtures("without_policy")
def test_without_the_applications_policy_documents_tell_nothing_of_theirs(world: World) -> None:
    for path in ("", "/planning", "/latest-accuracy"):
        answer = world.api.get(world.theirs.path(path), headers=world.mine.key())
        assert world.theirs.mark not in answer.text.replace(world.theirs.client_id, "")
        assert answer.status_code == 404 or answer.json().get("data") == []
