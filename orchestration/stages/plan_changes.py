"""What the plan before said of the lines of a plan.

Belongs here: the lines of the plan before, and which of them is the same line. Does not belong here: what a
person is shown of it (``reporting.worklist``).
"""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import psycopg

from orchestration.warehouse.bulk import fetched

_LINE = ["item_id", "location_id", "action"]


def lines_before(
    connection: psycopg.Connection[Any], client_id: str, as_of_date: date
) -> pl.DataFrame | None:
    """The lines of the current plan of the as-of date before; None where there is none, or it was thinned.

    Returns:
        ``item_id, location_id, action, line_no, urgency, order_qty``.
    """
    run = connection.execute(
        """
        select run_id, thinned_at
        from analytics.inventory_runs
        where client_id = %s and is_current and as_of_date < %s
        order by as_of_date desc
        limit 1
        """,
        (client_id, as_of_date),
    ).fetchone()
    if run is None or run[1] is not None:
        return None
    return fetched(
        connection.execute(
            """
            select item_id, location_id, action, line_no, urgency, order_qty::float8 as order_qty
            from analytics.replenishment_plan
            where client_id = %s and run_id = %s
            """,
            (client_id, run[0]),
        )
    )


def compared(lines: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """The lines of a plan, each beside the same line of the plan before.

    Lines of one action of a series are told apart by their order: the first of today is compared with the
    first of the plan before.

    Args:
        lines: ``item_id, location_id, action, line_no`` and more.
        before: as :func:`lines_before` returns it.

    Returns:
        The lines in their order, with ``earlier_urgency``, ``earlier_order_qty`` and ``is_new``.
    """
    if before is None:
        return lines.with_columns(
            pl.lit(None, dtype=pl.String).alias("earlier_urgency"),
            pl.lit(None, dtype=pl.Float64).alias("earlier_order_qty"),
            pl.lit(None, dtype=pl.Boolean).alias("is_new"),
        )
    place = pl.col("line_no").rank("ordinal").over(_LINE).alias("place")
    earlier = before.select(
        *_LINE,
        place,
        pl.col("urgency").alias("earlier_urgency"),
        pl.col("order_qty").alias("earlier_order_qty"),
        pl.lit(value=False).alias("is_new"),
    )
    return (
        lines.with_columns(place)
        .join(earlier, on=[*_LINE, "place"], how="left", maintain_order="left")
        .drop("place")
        .with_columns(pl.col("is_new").fill_null(value=True))
    )
