"""Retention of a client: what goes, what stays, what says so, and that nothing else changes."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.clients import update_client
from orchestration.landing.withdrawal import WithdrawalError, withdraw
from orchestration.planning.choices import DecisionError
from orchestration.planning.decisions import Choice, decide
from orchestration.reading.histories import ThinnedError, current_champion, read_forecast
from orchestration.resources import Installation
from orchestration.retention.retain import Retained, make_reusable, retain
from orchestration.settings import Settings
from orchestration.stages.forecasting import forecasts
from orchestration.stages.ingestion import ingest_folder
from orchestration.stages.inventory import inventory
from orchestration.stages.scoring import score_due_runs
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.shops import LAST_DAY, as_writer, materialize
from tests.orchestration.retention.stores import (
    HORIZON,
    ITEMS,
    RUN_TABLES,
    Store,
    copied_store,
    open_store,
    today,
)

DAYS = [LAST_DAY - timedelta(days=days) for days in (21, 14, 7, 0)]
MODELS = 3
"""The client's two, and the one that is run behind every policy."""

ROWS_OF_A_FORECAST = len(ITEMS) * HORIZON * MODELS

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def made(warehouse: Warehouse) -> Store:
    return open_store(warehouse, "kept")


@pytest.fixture
def store(made: Store) -> Store:
    return copied_store(made, f"kept_{next(_numbers)}")


def thin(store: Store, **options: Any) -> Retained:
    return retain(store.warehouse, store.client, **options)


def thinned_forecasts(store: Store) -> list[tuple[Any, ...]]:
    return store.rows(
        "select distinct as_of_date, is_current from analytics.forecast_runs "
        "where client_id = %s and thinned_at is not null order by 1, 2",
        store.client_id,
    )


def test_what_is_past_its_use_goes_and_orders_and_accuracy_stay(store: Store) -> None:
    other = copied_store(store, f"{store.client_id}_other")
    for one in (store, other):
        score_due_runs(store.warehouse, one.client_id, "test")
    store.age(100)
    untouched, accuracy = other.everything(), store.accuracy()
    behind = {item: store.record_behind(item) for item in ("tea", "salt")}
    before = store.everything()
    assert all(len(rows) > HORIZON for rows in behind.values())

    foreseen = thin(store, is_dry=True)
    assert store.everything() == before

    done = thin(store)
    assert [(one.what, one.policy, one.things, one.rows) for one in done.went] == [
        (one.what, one.policy, one.things, one.rows) for one in foreseen.went
    ]
    assert done.stays == foreseen.stays
    assert {(one.what, one.policy): one.things for one in done.went} == {
        ("forecasts", "keep_forecasts_days"): 2,
        ("forecasts", "keep_superseded_days"): 1,
        ("plans", "keep_plans_days"): 2,
        ("plans", "keep_superseded_days"): 1,
    }
    assert done.stays["forecasts", "the latest in use"] == MODELS
    assert done.stays["forecasts", "the latest plan starts from it, or the one before"] == 1
    assert done.stays["forecasts", "the latest whose days are all known, which reports show"] == MODELS - 1
    assert done.rows_by_table["analytics.forecast_results"] == 3 * ROWS_OF_A_FORECAST - 2 * HORIZON
    assert thinned_forecasts(store) == [(DAYS[0], True), (DAYS[1], False), (DAYS[1], True)]
    assert {item: store.record_behind(item) for item in behind} == behind
    assert store.accuracy() == accuracy
    assert other.everything() == untouched
    assert make_reusable(store.warehouse, [done])
    assert thin(store, today=today()).rows_by_table.keys() <= {"analytics.score_sums"}


def test_each_thing_that_went_is_in_the_audit_log_with_its_policy_and_rows(store: Store) -> None:
    store.age(100)
    done = thin(store, dagster_run_id="night")
    entries = store.rows(
        "select object, row_count, run_id, details from ops.audit_log "
        "where client_id = %s and action = 'thin' order by audit_id",
        store.client_id,
    )
    assert len(entries) == sum(one.things for one in done.went) == 6
    assert Counter(details["policy"] for *_, details in entries) == Counter(
        keep_forecasts_days=2, keep_superseded_days=2, keep_plans_days=2
    )
    assert {run for _, _, run, _ in entries} == {"night"}
    summed: Counter[str] = Counter()
    for _, row_count, _, details in entries:
        assert row_count == sum(details["rows_by_table"].values())
        assert details["days"] == getattr(store.client, details["policy"])
        summed.update(details["rows_by_table"])
    assert summed == +done.rows_by_table


