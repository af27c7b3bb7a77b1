"""Decisions about lines of the worklist, and taking them back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from orchestration.access.identity import Action
from orchestration.api.callers import ClientWork, client_work
from orchestration.api.deeds import Body, as_response, done_once
from orchestration.api.idempotency import Answer
from orchestration.api.pool import Connection
from orchestration.api.problems import Kind, ProblemError
from orchestration.api.routes.listings import REFUSALS
from orchestration.api.schemas import client_parameter, key_parameter, problem_responses
from orchestration.planning import decisions
from orchestration.planning.choices import MOST_TEXT, Choice, DecisionError, Refusal
from orchestration.planning.decisions import MOST

router = APIRouter(tags=["decisions"])

Plans = Annotated[ClientWork, Depends(client_work(Action.PLAN))]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=MOST_TEXT, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]+$")
]
Numbers = Annotated[list[UUID], Field(min_length=1, max_length=MOST, description="Numbers of decisions.")]

PATH = "/clients/{client_id}"
DEED: dict[str, Any] = {
    "parameters": [
        client_parameter(PATH),
        key_parameter("The same key gets the same answer, and the deed is done once."),
    ]
}
DEED_REFUSALS = {**REFUSALS, **problem_responses(Kind.CONFLICT, Kind.TOO_LARGE)}

_LINE: dict[str, JsonValue] = {
    "run_id": "0190a6c2-0000-7000-8000-000000000000",
    "item_id": "tea",
    "location_id": "main",
    "line_no": 1,
}


class ChoiceDocument(BaseModel):
    """What is decided of one line of the worklist, named as the worklist names it."""

    model_config = ConfigDict(extra="forbid")

    run_id: UUID = Field(description="The plan that the line is of.")
    item_id: Name
    location_id: Name
    line_no: int = Field(ge=1, le=1_000_000)
    decision: Literal["approve", "reject", "snooze"]
    order_qty: Decimal | None = Field(
        default=None,
        gt=0,
        max_digits=16,
        decimal_places=4,
        description="Units to order; as proposed where it is left out.",
    )
    order_date: date | None = Field(
        default=None, description="Day to order; as proposed where it is left out."
    )
    receipt_date: date | None = Field(
        default=None, description="Day of arrival; left out, it moves with the day of the order."
    )
    supplier_id: Name | None = Field(
        default=None, description="Supplier; the proposed one where it is left out."
    )
    reason: Reason | None = Field(
        default=None, description="Needed for a rejection, and for another quantity or day than proposed."
    )
    until: date | None = Field(default=None, description="Day until which a snoozed item is not shown.")


class DecisionsWish(BaseModel):
    """Decisions that are written down together, or not at all."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "decisions": [
                        {**_LINE, "decision": "approve", "order_qty": 48, "reason": "Fair on Saturday"},
                        {**_LINE, "item_id": "salt", "decision": "snooze", "until": "2026-04-14"},
                    ]
                }
            ]
        },
    )

    decisions: list[ChoiceDocument] = Field(min_length=1, max_length=MOST)


class DecisionsDocument(BaseModel):
    """The decisions as they were written down."""

    decision_ids: list[UUID] = Field(description="In the order in which they were sent.")


class WithdrawalWish(BaseModel):
    """Decisions to be taken back together, or not at all."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"decision_ids": [_LINE["run_id"]]}]}
    )

    decision_ids: Numbers


class WithdrawalDocument(BaseModel):
    """How many decisions were taken back."""

    withdrawn: int


_KINDS: dict[Refusal, Kind] = {
    "not_valid": Kind.NOT_VALID,
    "conflict": Kind.CONFLICT,
    "not_found": Kind.NOT_FOUND,
}


@contextmanager
def _answering(place: str) -> Iterator[None]:
    """A block whose refusals become problems at a place of the body."""
    try:
        yield
    except DecisionError as error:
        where = place if error.index is None else f"{place}.{error.index}"
        raise ProblemError(
            _KINDS[error.kind], error.sentence, errors=[{"in": where, "problem": error.sentence}]
        ) from error


def do(
    request: Request, work: ClientWork, body: bytes, place: str, deed: Callable[[Connection], Answer]
) -> JSONResponse:
    """Do a deed of planning once, and answer."""

    def answered(connection: Connection) -> Answer:
        with _answering(place):
            return deed(connection)

    return as_response(done_once(request, work, body, answered))


@router.post(
    PATH + "/decisions",
    status_code=201,
    response_model=DecisionsDocument,
    responses=DEED_REFUSALS,
    openapi_extra=DEED,
)
def decide(request: Request, work: Plans, wish: DecisionsWish, body: Body) -> JSONResponse:
    """Approve, reject or snooze lines of the worklist: all of them or none."""
    choices = [Choice(**choice.model_dump()) for choice in wish.decisions]

    def deed(connection: Connection) -> Answer:
        made = decisions.decide(connection, work.client_id, choices, work.asked_by)
        return Answer(201, None, DecisionsDocument(decision_ids=made).model_dump(mode="json"))

    return do(request, work, body, "body.decisions", deed)


@router.post(
    PATH + "/decisions/withdrawals",
    response_model=WithdrawalDocument,
    responses=DEED_REFUSALS,
    openapi_extra=DEED,
)
def withdraw(request: Request, work: Plans, wish: WithdrawalWish, body: Body) -> JSONResponse:
    """Take decisions back that have not left as an order: all of them or none."""

    def deed(connection: Connection) -> Answer:
        count = decisions.withdraw(connection, work.client_id, wish.decision_ids, work.asked_by)
        return Answer(200, None, WithdrawalDocument(withdrawn=count).model_dump(mode="json"))

    return do(request, work, body, "body.decision_ids", deed)
