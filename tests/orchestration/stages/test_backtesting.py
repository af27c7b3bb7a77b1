"""Backtests: what is stored of past origins, what the next forecast makes of it, and that nothing leaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from forecasting_lib.demo import RetailerConfig, generate_retailer
from forecasting_lib.grain import Grain
from forecasting_lib.models.guards import Note
from orchestration.api.pages.service_plot import tradeoff
from orchestration.clients import Client, update_client
from orchestration.reading.backtests import current_backtest
from orchestration.reading.gaps import find_gaps
from orchestration.reading.histories import current_champion, read_history
from orchestration.reading.relatives import read_kin, told_of
from orchestration.reporting.backtest_intervals import champion_beside
from orchestration.reporting.backtest_questions import ComparedModel, comparison_sentence, model_comparison
from orchestration.reporting.covariate_questions import covariate_worth
from orchestration.reporting.plots import tradeoff_plot
from orchestration.reporting.questions import latest_models
from orchestration.reporting.service_questions import POLICY_NAMES, service_record
from orchestration.resources import Installation
from orchestration.running.runs import RunOutcome, find_job, run_job
from orchestration.settings import Settings
from orchestration.stages import band_gate, forecasting
from orchestration.stages.backtest_origins import TooLittleHistoryError, chosen_origins
from orchestration.stages.forecasting import forecasts
from orchestration.stages.inventory import inventory
from orchestration.stages.simulation_days import replay_days
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse
from tests.conftest import deliver, run_retailer
from tests.orchestration.fingerprints import IDENTITY, fingerprints
from tests.tiny_chronos import save_tiny_chronos

pytestmark = pytest.mark.starts_first

RETAILER = RetailerConfig(end_date=date(2026, 6, 30), days=300, n_items=14, n_locations=2)
"""One of its items has left since, between two origins."""

LAST_ORIGIN = date(2026, 6, 2)
BACKTEST_TABLES = ("analytics.backtest_", "analytics.calibrations", "analytics.error_inflation")
EXACT_SUMS = (
    *("n_rows", "n_masked", "n_positive", "n_inside_50", "n_inside_80", "n_inside_90", "n_inside_98"),
    "n_on_bound_90",
)
SUMS = (
    *("sum_actual_qty", "sum_forecast_qty", "sum_abs_error_qty", "sum_squared_error", "sum_abs_pct_error"),
    *("sum_decile_losses_qty", "mase_scale", "rmsse_scale"),
)


MODELS = ["hist_q", "hist_dow", "ma7", "seasonal_naive", "chronos2"]


@pytest.fixture(scope="module", autouse=True)
def _tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Random weights for Chronos-2, which alone of the models is told of covariates."""
    with pytest.MonkeyPatch.context() as environment:
        weights = save_tiny_chronos(tmp_path_factory.mktemp("judged") / "weights")
        environment.setenv("CHRONOS_MODEL_ID", str(weights))
        yield


@pytest.fixture(scope="module")
def client(settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance) -> Client:
    """A retailer with five models and a backtest of four origins."""
    made = run_retailer(settings, warehouse, instance, RETAILER, "judged", "Judged")
    update_client(warehouse, made.client_id, models=MODELS)
    outcome = judge(warehouse, instance, origins=4)
    assert outcome.succeeded, outcome.problems
    return made


def judge(warehouse: Warehouse, instance: dg.DagsterInstance, **chosen: object) -> RunOutcome:
    return run_job(warehouse, instance, find_job("backtest"), "judged", chosen=chosen)


def rows(warehouse: Warehouse, query: str) -> pl.DataFrame:
    return read_frame(warehouse, render(query, c="judged"))


CURRENT = """
    run_id = (
        select max(run_id::text)::uuid from analytics.backtest_runs where client_id = {c} and is_current
    )
"""


def forecasts_at_origins(warehouse: Warehouse) -> pl.DataFrame:
    """What every model said, at every origin, of the totals of its intervals."""
    return rows(
        warehouse,
        f"""
        select model, origin_date, item_id, location_id, n_periods, mean_qty, variance
        from analytics.backtest_totals where client_id = {{c}} and {CURRENT}
        order by 1, 2, 3, 4, 5
        """,
    )


