"""Approved orders that leave under a number, and what becomes of their lines."""

from __future__ import annotations

from datetime import date
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from orchestration.api.deeds import Body
from orchestration.api.idempotency import Answer
from orchestration.api.pool import Connection
from orchestration.api.routes.decisions import (
    DEED,
    DEED_REFUSALS,
    PATH,
    Name,
    Numbers,
    Plans,
    Reason,
    do,
)
from orchestration.planning import orders
from orchestration.planning.decisions import MOST

router = APIRouter(tags=["decisions"])

_NOTHING = "Nothing that is approved waits to leave; approve lines of the worklist first."


class ExportWish(BaseModel):
    """Whose approved orders leave."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"supplier_ids": ["S1"]}]})

    supplier_ids: list[Name | None] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST,
        description="Suppliers, null for lines without one; everybody where it is left out.",
    )


class OrderDocument(BaseModel):
    """An order that left."""

    order_number: str = Field(
        description="Comes back as po_id of its lines in the deliveries.", examples=["FC000012"]
    )
    supplier_id: str | None
    lines: int
    order_value: float | None = Field(description="Null where the cost of a line is not known.")
    lines_url: str = Field(description="Its lines; with Accept: text/csv the file for the supplier.")


class OrdersDocument(BaseModel):
    """The orders that left now."""

    orders: list[OrderDocument]
    reason: str | None = Field(description="Why there is none, where there is none.")


class EndsWish(BaseModel):
    """Lines of orders that were received or cancelled, and that no delivered purchase order says so of."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "decision_ids": ["0190a6c2-0000-7000-8000-000000000000"],
                    "ending": "cancelled",
                    "reason": "The supplier is out of it",
                }
            ]
        },
    )

    decision_ids: Numbers
    ending: Literal["received", "cancelled"]
    reason: Reason | None = None
    as_of_date: date | None = Field(
        default=None,
        description="Plans of this date and later no longer count the lines as on order. Left out, it is "
        "the latest plan's date for cancelled lines, and the day after for received ones.",
    )


class EndsDocument(BaseModel):
    """How many lines were ended."""

    ended: int


@router.post(
    PATH + "/orders",
    status_code=201,
    response_model=OrdersDocument,
    responses=DEED_REFUSALS,
    openapi_extra=DEED,
)
def export(request: Request, work: Plans, wish: ExportWish, body: Body) -> JSONResponse:
    """Let approved orders leave: each supplier's lines under a number of their own, each line once."""

    def deed(connection: Connection) -> Answer:
        left = orders.export(connection, work.client_id, work.asked_by, wish.supplier_ids)
        lines = f"/api/v1/clients/{work.client_id}/order-lines?order_number="
        shown = OrdersDocument(
            orders=[
                OrderDocument(
                    order_number=order.order_number,
                    supplier_id=order.supplier_id,
                    lines=order.lines,
                    order_value=order.order_value,
                    lines_url=lines + order.order_number,
                )
                for order in left
            ],
            reason=None if left else _NOTHING,
        )
        return Answer(201, None, shown.model_dump(mode="json"))

    return do(request, work, body, "body.supplier_ids", deed)


@router.post(
    PATH + "/order-lines/ends",
    response_model=EndsDocument,
    responses=DEED_REFUSALS,
    openapi_extra=DEED,
)
def end_lines(request: Request, work: Plans, wish: EndsWish, body: Body) -> JSONResponse:
    """Say that lines of orders were received or cancelled: all of them or none."""

    def deed(connection: Connection) -> Answer:
        count = orders.end_lines(
            *(connection, work.client_id, wish.decision_ids, wish.ending, wish.reason, work.asked_by),
            as_of_date=wish.as_of_date,
        )
        return Answer(200, None, EndsDocument(ended=count).model_dump(mode="json"))

    return do(request, work, body, "body.decision_ids", deed)
