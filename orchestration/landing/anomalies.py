"""What is odd about a client's deliveries as a whole, though every row is fine by itself.

Belongs here: one query per question and one pure decision per question, each returning sentences; an empty
list means nothing odd. Does not belong here: what is refused (``validation``, ``load``): these only warn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

import polars as pl

from forecasting_lib.grain import Grain
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse

RECENT_DAYS = 7
USUAL_DAYS = 56
VOLUME_FACTOR = 3.0
PRICE_FACTOR = 10.0
GRACE_DAYS: Mapping[Grain, int] = {Grain.DAY: 3, Grain.WEEK: 10, Grain.MONTH: 40}
"""Age of the last day, or of the date of the last total, that is never late."""
OUTLIER_FACTOR = 50.0
DISTANT_DAYS = 180
_SHOWN = 10


@dataclass(frozen=True)
class RecentSales:
    """A client's sales of the last weeks, counted.

    ``recent`` is the last 7 days up to the last delivered one, ``usual`` the 56 days before them.

    Attributes:
        last_day: last day of sales.
        days: ``date, n_rows`` of both windows.
        items: ``item_id, usual_days, recent_days``: days with a row.
        locations: ``location_id, usual_days, recent_days``.
        prices: ``item_id, usual_price, recent_price``: medians, where both are known.
        delivery_days: last day of sales of each delivery, in the order they came.
    """

    last_day: date
    days: pl.DataFrame
    items: pl.DataFrame
    locations: pl.DataFrame
    prices: pl.DataFrame
    delivery_days: Sequence[date]


def read_recent_sales(warehouse: Warehouse, client_id: str, last_day: date) -> RecentSales:
    """Count a client's sales of the last nine weeks."""
    window = """
        from staging.sales
        where client_id = {client} and date > {last}::date - {both} and date <= {last}::date
    """
    values = {
        "client": client_id,
        "last": last_day.isoformat(),
        "both": RECENT_DAYS + USUAL_DAYS,
        "recent": RECENT_DAYS,
    }
    by_entity = """
        select
            {entity},
            count(distinct date) filter (where date <= {last}::date - {recent}) as usual_days,
            count(distinct date) filter (where date > {last}::date - {recent}) as recent_days
    """
    prices = """
        select item_id, usual_price, recent_price
        from (
            select
                item_id,
                percentile_cont(0.5) within group (order by unit_price::float8)
                    filter (where date <= {last}::date - {recent}) as usual_price,
                percentile_cont(0.5) within group (order by unit_price::float8)
                    filter (where date > {last}::date - {recent}) as recent_price
    """
    known = ") as medians where usual_price is not null and recent_price is not null order by item_id"
    with warehouse.transaction() as connection:
        deliveries = connection.execute(
            """
            select last_date from ops.landing_files
            where client_id = %s and status = 'loaded' and units_loaded is not null and last_date is not null
            order by file_id
            """,
            (client_id,),
        ).fetchall()
    items = by_entity.replace("{entity}", "item_id")
    locations = by_entity.replace("{entity}", "location_id")
    return RecentSales(
        last_day=last_day,
        days=read_frame(
            warehouse, render("select date, count(*) as n_rows" + window + "group by 1 order by 1", **values)
        ),
        items=read_frame(warehouse, render(items + window + "group by 1 order by 1", **values)),
        locations=read_frame(warehouse, render(locations + window + "group by 1 order by 1", **values)),
        prices=read_frame(warehouse, render(prices + window + "group by item_id" + known, **values)),
        delivery_days=[row[0] for row in deliveries],
    )


def unusual_volume(recent: RecentSales) -> list[str]:
    """Recent days with a third of the usual number of rows or less, or three times as many or more."""
    split = pl.lit(recent.last_day).dt.offset_by(f"-{RECENT_DAYS}d")
    usual_days = recent.days.filter(pl.col("date") <= split)["n_rows"].to_list()
    if not usual_days:
        return []
    usual = median(usual_days)
    odd = recent.days.filter(
        (pl.col("date") > split)
        & ((pl.col("n_rows") * VOLUME_FACTOR <= usual) | (pl.col("n_rows") >= usual * VOLUME_FACTOR))
    )
    return [
        f"{day} has {n_rows:,} rows of sales; a usual day has {usual:,.0f}."
        for day, n_rows in odd.select("date", "n_rows").iter_rows()
    ]


def vanished_items(recent: RecentSales) -> list[str]:
    """Items delivered on most days of the usual window and on none of the recent days."""
    gone = recent.items.filter((pl.col("usual_days") * 2 > USUAL_DAYS) & (pl.col("recent_days") == 0))
    return _named("items", gone["item_id"].to_list(), f"no row in the last {RECENT_DAYS} days")


