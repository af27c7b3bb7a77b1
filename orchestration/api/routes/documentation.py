"""The pages under ``/docs``: what can be asked, made of the OpenAPI document, without a script or a network.

Belongs here: the pages. Does not belong here: what they say, which stands beside each route.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestration.api.problems import Kind

_TEMPLATES = Path(__file__).parents[1] / "templates"
_PAGE_KEPT = {"Cache-Control": "public, max-age=300"}

router = APIRouter(include_in_schema=False)

_environment = Environment(
    loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


@router.get("/docs")
def overview(request: Request) -> HTMLResponse:
    """Every route with its parameters and answers."""
    document = request.app.openapi()
    html = _environment.get_template("docs.html.j2").render(
        info=document["info"], groups=_groups(document), kinds=None
    )
    return HTMLResponse(html, headers=_PAGE_KEPT)


@router.get("/docs/problems")
def problems() -> HTMLResponse:
    """Every kind of problem; the answers lead here."""
    html = _environment.get_template("problems.html.j2").render(kinds=list(Kind))
    return HTMLResponse(html, headers=_PAGE_KEPT)


@router.get("/docs/style.css")
def style() -> Response:
    """How the pages look."""
    return Response(
        (_TEMPLATES / "docs.css").read_text(encoding="utf-8"), media_type="text/css", headers=_PAGE_KEPT
    )


def _groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Operations by tag, in their order."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for tag in operation.get("tags", ["other"]):
                groups.setdefault(tag, []).append({"path": path, "method": method.upper(), **operation})
    return groups
