"""Drift of a client in the warehouse: what is found by name, told once, and never an all-clear unjudged."""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from forecasting_lib.panel import QUANTILE_COLUMNS
from orchestration.clients import CLIENT_PARTITIONS, Client
from orchestration.resources import Installation
from orchestration.stages import drift_events
from orchestration.stages.drift import DRIFT_KEY, drift
from orchestration.stages.scoring import score_due_runs
from orchestration.warehouse.bulk import insert_frame, read_frame, render
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables.analytics.quality import COUNTS
from orchestration.webhook import SIGNATURE
from tests.webhook_receiver import webhook_that_answers

NewClient = Callable[..., Client]

LAST = date(2026, 3, 31)
DAYS, RUNS, SERIES = 140, 60, 60
WEEK = np.array([0.8, 0.8, 0.8, 0.9, 1.1, 1.4, 1.2])
CLEAN = date(2026, 3, 20)
"""The last day before each fault."""


class Market:
    """A client with 60 items at two locations, and a forecast of each day from the day before.

    Its forecasts are what demand is drawn around, so undisturbed demand has no error but chance.
    """

    def __init__(self, warehouse: Warehouse, client_id: str) -> None:
        self.warehouse, self.client_id = warehouse, client_id
        random = np.random.default_rng(7)
        self.dates = [LAST - timedelta(days=DAYS - 1 - number) for number in range(DAYS)]
        weekday = np.array([day.weekday() for day in self.dates])
        self.mean = random.gamma(2.0, 10.0, SERIES)[:, None] * WEEK[weekday]
        self.demand = random.poisson(self.mean).astype(float)
        self.price = np.repeat(random.uniform(1, 20, SERIES)[:, None], DAYS, axis=1)
        self.items = [f"item {number:02}" for number in range(SERIES)]
        self.locations = ["north" if number % 2 else "south" for number in range(SERIES)]

    def rows(self, values: np.ndarray, name: str) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "item_id": np.repeat(self.items, DAYS),
                "location_id": np.repeat(self.locations, DAYS),
                "date": self.dates * len(self.items),
                name: values.ravel(),
            }
        )

    def deliver(self, through: date) -> None:
        """Demand up to a day, in place of what was delivered before."""
        demand = self.rows(self.demand, "demand_qty").with_columns(
            self.rows(self.price, "unit_price")["unit_price"],
            pl.lit(self.client_id).alias("client_id"),
            pl.lit(0.0).alias("clipped_qty"),
            *(
                pl.lit(value=False).alias(f"is_{name}")
                for name in ("promotion", "holiday", "closed", "stocked_out", "masked")
            ),
        )
        demand = demand.filter(pl.col("date") <= through, pl.col("demand_qty").is_not_nan()).with_columns(
            pl.col("demand_qty").alias("net_sold_qty")
        )
        series = demand.group_by("client_id", "item_id", "location_id").agg(
            pl.col("date").min().alias("listed_date"),
            pl.len().cast(pl.Int32).alias("history_days"),
            pl.len().cast(pl.Int32).alias("demand_days"),
            pl.lit("smooth").alias("demand_class"),
        )
        with self.warehouse.transaction() as connection:
            for table, frame in (("ts_demand_daily", demand), ("dim_series", series)):
                connection.execute(
                    f"delete from analytics.{table} where client_id = %s".encode(), (self.client_id,)
                )
                insert_frame(connection, f"analytics.{table}", frame)

    def forecast(self) -> None:
        """A published run as of each of the last days, of one day ahead, and its scores so far."""
        first = LAST - timedelta(days=RUNS)
        runs = {first + timedelta(days=number): str(uuid.uuid4()) for number in range(RUNS)}
        rows = self.rows(self.mean, "mean_qty").filter(pl.col("date") > first).with_columns(
            (pl.col("date") - pl.duration(days=1)).replace_strict(runs).alias("run_id"),
            pl.lit(self.client_id).alias("client_id"),
            pl.lit("ma7").alias("model"),
            pl.lit(1).alias("lag_days"),
            *(pl.col("mean_qty").alias(name) for name in ("point_qty", *QUANTILE_COLUMNS)),
        )  # fmt: skip
        with self.warehouse.transaction() as connection:
            for as_of, run_id in runs.items():
                connection.execute(
                    """
                    insert into analytics.forecast_runs (
                        client_id, run_id, model, as_of_date, horizon_days, status, is_current, is_champion,
                        reason, code_version, input_digest, n_series, dagster_run_id
                    ) values (%s, %s, 'ma7', %s, 1, 'published', true, true, 'only one', '', '', %s, 'none')
                    """,
                    (self.client_id, run_id, as_of, SERIES),
                )
            insert_frame(connection, "analytics.forecast_results", rows)
            insert_frame(
                connection,
                "analytics.forecast_series",
                rows.select(
                    *("client_id", "run_id", "model", "item_id", "location_id"),
                    *(pl.lit(100).alias(name) for name in ("history_days", "observed_days")),
                    pl.lit("forecast").alias("status"),
                ),
            )

    def after(self, day: date) -> int:
        """Number of the day after."""
        return self.dates.index(day) + 1

    def events(self) -> list[dict[str, Any]]:
        return read_frame(
            self.warehouse,
            render(
                """
                select
                    event_id::text as event_id, part_of_event_id::text as part_of_event_id,
                    kind, grain, grain_key, first_date, detected_date, seen_date,
                    is_current, sentence, evidence::text as evidence, told_at
                from analytics.drift_events where client_id = {c} order by kind, grain, grain_key
                """,
                c=self.client_id,
            ),
        ).to_dicts()

    def event(self, kind: str) -> dict[str, Any]:
        (found,) = [event for event in self.events() if event["kind"] == kind]
        return found

    def kinds(self) -> list[tuple[str, str]]:
        return [(event["kind"], event["grain_key"]) for event in self.events() if event["is_current"]]


