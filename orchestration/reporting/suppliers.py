"""What a client's suppliers are called, and what an order to each has to be worth.

Belongs here: the question, and how an order's value stands to the minimum. Does not belong here: orders
(``order_book``), how it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row

Standing = Literal["reached", "below", "unclear", "unknown"]


@dataclass(frozen=True)
class Supplier:
    """A supplier as last delivered.

    Attributes:
        supplier_id: its id.
        name: that people use; None where none was delivered.
        min_order_value: client currency; None where none was delivered.
    """

    supplier_id: str
    name: str | None
    min_order_value: float | None

    def standing(self, value: float | None, unpriced_lines: int) -> Standing:
        """How an order stands to the minimum.

        Args:
            value: of the lines whose cost is known; None where there is none.
            unpriced_lines: lines whose cost is not known; with them it may be reached.
        """
        if self.min_order_value is None:
            return "unknown"
        if (value or 0.0) >= self.min_order_value:
            return "reached"
        return "unclear" if unpriced_lines else "below"


def suppliers_of(connection: psycopg.Connection[Any], client_id: str) -> Mapping[str, Supplier]:
    """The suppliers that were delivered, by id.

    Args:
        connection: works as the client's writer.
        client_id: whose.
    """
    with connection.cursor(row_factory=class_row(Supplier)) as cursor:
        rows = cursor.execute(
            """
            select supplier_id, name, min_order_value::float8 as min_order_value
            from staging.suppliers where client_id = %s
            """,
            (client_id,),
        ).fetchall()
    return {supplier.supplier_id: supplier for supplier in rows}