def test_the_forecasts_of_the_two_latest_plans_stay_where_others_took_their_place(store: Store) -> None:
    update_client(store.warehouse, store.client_id, models=["ma7", "seasonal_naive"])
    for day in DAYS:
        materialize(store.client_id, day, forecasts)
    store.age(100)
    thin(store)
    found = store.rows(
        """
        select plan.as_of_date, forecast.is_current, forecast.thinned_at is null
        from analytics.inventory_runs as plan
        inner join analytics.forecast_runs as forecast
            on forecast.client_id = plan.client_id
            and forecast.run_id = plan.forecast_run_id
            and forecast.model = plan.forecast_model
        where plan.client_id = %s and plan.is_current
        order by 1
        """,
        store.client_id,
    )
    # the first was made from the same inputs, so it stands
    assert found == [
        (DAYS[0], True, False),
        (DAYS[1], False, False),
        (DAYS[2], False, True),
        (DAYS[3], False, True),
    ]


def test_scores_by_item_go_after_their_forecast_and_totals_stay(store: Store) -> None:
    store.age(100)
    totals = "select total::text from analytics.score_totals as total where client_id = %s order by 1"
    accuracy = (
        "select (to_jsonb(one) - 'thinned_at')::text from analytics.forecast_accuracy as one "
        "where client_id = %s order by 1"
    )
    before = [store.rows(query, store.client_id) for query in (totals, accuracy)]
    assert "scores by item" not in {one.what for one in thin(store).went}
    done = thin(store)
    assert [(one.what, one.policy, one.things) for one in done.went] == [
        ("scores by item", "keep_item_scores_days", 3)
    ]
    assert [store.rows(query, store.client_id) for query in (totals, accuracy)] == before
    left = store.rows(
        "select distinct as_of_date from analytics.forecast_quality "
        "where client_id = %s and grain in ('item', 'series')",
        store.client_id,
    )
    assert left == [(DAYS[2],)]
    marked = store.rows(
        "select distinct as_of_date from analytics.scorings "
        "where client_id = %s and items_thinned_at is not null order by 1",
        store.client_id,
    )
    assert marked == [(DAYS[0],), (DAYS[1],)]


def test_projected_stock_goes_before_the_plan_does(warehouse: Warehouse) -> None:
    store = open_store(warehouse, f"kept_{next(_numbers)}", keep_plans_days=300)
    store.age(100)
    before = store.counts()
    done = thin(store)
    assert {one.policy for one in done.went if one.what == "projections of plans"} == {
        "keep_projections_days"
    }
    after = store.counts()
    superseded = len(ITEMS)
    assert before["analytics.inventory_metrics"] - after["analytics.inventory_metrics"] == superseded
    # of five plans two stay whole, and of the first what was decided about
    assert after["analytics.stock_projection"] == (2 * len(ITEMS) + 2) * HORIZON


def test_a_day_that_is_restated_after_its_forecast_went_changes_no_score(store: Store) -> None:
    store.age(100)
    thin(store)
    accuracy = store.accuracy()
    with store.warehouse.transaction() as connection:
        connection.execute(
            "update analytics.ts_demand_daily set demand_qty = demand_qty + 5 "
            "where client_id = %s and date <= %s",
            (store.client_id, DAYS[2]),
        )
    assert score_due_runs(store.warehouse, store.client_id, "test") == []
    assert store.accuracy() == accuracy
    with store.warehouse.transaction() as connection:
        connection.execute(
            "update analytics.ts_demand_daily set demand_qty = demand_qty + 5 "
            "where client_id = %s and date > %s",
            (store.client_id, DAYS[2]),
        )
    assert {one.run.as_of_date for one in score_due_runs(store.warehouse, store.client_id, "test")} == {
        DAYS[2]
    }


def test_scores_stand_where_the_days_of_a_thinned_forecast_are_withdrawn(store: Store) -> None:
    store.age(100)
    thin(store)
    with store.warehouse.transaction() as connection:
        connection.execute(
            "delete from analytics.ts_demand_daily where client_id = %s and date > %s",
            (store.client_id, DAYS[0]),
        )
    score_due_runs(store.warehouse, store.client_id, "test")
    current = store.rows(
        "select distinct as_of_date from analytics.scorings where client_id = %s and is_current order by 1",
        store.client_id,
    )
    assert current == [(DAYS[0],), (DAYS[1],)]


# --- what is thinned is never taken for whole ---------------------------------------------------------