@pytest.fixture
def ephemeral() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


Look = Callable[[Market], dg.ExecuteInProcessResult]


@pytest.fixture
def look(ephemeral: dg.DagsterInstance) -> Look:
    """A run of the asset for a market."""

    def run(market: Market) -> dg.ExecuteInProcessResult:
        score_due_runs(market.warehouse, market.client_id, "none")
        ephemeral.add_dynamic_partitions(str(CLIENT_PARTITIONS.name), [market.client_id])
        return dg.materialize(
            [drift],
            partition_key=market.client_id,
            resources={"installation": Installation()},
            instance=ephemeral,
        )

    return run


@pytest.fixture
def market(warehouse: Warehouse, new_client: NewClient) -> Market:
    market = Market(warehouse, new_client().client_id)
    market.forecast()
    return market


def check(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetCheckEvaluation:
    (found,) = [one for one in result.get_asset_check_evaluations() if one.check_name == name]
    return found


def test_a_client_that_is_as_it_was_has_no_event_and_both_checks_pass(market: Market, look: Look) -> None:
    market.deliver(CLEAN)
    result = look(market)
    assert market.events() == []
    assert [check(result, name).passed for name in ("no_drift", "drift_is_judged")] == [True, True]
    assert [check(result, name).description for name in ("no_drift", "drift_is_judged")] == [None, None]


def test_a_level_that_doubles_is_found_on_its_first_day_and_told_once_however_often_it_is_looked_at(
    market: Market, look: Look
) -> None:
    market.deliver(CLEAN)
    look(market)
    market.demand[:, market.after(CLEAN) :] *= 2
    fault = CLEAN + timedelta(days=1)
    market.deliver(fault)
    result = look(market)
    event = market.event("forecast_error")
    assert event["grain"] == "client"
    # chance may have begun it: an error of its direction the day before
    assert timedelta(days=0) <= fault - event["first_date"] <= timedelta(days=1)
    assert check(result, "no_drift").severity is dg.AssetCheckSeverity.WARN
    assert not check(result, "no_drift").passed
    assert event["sentence"] in (check(result, "no_drift").description or "")
    before = market.events()
    look(market)
    assert market.events() == before
    market.deliver(fault + timedelta(days=1))
    look(market)
    assert market.event("forecast_error") == {**event, "seen_date": fault + timedelta(days=1)}


def stand_still(market: Market, day: int) -> None:
    market.demand[:, day:] = market.demand[:, day : day + 1]


def of_one_location(market: Market, day: int) -> None:
    north = np.array(market.locations) == "north"
    market.demand[north, day:] = 0


def multiply_prices(market: Market, day: int) -> None:
    market.price[:10, day:] *= 10


def rename(market: Market, day: int) -> None:
    """A third of the items get another code that day."""
    renamed = range(0, SERIES, 3)
    fresh = market.demand[::3].copy()
    fresh[:, :day] = np.nan
    market.demand[::3, day:] = 0
    market.demand = np.concatenate([market.demand, fresh])
    market.price = np.concatenate([market.price, market.price[::3]])
    market.items += [f"new {number:02}" for number in renamed]
    market.locations += [market.locations[number] for number in renamed]


def level_the_week(market: Market, day: int) -> None:
    weekday = np.array([one.weekday() for one in market.dates])
    flat = market.mean / WEEK[weekday]
    market.demand[:, day:] = np.random.default_rng(11).poisson(flat[:, day:])


@pytest.mark.parametrize(
    ("put_in", "days", "kind", "key"),
    [
        (stand_still, 5, "feed_frozen", None),
        (of_one_location, 5, "feed_frozen", "north"),
        (multiply_prices, 1, "price_level", None),
        (rename, 1, "items_renamed", None),
        (level_the_week, 8, "weekly_pattern", None),
    ],
)
def test_a_fault_is_found_by_its_name_on_the_first_run_that_could_know(
    market: Market, look: Look, put_in: Callable[[Market, int], None], days: int, kind: str, key: str | None
) -> None:
    """What a fault is called besides, as a client whose errors grow with it, is no part of it."""
    put_in(market, market.after(CLEAN))
    market.deliver(CLEAN + timedelta(days=days - 1))
    look(market)
    place = (kind, key or market.client_id)
    if days > 1:
        assert place not in market.kinds()
    market.deliver(CLEAN + timedelta(days=days))
    result = look(market)
    assert place in market.kinds()
    (event,) = [event for event in market.events() if (event["kind"], event["grain_key"]) == place]
    assert event["sentence"] in (check(result, "no_drift").description or "")
    assert "limit" in event["evidence"]


def test_an_episode_ends_a_fortnight_after_it_was_last_found_and_may_begin_again(
    market: Market, look: Look
) -> None:
    begin = market.after(date(2026, 3, 1))
    market.price[:10, begin : begin + 2] *= 10
    market.deliver(date(2026, 3, 3))
    look(market)
    assert ("price_level", market.client_id) in market.kinds()
    market.deliver(date(2026, 3, 16))
    look(market)
    assert ("price_level", market.client_id) in market.kinds()
    market.deliver(date(2026, 3, 17))
    look(market)
    assert ("price_level", market.client_id) not in market.kinds()
    market.price[:10, market.after(date(2026, 3, 24)) :] *= 10
    market.deliver(date(2026, 3, 25))
    look(market)
    assert [event["is_current"] for event in market.events() if event["kind"] == "price_level"].count(
        True
    ) == 1
    assert len([event for event in market.events() if event["kind"] == "price_level"]) == 2


def test_the_webhook_is_told_of_each_event_once_signed_and_again_where_it_was_away(
    market: Market, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift_events, "PAUSES", (0.0,))
    monkeypatch.setenv("FORECASTER_ALERT_WEBHOOK_SECRET", "known to two")
    multiply_prices(market, market.after(CLEAN))
    market.deliver(CLEAN + timedelta(days=1))
    with webhook_that_answers(503) as away:
        monkeypatch.setenv("FORECASTER_ALERT_WEBHOOK_URL", away.url)
        look(market)
    assert len(away.raw) == 2
    [event] = market.events()
    assert event["told_at"] is None
    with webhook_that_answers(503, 200) as webhook:
        monkeypatch.setenv("FORECASTER_ALERT_WEBHOOK_URL", webhook.url)
        look(market)
        look(market)
    [refused, taken] = webhook.bodies
    assert refused == taken
    told = {"event": "drift", "client": market.client_id, "event_id": event["event_id"]}
    assert told.items() <= taken.items()
    assert (taken["kind"], taken["message"]) == ("price_level", event["sentence"])
    assert taken["evidence"]["factor_limit"] == 3
    for body, headers in zip(webhook.raw, webhook.headers, strict=True):
        expected = hmac.new(b"known to two", body, hashlib.sha256).hexdigest()
        assert headers[SIGNATURE.lower()] == f"sha256={expected}"
    assert market.events()[0]["told_at"] is not None


def test_what_one_cause_does_is_told_once_and_listed_whole(
    market: Market, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of what is sold: the errors tell, and the level does, too."""
    fault = market.after(CLEAN - timedelta(days=6))
    market.demand[:, fault:] = np.floor(market.demand[:, fault:] / 2)
    with webhook_that_answers(200, 200, 200) as webhook:
        monkeypatch.setenv("FORECASTER_ALERT_WEBHOOK_URL", webhook.url)
        for day in (CLEAN, CLEAN + timedelta(days=7)):
            market.deliver(day)
            result = look(market)
    told = [event for event in market.events() if event["part_of_event_id"] is None]
    parts = [event for event in market.events() if event["part_of_event_id"] is not None]
    assert len(told) == 1
    assert {"forecast_error", "demand_level"} <= {event["kind"] for event in market.events()}
    assert {event["part_of_event_id"] for event in parts} == {told[0]["event_id"]}
    assert [body["kind"] for body in webhook.bodies] == [told[0]["kind"]]
    described = check(result, "no_drift").description or ""
    assert "units were sold where" in described
    assert "the median series sold" in described


def test_without_a_forecast_its_errors_are_no_all_clear(
    warehouse: Warehouse, new_client: NewClient, look: Look
) -> None:
    market = Market(warehouse, new_client().client_id)
    market.deliver(CLEAN)
    result = look(market)
    assert check(result, "no_drift").passed
    unjudged = check(result, "drift_is_judged")
    assert not unjudged.passed
    assert unjudged.description == ("Forecast error cannot be judged: No day that was forecast is known yet.")


def test_before_the_first_delivery_nothing_passes(
    warehouse: Warehouse, new_client: NewClient, look: Look
) -> None:
    result = look(Market(warehouse, new_client().client_id))
    assert {one.passed for one in result.get_asset_check_evaluations()} == {False}
    assert "there is no demand yet" in (check(result, "no_drift").description or "")


def test_errors_are_held_against_the_backtest_where_there_is_one(market: Market, look: Look) -> None:
    """The backtest says that errors of a tenth are usual; the live ones before were far smaller."""
    run_id, first = str(uuid.uuid4()), LAST - timedelta(days=120)
    with market.warehouse.transaction() as connection:
        connection.execute(
            """
            insert into analytics.backtest_runs (
                client_id, run_id, model, grain, status, is_current, reason, n_origins, stride_periods,
                horizon_periods, judged_from, first_origin_date, last_origin_date, code_version, input_digest,
                dagster_run_id
            ) values (%s, %s, 'ma7', 'day', 'published', true, '', 12, 1, 1, %s, %s, %s, '', '', '')
            """,
            (market.client_id, run_id, first + timedelta(days=6), first, first + timedelta(days=11)),
        )
        rows = pl.DataFrame({"number": range(12)}).select(
            pl.lit(market.client_id).alias("client_id"),
            pl.lit(run_id).alias("run_id"),
            pl.lit("ma7").alias("model"),
            (pl.lit(first) + pl.duration(days=pl.col("number"))).cast(pl.Date).alias("origin_date"),
            pl.lit("item 00").alias("item_id"),
            pl.lit("south").alias("location_id"),
            pl.lit("1").alias("lag_bucket"),
            # the earlier origins are far off: choices were made on them, so they are no baseline
            pl.when(pl.col("number") < 6)
            .then(1000.0)
            .otherwise(100.0 + 10.0 * (-1.0) ** pl.col("number"))
            .alias("sum_actual_qty"),
            pl.lit(100.0).alias("sum_forecast_qty"),
            *(pl.lit(1).alias(name) for name in (*COUNTS, "n_on_bound_90")),
            *(
                pl.lit(1.0).alias(name)
                for name in (
                    "sum_abs_error_qty",
                    "sum_squared_error",
                    "sum_abs_pct_error",
                    "sum_decile_losses_qty",
                )
            ),
        )
        insert_frame(connection, "analytics.backtest_scores", rows)
    market.deliver(CLEAN)
    found = drift_events.find_drift(market.warehouse, market.client_id, CLEAN)
    evidence: Any = next(one for place, one in found.items() if place[:2] == ("forecast_error", "client"))
    assert evidence.evidence["baseline_from"] == "the backtest's later origins"
    assert evidence.evidence["baseline_errors"] == 6
    assert evidence.evidence["baseline_mean"] == pytest.approx(0.0, abs=1e-9)
    assert evidence.evidence["baseline_deviation"] > 0.1


def test_the_asset_shows_what_was_asked_and_what_came_of_it(market: Market, look: Look) -> None:
    market.deliver(CLEAN)
    (event,) = look(market).asset_materializations_for_node(DRIFT_KEY.to_python_identifier())
    assert event.asset_key == DRIFT_KEY
    table = str(event.metadata["findings"].value)
    assert "| feed frozen | Location north | steady |" in table
    assert "| forecast error | Client" in table
