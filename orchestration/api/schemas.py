"""What the OpenAPI document says of rows and problems.

Belongs here: models made of the listings and the tables' comments. Does not belong here: writing an answer
(``formats``); these models describe, they do not convert.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, create_model

from orchestration.api.idempotency import HEADER as IDEMPOTENCY_KEY
from orchestration.api.problems import MEDIA_TYPE, Kind
from orchestration.reading.gaps import PlanningState
from orchestration.reporting.listings import Kind as FieldKind
from orchestration.reporting.listings import Listing
from orchestration.warehouse.tables import metadata

_TYPES: Mapping[FieldKind, Any] = {
    FieldKind.TEXT: str,
    FieldKind.TEXTS: list[str],
    FieldKind.WHOLE: int,
    FieldKind.NUMBER: float,
    FieldKind.DAY: date,
    FieldKind.MOMENT: datetime,
    FieldKind.TRUTH: bool,
    FieldKind.UUID: UUID,
}

_EXAMPLES: Mapping[FieldKind, Any] = {
    FieldKind.TEXT: "tea",
    FieldKind.TEXTS: ["SHORT_HISTORY"],
    FieldKind.WHOLE: 1,
    FieldKind.NUMBER: 12.5,
    FieldKind.DAY: "2026-03-31",
    FieldKind.MOMENT: "2026-03-31T05:00:00.000000Z",
    FieldKind.TRUTH: True,
    FieldKind.UUID: "0190a6c2-0000-7000-8000-000000000000",
}


class ProblemDocument(BaseModel):
    """Why there is no result: RFC 9457."""

    type: str = Field(description="Leads to the explanation.", examples=["/docs/problems#not-found"])
    title: str
    status: int
    detail: str = Field(description="One sentence that says what to do.")
    request_id: str = Field(description="Name it to the operator.")
    errors: list[dict[str, str]] = Field(default=[], description="Places of the request that are wrong.")


class Planning(BaseModel):
    """Whether orders are known: an empty worklist means nothing to do only where the state is sound."""

    state: str = Field(description="unknown, partial, doubtful or sound.")
    sentence: str
    remedy: str | None
    command: str | None

    @classmethod
    def of(cls, state: PlanningState) -> Planning:
        """What is said of it beside rows."""
        return cls(state=state.state, sentence=state.sentence, remedy=state.remedy, command=state.command)


class PageDocument(BaseModel):
    """A page of rows."""

    next: str | None = Field(description="Token of the next page; null at the end.")
    reason: str | None = Field(description="Why there is no row, where there is none.")
    planning: Planning | None = Field(description="Whether orders are known, where rows depend on it.")


def problem_responses(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """Lines of the document for problems that a route may answer with."""
    found: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        found[kind.status] = {
            "description": kind.title,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
    return found


def client_parameter(path: str) -> dict[str, Any]:
    """How a path says which client is meant."""
    schema = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,31}$", "examples": ["acme"]}
    if "{client_id}" in path:
        return {"name": "client_id", "in": "path", "required": True, "schema": schema}
    sentence = "Which client is meant; needed where the caller has more than one."
    return {"name": "X-Client", "in": "header", "required": False, "description": sentence, "schema": schema}


def key_parameter(description: str) -> dict[str, Any]:
    """The header by which a deed is done once, with what that means for this one."""
    schema = {"type": "string", "minLength": 1, "maxLength": 128}
    return {
        "name": IDEMPOTENCY_KEY,
        "in": "header",
        "required": False,
        "description": description,
        "schema": schema,
    }


def page_of(listing: Listing) -> type[BaseModel]:
    """The JSON document of a page of a listing."""
    camel = "".join(word.title() for word in listing.name.split("-"))
    comments = {column.name: column.comment for table in metadata.sorted_tables for column in table.columns}
    fields: dict[str, Any] = {
        field.name: (
            Annotated[
                _TYPES[field.kind] | None,
                Field(description=comments.get(field.name), examples=[_EXAMPLES[field.kind]]),
            ],
            None,
        )
        for field in listing.fields
    }
    row = create_model(f"{camel}Row", __doc__=listing.sentence, **fields)
    rows: dict[str, Any] = {"data": (list[row], ...)}
    return create_model(f"{camel}Page", __base__=PageDocument, __doc__=f"Rows of {listing.name}.", **rows)