def test_the_sums_of_an_origin_are_the_scores_of_the_forecast_published_that_day(
    warehouse: Warehouse, client: Client
) -> None:
    """The library's sums beside those that the database made, of the same model, day and demand."""
    names = ", ".join((*EXACT_SUMS, *(f"{name}::float8 as {name}" for name in SUMS)))
    key = ["model", "item_id", "location_id", "lag_bucket"]
    judged = rows(
        warehouse,
        f"""
        select {", ".join(key)}, {names} from analytics.backtest_scores
        where client_id = {{c}} and {CURRENT} and origin_date = '{LAST_ORIGIN}'
        """,
    )
    scored = rows(
        warehouse,
        f"""
        select {", ".join(key)}, {names} from analytics.score_sums
        where client_id = {{c}} and run_id = (
            select run_id from analytics.forecast_runs
            where client_id = {{c}} and as_of_date = '{LAST_ORIGIN}' and is_current limit 1
        )
        """,
    )
    both = scored.join(judged, on=key, suffix="_judged", validate="1:1")
    assert both.height == scored.height > 0
    # profiles know promotions where a model that is told of them was asked, too, as no model was that day
    new = rows(
        warehouse,
        f"""
        select distinct item_id from analytics.forecast_series
        where client_id = {{c}} and reason = '{Note.NEW_ITEM}'
        """,
    )
    both = both.join(new, on="item_id", how="anti")
    assert both.height > scored.height / 2
    assert set(both["model"]) == {"hist_q", "ma7", "seasonal_naive"}
    for name in EXACT_SUMS:
        assert (both[name] == both[f"{name}_judged"]).all(), name
    for name in SUMS:
        apart = (both[name] - both[f"{name}_judged"]).abs() / (1 + both[name].abs())
        # a backtest keeps quantiles in single precision
        assert apart.drop_nulls().max() < 1e-6, name  # type: ignore[operator]
        assert both[name].null_count() == both[f"{name}_judged"].null_count(), name


def test_an_item_that_has_left_since_was_judged_while_it_was_there(
    warehouse: Warehouse, client: Client
) -> None:
    assert client.client_id == "judged"
    left = rows(
        warehouse,
        "select item_id, end_date from analytics.dim_item where client_id = {c} and end_date is not null",
    )
    [(item, end)] = left.iter_rows()
    judged = rows(
        warehouse,
        f"""
        select origin_date, sum(n_rows)::int as known, sum(n_masked)::int as unknown
        from analytics.backtest_scores
        where client_id = {{c}} and {CURRENT} and item_id = '{item}' and model = 'ma7'
        group by origin_date order by origin_date
        """,
    )
    assert judged["origin_date"].to_list() == [date(2026, 3, 10), date(2026, 4, 7), date(2026, 5, 5)]
    assert judged["unknown"][2] >= (date(2026, 6, 2) - end).days, "nothing is known after it left"
    assert judged["known"][2] > 0


def test_new_items_are_a_segment_of_their_own_and_their_forecasts_say_so(
    warehouse: Warehouse, client: Client
) -> None:
    [new] = rows(
        warehouse, "select item_id from analytics.dim_item where client_id = {c} and launch_date is not null"
    )["item_id"]
    sums = ("sum_actual_qty", "sum_forecast_qty", "n_inside_80", "n_inside_90")
    told = rows(
        warehouse,
        f"""
        select model, origin_date, is_profiled, n_series, n_actuals, {", ".join(sums)}
        from analytics.backtest_new_items where client_id = {{c}} and {CURRENT} order by 1, 2, 3
        """,
    )
    assert set(told["origin_date"]) == {date(2026, 5, 5), LAST_ORIGIN}
    judged = rows(
        warehouse,
        f"""
        select
            model,
            origin_date,
            count(distinct location_id)::int as n_series,
            sum(n_rows)::int as n_actuals,
            {", ".join(f"sum({name})::float8 as {name}" for name in sums)}
        from analytics.backtest_scores
        where client_id = {{c}} and {CURRENT} and item_id = '{new}'
        group by model, origin_date
        """,
    )
    both = told.filter("is_profiled").join(
        judged, on=["model", "origin_date"], suffix="_judged", maintain_order="left"
    )
    assert both.height == 2 * 5
    for name in ("n_series", "n_actuals", *sums):
        assert ((both[name] - both[f"{name}_judged"]).abs() < 1e-6 * (1 + both[name])).all(), name
    without = told.filter(~pl.col("is_profiled"))
    assert not (without["sum_forecast_qty"] == both["sum_forecast_qty"]).any()

    published = rows(
        warehouse,
        f"""
        select distinct item_id from analytics.forecast_series
        inner join analytics.forecast_runs using (client_id, run_id, model)
        where client_id = {{c}} and as_of_date = '{LAST_ORIGIN}' and is_current
            and forecast_series.reason = '{Note.NEW_ITEM}'
        """,
    )
    assert published["item_id"].to_list() == [new]


