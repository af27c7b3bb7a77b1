"""Sales are partitioned by client, so that the first rows of one are loaded before their index is built.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0018"
down_revision = "0017"

_KEY = "date, item_id, location_id, order_id, reason, client_id"
_COLUMNS = (
    "client_id, item_id, location_id, date, order_id, reason, units_sold, unit_price, currency, uom, "
    "on_promotion, on_hand_qty, file_id"
)


def upgrade() -> None:
    op.execute("alter table staging.sales rename to sales_of_all")
    op.execute("alter table staging.sales_of_all rename constraint pk_sales to pk_sales_of_all")
    op.execute(
        """
        create table staging.sales (like staging.sales_of_all including all excluding indexes)
        partition by list (client_id)
        """
    )
    op.execute(f"alter table staging.sales add constraint pk_sales primary key ({_KEY})")
    clients = op.get_bind().execute(text("select distinct client_id from staging.sales_of_all order by 1"))
    for client_id in map(str, clients.scalars().all()):
        partition, client = f'staging."sales__{client_id}"', str(client_id).replace("'", "''")
        op.execute(f"create table {partition} (like staging.sales including defaults including constraints)")
        op.execute(
            f"""
            insert into {partition} ({_COLUMNS}) select {_COLUMNS} from staging.sales_of_all
            where client_id = '{client}' order by client_id, date, item_id, location_id, order_id, reason
            """
        )
        op.execute(f"alter table {partition} add primary key ({_KEY})")
        op.execute(f"alter table staging.sales attach partition {partition} for values in ('{client}')")
        op.execute(f"analyze {partition}")
    op.execute("drop table staging.sales_of_all")


def downgrade() -> None:
    op.execute("create table staging.sales_of_all (like staging.sales including all excluding indexes)")
    op.execute(f"insert into staging.sales_of_all ({_COLUMNS}) select {_COLUMNS} from staging.sales")
    op.execute("drop table staging.sales")
    op.execute("alter table staging.sales_of_all rename to sales")
    op.execute(
        """
        alter table staging.sales add constraint pk_sales
        primary key (client_id, date, item_id, location_id, order_id, reason)
        """
    )
