"""Currencies and units of measure: what is not of one measure is never added.

Belongs here: the measure that a client's amounts and an item's quantities have, and refusing rows of another.
Does not belong here: reading a number (``values``), the rows that share a key (``whole_file``).
"""

from __future__ import annotations

from psycopg import sql

from orchestration.clients import set_found
from orchestration.landing.delivery import Delivery
from orchestration.landing.reasons import Reason

_SIGNS = {"€": ("EUR",), "£": ("GBP",), "$": ("USD", "CAD", "AUD", "NZD", "SGD", "MXN"), "¥": ("JPY", "CNY")}
"""Sign -> the currencies that are written with it, the first where the client has none of them."""

_CODE = "^[A-Z]{3}$"
"""What may become the client's currency: any other text in a file says nothing of its client."""

_COUNTED = ("sales", "stock_levels", "purchase_orders")
"""Tables with quantities of items."""


def currency_of(sign: str, of_client: str | None) -> str:
    """The currency that a sign means.

    >>> currency_of("$", "CAD"), currency_of("$", "EUR")
    ('CAD', 'USD')
    """
    return of_client if of_client in _SIGNS[sign] else _SIGNS[sign][0]


def refuse_other_measures(delivery: Delivery) -> None:
    """Refuse rows in another currency than the client's, or another unit of measure than their item's.

    What nobody said yet is what the first row says, and stays so for the deliveries to come.
    """
    if "currency" in delivery.columns:
        _refuse_other_currencies(delivery)
    if "uom" in delivery.columns and "item_id" in delivery.contract.key:
        if delivery.contract.table == "products":
            _refuse_changed_units(delivery)
        else:
            _refuse_other_units(delivery)


def _refuse_other_currencies(delivery: Delivery) -> None:
    delivery.connection.execute("update delivery set currency = upper(currency)")
    known = delivery.identity.client.currency
    if known is None:
        [known] = delivery.row(
            """
            select (array_agg(currency order by line_number) filter (where currency ~ %s))[1]
            from delivery
            """,
            (_CODE,),
        )
    if known is None:
        delivery.refuse(
            sql.SQL("select line_number from delivery where currency is not null").format(),
            Reason.OTHER_CURRENCY,
            "currency",
            "The currency is no code of three letters such as EUR.",
        )
        return
    if delivery.identity.client.currency is None:
        set_found(
            delivery.connection,
            delivery.client_id,
            {"currency": known},
            found_in=delivery.identity.path,
            run_id=delivery.identity.run_id,
        )
    delivery.refuse(
        sql.SQL("select line_number from delivery where currency <> {}").format(sql.Literal(known)),
        Reason.OTHER_CURRENCY,
        "currency",
        f"The amounts are not in {known}, the client's currency; deliver them in it, or without.",
    )


def _refuse_other_units(delivery: Delivery) -> None:
    """Of an item, the unit of its product counts, else that of the first row; case does not matter."""
    delivery.connection.execute(
        sql.SQL(
            """
            create temporary table units_of_measure on commit drop as
            select distinct on (item_id) item_id, uom
            from (
                select item_id, uom, 0 as line_number from staging.products
                where client_id = {client} and uom is not null
                union all
                select item_id, uom, line_number from delivery where uom is not null
            ) as said
            order by item_id, line_number
            """
        ).format(client=sql.Literal(delivery.client_id))
    )
    delivery.refuse(
        sql.SQL(
            """
            select delivery.line_number from delivery
            inner join units_of_measure as known using (item_id)
            where lower(delivery.uom) <> lower(known.uom)
            """
        ).format(),
        Reason.OTHER_UNIT,
        "uom",
        "The quantity is in another unit of measure than the item's; convert it before delivery.",
    )


def _refuse_changed_units(delivery: Delivery) -> None:
    """A product keeps its unit once something was counted in it: what was counted is not converted."""
    for counted in _COUNTED:
        delivery.refuse(
            sql.SQL(
                """
                select delivery.line_number from delivery
                inner join staging.products as known
                    on known.client_id = {client} and known.item_id = delivery.item_id
                where lower(delivery.uom) <> lower(known.uom) and exists (
                    select from {counted} as counted
                    where counted.client_id = {client} and counted.item_id = delivery.item_id
                )
                """
            ).format(client=sql.Literal(delivery.client_id), counted=sql.Identifier("staging", counted)),
            Reason.OTHER_UNIT,
            "uom",
            "The item's quantities were delivered in another unit of measure; keep that unit, or withdraw "
            "those deliveries first with 'forecaster delivery withdraw'.",
        )


def describe_units(delivery: Delivery, file_id: int) -> None:
    """Note the unit of measure of items whose product names none."""
    if "uom" not in delivery.columns or delivery.contract.table == "products":
        return
    delivery.connection.execute(
        """
        insert into staging.products as products (client_id, file_id, item_id, uom)
        select %s, %s, item_id, uom from units_of_measure
        on conflict (client_id, item_id) do update set uom = excluded.uom where products.uom is null
        """,
        (delivery.client_id, file_id),
    )