def test_the_demand_of_an_item_that_was_replaced_is_read_with_its_successor(
    warehouse: Warehouse, client: Client
) -> None:
    products = rows(
        warehouse, "select item_id, launch_date, end_date from analytics.dim_item where client_id = {c}"
    )
    [new] = products.filter(pl.col("launch_date").is_not_null())["item_id"]
    [left] = products.filter(pl.col("end_date").is_not_null())["item_id"]
    successor = "update analytics.dim_item set successor_item_id = %s where client_id = %s and item_id = %s"
    history = read_history(warehouse, client.client_id, LAST_ORIGIN)
    with warehouse.transaction() as connection:
        connection.execute(successor, (new, client.client_id, left))
    try:
        kin = read_kin(warehouse, client.client_id, history)
    finally:
        with warehouse.transaction() as connection:
            connection.execute(successor, (None, client.client_id, left))
    assert kin is not None
    of_new = [row for row, item in enumerate(kin.items) if item == new]
    assert sorted(kin.predecessors) == of_new
    for row in of_new:
        sold = rows(
            warehouse,
            f"""
            select date, demand_qty::float8 as qty from analytics.ts_demand_daily
            where client_id = {{c}} and item_id = '{left}' and location_id = '{kin.locations[row]}'
                and not is_masked and date <= '{LAST_ORIGIN}' and date > '{LAST_ORIGIN}'::date - 112
            order by date
            """,
        )
        demand = kin.predecessors[row]
        known = np.flatnonzero(~np.isnan(demand))
        assert [LAST_ORIGIN - timedelta(days=int(111 - day)) for day in known] == sold["date"].to_list()
        assert demand[known].tolist() == sold["qty"].to_list()
    assert set(told_of(kin)) != set(told_of(replace(kin, predecessors={})))


def test_every_series_has_a_leader_with_its_scores(warehouse: Warehouse, client: Client) -> None:
    series = rows(warehouse, f"select * from analytics.backtest_series where client_id = {{c}} and {CURRENT}")
    known = rows(warehouse, "select item_id, location_id from analytics.dim_series where client_id = {c}")
    assert series.height > 0.8 * known.height
    assert set(series["model"]) <= {
        *(*MODELS, "ensemble_equal", "ensemble_fitted"),
    }
    assert (series["score"] > 0).all()
    assert client.client_id == series["client_id"][0]


def test_the_comparison_is_over_the_origins_that_nothing_was_chosen_on(
    warehouse: Warehouse, client: Client
) -> None:
    found = model_comparison(warehouse, client.client_id)
    assert {model.model for model in found.models} == {
        *(*MODELS, "ensemble_equal", "ensemble_fitted", "champion"),
    }
    by_name = {model.model: model for model in found.models}
    assert by_name["seasonal_naive"].fva_naive == 0
    assert by_name["ma7"].fva_ma7 == 0
    assert "past days that the choice had not seen" in found.sentence
    direct = rows(
        warehouse,
        f"""
        select sum(sum_decile_losses_qty) / 9 / sum(sum_actual_qty) as wql from analytics.backtest_scores
        where client_id = {{c}} and {CURRENT} and model = 'hist_q' and origin_date >= '2026-05-05'
        """,
    )
    assert by_name["hist_q"].wql == pytest.approx(direct["wql"][0])
    of_class = found.segments.filter(pl.col("demand_class") != "all", lag_bucket="all")
    assert of_class.height > 1
    assert of_class["n_rows"].sum() == found.segments.filter(demand_class="all")["n_rows"].sum()
    assert set(found.segments["lag_bucket"]) == {"all", "1", "2-7", "8-14", "15-28"}
    of_lag = found.segments.filter(demand_class="all")
    assert of_lag["lag_bucket"].to_list() == ["1", "2-7", "8-14", "15-28"]
    assert found.reliability is not None
    levels = found.reliability.levels
    assert levels["level"].is_sorted()
    assert levels.height == 21
    assert levels["raw"].null_count() == 0
    band = {round(level, 2): held for level, held in levels.select("level", "published").iter_rows()}
    assert band[0.9] - band[0.1] == pytest.approx(by_name["champion"].coverage_80)
    assert f"Of {levels['n_actuals'][0]:,} actuals" in found.reliability.sentence


