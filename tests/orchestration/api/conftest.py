"""The API of the session's installation, two clients of it, and one operator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from orchestration.access import users
from orchestration.api.app import build_app
from orchestration.api.limits import Rates
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.shops import ORIGIN, PASSWORD, Shop, open_shop

MANY = Rates(address=1_000_000, caller=1_000_000, logins=1_000_000)


@pytest.fixture(scope="session")
def api(settings: Settings, warehouse: Warehouse) -> Iterator[TestClient]:
    """Asks the application in this process, with the real database behind it."""
    with TestClient(build_app(warehouse, settings, MANY)) as client:
        yield client


@pytest.fixture(scope="session")
def shop(settings: Settings, warehouse: Warehouse) -> Shop:
    """The client that most tests ask for."""
    return open_shop(settings, warehouse, "api_north", "north")


@pytest.fixture(scope="session")
def other(settings: Settings, warehouse: Warehouse) -> Shop:
    """The client whose rows nobody else may see."""
    return open_shop(settings, warehouse, "api_south", "south")


@pytest.fixture(scope="session")
def operator(warehouse: Warehouse) -> str:
    """The address of a user who belongs to the installation."""
    email = "operator@forecaster.example.com"
    with warehouse.transaction() as connection:
        users.add_user(connection, email, PASSWORD, ORIGIN, is_operator=True)
    return email
