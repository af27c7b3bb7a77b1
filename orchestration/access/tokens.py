"""Access tokens as text: signed by PyJWT, believed only as this module writes them.

Belongs here: claims, signing, checking; random texts and their digests. Does not belong here: the keys
(``signing``), whether a token was taken back (``logins``).

The algorithm, the audience and the issuer are fixed here and nowhere else: a token cannot choose them.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt

from orchestration.access.signing import SigningKeys

ACCESS_SECONDS = 15 * 60
"""How long an access token is good for."""

_ALGORITHM = "HS256"
_AUDIENCE = "forecaster-api"
_ISSUER = "forecaster"
_CLOCKS_SECONDS = 10
"""How far the clocks of the database and of the API may be apart."""

_LONGEST = 2048
"""Characters of a token; one of ours has under 500."""

_SECRET_BYTES = 32

_REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "expired",
    jwt.InvalidAlgorithmError: "algorithm",
    jwt.InvalidAudienceError: "audience",
    jwt.InvalidIssuerError: "issuer",
    jwt.MissingRequiredClaimError: "claims",
}


@dataclass(frozen=True)
class Claims:
    """What an access token says.

    Attributes:
        user_id: whose it is.
        token_id: by which it is taken back.
        family_id: the login that it comes from.
        issued_at: seconds since 1970, to the microsecond, by the database's clock.
        expires_at: the same.
    """

    user_id: UUID
    token_id: UUID
    family_id: UUID
    issued_at: float
    expires_at: float


@dataclass(frozen=True)
class Unbelieved:
    """A token that is not one of ours, or not any more; the reason is for the security events."""

    reason: str


def signed(keys: SigningKeys, user_id: UUID, family_id: UUID, issued_at: datetime) -> str:
    """A new access token."""
    claims = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "sub": str(user_id),
        "jti": str(uuid4()),
        "sid": str(family_id),
        "iat": issued_at.timestamp(),
        "exp": (issued_at + timedelta(seconds=ACCESS_SECONDS)).timestamp(),
    }
    return jwt.encode(claims, keys.current.get_secret_value(), algorithm=_ALGORITHM)


def read(keys: SigningKeys, text: str) -> Claims | Unbelieved:
    """What a token says, where it was signed by one of the keys and is still good."""
    reason = "length"
    for key in keys.believed if len(text) <= _LONGEST else ():
        try:
            return _claims(_decoded(text, key))
        except jwt.InvalidSignatureError:
            reason = "signature"
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
            return Unbelieved(_REASONS.get(type(error), "malformed"))
    return Unbelieved(reason)


def _decoded(text: str, key: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        text,
        key,
        algorithms=[_ALGORITHM],
        audience=_AUDIENCE,
        issuer=_ISSUER,
        leeway=_CLOCKS_SECONDS,
        options={"require": ["iss", "aud", "sub", "jti", "sid", "iat", "exp"], "strict_aud": True},
    )
    return claims


def _claims(said: dict[str, Any]) -> Claims:
    return Claims(
        user_id=UUID(said["sub"]),
        token_id=UUID(said["jti"]),
        family_id=UUID(said["sid"]),
        issued_at=float(said["iat"]),
        expires_at=float(said["exp"]),
    )


def new_secret() -> str:
    """A random text that nobody guesses: 256 bits."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def digest(text: str) -> str:
    """What is stored of a random text. Without salt and without effort: there is nothing to guess."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