def test_the_next_forecast_follows_the_backtest_and_says_so(
    warehouse: Warehouse, instance: dg.DagsterInstance, client: Client
) -> None:
    outcome = run_job(warehouse, instance, find_job("client_pipeline"), client.client_id)
    assert outcome.succeeded, outcome.problems
    backtest = current_backtest(warehouse, client.client_id)
    assert backtest is not None
    runs = rows(
        warehouse,
        """
        select model, is_champion, backtest_run_id::text as backtest_run_id, reason
        from analytics.forecast_runs where client_id = {c} and is_current and as_of_date = '2026-06-30'
        """,
    )
    [champion] = runs.filter("is_champion").to_dicts()
    assert champion["model"] == "champion"
    assert champion["backtest_run_id"] == backtest.run_id
    assert champion["reason"].startswith("Each series by the model that past days favour, calibrated: ")
    assert runs.filter(~pl.col("is_champion"))["backtest_run_id"].null_count() == runs.height - 1
    series = rows(
        warehouse,
        """
        select item_id, location_id, made_by, choice, status from analytics.forecast_series
        where client_id = {c} and model = 'champion' and status <> 'excluded'
        """,
    )
    assert series["made_by"].null_count() == series["choice"].null_count() == 0
    for item, location, made_by, choice in series.select(
        "item_id", "location_id", "made_by", "choice"
    ).iter_rows():
        chosen = backtest.choices.get((item, location))
        assert made_by == (chosen.model if chosen else backtest.leaders["none"])
        assert choice.startswith(f"{made_by} leads")
    plan = rows(
        warehouse,
        "select forecast_model from analytics.inventory_runs where client_id = {c} and is_current "
        "order by as_of_date desc limit 1",
    )
    assert plan["forecast_model"].to_list() == ["champion"]


def test_a_policy_that_names_one_model_for_everything_has_it_lead(
    warehouse: Warehouse, instance: dg.DagsterInstance, client: Client
) -> None:
    update_client(warehouse, client.client_id, champion="first")
    try:
        outcome = run_job(warehouse, instance, find_job("forecast_only"), client.client_id)
        assert outcome.succeeded, outcome.problems
        lead = rows(
            warehouse,
            """
            select model from analytics.forecast_runs
            where client_id = {c} and is_current and is_champion and as_of_date = '2026-06-30'
            """,
        )
        assert lead["model"].to_list() == ["hist_q"]
    finally:
        update_client(warehouse, client.client_id, champion="backtest")


def test_the_champion_stands_beside_each_model_with_an_interval(warehouse: Warehouse, client: Client) -> None:
    compared = {row.model: row for row in model_comparison(warehouse, client.client_id).models}
    beside = {row.model: row for row in champion_beside(warehouse, client.client_id)}
    assert set(beside) == set(compared)
    champion = compared["champion"]
    assert champion.wql is not None
    assert champion.scaled_loss is not None
    for name, row in beside.items():
        other = compared[name]
        assert row.bias is not None
        assert row.bias.value == pytest.approx(other.bias)
        assert row.bias.low < row.bias.value < row.bias.high
        if name == "champion":
            assert row.wql_ratio is row.scaled_ratio is None
            continue
        assert row.wql_ratio is not None
        assert row.scaled_ratio is not None
        assert other.wql is not None
        assert other.scaled_loss is not None
        assert row.wql_ratio.value == pytest.approx(champion.wql / other.wql)
        assert row.scaled_ratio.value == pytest.approx(champion.scaled_loss / other.scaled_loss)
        assert row.wql_ratio.low < row.wql_ratio.value < row.wql_ratio.high
    assert champion_beside(warehouse, "nobody") == []


