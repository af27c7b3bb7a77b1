"""What a person does with a browser, without one: addresses, forms, and the cookie that is kept."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response

from tests.orchestration.api.shops import PASSWORD

ORIGIN = "http://testserver"
COOKIE = "forecaster_page"


_machines = itertools.count(1)


class Browser:
    """Keeps cookies, follows no redirect by itself, and says where a form comes from.

    Each is on a machine of its own: what fails on one keeps nobody else waiting.
    """

    def __init__(self, app: Any, *, raises: bool = True) -> None:
        self.http = TestClient(
            app,
            follow_redirects=False,
            headers={"Origin": ORIGIN},
            client=(f"browser-{next(_machines)}", 50_000),
            raise_server_exceptions=raises,
        )
        self.csrf = ""

    def sign_in(self, email: str, password: str = PASSWORD, **fields: str) -> Response:
        """Fill in the form of the page where one signs in."""
        return self.http.post("/planner/login", data={"email": email, "password": password, **fields})

    @property
    def login(self) -> str:
        """The text of the cookie."""
        return str(self.http.cookies[COOKIE])

    def keep(self, login: str) -> None:
        """Have another text in the cookie's place."""
        self.http.cookies.clear()
        self.http.cookies.set(COOKIE, login, path="/planner")

    def get(self, path: str, **headers: str) -> Response:
        """Ask for a page; the token that it brings along for its deeds is kept."""
        answer = self.http.get(path, headers=headers)
        if found := re.search(r'<meta name="csrf" content="([0-9a-f]+)">', answer.text):
            self.csrf = found[1]
        return answer

    def page(self, path: str) -> str:
        """The text of a page that is there."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, path: str, fields: Mapping[str, Any] | None = None, **more: Any) -> Response:
        """Send a form of the page that was looked at last."""
        return self.http.post(path, data={"csrf": self.csrf, **(fields or {})}, **more)
