"""Tokens of pages: where a listing goes on, sealed for the client and the query they were given for.

Belongs here: sealing and opening. Does not belong here: the query (``reporting.listings``).

A token names the key of the last row seen. The seal keeps it from being made up or carried to another client,
another listing or another filter; the rows behind it are the database's to give, whatever a token says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any

from orchestration.api.problems import Kind, ProblemError


class TokenRefusedError(ProblemError):
    """A token that was made up, or given for something else."""


LONGEST = 2_000
_SEAL_BYTES = 16


def seal(secrets: Sequence[bytes], about: Sequence[str], key: Sequence[Any]) -> str:
    """A token.

    Args:
        secrets: the current one first.
        about: the client, the listing and the query it is good for.
        key: of the last row seen.
    """
    text = json.dumps([value if isinstance(value, int) else str(value) for value in key]).encode()
    return base64.urlsafe_b64encode(_sealed(secrets[0], about, text) + text).decode().rstrip("=")


def unseal(secrets: Sequence[bytes], about: Sequence[str], token: str) -> list[Any]:
    """The key in a token.

    Raises:
        TokenRefusedError: it was not given for this, or by nobody here.
    """
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused() from error
    given, text = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
    if len(token) > LONGEST or not any(
        hmac.compare_digest(given, _sealed(secret, about, text)) for secret in secrets
    ):
        raise _refused()
    key: list[Any] = json.loads(text)
    return key


def _sealed(secret: bytes, about: Sequence[str], text: bytes) -> bytes:
    message = json.dumps(["page", *about]).encode() + b"\n" + text
    return hmac.digest(secret, message, hashlib.sha256)[:_SEAL_BYTES]


def _refused() -> TokenRefusedError:
    return TokenRefusedError(
        Kind.NOT_VALID,
        "This page token was not given for this client, listing and filter; begin at the first page.",
        errors=[{"in": "query.page", "problem": "not a token of this listing"}],
    )