def worth(warehouse: Warehouse) -> pl.DataFrame:
    return rows(
        warehouse,
        f"""
        select model, covariate, verdict, gain, standard_error, n_windows, n_series, last_origin_date,
            jsonb_array_length(windows) as n_origins
        from analytics.covariate_worth where client_id = {{c}} and {CURRENT} order by covariate
        """,
    )


def test_each_covariate_is_judged_and_the_forecast_follows_and_says_so(
    warehouse: Warehouse, instance: dg.DagsterInstance, client: Client
) -> None:
    judged = worth(warehouse)
    assert set(judged["model"]) == {"chronos2"}
    assert set(judged["verdict"]) <= {"used", "not_used"}
    assert set(judged["n_windows"]) == {3}
    assert set(judged["n_origins"]) == {4}
    assert judged["gain"].null_count() == judged["standard_error"].null_count() == 0
    outcome = run_job(warehouse, instance, find_job("forecast_only"), client.client_id)
    assert outcome.succeeded, outcome.problems
    told = rows(
        warehouse,
        """
        select settings::text as settings, reason from analytics.forecast_runs
        where client_id = {c} and is_current and model = 'chronos2' and as_of_date = '2026-06-30'
        """,
    )
    settings, reason = json.loads(told["settings"][0]), told["reason"][0]
    verdicts = dict(judged.select("covariate", "verdict").iter_rows())
    said = {name: worth["verdict"] for name, worth in settings["covariate_worth"].items()}
    assert said == verdicts
    used = {name for name, verdict in verdicts.items() if verdict == "used"}
    assert set(settings.get("covariates", {})) == used
    assert all(f"{name} (" in reason for name in verdicts)
    found = covariate_worth(warehouse, client.client_id)
    assert len(found.covariates) == judged.height
    assert f"Of {judged.height} covariates of models, {len(used)} made" in found.sentence


def published(warehouse: Warehouse, as_of: date) -> list[dict[str, Any]]:
    """The forecasts made of the leaders' own as of a date, the first one first."""
    return rows(
        warehouse,
        f"""
        select run_id::text as run_id, is_current, is_champion, bands_hold, stand_in_run_id::text as stand_in,
            reason
        from analytics.forecast_runs
        where client_id = {{c}} and model = 'champion' and as_of_date = '{as_of}' order by published_at
        """,
    ).to_dicts()


