"""The keys that access tokens are signed with.

Belongs here: where they come from. Does not belong here: what is signed (``tokens``).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from orchestration.access.refusals import AccessError
from orchestration.settings import Settings

_BYTES = 32


@dataclass(frozen=True)
class SigningKeys:
    """What signs and what is believed.

    Attributes:
        current: signs, and is believed.
        previous: is believed, too, while the tokens signed with it last; None where there is none.
        made_up_in: the file that holds the current one, where nobody set it; who starts the API warns.
    """

    current: SecretStr
    previous: SecretStr | None = None
    made_up_in: Path | None = None

    @property
    def believed(self) -> list[str]:
        """The current one first."""
        return [key.get_secret_value() for key in (self.current, self.previous) if key is not None]


def signing_keys(settings: Settings) -> SigningKeys:
    """The installation's keys; in development one is made up where none is set, and kept.

    Raises:
        AccessError: none is set in production, or the kept one is damaged or open to others.
    """
    if settings.jwt_secret_key is not None:
        return SigningKeys(settings.jwt_secret_key, settings.jwt_secret_key_previous)
    if settings.environment != "development":
        raise AccessError(
            "JWT_SECRET_KEY is not set, and nothing is made up in production; set it to what "
            f"'openssl rand -hex {_BYTES}' prints."
        )
    path = settings.made_home() / "jwt-secret-key"
    if not path.exists():
        _make_up(path)
    if path.stat().st_mode & 0o077:
        raise AccessError(f"Others may read {path}, which signs tokens; remove it, and another is made up.")
    key = path.read_text(encoding="ascii", errors="replace").strip()
    if len(key) < 2 * _BYTES:
        raise AccessError(f"{path} holds no key any more; remove it, and another is made up.")
    return SigningKeys(SecretStr(key), settings.jwt_secret_key_previous, made_up_in=path)


def _make_up(path: Path) -> None:
    """Write a new key, whole or not at all; of two processes at once, the first one's stays."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")  # for this user alone
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{secrets.token_hex(_BYTES)}\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        Path(draft).unlink()
