"""The questions by which people find an item: a search by name, and the locations where it is sold.

Each is asked of the warehouse, or in a transaction that works as a client's role and sees that client alone.

Belongs here: queries and what they return. Does not belong here: what is asked of an item at one location
(``series_questions``), and questions about all of them at once (``questions``).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from orchestration.reporting.questions import latest_plan
from orchestration.warehouse.asking import Place
from orchestration.warehouse.bulk import read_frame, render

_LIKE = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


@dataclass(frozen=True)
class ItemsFound:
    """Some of the items that a search found.

    Attributes:
        rows: ``item_id, name, category, supplier_id, locations, on_hand_qty, without_stock, undecided,
            lines, urgency``; the stock is that of the latest plan, ``urgency`` that of its most urgent line,
            ``undecided`` counts the locations without stock or lead time, NULL without a plan.
        total: how many the search found in all.
        next_item: the item to go on after; None at the end.
    """

    rows: pl.DataFrame
    total: int
    next_item: str | None


def find_items(place: Place, client_id: str, text: str, after: str | None, limit: int) -> ItemsFound:
    """Items whose id or name holds a text, by id."""
    values = {
        "c": client_id,
        "pattern": f"%{text.translate(_LIKE)}%",
        "after": after,
        "limit": limit + 1,
    }
    rows = read_frame(
        place,
        render(
            f"""
            with page as (
                select item_id, name, category, supplier_id
                from analytics.dim_item
                where client_id = {{c}}
                    and (item_id ilike {{pattern}} or name ilike {{pattern}})
                    and ({{after}}::text is null or item_id > {{after}})
                order by item_id
                limit {{limit}}
            ),

            listed as (
                select item_id, count(*) as locations
                from analytics.dim_series
                where client_id = {{c}} and item_id in (select item_id from page)
                group by item_id
            ),

            run as ({latest_plan("{c}")}),

            stock as (
                select
                    item_id,
                    sum(on_hand_qty)::float8 as on_hand_qty,
                    count(*) filter (where on_hand_qty is null) as without_stock,
                    count(*) filter (where on_hand_qty is null or lead_time_days is null) as undecided
                from analytics.inventory_metrics
                where client_id = {{c}} and run_id = (select run_id from run)
                    and item_id in (select item_id from page)
                group by item_id
            ),

            proposed as (
                select
                    item_id,
                    count(*) as lines,
                    (array_agg(urgency order by priority_rank))[1] as urgency
                from analytics.replenishment_plan
                where client_id = {{c}} and run_id = (select run_id from run)
                    and item_id in (select item_id from page)
                group by item_id
            )

            select
                page.*,
                coalesce(listed.locations, 0) as locations,
                stock.on_hand_qty,
                stock.without_stock,
                stock.undecided,
                coalesce(proposed.lines, 0) as lines,
                proposed.urgency
            from page
            left join listed using (item_id)
            left join stock using (item_id)
            left join proposed using (item_id)
            order by page.item_id
            """,
            **values,
        ),
    )
    total = read_frame(
        place,
        render(
            """
            select count(*) as items from analytics.dim_item
            where client_id = {c} and (item_id ilike {pattern} or name ilike {pattern})
            """,
            c=client_id,
            pattern=values["pattern"],
        ),
    )["items"][0]
    shown = rows.head(limit)
    return ItemsFound(shown, total, shown["item_id"][-1] if rows.height > limit else None)


def places_of(place: Place, client_id: str, item_id: str) -> pl.DataFrame:
    """Where an item is sold or was listed, with its stock there and the most urgent line of the latest plan.

    Returns:
        ``location_id, location_name, grain, first_sale_date, last_sale_date, is_planned, on_hand_qty,
        on_order_qty, lead_time_days, dir_days, dir_censored, stockout_date, as_of_date, lines, urgency``, by
        location.
    """
    return read_frame(
        place,
        render(
            f"""
            with run as ({latest_plan("{c}")}),

            proposed as (
                select
                    location_id,
                    count(*) as lines,
                    (array_agg(urgency order by priority_rank))[1] as urgency
                from analytics.replenishment_plan
                where client_id = {{c}} and run_id = (select run_id from run) and item_id = {{item}}
                group by location_id
            )

            select
                series.location_id,
                coalesce(location.name, series.location_id) as location_name,
                series.grain,
                series.first_sale_date,
                series.last_sale_date,
                metrics.item_id is not null as is_planned,
                metrics.on_hand_qty::float8 as on_hand_qty,
                metrics.on_order_qty::float8 as on_order_qty,
                metrics.lead_time_days,
                metrics.dir_days,
                metrics.dir_censored,
                metrics.stockout_date,
                metrics.as_of_date,
                coalesce(proposed.lines, 0) as lines,
                proposed.urgency
            from analytics.dim_series as series
            left join analytics.dim_location as location
                on location.client_id = series.client_id and location.location_id = series.location_id
            left join analytics.inventory_metrics as metrics
                on metrics.client_id = series.client_id and metrics.run_id = (select run_id from run)
                and metrics.item_id = series.item_id and metrics.location_id = series.location_id
            left join proposed on proposed.location_id = series.location_id
            where series.client_id = {{c}} and series.item_id = {{item}}
            order by series.location_id
            """,
            c=client_id,
            item=item_id,
        ),
    )
