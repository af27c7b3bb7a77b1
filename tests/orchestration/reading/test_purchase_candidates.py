"""What a sum of money buys of a plan, by the list and by the command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.clients import Client
from orchestration.reading.purchase_candidates import NothingToBuyError, best_purchases
from orchestration.warehouse.server import Warehouse


def test_a_sum_is_spent_from_the_top_of_the_plans_own_series(
    warehouse: Warehouse, pipeline_client: Client
) -> None:
    client_id = pipeline_client.client_id
    everything = best_purchases(warehouse, client_id, 1e12)
    some = best_purchases(warehouse, client_id, 500.0)
    assert 0 < some.lots.height < everything.lots.height
    assert float(some.lots["order_value"].sum()) <= 500.0
    worth = everything.lots["benefit_per_money"].to_list()
    assert worth == sorted(worth, reverse=True)
    assert everything.series > 0
    with warehouse.transaction() as connection:
        planned = connection.execute(
            """
            select item_id, location_id, inventory_position_qty::float8, unit_cost::float8
            from analytics.inventory_metrics_current where client_id = %s
            """,
            (client_id,),
        ).fetchall()
    series = pl.DataFrame(planned, ["item_id", "location_id", "position", "unit_cost"], orient="row")
    priced = everything.lots.join(series, on=["item_id", "location_id"])
    assert priced.height == everything.lots.height
    paid = priced["order_qty"] * priced["unit_cost"]
    assert priced["order_value"].to_list() == pytest.approx(paid.to_list(), abs=1e-4)


def test_the_command_shows_the_list_and_writes_all_of_it(pipeline_client: Client, tmp_path: Path) -> None:
    names = ["budget", "--client", pipeline_client.client_id, "--amount", "500"]
    result = CliRunner().invoke(app, [*names, "--csv", str(tmp_path / "first.csv")], env={"COLUMNS": "160"})
    assert result.exit_code == 0, result.output
    written = pl.read_csv(tmp_path / "first.csv")
    assert f"500.00 buys {written.height:,} lots" in " ".join(result.output.split())
    assert str(written["item_id"][0]) in result.output


def test_without_a_plan_it_says_what_to_do(warehouse: Warehouse, new_client: Callable[..., Client]) -> None:
    client_id = new_client().client_id
    with pytest.raises(NothingToBuyError, match=f"forecaster run --client {client_id}"):
        best_purchases(warehouse, client_id, 100.0)
