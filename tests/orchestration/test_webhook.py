"""What the operator's webhook is sent: signed where a secret is set, and again where it was not taken."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from pydantic import SecretStr

from orchestration.settings import Settings
from orchestration.webhook import SIGNATURE, tell
from tests.webhook_receiver import webhook_that_answers

MESSAGE = {"event": "drift", "client": "acme", "message": "Größer"}


def told(settings: Settings, url: str | None, secret: str | None = None) -> Settings:
    return settings.model_copy(
        update={
            "alert_webhook_url": None if url is None else SecretStr(url),
            "alert_webhook_secret": None if secret is None else SecretStr(secret),
        }
    )


def test_a_message_is_signed_over_the_bytes_that_are_sent(settings: Settings) -> None:
    with webhook_that_answers(200) as webhook:
        assert tell(told(settings, webhook.url, "of two"), MESSAGE, seconds=8) is None
    [body], [headers] = webhook.raw, webhook.headers
    expected = hmac.new(b"of two", body, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE.lower()] == f"sha256={expected}"
    assert webhook.bodies == [MESSAGE]


def test_a_message_without_a_secret_has_no_signature(settings: Settings) -> None:
    with webhook_that_answers(204) as webhook:
        assert tell(told(settings, webhook.url), MESSAGE, seconds=8) is None
    assert SIGNATURE.lower() not in webhook.headers[0]


def test_a_message_is_sent_again_until_it_is_taken(settings: Settings) -> None:
    with webhook_that_answers(503, 500, 200) as webhook:
        assert tell(told(settings, webhook.url), MESSAGE, seconds=8, pauses=(0.0, 0.0, 0.0)) is None
    assert webhook.bodies == [MESSAGE] * 3


def test_a_message_that_is_never_taken_is_a_sentence_without_the_url(settings: Settings) -> None:
    with webhook_that_answers(503) as webhook:
        problem = tell(told(settings, webhook.url), MESSAGE, seconds=8, pauses=(0.0,))
    assert problem == "it answered 503 Service Unavailable"
    assert len(webhook.raw) == 2


def test_nobody_is_told_where_no_webhook_is_set(settings: Settings) -> None:
    with pytest.raises(ValueError, match="no webhook"):
        tell(told(settings, None), MESSAGE, seconds=8)
