"""The whole OpenAPI document, asked at random as every role: no answer outside it, and none that fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as trying
from schemathesis.checks import load_all_checks
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from orchestration.api.app import build_app
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.conftest import MANY
from tests.orchestration.api.shops import Shop, bearer

Headers = Callable[[TestClient, Shop, str], Mapping[str, str]]

CALLERS: Mapping[str, Headers] = {
    "viewer": lambda api, shop, _: shop.person(api, "viewer"),
    "planner": lambda api, shop, _: shop.person(api, "planner"),
    "manager": lambda api, shop, _: shop.person(api, "manager"),
    "operator": lambda api, _, operator: bearer(api, operator),
    "program": lambda _, shop, __: shop.key(),
}

TRIES = 80
"""Requests of each operation and caller."""

load_all_checks()


@pytest.mark.slow
@pytest.mark.parametrize("caller", CALLERS)
def test_every_answer_is_one_of_the_documents(
    settings: Settings,
    warehouse: Warehouse,
    api: TestClient,
    shop: Shop,
    operator: str,
    caller: str,
) -> None:
    app = build_app(warehouse, settings, MANY)
    headers = CALLERS[caller](api, shop, operator)
    answered: Counter[int] = Counter()
    with TestClient(app, raise_server_exceptions=False):
        document = schemathesis.openapi.from_asgi("/openapi.json", app)
        for found in document.get_all_operations():
            assert isinstance(found, Ok), found
            operation = found.ok()

            @trying(
                max_examples=TRIES,
                deadline=None,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def ask(case: schemathesis.Case[Any]) -> None:
                for name in ("Authorization", "X-Api-Key"):
                    case.headers.pop(name, None)
                answer = case.call(headers=dict(headers))
                answered[answer.status_code] += 1
                # which items a client has is no part of the document: a name it lacks is refused
                case.validate_response(
                    answer, headers=dict(headers), excluded_checks=[positive_data_acceptance]
                )

            ask()
    print(f"{caller}: {answered.total():,} answers, {dict(answered)}")  # noqa: T201 - shown where it fails
    assert max(answered) < 500
