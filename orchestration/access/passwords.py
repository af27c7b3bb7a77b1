"""Passwords and their hashes: argon2id by pwdlib.

Belongs here: which passwords are good enough, hashing and checking. Does not belong here: whose they are and
how often they may be tried (``logins``).
"""

from __future__ import annotations

import secrets
import threading
import unicodedata
from functools import cache

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from orchestration.access.refusals import AccessError

FEWEST_CHARACTERS = 12
MOST_CHARACTERS = 512

_HASHER = PasswordHash((Argon2Hasher(),))

_AT_ONCE = threading.BoundedSemaphore(4)
"""Each check takes 64 MB: a crowd at the door waits outside."""


def require_good(password: str, email: str) -> None:
    """Insist that a new password is worth hashing: long, and not the address it stands beside.

    Raises:
        AccessError: it is not.
    """
    if not FEWEST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise AccessError(
            f"A password has {FEWEST_CHARACTERS} to {MOST_CHARACTERS} characters; take several words."
        )
    if len(set(password)) < 5 or password.lower() in (email, email.partition("@")[0]):
        raise AccessError("That password is guessed at once; choose several words that have no connection.")


def hashed(password: str) -> str:
    with _AT_ONCE:
        return _HASHER.hash(_spelled(password))


def checked(password: str, known: str | None) -> tuple[bool, str | None]:
    """Whether a password is the right one, and its hash anew where the stored one is of weaker settings.

    Takes as long where there is no hash: nobody learns from the time whether there is such a user.

    Args:
        password: as typed.
        known: the stored hash; None where there is no user, or no password.
    """
    stand_in = _stand_in()
    if len(password) > MOST_CHARACTERS:
        password, known = "", None
    with _AT_ONCE:
        is_right, renewed = _HASHER.verify_and_update(_spelled(password), known or stand_in)
    return is_right and known is not None, renewed if known is not None else None


@cache
def _stand_in() -> str:
    """A hash that takes as long to check as any, of a password that nobody knows."""
    return _HASHER.hash(secrets.token_urlsafe())


def _spelled(password: str) -> bytes:
    """One spelling of what looks alike: keyboards differ in how they send an umlaut."""
    return unicodedata.normalize("NFKC", password).encode(errors="surrogatepass")
