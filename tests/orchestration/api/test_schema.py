"""The whole OpenAPI document, asked at random as every role: no answer outside it, and none that fails."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as trying
from schemathesis.checks import load_all_checks
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from orchestration.access.logins import issue_tokens
from orchestration.access.signing import SigningKeys, signing_keys
from orchestration.api.app import build_app
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.conftest import MANY
from tests.orchestration.api.shops import Shop
from tests.orchestration.api.test_isolation import World

PEOPLE = ("viewer", "planner", "manager", "operator")
CALLERS = (*PEOPLE, "program")

TRIES = 80
"""Requests of each operation and caller."""

FOREIGN_TRIES = 30
"""The same, by one client's program about another client."""

NAMES_NOBODY = ("/api/v1/auth/", "/api/v1/me", "/healthz", "/readyz", "/metrics")
"""Paths of operations that are about no client."""

load_all_checks()


def at_most(tries: int) -> trying:
    """So many requests of an operation, the documented examples among them."""
    return trying(
        max_examples=tries,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.slow
@pytest.mark.parametrize("caller", CALLERS)
def test_every_answer_is_one_of_the_documents(
    settings: Settings,
    warehouse: Warehouse,
    shop: Shop,
    operator: str,
    caller: str,
) -> None:
    app = build_app(warehouse, settings, MANY)
    signing = signing_keys(settings)
    email = {**shop.people, "operator": operator}.get(caller)
    answered: Counter[int] = Counter()
    of_clients: Counter[int] = Counter()
    with TestClient(app, raise_server_exceptions=False):
        document = schemathesis.openapi.from_asgi("/openapi.json", app)
        for found in document.get_all_operations():
            assert isinstance(found, Ok), found
            operation = found.ok()

            @at_most(TRIES)
            @given(case=operation.as_strategy())
            def ask(case: schemathesis.Case[Any]) -> None:
                for name in ("Authorization", "X-Api-Key"):
                    case.headers.pop(name, None)
                # a client made up is nobody's; one try in eight is left to that
                if "client_id" in case.path_parameters and answered.total() % 8:
                    case.path_parameters["client_id"] = shop.client_id
                # each time anew: one of the operations is to sign out
                headers = shop.key() if email is None else signed_in(warehouse, signing, email)
                answer = case.call(headers=headers)
                answered[answer.status_code] += 1
                if not case.path.startswith(NAMES_NOBODY):
                    of_clients[answer.status_code] += 1
                # which items a client has is no part of the document: a name it lacks is refused
                case.validate_response(answer, headers=headers, excluded_checks=[positive_data_acceptance])

            ask()
    print(f"{caller}: {answered.total():,} answers, {dict(answered)}")  # noqa: T201 - shown where it fails
    assert max(answered) < 500
    assert of_clients[401] == 0
    assert of_clients[200] > of_clients.total() / 10


def signed_in(warehouse: Warehouse, keys: SigningKeys, email: str) -> dict[str, str]:
    """Headers of a person whose login is new."""
    with warehouse.transaction() as connection:
        row = connection.execute("select user_id from ops.users where email = %s", (email,)).fetchone()
        assert row is not None
        given = issue_tokens(connection, keys, row[0])
    assert given is not None
    return {"Authorization": f"Bearer {given.access}"}


@pytest.mark.slow
def test_with_the_names_of_another_client_nothing_is_answered_and_nothing_written(
    settings: Settings, warehouse: Warehouse, api: TestClient, shop: Shop, other: Shop
) -> None:
    world = World(api, settings, warehouse, shop, other)
    harvested = Harvest.of(api, warehouse, other)
    before = world.written()
    app = build_app(warehouse, settings, MANY)
    headers = {**shop.key(), "X-Client": other.client_id}
    answered: Counter[int] = Counter()
    with TestClient(app, raise_server_exceptions=False):
        document = schemathesis.openapi.from_asgi("/openapi.json", app)
        for found in document.get_all_operations():
            assert isinstance(found, Ok), found
            operation = found.ok()
            if operation.path.startswith(NAMES_NOBODY):
                continue

            @at_most(FOREIGN_TRIES)
            @given(case=operation.as_strategy())
            def ask(case: schemathesis.Case[Any]) -> None:
                harvested.put_into(case)
                answer = case.call(headers=headers)
                answered[answer.status_code] += 1
                assert 400 <= answer.status_code < 500, answer.text
                assert other.mark not in answer.text.replace(other.client_id, "")

            ask()
    print(f"{answered.total():,} answers, {dict(answered)}")  # noqa: T201 - shown where it fails
    assert world.written() == before


def test_with_ones_own_name_and_their_things_no_row_is_theirs(
    warehouse: Warehouse, api: TestClient, shop: Shop, other: Shop
) -> None:
    harvested = Harvest.of(api, warehouse, other).values
    document = api.get("/openapi.json").json()
    asked = 0
    for path, operations in document["paths"].items():
        names = [place["name"] for place in operations.get("get", {}).get("parameters", [])]
        if "client_id" not in names and "{item_id}" not in path and "{request_id}" not in path:
            continue
        place = path.format(client_id=shop.client_id, **harvested)
        for name in {None, *(harvested.keys() & set(names))}:
            query = {} if name is None or f"{{{name}}}" in path else {name: harvested[name]}
            answer = api.get(place, params=query, headers=shop.key())
            asked += 1
            assert answer.status_code in (200, 404, 422), answer.text
            rows = answer.json().get("data", []) if answer.status_code == 200 else []
            assert other.mark not in json.dumps(rows)
            assert other.client_id not in answer.text
    assert asked > len(harvested)


@dataclass(frozen=True)
class Harvest:
    """Names of a client's things: parameter -> the value to ask for."""

    client_id: str
    values: Mapping[str, str]

    @classmethod
    def of(cls, api: TestClient, warehouse: Warehouse, shop: Shop) -> Harvest:
        assert api.post("/api/v1/forecast", json={}, headers=shop.key()).status_code == 202
        with warehouse.transaction() as connection:
            row = connection.execute(
                """
                select
                    (select max(request_id::text) from ops.run_requests where client_id = %(client)s),
                    (select max(run_id::text) from analytics.forecast_runs where client_id = %(client)s),
                    (select max(file_id::text) from ops.landing_files where client_id = %(client)s)
                """,
                {"client": shop.client_id},
            ).fetchone()
        assert row is not None
        named = dict(zip(("request_id", "run_id", "file_id"), row, strict=True))
        known = {name: value for name, value in named.items() if value is not None}
        return cls(shop.client_id, {**known, "item_id": shop.items[0], "location_id": "main"})

    def put_into(self, case: schemathesis.Case[Any]) -> None:
        """Ask for what is the other client's, wherever a name fits."""
        for name in ("Authorization", "X-Api-Key", "X-Client"):
            case.headers.pop(name, None)
        for name in case.path_parameters:
            case.path_parameters[name] = {"client_id": self.client_id, **self.values}.get(
                name, case.path_parameters[name]
            )
        for name in self.values.keys() & case.query.keys():
            case.query[name] = self.values[name]
        if isinstance(case.body, dict):
            for name in self.values.keys() & case.body.keys():
                case.body[name] = self.values[name]