def test_a_forecast_whose_bands_fail_waits_behind_the_last_good_one_where_the_client_wants_it(
    warehouse: Warehouse, instance: dg.DagsterInstance, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any class is judged, with a tolerance that no forecast misses or none that any forecast meets."""
    monkeypatch.setattr(band_gate, "LEAST_SERIES", 1)
    last, good = date(2026, 6, 30), date(2026, 6, 20)

    def run(tolerance: float, as_of: date) -> dict[str, dg.AssetCheckEvaluation]:
        monkeypatch.setattr(band_gate, "BAND_TOLERANCE", tolerance)
        result = dg.materialize(
            [forecasts, inventory],
            partition_key=client.client_id,
            resources={"installation": Installation()},
            instance=instance,
            run_config={
                "ops": {name: {"config": {"as_of_date": str(as_of)}} for name in ("forecasts", "inventory")}
            },
        )
        return {check.check_name: check for check in result.get_asset_check_evaluations()}

    def gaps() -> dict[str, str]:
        return {gap.gap: gap.sentence for gap in find_gaps(warehouse, client.client_id)}

    try:
        assert run(1.0, good)["bands_hold"].passed
        [held] = published(warehouse, good)
        assert (held["is_current"], held["bands_hold"]) == (True, True)

        update_client(warehouse, client.client_id, when_bands_fail="keep_last_good")
        checks = run(0.0, last)
        assert not checks["bands_hold"].passed
        assert "The forecast as of 2026-06-20 stays in use." in (checks["bands_hold"].description or "")
        waits = published(warehouse, last)[-1]
        assert (waits["is_current"], waits["is_champion"], waits["bands_hold"]) == (False, False, False)
        assert waits["stand_in"] == held["run_id"]
        assert "Held back: " in waits["reason"]
        assert current_champion(warehouse, client.client_id, last) is None, "what led before is retired"
        assert latest_models(warehouse, client.client_id)["run_id"][0] == held["run_id"]
        [plan] = rows(
            warehouse,
            """
            select
                as_of_date, forecast_as_of_date, forecast_run_id::text as forecast_run_id,
                run_id::text as run_id
            from analytics.inventory_runs where client_id = {c} and is_current
            order by as_of_date desc limit 1
            """,
        ).to_dicts()
        assert (plan["as_of_date"], plan["forecast_as_of_date"]) == (last, good)
        assert plan["forecast_run_id"] == held["run_id"]
        ahead = rows(
            warehouse,
            f"""
            select min(date) as first, max(date) as last, min(lag_days) as lag from analytics.stock_projection
            where client_id = {{c}} and run_id = '{plan["run_id"]}'
            """,
        )
        assert ahead.row(0) == (date(2026, 7, 1), date(2026, 7, 18), 1)
        said = gaps()["FORECAST_HELD_BACK"]
        assert "as of 2026-06-30 was held back" in said
        assert "the one as of 2026-06-20" in said
        assert "FORECAST_BEHIND" not in gaps()
        assert not checks["nothing_else_is_missing"].passed
        assert "as of 2026-06-20" in (checks["nothing_else_is_missing"].description or "")

        before = published(warehouse, last)
        run(0.0, last)
        assert published(warehouse, last) == before, "the same inputs are not run again"

        monkeypatch.setattr(forecasting, "LEAST_AHEAD", 0.9)
        checks = run(0.0, last)
        assert "since no earlier forecast whose bands held reaches 26 days ahead" in (
            checks["bands_hold"].description or ""
        )
        assert published(warehouse, last)[-1]["is_current"], "published all the same, and it says so"
        assert "BANDS_DO_NOT_HOLD" in gaps()
        assert "FORECAST_HELD_BACK" not in gaps()
    finally:
        update_client(warehouse, client.client_id, when_bands_fail="publish")
        with warehouse.transaction() as connection:
            for table in ("forecast_results", "forecast_series", "forecast_runs"):
                connection.execute(
                    f"""
                    delete from analytics.{table} where client_id = %s and run_id in (
                        select run_id from analytics.forecast_runs
                        where client_id = %s and (as_of_date = %s or stand_in_run_id is not null)
                    )
                    """.encode(),
                    (client.client_id, client.client_id, good),
                )
            connection.execute(
                "update analytics.forecast_runs set bands_problem = null where client_id = %s",
                (client.client_id,),
            )


def test_the_same_inputs_are_not_judged_again(
    warehouse: Warehouse, instance: dg.DagsterInstance, client: Client
) -> None:
    before = current_backtest(warehouse, client.client_id)
    outcome = judge(warehouse, instance, origins=4)
    assert outcome.succeeded, outcome.problems
    after = current_backtest(warehouse, client.client_id)
    assert before is not None
    assert after is not None
    assert after.run_id == before.run_id


def test_bands_that_do_not_hold_are_said_again_where_the_backtest_stands(
    warehouse: Warehouse, instance: dg.DagsterInstance, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no tolerance and for a class of any size, which no forecast meets to the last digit."""
    monkeypatch.setattr("orchestration.stages.band_gate.BAND_TOLERANCE", 0.0)
    monkeypatch.setattr("orchestration.stages.band_gate.LEAST_SERIES", 1)
    outcome = judge(warehouse, instance, origins=4)
    assert outcome.succeeded
    assert "band of" in " ".join(outcome.problems)
    assert current_backtest(warehouse, client.client_id) is not None


def test_nothing_told_later_moves_a_forecast_of_an_origin(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance, client: Client
) -> None:
    """Spikes in restated sales of all days, and in stock and prices of later days."""
    before = forecasts_at_origins(warehouse)
    frames = generate_retailer(RETAILER).deliveries()
    sales = frames["sales"]
    every_tenth = sales.gather_every(10).with_columns(pl.col("units_sold").abs() + 500)
    later = every_tenth.with_columns(pl.col("date").cast(pl.String))
    deliver(settings, client.client_id, {"sales": later}, "_spikes")
    for day_after in ("stock_levels", "prices"):
        if day_after in frames:
            column = "on_hand_qty" if day_after == "stock_levels" else "unit_price"
            planted = frames[day_after].filter(pl.col("date").cast(pl.String) > LAST_ORIGIN.isoformat())
            planted = planted.with_columns(pl.col(column) * 10)
            deliver(settings, client.client_id, {day_after: planted}, "_spikes")
    outcome = run_job(warehouse, instance, find_job("client_pipeline"), client.client_id)
    assert outcome.succeeded, outcome.problems
    restated = rows(warehouse, "select count(*) as n from ops.restated_sales where client_id = {c}")
    assert restated["n"][0] > 0.5 * every_tenth.height
    outcome = judge(warehouse, instance, origins=4)
    assert outcome.succeeded, outcome.problems
    after = forecasts_at_origins(warehouse)
    single = pl.col("model").is_in(MODELS)
    both = before.filter(single).join(
        after.filter(single),
        on=["model", "origin_date", "item_id", "location_id", "n_periods"],
        suffix="_after",
    )
    assert both.height > 0.9 * before.filter(single).height
    moved = both.filter(
        (pl.col("mean_qty") - pl.col("mean_qty_after")).abs() > 1e-9 * (1 + pl.col("mean_qty"))
    )
    assert moved.is_empty(), moved


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"origins": 40}, "300 days of demand are too few: 40 origins"),
        ({"models": ["oracle"]}, "unknown models"),
    ],
)
def test_what_cannot_be_judged_is_said_in_a_sentence(
    chosen: dict[str, object],
    sentence: str,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    client: Client,
) -> None:
    outcome = judge(warehouse, instance, **chosen)
    assert not outcome.succeeded
    assert sentence in " ".join(outcome.problems)
    assert client.client_id == outcome.client_id