def test_no_view_shows_a_run_that_was_thinned(store: Store) -> None:
    store.age(100)
    thin(store)
    views = [
        name
        for (name,) in store.rows(
            """
            select table_name from information_schema.columns
            where table_schema = 'analytics' and column_name = 'run_id'
                and table_name in (select viewname from pg_views where schemaname = 'analytics')
            """
        )
    ]
    assert {"forecast_vs_actual", "forecast_results_current", "planner_worklist"} <= set(views)
    thinned = {
        run
        for (run,) in store.rows(
            "select run_id from analytics.forecast_runs where client_id = %s and thinned_at is not null "
            "union "
            "select run_id from analytics.inventory_runs where client_id = %s and thinned_at is not null",
            *[store.client_id] * 2,
        )
    }
    assert len(thinned) == 6
    tell_of_the_past = {
        *("forecast_quality", "forecast_accuracy", "forecast_runs_as_known", "why_this_order")
    }
    for view in set(views) - tell_of_the_past:
        shown = store.rows(f"select run_id from analytics.{view} where client_id = %s", store.client_id)
        assert {run for (run,) in shown}.isdisjoint(thinned), view
    marked = store.rows(
        "select distinct as_of_date from analytics.forecast_accuracy "
        "where client_id = %s and thinned_at is not null order by 1",
        store.client_id,
    )
    assert marked == [(DAYS[0],), (DAYS[1],)]


def test_whoever_asks_for_a_thinned_forecast_is_told_and_can_have_it_made_again(store: Store) -> None:
    store.age(100)
    thin(store)
    champion = current_champion(store.warehouse, store.client_id, DAYS[0])
    assert champion is not None
    said = rf"as of {DAYS[0]} was thinned on {today()}: run forecast_only with the as_of_date {DAYS[0]}"
    with pytest.raises(ThinnedError, match=said):
        read_forecast(store.warehouse, store.client_id, *champion)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("clients", [store.client_id])
        failed = dg.materialize(
            [inventory],
            instance=instance,
            partition_key=store.client_id,
            resources={"installation": Installation()},
            run_config={"ops": {"inventory": {"config": {"as_of_date": DAYS[0].isoformat()}}}},
            raise_on_error=False,
        )
    assert not failed.success

    materialize(store.client_id, DAYS[0], forecasts)
    again = current_champion(store.warehouse, store.client_id, DAYS[0])
    assert again is not None
    assert again != champion
    read_forecast(store.warehouse, store.client_id, *again)
    score_due_runs(store.warehouse, store.client_id, "test")
    scored = store.rows(
        "select run_id::text from analytics.scorings where client_id = %s and as_of_date = %s and is_current "
        "and model = %s",
        *(store.client_id, DAYS[0], again[1]),
    )
    assert scored == [(again[0],)]


def test_a_line_of_a_thinned_plan_is_decided_about_no_more(store: Store) -> None:
    [(run_id, item_id, location_id, line_no)] = store.rows(
        "select run_id, item_id, location_id, line_no from analytics.replenishment_plan "
        "where client_id = %s and item_id = 'rice' and run_id in ("
        "select run_id from analytics.inventory_runs where client_id = %s and as_of_date = %s) limit 1",
        *(store.client_id, store.client_id, DAYS[0]),
    )
    choice = Choice(run_id, item_id, location_id, line_no, "approve")
    store.age(100)
    thin(store)
    with (
        as_writer(store.warehouse, store.client_id) as connection,
        pytest.raises(DecisionError, match=f"That plan was thinned on {today()}"),
    ):
        decide(connection, store.client_id, [choice], "anna")


def test_a_plan_made_again_is_compared_with_no_thinned_one(store: Store) -> None:
    store.age(100)
    thin(store)
    materialize(store.client_id, DAYS[2], forecasts)
    with store.warehouse.transaction() as connection:
        connection.execute(
            "update staging.stock_levels set on_hand_qty = 4 where client_id = %s", (store.client_id,)
        )
    materialize(store.client_id, DAYS[2], inventory)
    compared = store.rows(
        "select distinct is_new from analytics.replenishment_plan where client_id = %s and run_id in ("
        "select run_id from analytics.inventory_runs "
        "where client_id = %s and as_of_date = %s and is_current)",
        *(store.client_id, store.client_id, DAYS[2]),
    )
    assert compared == [(None,)]


# --- deliveries and requests --------------------------------------------------------------------------


