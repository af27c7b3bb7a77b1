"""What the report says of empty shelves."""

from __future__ import annotations

from datetime import date

from orchestration.reporting.empty_shelves import EmptyShelves, empty_shelves
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse
from tests.conftest import SMALL_RETAILER


def test_no_known_empty_shelf_is_no_all_clear() -> None:
    assert "Only stock levels tell of one" in EmptyShelves(0, 0, 0.0, None, 900.0).sentence("EUR")


def test_the_cost_is_said_in_units_and_money_and_what_is_not_known_beside_it() -> None:
    said = EmptyShelves(periods=1_200, unknown=3, lost_qty=500.0, lost_value=1_234.6, sold_qty=9_500.0)
    assert said.sentence("EUR") == (
        "1,200 times in the last year a shelf was found empty. An estimated 500 units were wanted "
        "and not there (5.0% of demand), 1,235 EUR at selling prices. Of 3 the loss is not known."
    )
    unpriced = EmptyShelves(periods=2, unknown=0, lost_qty=0.0, lost_value=None, sold_qty=0.0).sentence(None)
    assert "selling prices" not in unpriced


def test_the_total_is_that_of_the_summary_by_series(warehouse: Warehouse, pipeline_client: object) -> None:
    last: date = SMALL_RETAILER.end_date
    found = empty_shelves(warehouse, "small_retail", last)
    summed = read_frame(
        warehouse,
        render(
            "select sum(lost_sales_365d_qty) as units from analytics.demand_summary where client_id = {c}",
            c="small_retail",
        ),
    )
    assert abs(found.lost_qty - summed["units"][0]) < 1e-6 * found.lost_qty
    assert found.lost_value is not None
    assert found.lost_value > 0