def silent_locations(recent: RecentSales) -> list[str]:
    """Locations that delivered in the usual window and not once in the recent days."""
    silent = recent.locations.filter((pl.col("usual_days") > 0) & (pl.col("recent_days") == 0))
    return _named("locations", silent["location_id"].to_list(), f"no row in the last {RECENT_DAYS} days")


def implausible_prices(recent: RecentSales) -> list[str]:
    """Items whose median price changed ten times or more: most often a lost decimal mark."""
    ratio = pl.col("recent_price") / pl.col("usual_price")
    jumped = recent.prices.filter(
        (pl.col("usual_price") > 0) & ((ratio >= PRICE_FACTOR) | (ratio * PRICE_FACTOR <= 1))
    )
    return [
        f"The price of {item} went from {before:,.2f} to {after:,.2f}."
        for item, before, after in jumped.select("item_id", "usual_price", "recent_price").iter_rows()
    ]


def late_feed(recent: RecentSales, today: date, grain: Grain = Grain.DAY) -> list[str]:
    """Whether the last delivered day is older than the feed's own rhythm lets expect."""
    steps = [
        (later - earlier).days
        for earlier, later in zip(recent.delivery_days, recent.delivery_days[1:], strict=False)
        if later > earlier
    ]
    allowed = max(GRACE_DAYS[grain], 2 * median(steps)) if steps else GRACE_DAYS[grain]
    age = (today - recent.last_day).days
    if age <= allowed:
        return []
    return [f"The last day of sales is {recent.last_day}, {age:,} days ago; {allowed:,.0f} are usual."]


def unknown_items(warehouse: Warehouse, client_id: str) -> list[str]:
    """Items of stock, orders and promotions that were neither sold nor described.

    They are not rejected: a new item's stock may well arrive before its first sale.
    """
    with warehouse.transaction() as connection:
        rows = connection.execute(
            """
            select item_id
            from (
                select item_id from staging.stock_levels where client_id = %(client)s
                union
                select item_id from staging.purchase_orders where client_id = %(client)s
                union
                select target_id from staging.promotions
                where client_id = %(client)s and target_type = 'item'
            ) as named
            where not exists (
                select from staging.products
                where products.client_id = %(client)s and products.item_id = named.item_id
            ) and not exists (
                select from staging.sales
                where sales.client_id = %(client)s and sales.item_id = named.item_id
            )
            order by item_id
            """,
            {"client": client_id},
        ).fetchall()
    return _named("items", [row[0] for row in rows], "stock, orders or promotions, and no sale or product")


def outlying_days(warehouse: Warehouse, client_id: str) -> list[str]:
    """Days on which a series sold fifty times its mean of other days, and a hundred units or more."""
    with warehouse.transaction() as connection:
        rows = connection.execute(
            """
            select item_id, location_id, date, units, usual
            from (
                select
                    item_id, location_id, date, units_sold::float8 as units,
                    ((sum(units_sold) over series - units_sold) / nullif(count(*) over series - 1, 0))::float8
                        as usual,
                    row_number() over (series order by units_sold desc, date) as place
                from staging.sales
                where client_id = %(client)s and units_sold > 0
                window series as (partition by item_id, location_id)
            ) as days
            where place = 1 and units >= 100 and units >= %(factor)s * usual
            order by units / usual desc, item_id, location_id
            """,
            {"client": client_id, "factor": OUTLIER_FACTOR},
        ).fetchall()
    said = [
        f"{item} at {location} sold {units:,.0f} on {day}; on other days with a sale it sells {usual:,.1f}."
        for item, location, day, units, usual in rows[:_SHOWN]
    ]
    return said + ([f"{len(rows) - _SHOWN:,} more series have such a day."] if len(rows) > _SHOWN else [])


def distant_days(warehouse: Warehouse, client_id: str) -> list[str]:
    """Long stretches without a single sale of any item: most often a date that was mistyped."""
    with warehouse.transaction() as connection:
        rows = connection.execute(
            """
            select before, date
            from (
                select date, lag(date) over (order by date) as before
                from (select distinct date from staging.sales where client_id = %s) as days
            ) as steps
            where date - before > %s
            order by date
            """,
            (client_id, DISTANT_DAYS),
        ).fetchall()
    return [f"Nothing at all was sold between {before} and {after}." for before, after in rows[:_SHOWN]]


def _named(what: str, names: Sequence[str], problem: str) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return [f"{len(names):,} {what} have {problem}: {', '.join(names[:_SHOWN])}{more}."]
