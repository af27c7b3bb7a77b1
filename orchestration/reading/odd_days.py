"""Histories as models see them where a client has its odd days cleaned.

Belongs here: what is put in the place of which day. Does not belong here: which days are odd
(``forecasting_lib.outliers``), and demand itself, which stays as it is for scores and for people.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from forecasting_lib.grain import Grain
from forecasting_lib.ragged import Ragged, lengths_of
from orchestration.reading.histories import SERIES_COLUMNS, DemandHistory
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse


def cleaned(warehouse: Warehouse, client_id: str, seen: DemandHistory) -> DemandHistory:
    """The history with what cleaning puts in the place of odd days; itself where the client has none cleaned.

    A day is judged by its past alone, so a history of an earlier day is cleaned as it would have been then,
    but for what people said of it since. What cleaning knows nothing of is NaN; a masked day stays masked.
    """
    panel = seen.panel
    if panel.grain is not Grain.DAY:
        return seen
    odd = read_frame(
        warehouse,
        render(
            """
            select
                item_id,
                location_id,
                ({day}::date - date)::int4 as back,
                coalesce(cleaned_qty, 'nan'::float8) as units
            from analytics.demand_outliers
            where client_id = {c} and date <= {day}::date and keep is distinct from true
                and exists (
                    select from ops.clients where client_id = {c} and outlier_handling = 'clean'
                )
            """,
            c=client_id,
            day=panel.as_of_date,
        ),
    )
    rows = odd.join(seen.keys, on=SERIES_COLUMNS)
    if rows.is_empty():
        return seen
    place = {series_id: row for row, series_id in enumerate(panel.series_ids)}
    changed = {place[series_id]: np.array(panel.history[place[series_id]]) for series_id in rows["series_id"]}
    for series_id, back, units in rows.select("series_id", "back", "units").iter_rows():
        history = changed[place[series_id]]
        if back < len(history) and not np.isnan(history[-1 - back]):
            history[-1 - back] = units
    histories = (changed.get(row, history) for row, history in enumerate(panel.history))
    return replace(seen, panel=replace(panel, history=Ragged.of(histories, lengths_of(panel.history))))
