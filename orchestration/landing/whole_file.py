"""What a kind says of rows that share a key, decided when all rows of a file are there.

Belongs here: duplicate keys, order lines, days that would count twice, as SQL over the temporary table
``delivery``. Does not belong here: judging a row by itself (``faults``).
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from orchestration.landing.batches import LINE
from orchestration.landing.delivery import Delivery, column_list
from orchestration.landing.reasons import Reason


def keep_all(_delivery: Delivery) -> None:
    """No two rows can share a key: the layout was judged line by line."""


def refuse_repeated(delivery: Delivery) -> None:
    """Of rows with the same key the first stays."""
    _refuse_repeated(delivery, delivery.contract.key, "")


def totals_or_orders(delivery: Delivery) -> None:
    """Sales: a day is a total or order lines, which are added up; a second total is refused."""
    [has_orders] = delivery.row("select count(*) > 0 from delivery where order_id <> ''")
    _refuse_mixed(delivery, has_orders)
    _refuse_mixed_reasons(delivery)
    if has_orders:
        _add_up_order_lines(delivery)
    else:
        day = [name for name in delivery.contract.key if name not in {"order_id", "reason"}]
        _refuse_repeated(delivery, day, " Add an order_id column if rows are transaction lines.")


def _refuse_repeated(delivery: Delivery, named: Sequence[str], advice: str) -> None:
    key = column_list(delivery.contract.key)
    message = f"An earlier row of the file has the same {', '.join(named)}.{advice}"
    query = sql.SQL(
        """
        select {line}
        from (
            select {line}, row_number() over (partition by {key} order by {line}) as occurrence
            from delivery
        ) as numbered
        where occurrence > 1
        """
    ).format(line=sql.Identifier(LINE), key=key)
    delivery.refuse(query, Reason.DUPLICATE_KEY_IN_FILE, delivery.contract.key[0], message)


def _refuse_mixed(delivery: Delivery, has_orders: bool) -> None:
    """A day is a daily total or order lines, never both: the two would be added."""
    same_day = sql.SQL(
        """
        sales.client_id = {client} and sales.item_id = delivery.item_id
        and sales.location_id = delivery.location_id and sales.date = delivery.date
        """
    ).format(client=sql.Literal(delivery.client_id))
    if has_orders:
        query = sql.SQL(
            """
            select delivery.line_number
            from delivery
            inner join staging.sales as sales on {same_day} and sales.order_id = ''
            where delivery.order_id <> '' and not exists (
                select from delivery as total
                where total.order_id = '' and total.item_id = delivery.item_id
                    and total.location_id = delivery.location_id and total.date = delivery.date
            )
            """
        ).format(same_day=same_day)
        message = "The day was delivered as a daily total before; order lines would count on top of it."
    else:
        query = sql.SQL(
            """
            select distinct delivery.line_number
            from delivery
            inner join staging.sales as sales on {same_day} and sales.order_id <> ''
            """
        ).format(same_day=same_day)
        message = "The day was delivered as order lines before; a daily total would count on top of them."
    delivery.refuse(query, Reason.MIXED_GRAIN, "order_id", message)


def _refuse_mixed_reasons(delivery: Delivery) -> None:
    """Units are told apart by reason in all deliveries of a day, or in none: else they would be added.

    A row without a reason may stand beside rows with one, in the same delivery: most exports name a reason
    only where there is something to explain.
    """
    [has_reasons] = delivery.row("select count(*) > 0 from delivery where reason <> ''")
    same_key = sql.SQL(
        """
        sales.client_id = {client} and sales.item_id = delivery.item_id
        and sales.location_id = delivery.location_id and sales.date = delivery.date
        and sales.order_id = delivery.order_id
        """
    ).format(client=sql.Literal(delivery.client_id))
    if has_reasons:
        query = sql.SQL(
            """
            select delivery.line_number
            from delivery
            inner join staging.sales as sales on {same_key} and sales.reason = ''
            where delivery.reason <> '' and not exists (
                select from delivery as plain
                where plain.reason = '' and plain.item_id = delivery.item_id
                    and plain.location_id = delivery.location_id and plain.date = delivery.date
                    and plain.order_id = delivery.order_id
            )
            """
        ).format(same_key=same_key)
        message = "The units were delivered without a reason before; those with one would count on top."
    else:
        query = sql.SQL(
            """
            select distinct delivery.line_number
            from delivery
            inner join staging.sales as sales on {same_key} and sales.reason <> ''
            """
        ).format(same_key=same_key)
        message = "The units were delivered by reason before; those without one would count on top."
    delivery.refuse(query, Reason.MIXED_GRAIN, "reason", message)


def _add_up_order_lines(delivery: Delivery) -> None:
    """One row per order, item, location and day: units added, the price their weighted mean.

    Prices are weighted by the size of the line, returns included; the stock is the last line's.
    """
    sums = {
        "units_sold": "sum(units_sold)",
        "unit_price": "coalesce(sum(unit_price * abs(units_sold)) / nullif(sum(abs(units_sold))"
        " filter (where unit_price is not null), 0), avg(unit_price))",
        "on_promotion": "bool_or(on_promotion)",
        "on_hand_qty": "(array_agg(on_hand_qty order by line_number desc)"
        " filter (where on_hand_qty is not null))[1]",
    }
    values = delivery.values
    delivery.connection.execute("alter table delivery rename to order_lines")
    delivery.connection.execute(
        sql.SQL(
            "create temporary table delivery on commit drop as select {}, {} from order_lines group by {}"
        ).format(
            column_list(delivery.contract.key),
            sql.SQL(", ").join(
                sql.SQL("{} as {}").format(sql.SQL(sums[name]), sql.Identifier(name)) for name in values
            ),
            column_list(delivery.contract.key),
        )
    )
    delivery.connection.execute("analyze delivery")
