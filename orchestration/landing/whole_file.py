"""What a kind says of rows that share a key, decided when all rows of a file are there.

Belongs here: duplicate keys, order lines, days that would count twice, as SQL over the temporary table
``delivery``. Does not belong here: judging a row by itself (``faults``).
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from orchestration.landing.batches import LINE
from orchestration.landing.delivery import Delivery, column_list, same_key
from orchestration.landing.reasons import Reason


def keep_all(_delivery: Delivery) -> None:
    """No two rows can share a key: the layout was judged line by line."""


def refuse_repeated(delivery: Delivery) -> None:
    """Of rows with the same key the first stays."""
    _refuse_repeated(delivery, delivery.contract.key, "")


def totals_or_orders(delivery: Delivery) -> None:
    """Sales: a day is a total or order lines, which are added up; a second total is refused."""
    if _refuse_mixed_days(delivery):
        _add_up_lines(delivery)
    else:
        day = [name for name in delivery.contract.key if name not in {"order_id", "reason"}]
        _refuse_repeated(
            delivery,
            day,
            " If rows are transactions, add an order_id column or set the feed to --lines transactions.",
        )


def add_up(delivery: Delivery) -> None:
    """Sales whose rows are transactions, with an order or without: what shares a key is added up."""
    _refuse_mixed_days(delivery)
    _add_up_lines(delivery)


def _refuse_mixed_days(delivery: Delivery) -> bool:
    """Refuse what would count twice; returns whether the file has orders."""
    has_orders = _has_any(delivery, "order_id")
    if not delivery.is_snapshot and delivery.meets_staged:
        _refuse_mixed_orders(delivery, has_orders)
        _refuse_mixed_reasons(delivery)
    return has_orders


def _has_any(delivery: Delivery, column: str) -> bool:
    [has_any] = delivery.row(
        sql.SQL("select exists (select from delivery where {} <> '')").format(sql.Identifier(column))
    )
    return bool(has_any)


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


def _refuse_mixed_orders(delivery: Delivery, has_orders: bool) -> None:
    """A day is a daily total or order lines, never both: the two would be added."""
    message = (
        "The day was delivered as a daily total before; order lines would count on top of it."
        if has_orders
        else "The day was delivered as order lines before; a daily total would count on top of them."
    )
    _refuse_mixed(delivery, "order_id", ("item_id", "location_id", "date"), has_orders, message)


def _refuse_mixed_reasons(delivery: Delivery) -> None:
    """Units are told apart by reason in all deliveries of a day, or in none: else they would be added.

    A row without a reason may stand beside rows with one, in the same delivery: most exports name a reason
    only where there is something to explain.
    """
    has_reasons = _has_any(delivery, "reason")
    message = (
        "The units were delivered without a reason before; those with one would count on top."
        if has_reasons
        else "The units were delivered by reason before; those without one would count on top."
    )
    _refuse_mixed(delivery, "reason", ("item_id", "location_id", "date", "order_id"), has_reasons, message)


def _refuse_mixed(
    delivery: Delivery, column: str, whole: Sequence[str], is_split: bool, message: str
) -> None:
    """Refuse parts of what was delivered whole before, or the whole of what was delivered in parts.

    Parts whose whole is in the file, too, replace it.

    Args:
        delivery: its rows.
        column: what tells the parts apart; empty in the whole.
        whole: the columns that the parts share.
        is_split: whether the file has parts.
        message: of the rows refused.
    """
    template = (
        """
        select delivery.line_number
        from delivery
        inner join staging.sales as sales
            on sales.client_id = {client} and {same_as_staged} and sales.{column} = ''
        where delivery.{column} <> '' and not exists (
            select from delivery as total where total.{column} = '' and {same_in_file}
        )
        """
        if is_split
        else """
        select distinct delivery.line_number
        from delivery
        inner join staging.sales as sales
            on sales.client_id = {client} and {same_as_staged} and sales.{column} <> ''
        """
    )
    query = sql.SQL(template).format(
        client=sql.Literal(delivery.client_id),
        column=sql.Identifier(column),
        same_as_staged=same_key("sales", whole),
        same_in_file=same_key("total", whole),
    )
    delivery.refuse(query, Reason.MIXED_GRAIN, column, message)


def _add_up_lines(delivery: Delivery) -> None:
    """One row per order, item, location and day: units added, the price their weighted mean.

    Prices are weighted by the size of the line, returns included; the stock is the last line's. A line that
    shares its key with no other is its own sum, and stays.
    """
    sums = {
        "units_sold": "sum(units_sold)",
        "unit_price": "coalesce(sum(unit_price * abs(units_sold)) / nullif(sum(abs(units_sold))"
        " filter (where unit_price is not null), 0), avg(unit_price))",
        "currency": "min(currency)",
        "uom": "min(uom)",
        "on_promotion": "bool_or(on_promotion)",
        "on_hand_qty": "(array_agg(on_hand_qty order by line_number desc)"
        " filter (where on_hand_qty is not null))[1]",
    }
    key, values = delivery.contract.key, delivery.values
    repeated = delivery.connection.execute(
        sql.SQL(
            """
            create temporary table repeated on commit drop as
            select {key} from delivery group by {key} having count(*) > 1
            """
        ).format(key=column_list(key))
    ).rowcount
    if not repeated:
        return
    delivery.connection.execute("analyze repeated")
    delivery.connection.execute(
        sql.SQL(
            """
            with lines as (
                delete from delivery using repeated where {same_key} returning delivery.*
            )
            insert into delivery ({key}, {values}, line_number)
            select {key}, {sums}, min(line_number) from lines group by {key}
            """
        ).format(
            same_key=same_key("repeated", key),
            key=column_list(key),
            values=column_list(values),
            sums=sql.SQL(", ").join(sql.SQL(sums[name]) for name in values),
        )
    )
