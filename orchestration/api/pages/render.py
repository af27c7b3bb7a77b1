"""HTML: templates, how values stand in them, and what a page's headers say.

Belongs here: the templates' environment, filters, the answer around a page, a problem as a page. Does not
belong here: what a page shows (the module of the page), what a browser may do with any answer (``headers``).

A template that extends ``base.html.j2`` is a page; one that does not is a part of one, for htmx.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from orchestration.api.pages import session
from orchestration.api.pages.assets import asset_url
from orchestration.api.pages.visits import Visit, Visitor
from orchestration.api.problems import Kind, ProblemError
from orchestration.reporting.html_text import coded

_TEMPLATES = Path(__file__).parents[1] / "templates" / "pages"

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    # a form's origin is told to this site and to no other; 'no-referrer' would hide it from this one, too
    "Referrer-Policy": "same-origin",
    "Vary": "HX-Request, Cookie",
}

SECTIONS = (
    ("worklist", "Worklist"),
    ("orders", "Orders"),
    ("items", "Items"),
    ("accuracy", "Accuracy"),
    ("data", "Data"),
    ("runs", "Runs"),
    ("settings", "Settings"),
)
"""Last part of a page's address, and its name."""

_DAY_IN_WORDS = re.compile(r"(?<![\w.-])\d{4}-\d{2}-\d{2}(?![\w-]|\.\w)")
_NUMBER_IN_WORDS = re.compile(r"(?<![\w.,-])(\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+\.\d{1,2})(%?)(?![\w.]*\d)")
"""A number that languages write differently: with a decimal point or thousands."""


_UNKNOWN = Markup('<span class="unknown">not known</span>')


def page(request: Request, visit: Visit, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of a client, or a part of one.

    Args:
        request: that it answers.
        visit: whose.
        template: its file, such as ``worklist.html.j2``.
        status: of HTTP.
        values: what the template shows.
    """
    part = request.url.path.removeprefix(visit.base).strip("/").partition("/")[0]
    return html(template, visit.visitor, status=status, visit=visit, section=part, **values)


def html(template: str, visitor: Visitor | None, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page that is no client's.

    Args:
        template: its file.
        visitor: who is signed in; None where nobody is.
        status: of HTTP.
        values: what the template shows.
    """
    shown = _environment.get_template(template).render(
        **{"visitor": visitor, "visit": None, "section": None, **values}
    )
    return HTMLResponse(shown, status_code=status, headers=_HEADERS)


def problem_answer(request: Request, problem: ProblemError) -> Response:
    """What a browser is told where there is no page: who is not signed in is led to where one signs in."""
    by_htmx = "hx-request" in request.headers
    if problem.kind is Kind.NOT_SIGNED_IN:
        to = f"{session.PATH}/login?{urlencode({'next': _came_from(request, by_htmx)})}"
        if by_htmx:
            return HTMLResponse(status_code=problem.kind.status, headers={"HX-Redirect": to})
        return RedirectResponse(to, status_code=303)
    answer = html(
        "problem_part.html.j2" if by_htmx else "problem.html.j2",
        None,
        status=problem.kind.status,
        problem=problem,
        request_id=request.state.request_id,
    )
    answer.headers.update(problem.headers)
    return answer


def problem_page(problem: ProblemError, request_id: str) -> str:
    """The same without a request that could be asked."""
    return str(html("problem.html.j2", None, problem=problem, request_id=request_id).body, "utf-8")


def _came_from(request: Request, by_htmx: bool) -> str:
    """The page to come back to after signing in."""
    if by_htmx:
        found = urlsplit(request.headers.get("hx-current-url", ""))
        return found.path + (f"?{found.query}" if found.query else "")
    if request.method != "GET":
        return session.PATH
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def number(value: float | Decimal | int | None, digits: int | None = None) -> Markup:
    """A number for people, in their browser's language.

    Args:
        value: None is not known.
        digits: behind the point; as many as it has, two at most, where None.
    """
    if value is None:
        return _UNKNOWN
    plain = f"{value:f}" if isinstance(value, Decimal) else repr(value)
    shown = f"{value:,.{2 if digits is None else digits}f}"
    if digits is None and "." in shown:
        shown = shown.rstrip("0").rstrip(".")
    kept = Markup("") if digits is None else Markup(' data-digits="{}"').format(digits)
    return Markup('<data class="n" value="{}"{}>{}</data>').format(plain, kept, shown)


def percent(value: float | None, digits: int = 0) -> Markup:
    """A share as a percentage, in the browser's language."""
    if value is None:
        return _UNKNOWN
    return Markup('<data class="n" value="{}" data-style="percent" data-digits="{}">{}</data>').format(
        repr(float(value)), digits, f"{value:.{digits}%}"
    )


def day(value: date | None) -> Markup:
    """A day, in the browser's language."""
    if value is None:
        return _UNKNOWN
    return Markup('<time datetime="{0}">{0}</time>').format(value.isoformat())


def moment(value: datetime | None) -> Markup:
    """A moment, in the browser's language and time zone."""
    if value is None:
        return _UNKNOWN
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        utc.strftime("%Y-%m-%dT%H:%M:%SZ"), utc.strftime("%Y-%m-%d %H:%M UTC")
    )


def prose(sentence: str) -> Markup:
    """A sentence of ours: days and numbers in the browser's language, names of files and tables as code.

    >>> print(prose("Until 2026-03-31, 1,250.5 were sold: see `sales`."))
    Until <time datetime="2026-03-31">2026-03-31</time>, <data class="n" value="1250.5">1,250.5</data> were \
sold: see <code>sales</code>.
    """
    shown = _DAY_IN_WORDS.sub(r'<time datetime="\g<0>">\g<0></time>', str(coded(sentence)))
    return Markup(_NUMBER_IN_WORDS.sub(_number_in_words, shown))


def _number_in_words(found: re.Match[str]) -> str:
    digits = found[1].replace(",", "")
    if found[2]:
        return str(percent(float(digits) / 100, len(digits.partition(".")[2])))
    return f'<data class="n" value="{digits}">{found[1]}</data>'


def part(text: str) -> str:
    """A text as one part of an address."""
    return quote(text, safe="")


def once() -> str:
    """What tells two sendings of one form from two forms; ``done_once`` takes it as its key."""
    return uuid4().hex


_environment = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(number=number, percent=percent, day=day, moment=moment, prose=prose, part=part)
_environment.globals.update(asset=asset_url, once=once, sections=SECTIONS, planner=session.PATH)