def test_without_a_number_as_many_origins_are_taken_as_there_is_history_for() -> None:
    last = date(2026, 6, 30)
    asked = chosen_origins(last - timedelta(days=199), last, Grain.DAY, origins=None, stride=None, horizon=28)
    assert [day.isoformat() for day in asked.dates] == ["2026-04-07", "2026-05-05", "2026-06-02"]
    with pytest.raises(TooLittleHistoryError, match="139 days of demand are too few: one origin"):
        chosen_origins(last - timedelta(days=138), last, Grain.DAY, origins=None, stride=None, horizon=28)
    months = chosen_origins(date(2023, 1, 1), last, Grain.MONTH, origins=None, stride=None, horizon=6)
    assert len(months.dates) == 6


def compared(name: str, wql: float | None) -> ComparedModel:
    return ComparedModel(name, None, None, wql, None, None, None, None, None, None)


def test_what_choosing_was_worth_is_said_as_it_is() -> None:
    worse = [compared("champion", 0.51), compared("chronos2", 0.50)]
    assert "2.0% more error than always using chronos2" in comparison_sentence(worse, "chronos2")
    better = [compared("champion", 0.49), compared("chronos2", 0.50)]
    assert "2.0% less error" in comparison_sentence(better, "chronos2")
    assert comparison_sentence([], "chronos2").startswith("Unknown: no backtest")
    assert "too few origins" in comparison_sentence([compared("chronos2", 0.5)], "chronos2")


