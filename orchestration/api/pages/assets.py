"""What a browser needs beside the pages: style, scripts, and those of others that come with the project.

Belongs here: the files of ``static/`` and how long they are kept. Does not belong here: pages.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response

from orchestration.api.problems import Kind, ProblemError

_FOLDER = Path(__file__).parents[1] / "static"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".txt": "text/plain", ".md": "text/plain"}

_KEPT = "public, max-age=31536000, immutable"
"""Under an address with a version, which another content would not have."""

_KEPT_SHORTLY = "public, max-age=300"

router = APIRouter(include_in_schema=False)


def asset_url(name: str) -> str:
    """The address of a file, with the version of its content."""
    return f"/static/{name}?v={_asset(name)[1]}"


@router.get("/static/{name}")
def asset(name: str, v: str = "") -> Response:
    """A file of the pages."""
    if name not in _names():
        raise ProblemError(Kind.NOT_FOUND, "There is no such file.")
    content, version = _asset(name)
    return Response(
        content,
        media_type=_TYPES[Path(name).suffix],
        headers={"Cache-Control": _KEPT if v == version else _KEPT_SHORTLY},
    )


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in _FOLDER.iterdir() if path.suffix in _TYPES)


@cache
def _asset(name: str) -> tuple[bytes, str]:
    content = (_FOLDER / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]
