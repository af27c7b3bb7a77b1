"""A browser of the tests: the API's session and clients, asked as a browser asks; clients by day and week."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from forecasting_lib.grain import Grain
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.pages.browser import Browser
from tests.orchestration.api.pages.grocer import Grocer


@pytest.fixture
def browser(api: TestClient) -> Iterator[Browser]:
    """A browser that nobody is signed in with."""
    fresh = Browser(api.app)
    yield fresh
    fresh.http.close()


@pytest.fixture(scope="session")
def grocer(warehouse: Warehouse) -> Grocer:
    """A daily client of whose items each lacks something."""
    return Grocer(warehouse, "grocer_daily", Grain.DAY)


@pytest.fixture(scope="session")
def weekly(warehouse: Warehouse) -> Grocer:
    """The same by the week."""
    return Grocer(warehouse, "grocer_weekly", Grain.WEEK)