@pytest.mark.slow
def test_the_same_files_are_judged_the_same_to_the_bit_whoever_else_is_there(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    """Of two clients with the same files, the second judged beside the first."""
    found = []
    for client_id in ("judged_one", "judged_two"):
        made = run_retailer(settings, warehouse, instance, RETAILER, client_id, client_id.title())
        outcome = run_job(warehouse, instance, find_job("backtest"), made.client_id)
        assert outcome.succeeded, outcome.problems
        prints = fingerprints(warehouse, client_id, ignore=IDENTITY)
        found.append({name: prints[name] for name in prints if name.startswith(BACKTEST_TABLES)})
    assert all(rows > 0 for rows, _ in found[0].values())
    assert len(found[0]) == 7
    assert found[0] == found[1]


# --- replays of the same days: service kept ------------------------------------------------------------


@pytest.fixture(scope="module")
def replayed(warehouse: Warehouse, instance: dg.DagsterInstance, client: Client) -> Client:
    """The same retailer with four weeks replayed, and levels fitted on the weeks before."""
    outcome = run_job(warehouse, instance, find_job("simulate"), "judged", chosen={"days": 28, "series": 20})
    assert outcome.succeeded, outcome.problems
    return client


def test_a_replay_tells_what_each_policy_kept_beside_what_was_promised(
    warehouse: Warehouse, replayed: Client
) -> None:
    [run] = rows(
        warehouse,
        "select * from analytics.service_backtest_runs where client_id = {c} and is_current",
    ).to_dicts()
    assert (run["first_date"], run["last_date"]) == (date(2026, 6, 3), date(2026, 6, 30))
    assert run["fitted_from"] is not None
    assert 0 < run["n_series"] <= 20 < run["n_series_of"]
    assert run["model"] == "hist_q"
    told = rows(
        warehouse,
        """
        select one.* from analytics.service_backtest as one
        inner join analytics.service_backtest_runs using (client_id, run_id)
        where client_id = {c} and is_current
        """,
    )
    assert set(told["policy"]) == {"forecast", "textbook_normal", "ma7_factor"}
    assert {"as_set", "fitted", "sweep"} <= set(told["basis"])
    everything = told.filter(segment="all", metric="fill_rate", basis="sweep", policy="forecast")
    ordered = everything.sort("nominal")
    assert ordered["on_hand_qty"].is_sorted()
    assert ordered["achieved"][-1] > ordered["achieved"][0]
    assert told["achieved"].is_between(0.0, 1.0).all()
    promised = told.filter(basis="as_set", policy="forecast", metric="csl_cycle", segment="all")
    assert promised["target"][0] == float(replayed.service_level)
    assert promised["predicted"][0] is not None


def test_a_replay_of_the_same_inputs_stands(
    warehouse: Warehouse, instance: dg.DagsterInstance, replayed: Client
) -> None:
    def replays() -> list[str]:
        # other tests may have judged models since: the first of two has what is known by now
        outcome = run_job(
            warehouse, instance, find_job("simulate"), "judged", chosen={"days": 28, "series": 20}
        )
        assert outcome.succeeded, outcome.problems
        found = rows(
            warehouse, "select run_id::text from analytics.service_backtest_runs where client_id = {c}"
        )
        return sorted(found["run_id"])

    assert replays() == replays()


def test_the_service_kept_is_told_in_a_sentence(warehouse: Warehouse, replayed: Client) -> None:
    record = service_record(warehouse, replayed.client_id)
    assert "Over 28 days to 2026-06-30, replayed for" in record.sentence
    assert "95% was promised" in record.sentence
    assert {row.policy for row in record.rows} == {"forecast", "textbook_normal", "ma7_factor"}
    assert tradeoff_plot(record.frontier, POLICY_NAMES, 0.95) is not None
    assert service_record(warehouse, "nobody").sentence.startswith("Unknown: nothing has been replayed yet")
    assert tradeoff_plot(service_record(warehouse, "nobody").frontier, POLICY_NAMES, 0.95) is None


def test_more_days_than_there_are_cannot_be_replayed(
    warehouse: Warehouse, instance: dg.DagsterInstance, replayed: Client
) -> None:
    outcome = run_job(warehouse, instance, find_job("simulate"), "judged", chosen={"days": 280})
    assert not outcome.succeeded
    assert any("are too few" in problem for problem in outcome.problems)


def test_days_are_judged_before_any_are_taken_to_fit_levels_on() -> None:
    last = date(2026, 6, 30)
    short = replay_days(last - timedelta(days=112 + 126 + 20), last, None)
    assert (len(short.dates), short.fitted_weeks) == (18, 0)
    long = replay_days(last - timedelta(days=500), last, None)
    assert (len(long.dates), long.fitted_weeks) == (34, 16)
    assert long.dates[-1] == last - timedelta(days=7)
    few = replay_days(last - timedelta(days=112 + 30), last, None)
    assert len(few.dates) == 4
    with pytest.raises(TooLittleHistoryError, match="113 days of demand are too few"):
        replay_days(last - timedelta(days=112), last, None)


def test_the_trade_off_is_drawn_between_the_levels_and_not_beyond(
    warehouse: Warehouse, replayed: Client
) -> None:
    record = service_record(warehouse, replayed.client_id)
    drawn = tradeoff(record.frontier, POLICY_NAMES, 0.95)
    assert drawn is not None
    assert [line.label for line in drawn.lines] == list(POLICY_NAMES.values())
    own = record.frontier.filter(policy="forecast")["cover_days"]
    for place, value in zip(drawn.x, drawn.lines[0].values, strict=True):
        assert (value is not None) == bool(own.min() <= place <= own.max())  # type: ignore[operator]
    drawn.json()
    assert tradeoff(record.frontier.clear(), POLICY_NAMES, 0.95) is None
