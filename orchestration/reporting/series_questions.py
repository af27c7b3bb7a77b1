"""The questions that are asked of one series: what sold, what is forecast, planned, proposed and flagged.

Each is asked of the warehouse, or in a transaction that works as a client's role and sees that client alone.

Belongs here: queries and what they return. Does not belong here: how the figures of an order follow from each
other (``order_arithmetic``), what a flag says (``forecasting_lib.inventory``), past accuracy and projected
stock, which are listings (``catalogue``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from forecasting_lib.grain import Grain
from orchestration.reporting.questions import latest_plan
from orchestration.stages.pictures import HISTORY_PERIODS
from orchestration.warehouse.asking import Place
from orchestration.warehouse.bulk import read_frame, render

YEAR_EARLIER: Mapping[Grain, int] = {Grain.DAY: 364, Grain.WEEK: 52, Grain.MONTH: 12}
"""Periods back to the same time of last year; of days the same weekday."""


@dataclass(frozen=True)
class Series:
    """An item at a location of a client, as queries name it."""

    client_id: str
    item_id: str
    location_id: str

    @property
    def names(self) -> dict[str, str]:
        return {"c": self.client_id, "item": self.item_id, "location": self.location_id}

    @property
    def filters(self) -> dict[str, list[str]]:
        """The same as a wish of a listing has it."""
        return {"item_id": [self.item_id], "location_id": [self.location_id]}


def series_plan(place: Place, series: Series) -> dict[str, Any] | None:
    """What the latest plan says of a series: position, supply, policy, levels and demand of the lead time.

    Returns:
        The columns of ``inventory_metrics`` and ``lead_time_demand`` beside those of the run; ``is_planned``
        is false where the plan leaves the series out, ``knows_orders`` where no purchase orders were
        delivered. None without a plan.
    """
    found = read_frame(
        place,
        render(
            f"""
            select
                run.run_id::text as run_id,
                run.as_of_date,
                run.forecast_run_id::text as forecast_run_id,
                run.forecast_model,
                coalesce(run.config ->> 'unmet_demand', 'backorder') as unmet_demand,
                exists (
                    select from analytics.feeds as feed
                    where feed.client_id = run.client_id and feed.kind = 'purchase_orders'
                        and feed.files_loaded > 0
                ) as knows_orders,
                metrics.item_id is not null as is_planned,
                metrics.snapshot_date,
                metrics.on_hand_qty::float8 as on_hand_qty,
                metrics.reserved_qty::float8 as reserved_qty,
                metrics.backorder_qty::float8 as backorder_qty,
                metrics.on_order_qty::float8 as on_order_qty,
                metrics.overdue_on_order_qty::float8 as overdue_on_order_qty,
                metrics.net_stock_qty::float8 as net_stock_qty,
                metrics.inventory_position_qty::float8 as inventory_position_qty,
                metrics.supplier_id,
                metrics.lead_time_days,
                metrics.lead_time_sd_days,
                metrics.lead_time_source,
                metrics.review_days,
                metrics.ltd_mean_qty,
                metrics.ltd_sd_qty,
                metrics.ltd_method,
                metrics.undershoot_mean_qty,
                metrics.service_target,
                metrics.service_nominal,
                metrics.service_predicted,
                metrics.safety_stock_qty,
                metrics.reorder_point_qty,
                metrics.order_up_to_qty,
                metrics.eoq_qty,
                metrics.dir_days,
                metrics.dir_censored,
                metrics.dir_lower_bound_days,
                metrics.stockout_date,
                metrics.stockout_date_p10,
                metrics.stockout_prob_lt,
                metrics.excess_qty,
                metrics.excess_value::float8 as excess_value,
                metrics.abc_class,
                metrics.xyz_class,
                metrics.demand_class,
                metrics.unit_cost::float8 as unit_cost,
                metrics.stock_value,
                coalesce(metrics.flags, '{{{{}}}}') as flags,
                demand.protection_days,
                demand.q50_qty,
                demand.q80_qty,
                demand.q90_qty,
                demand.q95_qty,
                demand.q98_qty,
                demand.q99_qty
            from ({latest_plan("{c}")}) as run
            left join analytics.inventory_metrics as metrics
                on metrics.client_id = {{c}} and metrics.run_id = run.run_id
                and metrics.item_id = {{item}} and metrics.location_id = {{location}}
            left join analytics.lead_time_demand as demand
                on demand.client_id = {{c}} and demand.run_id = run.run_id
                and demand.item_id = {{item}} and demand.location_id = {{location}}
            """,
            **series.names,
        ),
    )
    return None if found.is_empty() else found.row(0, named=True)


def series_demand(place: Place, series: Series, grain: Grain, as_of_date: date) -> pl.DataFrame:
    """Demand of the periods shown before a forecast, and of the year before these.

    Returns:
        ``date, last_date, demand_qty, is_promotion, is_closed, is_stocked_out, is_masked, lost_sales_qty``.
    """
    return read_frame(
        place,
        render(
            """
            select
                date, last_date, demand_qty::float8 as demand_qty, is_promotion, is_closed, is_stocked_out,
                is_masked, lost_sales_qty
            from analytics.ts_demand
            where client_id = {c} and item_id = {item} and location_id = {location}
                and date >= {since}::date
            order by date
            """,
            **series.names,
            since=grain.shift(as_of_date, 1 - HISTORY_PERIODS[grain] - YEAR_EARLIER[grain]),
        ),
    )


def series_forecast(
    place: Place, series: Series, run_id: str, model: str
) -> tuple[pl.DataFrame, dict[str, Any] | None]:
    """A model's forecast of a series, and what became of the series in its run.

    Returns:
        ``date, lag_days, point_qty, mean_qty, q10, q25, q50, q75, q90``; and ``status, reason,
        raw_mean_qty``, None where the run leaves the series out.
    """
    names = {**series.names, "run": run_id, "model": model}
    ahead = read_frame(
        place,
        render(
            """
            select date, lag_days, point_qty, mean_qty, q10, q25, q50, q75, q90
            from analytics.forecast_results
            where client_id = {c} and run_id = {run}::uuid and model = {model}
                and item_id = {item} and location_id = {location}
            order by date
            """,
            **names,
        ),
    )
    judged = read_frame(
        place,
        render(
            """
            select status, reason, raw_mean_qty
            from analytics.forecast_series
            where client_id = {c} and run_id = {run}::uuid and model = {model}
                and item_id = {item} and location_id = {location}
            """,
            **names,
        ),
    )
    return ahead, None if judged.is_empty() else judged.row(0, named=True)


def series_calendar(place: Place, series: Series, first: date, last: date, as_of_date: date) -> pl.DataFrame:
    """What was known on a day of the promotions, holidays and closed days of a daily client.

    Closed days are those ahead: behind, the demand says it.

    Returns:
        ``date, mark, name``: the mark is promotion, holiday or closed, the name the holiday's.
    """
    return read_frame(
        place,
        render(
            """
            select distinct date, 'promotion' as mark, null as name
            from analytics.promoted_days
            where client_id = {c} and item_id = {item} and location_id = {location}
                and date between {first}::date and {last}::date and known_date <= {as_of}::date
            union all
            select date, 'holiday', holiday_name
            from analytics.location_calendar
            where client_id = {c} and location_id = {location}
                and date between {first}::date and {last}::date and is_holiday
            union all
            select date, 'closed', null
            from analytics.location_calendar
            where client_id = {c} and location_id = {location}
                and date between {first}::date and {last}::date and is_closed and date > {as_of}::date
            order by date, mark
            """,
            **series.names,
            first=first,
            last=last,
            as_of=as_of_date,
        ),
    )


def series_lines(place: Place, series: Series, run_id: str) -> pl.DataFrame:
    """The lines of the latest plan about a series: what each quantity was made of, and what was decided.

    Args:
        place: whom to ask.
        series: which.
        run_id: of the latest plan.

    Returns:
        One row per line, by number; ``state`` and ``decided_`` columns are those of the worklist.
    """
    return read_frame(
        place,
        render(
            """
            select
                plan.line_no,
                plan.action,
                plan.urgency,
                plan.priority_rank,
                plan.supplier_id,
                plan.po_ref,
                plan.need_date,
                plan.order_date,
                plan.receipt_date,
                plan.net_need_qty::float8 as net_need_qty,
                plan.moq_qty::float8 as moq_qty,
                plan.order_multiple_qty::float8 as order_multiple_qty,
                plan.order_qty::float8 as order_qty,
                plan.order_value::float8 as order_value,
                plan.cover_days_after,
                plan.days_late,
                plan.lost_units_at_risk_qty,
                plan.value_at_risk,
                plan.reason,
                coalesce(plan.flags, '{{}}') as flags,
                worklist.state,
                worklist.decided_qty::float8 as decided_qty,
                worklist.decided_order_date,
                worklist.decided_receipt_date,
                worklist.decided_reason,
                worklist.decided_by,
                worklist.decided_at,
                worklist.snoozed_until
            from analytics.replenishment_plan as plan
            left join analytics.planner_worklist as worklist
                on worklist.client_id = {c} and worklist.item_id = {item}
                and worklist.location_id = {location}
                and worklist.run_id = plan.run_id and worklist.line_no = plan.line_no
            where plan.client_id = {c} and plan.run_id = {run}::uuid
                and plan.item_id = {item} and plan.location_id = {location}
            order by plan.line_no
            """,
            **series.names,
            run=run_id,
        ),
    )
