"""Backtests: what is stored of past origins, what the next forecast makes of it, and that nothing leaks."""

from __future__ import annotations

from datetime import date, timedelta

import dagster as dg
import polars as pl
import pytest

from forecasting_lib.demo import RetailerConfig, generate_retailer
from forecasting_lib.grain import Grain
from orchestration.api.pages.service_plot import tradeoff
from orchestration.clients import Client, update_client
from orchestration.reading.backtests import current_backtest
from orchestration.reporting.backtest_questions import ComparedModel, comparison_sentence, model_comparison
from orchestration.reporting.plots import tradeoff_plot
from orchestration.reporting.service_questions import POLICY_NAMES, service_record
from orchestration.running.runs import RunOutcome, find_job, run_job
from orchestration.settings import Settings
from orchestration.stages.backtest_origins import TooLittleHistoryError, chosen_origins
from orchestration.stages.simulation_days import replay_days
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse
from tests.conftest import deliver, run_retailer
from tests.orchestration.fingerprints import IDENTITY, fingerprints

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


@pytest.fixture(scope="module")
def client(settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance) -> Client:
    """A retailer with four models and a backtest of four origins."""
    made = run_retailer(settings, warehouse, instance, RETAILER, "judged", "Judged")
    update_client(warehouse, made.client_id, models=["hist_q", "hist_dow", "ma7", "seasonal_naive"])
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


def test_every_series_has_a_leader_with_its_scores(warehouse: Warehouse, client: Client) -> None:
    series = rows(warehouse, f"select * from analytics.backtest_series where client_id = {{c}} and {CURRENT}")
    known = rows(warehouse, "select item_id, location_id from analytics.dim_series where client_id = {c}")
    assert series.height > 0.8 * known.height
    assert set(series["model"]) <= {
        *("hist_q", "hist_dow", "ma7", "seasonal_naive", "ensemble_equal", "ensemble_fitted")
    }
    assert (series["score"] > 0).all()
    assert client.client_id == series["client_id"][0]


def test_the_comparison_is_over_the_origins_that_nothing_was_chosen_on(
    warehouse: Warehouse, client: Client
) -> None:
    found = model_comparison(warehouse, client.client_id)
    assert {model.model for model in found.models} == {
        *("hist_q", "hist_dow", "ma7", "seasonal_naive", "ensemble_equal", "ensemble_fitted", "champion")
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
        """
        select run_id::text as run_id, forecast_model, backtest_run_id::text as backtest_run_id
        from analytics.inventory_runs where client_id = {c} and is_current
        order by as_of_date desc limit 1
        """,
    )
    assert plan.drop("run_id").rows() == [("champion", backtest.run_id)]
    promised = rows(
        warehouse,
        """
        select run_id::text as run_id, ltd_method, error_inflation, service_nominal, flags
        from analytics.inventory_metrics where client_id = {c} and reorder_point_qty > 0
        """,
    ).filter(pl.col("run_id") == plan["run_id"][0])
    assert set(promised["ltd_method"]) <= {"nb_moments", "gamma_moments"}
    measured = promised.filter(~pl.col("flags").list.contains("NOT_CALIBRATED"))
    assert measured.height > 0.9 * promised.height > 0
    assert (measured["error_inflation"] != 1.0).any()
    assert (measured["service_nominal"] != 0.95).any()


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
    monkeypatch.setattr("orchestration.stages.backtesting.BAND_TOLERANCE", 0.0)
    monkeypatch.setattr("orchestration.stages.backtesting.LEAST_SERIES", 1)
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
    single = pl.col("model").is_in(["hist_q", "hist_dow", "ma7", "seasonal_naive"])
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
    told = rows(warehouse, "select * from analytics.service_backtest where client_id = {c}")
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
    before = rows(warehouse, "select run_id::text from analytics.service_backtest_runs where client_id = {c}")
    again = run_job(warehouse, instance, find_job("simulate"), "judged", chosen={"days": 28, "series": 20})
    assert again.succeeded
    after = rows(warehouse, "select run_id::text from analytics.service_backtest_runs where client_id = {c}")
    assert before.equals(after)


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
