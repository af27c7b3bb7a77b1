"""Which deliveries a plan rests on, written beside it while they are staged as it saw them.

A later delivery takes the place of staged rows, and with them of the number of the file that they came in. So
this is noted when a plan is published, for the series that have a line.

Belongs here: the statement. Does not belong here: what a plan reads (``reading.supply``), how the parts are
shown (``why_this_order`` of the dbt project).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import psycopg

from forecasting_lib.grain import Grain
from forecasting_lib.inventory import LeadTimeSource
from orchestration.reading.supply import APPROVED, LEAD_TIMES, RECEIPTS
from orchestration.warehouse.bulk import render

SALES_DAYS: Mapping[Grain, int] = {Grain.DAY: 28, Grain.WEEK: 28, Grain.MONTH: 92}
"""Days up to the as-of date whose sales are followed to their files: four weeks, of months three of them."""


def insert_plan_inputs(
    connection: psycopg.Connection[Any], client_id: str, run_id: str, as_of_date: date, grain: Grain
) -> None:
    """Note the deliveries behind every series of a plan that has a line.

    Args:
        connection: of the transaction that publishes the plan, whose lines and metrics are written.
        client_id: whose plan.
        run_id: its inventory run.
        as_of_date: of the run.
        grain: of the client's demand.
    """
    connection.execute(
        render(
            _INSERT,
            c=client_id,
            run=run_id,
            as_of=as_of_date,
            days=SALES_DAYS[grain],
            receipts=str(LeadTimeSource.RECEIPTS),
            of_supplier=str(LeadTimeSource.SUPPLIER_RECEIPTS),
            word=str(LeadTimeSource.SUPPLIER),
            location=str(LeadTimeSource.LOCATION),
        ).encode()
    )


_INSERT = f"""
    insert into analytics.plan_inputs (
        client_id, run_id, item_id, location_id, sales_from, sales, stock_file_id, item_file_id,
        supplier_file_id, lead_time_file_ids, open_orders
    )
    with planned as (
        select
            item_id,
            location_id,
            metrics.snapshot_date,
            metrics.supplier_id,
            metrics.lead_time_source
        from analytics.inventory_metrics as metrics
        where client_id = {{c}} and run_id = {{run}}::uuid
            and (item_id, location_id) in (
                select item_id, location_id from analytics.replenishment_plan
                where client_id = {{c}} and run_id = {{run}}::uuid
            )
    ),

    sold as (
        select
            item_id,
            location_id,
            file_id,
            count(*) as n_rows,
            sum(units_sold) as units,
            min(date) as first_date,
            max(date) as last_date
        from staging.sales
        where client_id = {{c}} and date > {{as_of}}::date - {{days}} and date <= {{as_of}}::date
        group by item_id, location_id, file_id
    ),

    sales as (
        select
            item_id,
            location_id,
            jsonb_agg(
                jsonb_build_object(
                    'file_id', file_id, 'rows', n_rows, 'units', units,
                    'first_date', first_date, 'last_date', last_date
                )
                order by file_id
            ) as by_file
        from sold
        group by item_id, location_id
    ),

    under_way as (
        select
            item_id, location_id, po_id, supplier_id, order_date, expected_date, open_qty, file_id,
            null as decision_id
        from ({RECEIPTS}) as delivered
        union all
        select
            item_id, location_id, po_id, supplier_id, order_date, expected_date, open_qty, null, decision_id
        from ({APPROVED}) as approved
    ),

    orders as (
        select
            item_id,
            location_id,
            jsonb_agg(
                jsonb_build_object(
                    'po_id', po_id, 'supplier_id', supplier_id, 'order_date', order_date,
                    'expected_date', expected_date, 'open_qty', open_qty, 'file_id', file_id,
                    'decision_id', decision_id
                )
                order by expected_date, po_id
            ) as listed
        from under_way
        group by item_id, location_id
    ),

    measured as (
        select item_id, location_id, supplier_id, file_id from ({LEAD_TIMES}) as placed
    ),

    by_item as (
        select item_id, array_agg(distinct file_id order by file_id) as file_ids
        from measured
        group by item_id
    ),

    by_supplier as (
        select supplier_id, array_agg(distinct file_id order by file_id) as file_ids
        from measured
        group by supplier_id
    ),

    by_location as (
        select location_id, array_agg(distinct file_id order by file_id) as file_ids
        from measured
        group by location_id
    )

    select
        {{c}},
        {{run}}::uuid,
        planned.item_id,
        planned.location_id,
        {{as_of}}::date - {{days}} + 1,
        coalesce(sales.by_file, '[]'),
        coalesce(
            level.file_id,
            (
                select counted.file_id from staging.sales as counted
                where counted.client_id = {{c}}
                    and counted.item_id = planned.item_id
                    and counted.location_id = planned.location_id
                    and counted.date <= planned.snapshot_date
                    and counted.date > planned.snapshot_date - {{days}}
                    and counted.on_hand_qty is not null
                order by counted.date desc
                limit 1
            )
        ),
        item.file_id,
        supplier.file_id,
        case
            when planned.lead_time_source = {{receipts}} then coalesce(by_item.file_ids, '{{{{}}}}')
            when planned.lead_time_source = {{of_supplier}} then coalesce(by_supplier.file_ids, '{{{{}}}}')
            when planned.lead_time_source = {{word}} then array[supplier.file_id]
            when planned.lead_time_source = {{location}} then coalesce(by_location.file_ids, '{{{{}}}}')
            else '{{{{}}}}'
        end,
        coalesce(orders.listed, '[]')
    from planned
    left join sales using (item_id, location_id)
    left join orders using (item_id, location_id)
    left join staging.stock_levels as level
        on level.client_id = {{c}} and level.item_id = planned.item_id
        and level.location_id = planned.location_id and level.date = planned.snapshot_date
    left join staging.products as item on item.client_id = {{c}} and item.item_id = planned.item_id
    left join staging.suppliers as supplier
        on supplier.client_id = {{c}} and supplier.supplier_id = planned.supplier_id
    left join by_item on by_item.item_id = planned.item_id
    left join by_supplier on by_supplier.supplier_id = planned.supplier_id
    left join by_location on by_location.location_id = planned.location_id
"""