def test_a_delivery_keeps_its_details_for_as_long_as_it_can_be_taken_back(
    warehouse: Warehouse, settings: Settings, new_client: Callable[..., Any]
) -> None:
    client = new_client(max_reject_rate=0.9)
    store = Store(warehouse, client.client_id)
    folder = settings.client_landing_dir(client.client_id)
    folder.mkdir(parents=True)
    for name, units in (("sales_1.csv", "5"), ("sales_2.csv", "50"), ("sales_3.csv", "51")):
        (folder / name).write_text(
            f"date,item_id,units_sold\n2024-03-01,tea,{units}\n2024-03-02,tea,many\n2024-03-03,salt,1\n"
        )
        ingest_folder(warehouse, client, folder, 0)
    with warehouse.transaction() as connection:
        connection.execute(
            "update ops.landing_files set received_at = received_at - interval '401 days' "
            "where client_id = %s and path <> 'sales_3.csv'",
            (client.client_id,),
        )
    details = (
        "select 'rejected', path from ops.rejected_rows join ops.landing_files using (client_id, file_id) "
        "where client_id = %s union all "
        "select 'replaced', path from ops.replaced_rows join ops.landing_files using (client_id, file_id) "
        "where client_id = %s union all "
        "select 'restated', path from ops.restated_sales join ops.landing_files using (client_id, file_id) "
        "where client_id = %s order by 1, 2"
    )
    assert len(store.rows(details, *[client.client_id] * 3)) == 7
    done = thin(store)
    assert [(one.what, one.things, one.rows.gone.total()) for one in done.went] == [
        ("details of deliveries", 2, 4)
    ]
    assert store.rows(details, *[client.client_id] * 3) == [
        ("rejected", "sales_3.csv"),
        ("replaced", "sales_3.csv"),
        ("restated", "sales_3.csv"),
    ]
    said = rf"cannot be taken back: the 1 rows it replaced were thinned on {today()}"
    with pytest.raises(WithdrawalError, match=said):
        withdraw(warehouse, client, "sales_2.csv", folder)
    withdraw(warehouse, client, "sales_3.csv", folder)
    assert store.rows(
        "select units_sold::int from staging.sales where client_id = %s and item_id = 'tea'",
        client.client_id,
    ) == [(50,)]


def test_requests_of_runs_go_once_they_ended_long_ago(
    warehouse: Warehouse, new_client: Callable[..., Any]
) -> None:
    store = Store(warehouse, new_client().client_id)
    with warehouse.transaction() as connection:
        connection.execute(
            """
            insert into ops.run_requests (client_id, job, asked_by, asked_at, state, ended_at)
            select %s, 'forecast', who, now() - interval '500 days', state, ended
            from (
                values ('long ago', 'succeeded', now() - interval '402 days'),
                    ('lately', 'failed', now() - interval '399 days'),
                    ('never', 'asked', null::timestamptz)
            ) as request (who, state, ended)
            """,
            (store.client_id,),
        )
    assert thin(store, is_dry=True).rows_by_table == {"ops.run_requests": 1}
    done = thin(store)
    assert done.rows_by_table == {"ops.run_requests": 1}
    assert done.stays["requests of runs", "not ended, or at most 400 days ago"] == 2
    left = store.rows(
        "select asked_by from ops.run_requests where client_id = %s order by 1", store.client_id
    )
    assert left == [("lately",), ("never",)]


# --- the command -----------------------------------------------------------------------------------


def test_the_command_says_what_would_go_and_does_it(store: Store) -> None:
    store.age(100)
    before = store.everything()
    dry = CliRunner().invoke(app, ["retain", "--client", store.client_id, "--dry-run"])
    assert dry.exit_code == 0, dry.output
    assert store.everything() == before
    shown = " ".join(dry.stdout.split())
    assert "would go" in shown
    assert "keep_plans_days = 60" in shown
    assert "the latest in use" in shown
    done = CliRunner().invoke(app, ["retain", "--client", store.client_id])
    assert done.exit_code == 0, done.output
    assert len(thinned_forecasts(store)) == 3
    again = CliRunner().invoke(app, ["retain", "--client", store.client_id])
    assert "scores by item" in again.stdout
    assert CliRunner().invoke(app, ["retain"]).exit_code != 0


def test_every_table_of_runs_is_thinned_by_some_policy(store: Store) -> None:
    store.age(1000)
    before = store.counts()
    gone = thin(store).rows_by_table + thin(store).rows_by_table
    assert set(gone) == set(RUN_TABLES)
    after = store.counts()
    assert {table: before[table] - after[table] for table in RUN_TABLES} == dict(gone)
