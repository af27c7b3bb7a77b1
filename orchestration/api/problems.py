"""What an answer says where there is no result: RFC 9457, one sentence that says what to do.

Belongs here: the kinds of problems, their status and their document. Does not belong here: when there is one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from orchestration.errors import UserError
from orchestration.foreign_text import printable

MEDIA_TYPE = "application/problem+json"

PAGE = "/docs/problems"
"""Where the kinds are explained."""


class Kind(Enum):
    """The closed list of problems: slug, status, title."""

    UNCLEAR_CLIENT = ("unclear-client", 400, "It is not clear which client is meant")
    NOT_READABLE = ("not-readable", 400, "The request cannot be read")
    NOT_SIGNED_IN = ("not-signed-in", 401, "Nobody is signed in")
    NOT_ALLOWED = ("not-allowed", 403, "The role does not allow this")
    NOT_FOUND = ("not-found", 404, "There is no such thing, or it is somebody else's")
    WRONG_METHOD = ("wrong-method", 405, "The method is not offered here")
    NOT_ACCEPTABLE = ("not-acceptable", 406, "None of the wanted formats is offered")
    CONFLICT = ("conflict", 409, "Somebody was quicker, or it is no longer so")
    TOO_LARGE = ("too-large", 413, "The request is too large")
    WRONG_MEDIA_TYPE = ("wrong-media-type", 415, "The body's format is not taken")
    NOT_VALID = ("not-valid", 422, "A value is not valid")
    TOO_MANY = ("too-many-requests", 429, "Too many requests")
    UNEXPECTED = ("unexpected", 500, "Something unexpected happened")
    UNAVAILABLE = ("unavailable", 503, "The database does not answer")
    TOO_SLOW = ("too-slow", 503, "The answer took too long")

    def __init__(self, slug: str, status: int, title: str) -> None:
        self.slug = slug
        self.status = status
        self.title = title


class ProblemError(UserError):
    """A request that gets no result.

    Attributes:
        kind: which of the kinds.
        detail: a sentence that says what to do.
        headers: what the answer carries beside it.
        errors: places of the request and what is wrong there.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = printable(detail)
        self.headers = dict(headers or {})
        self.errors = errors


def not_valid(place: str, detail: str, problem: str | None = None) -> ProblemError:
    """A value of the request that is not taken.

    Args:
        place: of the value, such as ``query.limit``.
        detail: a sentence that says what to do.
        problem: what is wrong at that place, where it is not the same.
    """
    return ProblemError(Kind.NOT_VALID, detail, errors=[{"in": place, "problem": problem or detail}])


def document(problem: ProblemError, request_id: str) -> dict[str, Any]:
    """The members of the answer's body."""
    return {
        "type": f"{PAGE}#{problem.kind.slug}",
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "request_id": request_id,
        **({"errors": [dict(error) for error in problem.errors]} if problem.errors else {}),
    }


def of_status(status: int) -> Kind:
    """The kind that a status of the framework's own stands for."""
    for kind in Kind:
        if kind.status == status:
            return kind
    return Kind.UNEXPECTED if status >= 500 else Kind.NOT_READABLE
