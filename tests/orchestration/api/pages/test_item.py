"""The page of an item: its figures are those of the database, and what is not known is said."""

from __future__ import annotations

import pytest

from tests.orchestration.api.pages.browser import Browser
from tests.orchestration.api.shops import Shop


@pytest.fixture
def reader(browser: Browser, shop: Shop) -> Browser:
    browser.sign_in(shop.people["viewer"])
    return browser


def test_an_item_has_a_page(reader: Browser, shop: Shop) -> None:
    text = reader.page(f"/planner/{shop.client_id}/items/{shop.items[0]}")
    print(text)
    print(reader.page(f"/planner/{shop.client_id}/items"))
    print(reader.page(f"/planner/{shop.client_id}/accuracy"))
    assert 0
