"""Covariates from delivered files to the model: what was known counts, what came later does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from forecasting_lib.covariates import without_shut_days
from forecasting_lib.demo import generate_retailer, hold_back_retailer
from forecasting_lib.grain import Grain
from forecasting_lib.models.chronos2 import Chronos2
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.panel import FloatArray, Panel
from orchestration.clients import Client, add_client, sync_partitions, validated
from orchestration.reading.histories import read_forecast, read_history
from orchestration.reading.known_facts import history_as_known
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse
from tests.conftest import SMALL_RETAILER, deliver
from tests.tiny_chronos import save_tiny_chronos

AS_OF = SMALL_RETAILER.end_date - timedelta(days=28)
FIRST, LATER = hold_back_retailer(generate_retailer(SMALL_RETAILER).deliveries())
ITEM = FIRST["sales"].filter(pl.col("date") == AS_OF)["item_id"].sort()[0]


def promotion(start: int, end: int, depth: float, announced: int) -> pl.DataFrame:
    """A promotion of one item everywhere; days are counted from the as-of date."""
    on = [AS_OF + timedelta(days=day) for day in (start, end, announced)]
    return pl.DataFrame(
        {
            "item_id": [ITEM],
            "start_date": [on[0]],
            "end_date": [on[1]],
            "discount_rate": [depth],
            "announced_date": [on[2]],
        }
    )


def spiked() -> dict[str, pl.DataFrame]:
    """The later days, wild: sales, prices and stock of another world, promotions announced too late."""
    late = [
        promotion(2, 9, 0.9, announced=1),
        promotion(12, 14, 0.8, announced=3),
        promotion(-9, -7, 0.7, announced=2),
    ]
    return {
        **LATER,
        "sales": LATER["sales"].with_columns(
            pl.col("units_sold") * 50, pl.col("unit_price") * 3, pl.lit(True).alias("on_promotion")
        ),
        "stock_levels": LATER["stock_levels"].with_columns(pl.lit(0).alias("on_hand_qty")),
        "promotions": pl.concat(late),
    }


@dataclass(frozen=True)
class Runs:
    """What was read and published as of one day: at first, after later days came, after a plan came in."""

    client: Client
    weights: Path
    first: Panel
    after_later_days: Panel
    after_a_plan: Panel
    runs: list[list[str]]
    positions: list[int]


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(
    settings: Settings,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    tmp_path_factory: pytest.TempPathFactory,
) -> Runs:
    weights = save_tiny_chronos(tmp_path_factory.mktemp("covariates") / "tiny")
    client = validated(client_id="covariates", name="Covariates", country="IE", models=["chronos2", "ma7"])
    add_client(warehouse, client)
    sync_partitions(instance, [*instance.get_dynamic_partitions("clients"), client.client_id])
    panels: list[Panel] = []
    published: list[list[str]] = []
    plan = {"promotions": promotion(4, 8, 0.4, announced=-2)}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CHRONOS_MODEL_ID", str(weights))
        for suffix, delivery in (("_first", FIRST), ("_later", spiked()), ("_plan", plan)):
            deliver(settings, client.client_id, delivery, suffix)
            outcome = run_job(warehouse, instance, find_job("client_pipeline"), client.client_id, as_of=AS_OF)
            assert outcome.succeeded, outcome.problems
            panels.append(_panel(warehouse, client))
            published.append(_runs(warehouse, client))
    keys = read_history(warehouse, client.client_id, AS_OF).keys
    positions = keys.with_row_index().filter(item_id=ITEM)["index"].to_list()
    first, after_later_days, after_a_plan = panels
    return Runs(client, weights, first, after_later_days, after_a_plan, published, positions)


def _panel(warehouse: Warehouse, client: Client) -> Panel:
    history = read_history(warehouse, client.client_id, AS_OF, prices=True)
    return history_as_known(
        warehouse, client.client_id, history, client.horizon(Grain.DAY), covariates=True
    ).panel


def _runs(warehouse: Warehouse, client: Client) -> list[str]:
    """Published runs of Chronos-2, the current one last."""
    rows = read_frame(
        warehouse,
        render(
            """
            select run_id::text as run_id from analytics.forecast_runs
            where client_id = {c} and model = 'chronos2' and status = 'published'
            order by is_current, published_at
            """,
            c=client.client_id,
        ),
    )
    return rows["run_id"].to_list()


def _assert_equal(one: Panel, other: Panel) -> None:
    assert one.series_ids == other.series_ids
    for kind in ("past_covariates", "future_covariates"):
        left, right = getattr(one, kind), getattr(other, kind)
        assert list(left) == list(right)
        for name in left:
            for a, b in zip(left[name], right[name], strict=True):
                np.testing.assert_array_equal(a, b, err_msg=f"{kind} {name}")
    for a, b in zip(one.history, other.history, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_panel_has_the_covariates_of_the_deliveries(runs: Runs) -> None:
    names = ["promotion", "price", "holiday", "open"]
    assert list(runs.first.past_covariates) == names
    assert list(runs.first.future_covariates) == names
    for arrays in (*runs.first.past_covariates.values(), *runs.first.future_covariates.values()):
        assert all(np.isfinite(values).all() for values in arrays)


def test_nothing_that_became_known_later_is_in_the_panel(runs: Runs) -> None:
    """Later sales, prices, stock, sales flagged as promoted, and promotions announced later."""
    _assert_equal(runs.first, runs.after_later_days)


def test_nothing_that_became_known_later_moves_the_forecast(warehouse: Warehouse, runs: Runs) -> None:
    """The run stands, because its inputs are the same; asked again, the model says the same."""
    assert runs.runs[0] == runs.runs[1]
    published, _ = read_forecast(warehouse, runs.client.client_id, runs.runs[0][0], "chronos2")
    horizon = runs.client.horizon(Grain.DAY)
    asked_again = guarded_predict(Chronos2(runs.weights), runs.after_later_days, horizon)
    history = read_history(warehouse, runs.client.client_id, asked_again.as_of_date)
    shut = history_as_known(warehouse, runs.client.client_id, history, horizon, covariates=False).shut_ahead
    assert shut is not None
    assert shut.any(), "the generated retailer has a store that closes on Sundays"
    asked_again = without_shut_days(asked_again, shut)
    np.testing.assert_array_equal(published.mean, asked_again.mean)
    np.testing.assert_array_equal(published.quantiles, asked_again.quantiles)


def test_a_promotion_announced_in_time_is_in_the_panel_of_its_item_only(runs: Runs) -> None:
    before = runs.after_later_days.future_covariates["promotion"]
    after = runs.after_a_plan.future_covariates["promotion"]
    assert runs.positions
    for position in runs.positions:
        assert (after[position][3:8] >= 0.4).all()
    moved = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if not np.array_equal(a, b)]
    assert moved
    assert set(moved) <= set(runs.positions)


def test_a_promotion_announced_in_time_moves_the_forecast_of_its_item_only(
    warehouse: Warehouse, runs: Runs
) -> None:
    assert len(runs.runs[2]) == 2, "the plan is a new input: another run"
    old, new = (
        read_forecast(warehouse, runs.client.client_id, run, "chronos2")[0].mean for run in runs.runs[2]
    )
    moved = np.flatnonzero((old != new).any(axis=1)).tolist()
    assert moved
    assert set(moved) <= set(runs.positions)


def test_a_run_says_which_covariates_it_used_and_a_model_without_says_so(
    warehouse: Warehouse, runs: Runs
) -> None:
    rows = read_frame(
        warehouse,
        render(
            """
            select model, reason, settings::text as settings from analytics.forecast_runs
            where client_id = {c} and is_current order by model
            """,
            c=runs.client.client_id,
        ),
    ).rows_by_key("model", named=True, unique=True)
    assert "does not use promotions, prices or holidays" in rows["ma7"]["reason"]
    assert "covariates" not in rows["ma7"]["settings"]
    assert "does not use" not in rows["chronos2"]["reason"]
    assert '"price": "held"' in rows["chronos2"]["settings"]
    assert '"promotion": "announced"' in rows["chronos2"]["settings"]


def test_covariates_are_read_as_of_any_day(warehouse: Warehouse, runs: Runs) -> None:
    """As of the last day everything the spiked days brought is there."""
    last = SMALL_RETAILER.end_date
    history = read_history(warehouse, runs.client.client_id, last, prices=True)
    panel = history_as_known(warehouse, runs.client.client_id, history, 28, covariates=True).panel
    position = history.keys.with_row_index().filter(item_id=ITEM)["index"][0]
    promoted = panel.past_covariates["promotion"][position]
    assert _between(promoted, last, 2, 9).tolist() == [0.9] * 8
    assert _between(promoted, last, -9, -7).tolist() == [0.7] * 3


def _between(values: FloatArray, last: date, first_day: int, last_day: int) -> FloatArray:
    offset = len(values) - 1 - (last - AS_OF).days
    return values[offset + first_day : offset + last_day + 1]
