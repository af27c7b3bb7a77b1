"""The registry entries that setting up makes."""

from __future__ import annotations

import pytest

from orchestration.clients import ClientError
from orchestration.demo.clients import own_client


@pytest.mark.parametrize(
    ("name", "slug"),
    [("My Company", "my_company"), ("  Åcme & Söhne  GmbH ", "cme_s_hne_gmbh"), ("x" * 50, "x" * 32)],
)
def test_a_slug_is_made_of_the_company_name(name: str, slug: str) -> None:
    client = own_client(name)
    assert (client.client_id, client.name) == (slug, name)


@pytest.mark.parametrize("name", ["", "42 Ltd", "日本"])
def test_a_name_without_a_slug_is_answered_with_the_command_that_takes_one(name: str) -> None:
    with pytest.raises(ClientError, match="forecaster client add"):
        own_client(name)
