"""A browser of the tests: the API's session and clients, asked as a browser asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.orchestration.api.pages.browser import Browser


@pytest.fixture
def browser(api: TestClient) -> Iterator[Browser]:
    """A browser that nobody is signed in with."""
    fresh = Browser(api.app)
    yield fresh
    fresh.http.close()
