"""Access tokens: only what this installation signed, as it signs it, is believed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from pydantic import SecretStr

from orchestration.access.signing import SigningKeys
from orchestration.access.tokens import ACCESS_SECONDS, Claims, Unbelieved, digest, new_secret, read, signed

KEY, OTHER = "k" * 64, "o" * 64
KEYS = SigningKeys(SecretStr(KEY))
USER, FAMILY = uuid4(), uuid4()


def token(**changes: Any) -> str:
    """One of ours, with claims changed; None leaves a claim out."""
    return jwt.encode(said(**changes), KEY, algorithm="HS256")


def said(**changes: Any) -> dict[str, Any]:
    ours: dict[str, Any] = jwt.decode(
        signed(KEYS, USER, FAMILY, datetime.now(UTC)), options={"verify_signature": False}
    )
    return {name: value for name, value in {**ours, **changes}.items() if value is not None}


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def reason(text: str, keys: SigningKeys = KEYS) -> str:
    found = read(keys, text)
    assert isinstance(found, Unbelieved)
    return found.reason


def test_a_token_says_who_and_until_when_to_the_microsecond() -> None:
    now = datetime.now(UTC)
    claims = read(KEYS, signed(KEYS, USER, FAMILY, now))
    assert isinstance(claims, Claims)
    assert (claims.user_id, claims.family_id) == (USER, FAMILY)
    assert datetime.fromtimestamp(claims.issued_at, UTC) == now
    assert claims.expires_at - claims.issued_at == pytest.approx(ACCESS_SECONDS)


def test_no_two_tokens_are_the_same() -> None:
    now = datetime.now(UTC)
    assert signed(KEYS, USER, FAMILY, now) != signed(KEYS, USER, FAMILY, now)


def test_tokens_of_the_previous_key_are_believed_and_none_are_signed_with_it() -> None:
    rotated = SigningKeys(SecretStr(OTHER), SecretStr(KEY))
    now = datetime.now(UTC)
    assert isinstance(read(rotated, signed(KEYS, USER, FAMILY, now)), Claims)
    assert isinstance(read(SigningKeys(SecretStr(OTHER)), signed(rotated, USER, FAMILY, now)), Claims)
    assert reason(signed(rotated, USER, FAMILY, now), KEYS) == "signature"
    expired = signed(KEYS, USER, FAMILY, now - timedelta(hours=1))
    assert reason(expired, rotated) == "expired"


def without_a_signature(algorithm: str) -> str:
    return f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(said())}."


def tampered() -> str:
    head, _, signature = token().split(".")
    return f"{head}.{part(said(sub=str(uuid4())))}.{signature}"


FORGED: dict[str, tuple[Callable[[], str], str]] = {
    "no algorithm": (lambda: without_a_signature("none"), "algorithm"),
    "no algorithm, in capitals": (lambda: without_a_signature("NONE"), "algorithm"),
    "another algorithm, our key": (lambda: jwt.encode(said(), KEY, algorithm="HS512"), "algorithm"),
    "no signature": (lambda: without_a_signature("HS256"), "signature"),
    "another key": (lambda: jwt.encode(said(), OTHER, algorithm="HS256"), "signature"),
    "another user": (tampered, "signature"),
    "no audience": (lambda: token(aud=None), "claims"),
    "another audience": (lambda: token(aud="somebody-else"), "audience"),
    "several audiences": (lambda: token(aud=["forecaster-api", "somebody-else"]), "audience"),
    "no issuer": (lambda: token(iss=None), "claims"),
    "another issuer": (lambda: token(iss="somebody"), "issuer"),
    "no end": (lambda: token(exp=None), "claims"),
    "no beginning": (lambda: token(iat=None), "claims"),
    "no number": (lambda: token(jti=None), "claims"),
    "nobody": (lambda: token(sub=None), "claims"),
    "no login": (lambda: token(sid=None), "claims"),
    "expired": (lambda: token(exp=datetime.now(UTC).timestamp() - 11), "expired"),
    "not yet": (lambda: token(iat=datetime.now(UTC).timestamp() + 60), "malformed"),
    "an end that is no number": (lambda: token(exp="never"), "malformed"),
    "a user that is none": (lambda: token(sub="' or true --"), "malformed"),
    "a number that is none": (lambda: token(jti=""), "malformed"),
    "a login that is a list": (lambda: token(sid=[str(FAMILY)]), "malformed"),
    "rubbish": (lambda: "rubbish", "malformed"),
    "nothing": (lambda: "", "malformed"),
    "half a letter": (lambda: "a.b.\udcff", "malformed"),
    "too long": (lambda: token(extra="x" * 4000), "length"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_token_that_is_not_ours_is_not_believed(name: str) -> None:
    make, expected = FORGED[name]
    assert reason(make()) == expected


def test_a_random_text_has_256_bits_and_its_digest_does_not_tell_it() -> None:
    texts = {new_secret() for _ in range(1000)}
    assert len(texts) == 1000
    assert {len(text) for text in texts} == {43}
    assert not any(text in digest(text) for text in texts)


def test_what_holds_a_key_does_not_show_it() -> None:
    keys = SigningKeys(SecretStr(KEY), SecretStr(OTHER))
    assert KEY not in repr(keys)
    assert OTHER not in str(keys)
