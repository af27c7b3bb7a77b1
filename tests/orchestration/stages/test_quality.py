"""Scoring of published forecasts: which runs are due, and every number of their scores."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import psycopg
import pytest
from sklearn.metrics import (
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_pinball_loss,
    root_mean_squared_error,
)
from utilsforecast import losses

from forecasting_lib.accuracy.lag_buckets import lag_bucket
from forecasting_lib.accuracy.metrics import mase_scale, rmsse_scale
from forecasting_lib.grain import Grain
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.registry import create_model
from forecasting_lib.panel import QUANTILE_COLUMNS, QUANTILE_LEVELS, Panel
from orchestration.clients import CLIENT_PARTITIONS, Client
from orchestration.reading.accuracy import latest_accuracy
from orchestration.resources import Installation
from orchestration.stages.quality import (
    QUALITY_KEY,
    accuracy_table,
    bias_problems,
    coverage_problems,
    forecast_quality,
)
from orchestration.stages.runs_due import PublishedRun, runs_due
from orchestration.stages.scoring import score_due_runs
from orchestration.warehouse.bulk import insert_frame, read_frame, render
from orchestration.warehouse.server import Warehouse

NewClient = Callable[..., Client]

AS_OF = date(2026, 1, 10)


def days_after(as_of: date, count: int) -> list[date]:
    return [as_of + timedelta(days=lag) for lag in range(1, count + 1)]


# --- filling the tables -------------------------------------------------------------------------------


def add_delivery(warehouse: Warehouse, client_id: str, first: date, last: date, kind: str = "sales") -> int:
    """Record a loaded file; returns its id."""
    with warehouse.transaction() as connection:
        row = connection.execute(
            """
            insert into ops.landing_files (
                client_id, path, sha256, size_bytes, kind, status, config_digest, first_date, last_date
            ) values (%s, %s, %s, 1, %s, 'loaded', '', %s, %s)
            returning file_id
            """,
            (client_id, f"{kind}.csv", uuid.uuid4().hex, kind, first, last),
        ).fetchone()
    assert row is not None
    return int(row[0])


def add_demand(warehouse: Warehouse, client_id: str, demand: pl.DataFrame) -> None:
    """Write ``item_id, location_id, date, demand_qty`` and optionally the marks of a day."""
    marks = [
        pl.lit(False).alias(name)
        for name in ("is_promotion", "is_holiday", "is_closed", "is_stocked_out", "is_masked")
        if name not in demand.columns
    ]
    with warehouse.transaction() as connection:
        insert_frame(
            connection,
            "analytics.ts_demand_daily",
            demand.with_columns(
                pl.lit(client_id).alias("client_id"),
                pl.col("demand_qty").alias("net_sold_qty"),
                pl.lit(0.0).alias("clipped_qty"),
                *marks,
            ),
        )
        if "is_closed" in demand.columns:
            closed = demand.filter("is_closed").select("location_id", "date").unique()
            add_closed_days(warehouse, client_id, closed)


def add_closed_days(warehouse: Warehouse, client_id: str, days: pl.DataFrame) -> None:
    """Write ``location_id, date`` of days on which a location was closed."""
    with warehouse.transaction() as connection:
        insert_frame(
            connection,
            "analytics.location_calendar",
            days.with_columns(
                pl.lit(client_id).alias("client_id"),
                pl.lit(False).alias("is_holiday"),
                pl.lit(True).alias("is_closed"),
            ),
        )


def daily(
    item_id: str, demand: Sequence[float], *, location_id: str = "n", first: date | None = None, **marks: Any
) -> pl.DataFrame:
    """Demand of one series from a day on, by default from the first day forecast."""
    start = first or AS_OF + timedelta(days=1)
    return pl.DataFrame(
        {
            "item_id": item_id,
            "location_id": location_id,
            "date": [start + timedelta(days=i) for i in range(len(demand))],
            "demand_qty": pl.Series(list(demand), dtype=pl.Float64),
            **marks,
        }
    )


def forecast_rows(
    item_id: str,
    point: Sequence[float],
    *,
    mean: Sequence[float] | None = None,
    location_id: str = "n",
    quantiles: dict[str, Sequence[float]] | None = None,
) -> pl.DataFrame:
    """A forecast of one series; the quantiles not given are the point forecast."""
    return pl.DataFrame(
        {
            "item_id": item_id,
            "location_id": location_id,
            "lag_days": range(1, len(point) + 1),
            "point_qty": pl.Series(list(point), dtype=pl.Float64),
            "mean_qty": pl.Series(list(mean or point), dtype=pl.Float64),
            **{
                name: pl.Series(list((quantiles or {}).get(name, point)), dtype=pl.Float64)
                for name in QUANTILE_COLUMNS
            },
        }
    )


def add_forecast(
    warehouse: Warehouse,
    client_id: str,
    rows: pl.DataFrame,
    *,
    as_of: date = AS_OF,
    model: str = "ma7",
    scales: dict[tuple[str, str], tuple[float | None, float | None]] | None = None,
) -> str:
    """Publish a forecast of one model; returns the run's id."""
    run_id = str(uuid.uuid4())
    keys = rows.select("item_id", "location_id").unique(maintain_order=True)
    identity = [
        pl.lit(v).alias(k) for k, v in (("client_id", client_id), ("run_id", run_id), ("model", model))
    ]
    known = [(scales or {}).get(series, (None, None)) for series in keys.iter_rows()]
    with warehouse.transaction() as connection:
        connection.execute(
            """
            insert into analytics.forecast_runs (
                client_id, run_id, model, as_of_date, horizon_days, status, is_current, is_champion, reason,
                code_version, input_digest, n_series, dagster_run_id
            ) values (%s, %s, %s, %s, %s, 'published', true, true, 'first of the policy', '', '', %s, 'none')
            """,
            (client_id, run_id, model, as_of, int(rows["lag_days"].max()), keys.height),  # type: ignore[arg-type]
        )
        insert_frame(
            connection,
            "analytics.forecast_series",
            keys.with_columns(
                *identity,
                pl.lit("forecast").alias("status"),
                pl.lit(100).alias("history_days"),
                pl.lit(100).alias("observed_days"),
                pl.Series("mase_scale", [scale[0] for scale in known], dtype=pl.Float64),
                pl.Series("rmsse_scale", [scale[1] for scale in known], dtype=pl.Float64),
            ),
        )
        insert_frame(
            connection,
            "analytics.forecast_results",
            rows.with_columns(
                *identity,
                pl.col("date")
                if "date" in rows.columns
                else (pl.lit(as_of) + pl.duration(days=pl.col("lag_days"))).cast(pl.Date).alias("date"),
            ),
        )
    return run_id


def add_category(warehouse: Warehouse, client_id: str, item_id: str, category: str | None) -> None:
    with warehouse.transaction() as connection:
        connection.execute(
            "insert into analytics.dim_item (client_id, item_id, name, category, is_described) "
            "values (%s, %s, %s, %s, true)",
            (client_id, item_id, item_id, category),
        )


def scores(warehouse: Warehouse, client_id: str) -> pl.DataFrame:
    """All scores of a client, superseded ones included."""
    return read_frame(
        warehouse,
        render(
            "select *, scoring_id::text as scoring from analytics.forecast_quality where client_id = {c} "
            "order by grain, grain_key, lag_bucket, scored_at",
            c=client_id,
        ),
    )


def score_of(
    frame: pl.DataFrame, grain: str, grain_key: str | None = None, lag_bucket: str = "all"
) -> dict[str, Any]:
    """The one current score of a grain, key and bucket."""
    rows = frame.filter(
        pl.col("is_current"),
        pl.col("grain") == grain,
        pl.col("lag_bucket") == lag_bucket,
        pl.lit(True) if grain_key is None else pl.col("grain_key") == grain_key,
    )
    assert rows.height == 1
    return rows.row(0, named=True)


def demand_and_delivery(warehouse: Warehouse, client_id: str, *series: pl.DataFrame) -> int:
    demand = pl.concat(series, how="diagonal")
    marks = [c for c in ("is_masked", "is_closed") if c in demand.columns]
    demand = demand.with_columns(pl.col(c).fill_null(False) for c in marks)
    add_demand(warehouse, client_id, demand)
    return add_delivery(warehouse, client_id, demand["date"].min(), demand["date"].max())  # type: ignore[arg-type]


# --- which runs are due -------------------------------------------------------------------------------


def lags(first: int, last: int) -> list[date]:
    """The days so many after the as-of date, both ends included."""
    return days_after(AS_OF, last)[first - 1 :]


def due_buckets(
    known: str, scored: str = "", *, grain: Grain = Grain.DAY, horizon: int = 40
) -> dict[str, tuple[Sequence[date], bool]]:
    """What is to be scored of a run where each known period's actuals, and those scored, have one letter."""
    starts = grain.starts_after(AS_OF, len(known))
    run = PublishedRun("run", "ma7", AS_OF, horizon, grain, list(scored))
    through = grain.period_end(starts[-1]) if known else AS_OF
    due = runs_due(
        [run], {d: digest for d, digest in zip(starts, known, strict=True) if digest != "0"}, through
    )
    assert all(one.run == run and "".join(one.digests) == known for one in due)
    return {bucket.lag_bucket: (bucket.dates, bucket.is_added_to) for one in due for bucket in one.buckets}


def test_a_run_is_due_once_the_first_day_of_its_horizon_is_known() -> None:
    run = PublishedRun("run", "ma7", AS_OF, 7)
    assert runs_due([run], {}, None) == []
    assert runs_due([run], {}, AS_OF) == []
    assert due_buckets("a") == {"1": (lags(1, 1), False)}


def test_a_day_that_landed_is_added_to_its_bucket_and_no_other_is_touched() -> None:
    assert due_buckets("abc", "abc") == {}
    assert due_buckets("abcd", "abc") == {"2-7": (lags(4, 4), True)}
    assert due_buckets("abcdefgh", "abcdefg") == {"8-14": (lags(8, 8), False)}
    assert due_buckets("a" * 16, "a" * 6) == {
        "2-7": (lags(7, 7), True),
        "8-14": (lags(8, 14), False),
        "15-28": (lags(15, 16), False),
    }


def test_a_day_nobody_delivered_a_row_for_is_known_all_the_same() -> None:
    assert due_buckets("ab0", "ab") == {"2-7": (lags(3, 3), True)}
    assert due_buckets("ab0", "ab0") == {}


def test_a_restated_day_has_its_bucket_scored_anew() -> None:
    assert due_buckets("abXde", "abcde") == {"2-7": (lags(2, 5), False)}
    assert due_buckets("abXdef", "abcde") == {"2-7": (lags(2, 6), False)}
    assert due_buckets("a" * 10 + "X", "a" * 10) == {"8-14": (lags(11, 11), True)}


def test_a_day_that_was_withdrawn_is_taken_out_of_its_bucket() -> None:
    assert due_buckets("abcdef", "abcdefgh") == {"2-7": (lags(2, 6), False), "8-14": ([], False)}


def test_a_run_whose_horizon_is_over_is_not_due_for_later_days() -> None:
    run = PublishedRun("run", "ma7", AS_OF, 2, Grain.DAY, ["a", "b"])
    digests = dict(zip(lags(1, 4), "abcd", strict=True))
    assert runs_due([run], digests, AS_OF + timedelta(days=4)) == []


@pytest.mark.parametrize("grain", Grain)
def test_what_lies_past_the_last_bucket_is_in_one_of_its_own(grain: Grain) -> None:
    found = [lag_bucket(grain, lag) for lag in range(1, 41)]
    assert found[0] == "1"
    assert list(dict.fromkeys(found))[-1] == "beyond"
    for name in set(found) - {"1", "beyond"}:
        first, last = map(int, name.split("-"))
        assert [lag for lag, bucket in enumerate(found, start=1) if bucket == name] == [
            *range(first, last + 1)
        ]


# --- the numbers --------------------------------------------------------------------------------------


def test_every_metric_of_a_series_agrees_with_the_calculation_by_hand(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    wide = {"q05": [0, 0, 0], "q10": [0, 0, 1], "q25": [2, 1, 1], "q75": [3, 1, 2], "q90": [3, 3, 3]}
    wide |= {"q01": [0, 0, 0], "q95": [4, 4, 4], "q99": [5, 5, 5]}
    add_forecast(
        warehouse,
        client_id,
        forecast_rows("a", [3, 1, 2], mean=[5, 1, 2], quantiles=sorted_grid([3, 1, 2], wide)),
        scales={("a", "n"): (2.0, 1.0)},
    )
    demand_and_delivery(warehouse, client_id, daily("a", [4, 0, 2]))
    score_due_runs(warehouse, client_id, "run")

    row = score_of(scores(warehouse, client_id), "series", "a|n")
    assert (row["n_rows"], row["n_series"], row["n_masked"], row["n_positive"]) == (3, 1, 0, 2)
    assert (row["sum_actual_qty"], row["sum_forecast_qty"], row["sum_abs_error_qty"]) == (6, 8, 2)
    assert row["wape"] == pytest.approx(2 / 6)
    assert row["mae_qty"] == pytest.approx(2 / 3)
    assert row["rmse_qty"] == pytest.approx(math.sqrt((1 + 1 + 0) / 3))
    assert row["bias"] == pytest.approx((8 - 6) / 6)
    assert row["bias_qty"] == pytest.approx((8 - 6) / 3)
    assert row["mape"] == pytest.approx((1 / 4 + 0 / 2) / 2)
    assert row["mape_row_share"] == pytest.approx(2 / 3)
    assert row["mase"] == pytest.approx((2 / 3) / 2)
    assert row["rmsse"] == pytest.approx(math.sqrt(2 / 3) / 1)
    assert row["coverage_50"] == pytest.approx(1 / 3)
    assert row["coverage_80"] == pytest.approx(2 / 3)
    assert row["coverage_90"] == pytest.approx(3 / 3)
    assert row["coverage_98"] == pytest.approx(3 / 3)
    assert row["n_on_bound_90"] == 2, "4 on the upper bound, 0 on the lower"
    assert row["n_undefined"] == 0


def sorted_grid(point: Sequence[float], anchors: dict[str, list[int]]) -> dict[str, Sequence[float]]:
    """The anchors, and in between the median: sorted where the anchors are."""
    grid: dict[str, Sequence[float]] = {}
    for name in QUANTILE_COLUMNS:
        level = int(name[1:])
        if name in anchors:
            grid[name] = anchors[name]
        elif level in (15, 20):
            grid[name] = anchors["q25"]
        elif level in (80, 85):
            grid[name] = anchors["q90"]
        else:
            grid[name] = point
    return grid


def add_weekly_forecast(warehouse: Warehouse, client_id: str, as_of: date, weeks: int) -> str:
    """A forecast of three units in each week; returns the run's id."""
    rows = forecast_rows("a", [3.0] * weeks).with_columns(
        pl.col("lag_days") * 7, pl.Series("date", Grain.WEEK.starts_after(as_of, weeks))
    )
    run_id = add_forecast(warehouse, client_id, rows, as_of=as_of)
    with warehouse.transaction() as connection:
        connection.execute("update analytics.forecast_runs set grain = 'week' where run_id = %s", (run_id,))
    return run_id


def test_a_weekly_run_is_scored_week_by_week_and_a_daily_one_of_the_same_client_is_not(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id, sunday = new_client(grain="week").client_id, date(2026, 1, 11)
    run_id = add_weekly_forecast(warehouse, client_id, sunday, 14)
    add_forecast(warehouse, client_id, forecast_rows("a", [1.0] * 7), as_of=sunday - timedelta(days=1))
    weeks = [sunday + timedelta(days=1 + 7 * n) for n in range(14)]
    with warehouse.transaction() as connection:
        for number, monday in enumerate(weeks):
            connection.execute(
                """
                insert into analytics.ts_demand_periods (
                    client_id, grain, item_id, location_id, date, last_date, demand_qty, net_sold_qty,
                    clipped_qty, is_masked
                ) values (%s, 'week', 'a', 'n', %s, %s, %s, 0, 0, %s)
                """,
                (client_id, monday, monday + timedelta(days=6), 5, number == 1),
            )
        connection.execute(
            """
            insert into analytics.dim_series (
                client_id, item_id, location_id, grain, listed_date, history_days, demand_days, demand_class
            ) values (%s, 'a', 'n', 'week', %s, 7, 1, 'smooth')
            """,
            (client_id, sunday),
        )
    add_delivery(warehouse, client_id, weeks[0], weeks[-1])

    assert [scoring.run.run_id for scoring in score_due_runs(warehouse, client_id, "run")] == [run_id]
    rows = scores(warehouse, client_id).filter(pl.col("grain") == "client")
    assert {row["lag_bucket"]: (row["n_rows"], row["n_masked"]) for row in rows.to_dicts()} == {
        "1": (1, 0),
        "2-4": (2, 1),
        "5-13": (9, 0),
        "all": (13, 1),
    }
    (accuracy,) = latest_accuracy(warehouse, client_id).to_dicts()
    assert (accuracy["grain"], accuracy["periods_known"], accuracy["horizon"]) == ("week", 14, 14)
    assert accuracy["mae"] == 2


def test_pooling_one_run_gives_the_metrics_of_its_scores(warehouse: Warehouse, new_client: NewClient) -> None:
    """The view pools sums with the formulas that the scores were made with."""
    client_id = new_client().client_id
    rows = pl.concat([forecast_rows("a", [3, 1, 2]), forecast_rows("b", [0.5, 4, 1])])
    add_forecast(warehouse, client_id, rows, scales={("a", "n"): (2.0, 1.0), ("b", "n"): (1.5, 3.0)})
    demand_and_delivery(warehouse, client_id, daily("a", [4, 0, 2]), daily("b", [1, 1, 3]))
    score_due_runs(warehouse, client_id, "run")
    score = score_of(scores(warehouse, client_id), "client")
    (pooled,) = read_frame(
        warehouse, render("select * from analytics.model_accuracy where client_id = {c}", c=client_id)
    ).to_dicts()
    metrics = ["wape", "mape", "mae_qty", "rmse_qty", "bias", "mase", "rmsse", "wql"]
    metrics += [f"coverage_{percent}" for percent in (50, 80, 90, 98)]
    assert {name: pooled[name] for name in metrics} == pytest.approx({name: score[name] for name in metrics})
    assert None not in pooled.values()


def test_a_metric_without_a_denominator_is_null_and_its_series_is_counted(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    rows = pl.concat([forecast_rows("a", [3, 1, 2]), forecast_rows("zero", [0.5] * 3)])
    add_forecast(warehouse, client_id, rows, scales={("a", "n"): (2.0, 1.0)})
    demand_and_delivery(warehouse, client_id, daily("a", [4, 0, 2]), daily("zero", [0] * 3))
    score_due_runs(warehouse, client_id, "run")

    frame = scores(warehouse, client_id)
    zero = score_of(frame, "series", "zero|n")
    undefined = ("wape", "bias", "mape", "wql", "mase", "rmsse")
    assert {metric: zero[metric] for metric in undefined} == dict.fromkeys(undefined)
    assert (zero["mae_qty"], zero["bias_qty"], zero["mape_row_share"], zero["n_undefined"]) == (
        0.5,
        0.5,
        0,
        1,
    )

    client = score_of(frame, "client")
    assert (client["n_series"], client["n_undefined"], client["n_mase"]) == (2, 1, 1)
    assert client["wape"] == pytest.approx((2 + 1.5) / 6)
    assert client["mase"] == pytest.approx((2 / 3) / 2)
    floats = frame.select(pl.selectors.float())
    assert floats.select(pl.all().is_finite().all()).row(0) == (True,) * floats.width


def test_a_masked_day_counts_for_nothing_but_itself(warehouse: Warehouse, new_client: NewClient) -> None:
    client_id = new_client().client_id
    add_forecast(warehouse, client_id, forecast_rows("a", [3, 9, 2]), scales={("a", "n"): (1.0, 1.0)})
    demand_and_delivery(warehouse, client_id, daily("a", [4, 0, 2], is_masked=[False, True, False]))
    score_due_runs(warehouse, client_id, "run")

    row = score_of(scores(warehouse, client_id), "client")
    assert (row["n_rows"], row["n_masked"], row["sum_forecast_qty"]) == (2, 1, 5)
    assert row["wape"] == pytest.approx(1 / 6)
    assert row["mase"] == pytest.approx(1 / 2)
    assert row["coverage_98"] == pytest.approx(1 / 2)


def test_a_run_with_masked_days_only_is_scored_without_a_metric(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    add_forecast(warehouse, client_id, forecast_rows("a", [3, 9]), scales={("a", "n"): (1.0, 1.0)})
    demand_and_delivery(warehouse, client_id, daily("a", [0, 0], is_masked=True))
    score_due_runs(warehouse, client_id, "run")

    row = score_of(scores(warehouse, client_id), "client")
    assert (row["n_rows"], row["n_series"], row["n_masked"], row["n_undefined"]) == (0, 0, 2, 0)
    assert (row["wape"], row["mae_qty"], row["coverage_90"], row["mase"]) == (None,) * 4
    assert score_due_runs(warehouse, client_id, "run") == []


def test_days_after_the_last_day_of_demand_are_not_actuals(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    add_forecast(warehouse, client_id, forecast_rows("a", [1] * 28))
    demand_and_delivery(warehouse, client_id, daily("a", [1, 1]))
    score_due_runs(warehouse, client_id, "run")

    frame = scores(warehouse, client_id)
    assert score_of(frame, "client")["n_rows"] == 2
    assert frame["lag_bucket"].unique().sort().to_list() == ["1", "2-7", "all"]
    assert frame["actuals_through"].unique().to_list() == [AS_OF + timedelta(days=2)]


def test_a_series_has_zero_demand_before_its_first_sale_but_not_on_a_day_its_location_was_closed(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    rows = pl.concat([forecast_rows("old", [2] * 4), forecast_rows("unsold", [1] * 4)])
    add_forecast(warehouse, client_id, rows)
    closed = [False, True, False, False]
    demand_and_delivery(
        warehouse,
        client_id,
        daily("old", [2, 0, 2, 2], is_closed=closed, is_masked=closed),
        daily("unsold", [5], first=AS_OF + timedelta(days=4)),
    )
    score_due_runs(warehouse, client_id, "run")

    row = score_of(scores(warehouse, client_id), "series", "unsold|n")
    assert (row["n_rows"], row["n_masked"], row["sum_actual_qty"]) == (3, 1, 5)
    assert row["sum_abs_error_qty"] == 1 + 1 + 4


def test_a_series_that_never_sold_is_not_scored_on_days_its_location_was_closed(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    """The location never sold anything, so demand has no row of it; its calendar says it was closed."""
    client_id = new_client().client_id
    rows = pl.concat(
        [forecast_rows("a", [1] * 3), forecast_rows("unsold", [0] * 3, location_id="not open yet")]
    )
    add_forecast(warehouse, client_id, rows)
    demand_and_delivery(warehouse, client_id, daily("a", [1] * 3))
    days = [AS_OF + timedelta(days=n) for n in (1, 2, 3)]
    add_closed_days(warehouse, client_id, pl.DataFrame({"location_id": "not open yet", "date": days}))
    score_due_runs(warehouse, client_id, "run")

    frame = scores(warehouse, client_id)
    assert (score_of(frame, "client")["n_rows"], score_of(frame, "client")["n_masked"]) == (3, 3)


def test_a_run_is_scored_again_when_its_actuals_changed_without_a_delivery_about_its_days(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    """As when a return comes back after the horizon and is set against a sale within it."""
    client_id = new_client().client_id
    add_forecast(warehouse, client_id, forecast_rows("a", [1] * 3))
    demand_and_delivery(warehouse, client_id, daily("a", [4, 2, 2, 2, 2]))
    assert len(score_due_runs(warehouse, client_id, "run")) == 1
    assert score_due_runs(warehouse, client_id, "run") == []

    def take_back(day: int) -> None:
        with warehouse.transaction() as connection:
            connection.execute(
                """
                update analytics.ts_demand_daily set demand_qty = demand_qty - 1
                where client_id = %s and date = %s
                """,
                (client_id, AS_OF + timedelta(days=day)),
            )

    take_back(5)
    assert score_due_runs(warehouse, client_id, "run") == [], "the run did not forecast that day"
    take_back(1)
    assert len(score_due_runs(warehouse, client_id, "run")) == 1
    assert score_of(scores(warehouse, client_id), "client")["sum_actual_qty"] == 7


def test_each_lag_bucket_holds_its_days_and_lags_beyond_four_weeks_count_in_all(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    add_forecast(warehouse, client_id, forecast_rows("a", [1] * 30))
    demand_and_delivery(warehouse, client_id, daily("a", [1] * 30))
    score_due_runs(warehouse, client_id, "run")

    client = scores(warehouse, client_id).filter(pl.col("grain") == "client")
    assert dict(client.select("lag_bucket", "n_rows").iter_rows()) == {
        "1": 1,
        "2-7": 6,
        "8-14": 7,
        "15-28": 14,
        "all": 30,
    }


def test_every_grain_adds_up_to_the_client(warehouse: Warehouse, new_client: NewClient) -> None:
    client_id = new_client().client_id
    rows, demand = [], []
    for item, location, actual in (("a", "n", 1), ("a", "s", 2), ("b", "n", 4), ("c", "s", 8)):
        rows.append(forecast_rows(item, [0], location_id=location))
        demand.append(daily(item, [actual], location_id=location))
    for item, category in (("a", "toys"), ("b", "toys"), ("c", None)):
        add_category(warehouse, client_id, item, category)
    add_forecast(warehouse, client_id, pl.concat(rows))
    demand_and_delivery(warehouse, client_id, *demand)
    score_due_runs(warehouse, client_id, "run")

    frame = scores(warehouse, client_id).filter(pl.col("lag_bucket") == "all")
    sums = {(r["grain"], r["grain_key"]): r["sum_abs_error_qty"] for r in frame.iter_rows(named=True)}
    assert sums == {
        ("series", "a|n"): 1,
        ("series", "a|s"): 2,
        ("series", "b|n"): 4,
        ("series", "c|s"): 8,
        ("item", "a"): 3,
        ("item", "b"): 4,
        ("item", "c"): 8,
        ("location", "n"): 5,
        ("location", "s"): 10,
        ("category", "toys"): 7,
        ("client", client_id): 15,
    }
    assert score_of(frame, "item", "a")["item_id"] == "a"
    assert score_of(frame, "item", "a")["location_id"] is None
    assert score_of(frame, "category", "toys")["category"] == "toys"


def test_two_series_never_share_a_key_whatever_their_ids_hold(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    odd = [("a|b", "c"), ("a", "b|c"), ("a\\", "b"), ("a", "\\|b")]
    add_forecast(warehouse, client_id, pl.concat([forecast_rows(i, [1], location_id=at) for i, at in odd]))
    demand_and_delivery(warehouse, client_id, *[daily(i, [1], location_id=at) for i, at in odd])
    score_due_runs(warehouse, client_id, "run")

    series = scores(warehouse, client_id).filter(pl.col("grain") == "series", pl.col("lag_bucket") == "all")
    assert series["grain_key"].n_unique() == len(odd)
    assert score_of(series, "series", "a\\|b|c")["item_id"] == "a|b"


# --- against reference implementations ----------------------------------------------------------------


@pytest.fixture(scope="module")
def random_demand() -> pl.DataFrame:
    """60 days of history and 20 of actuals for 4 items at 3 locations, with a forecast and its grid."""
    rng = np.random.default_rng(7)
    rows = []
    for item in "abcd":
        for location in "nsw":
            rate = rng.uniform(0.3, 6)
            for day in range(-59, 21):
                level = rate * rng.uniform(0.5, 1.5)
                grid = np.sort(rng.gamma(2, level / 2, len(QUANTILE_LEVELS)))
                rows.append(
                    {
                        "item_id": item,
                        "location_id": location,
                        "lag_days": day,
                        "date": AS_OF + timedelta(days=day),
                        "demand_qty": float(rng.poisson(rate)),
                        "point_qty": grid[10],
                        "mean_qty": grid.mean(),
                        **dict(zip(QUANTILE_COLUMNS, grid, strict=True)),
                    }
                )
    return pl.DataFrame(rows)


@pytest.fixture
def random_scores(warehouse: Warehouse, new_client: NewClient, random_demand: pl.DataFrame) -> pl.DataFrame:
    client_id = new_client().client_id
    history = random_demand.filter(pl.col("lag_days") <= 0)
    scales = {
        (str(key[0]), str(key[1])): (
            mase_scale(part["demand_qty"].to_numpy()),
            rmsse_scale(part["demand_qty"].to_numpy()),
        )
        for key, part in history.group_by("item_id", "location_id")
    }
    ahead = random_demand.filter(pl.col("lag_days") > 0)
    add_forecast(warehouse, client_id, ahead.drop("date", "demand_qty"), scales=scales)
    demand_and_delivery(warehouse, client_id, ahead.select("item_id", "location_id", "date", "demand_qty"))
    score_due_runs(warehouse, client_id, "run")
    return scores(warehouse, client_id).filter(pl.col("lag_bucket") == "all")


@pytest.mark.parametrize(
    ("grain", "by", "n_groups"),
    [("item", ["item_id"], 4), ("location", ["location_id"], 3), ("client", [], 1)],
)
def test_pooled_metrics_agree_with_scikit_learn(
    random_demand: pl.DataFrame, random_scores: pl.DataFrame, grain: str, by: list[str], n_groups: int
) -> None:
    ahead = random_demand.filter(pl.col("lag_days") > 0)
    groups = list(ahead.group_by(by)) if by else [((None,), ahead)]
    assert len(groups) == n_groups
    for key, rows in groups:
        actual, point = rows["demand_qty"].to_numpy(), rows["point_qty"].to_numpy()
        positive = actual > 0
        score = score_of(random_scores, grain, None if key[0] is None else str(key[0]))
        assert score["mae_qty"] == pytest.approx(mean_absolute_error(actual, point))
        assert score["rmse_qty"] == pytest.approx(root_mean_squared_error(actual, rows["mean_qty"]))
        assert score["mape"] == pytest.approx(
            mean_absolute_percentage_error(actual[positive], point[positive])
        )
        assert score["wape"] == pytest.approx(mean_absolute_error(actual, point) / actual.mean())
        pinball = [mean_pinball_loss(actual, rows[f"q{level}0"], alpha=level / 10) for level in range(1, 10)]
        assert score["wql"] == pytest.approx(2 * np.mean(pinball) / actual.mean())


def test_metrics_of_a_series_agree_with_utilsforecast(
    random_demand: pl.DataFrame, random_scores: pl.DataFrame
) -> None:
    long = random_demand.select(
        pl.concat_str("item_id", pl.lit("|"), "location_id").alias("unique_id"),
        pl.col("date").alias("ds"),
        pl.col("demand_qty").alias("y"),
        "lag_days",
        pl.col("point_qty").alias("point"),
        pl.col("mean_qty").alias("mean"),
        *(pl.col(f"q{(100 - p) // 2:02d}").alias(f"point-lo-{p}") for p in (50, 80, 90, 98)),
        *(pl.col(f"q{(100 + p) // 2:02d}").alias(f"point-hi-{p}") for p in (50, 80, 90, 98)),
    )
    train, test = long.filter(pl.col("lag_days") <= 0), long.filter(pl.col("lag_days") > 0)
    expected = {
        "mae_qty": losses.mae(test, ["point"]),
        "rmse_qty": losses.rmse(test, ["mean"]),
        "wape": losses.wape(test, ["point"]),
        "mase": losses.mase(test, ["point"], 7, train),
        "rmsse": losses.rmsse(test, ["mean"], 1, train),
        **{f"coverage_{p}": losses.coverage(test, ["point"], p) for p in (50, 80, 90, 98)},
    }
    series = random_scores.filter(pl.col("grain") == "series")
    for metric, reference in expected.items():
        pair = reference.rename({reference.columns[1]: "expected"}).join(
            series, left_on="unique_id", right_on="grain_key"
        )
        assert pair.height == 12
        np.testing.assert_allclose(pair[metric], pair["expected"], rtol=1e-9, err_msg=metric)

    scaled = {name: expected[name] for name in ("mase", "rmsse")}
    for item in "abcd":
        for metric, reference in scaled.items():
            of_item = reference.filter(pl.col("unique_id").str.starts_with(item))
            assert score_of(random_scores, "item", item)[metric] == pytest.approx(
                of_item[of_item.columns[1]].mean()
            )


# --- re-scoring ---------------------------------------------------------------------------------------


def restate(warehouse: Warehouse, client_id: str, day: date, demand: float) -> None:
    with warehouse.transaction() as connection:
        connection.execute(
            "update analytics.ts_demand_daily set demand_qty = %s where client_id = %s and date = %s",
            (demand, client_id, day),
        )
    add_delivery(warehouse, client_id, day, day)


def test_a_restatement_rescores_exactly_the_runs_it_touches(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    for shift in (0, 2, 4):
        add_forecast(warehouse, client_id, forecast_rows("a", [1, 1]), as_of=AS_OF + timedelta(days=shift))
    demand_and_delivery(warehouse, client_id, daily("a", [1] * 6))
    assert len(score_due_runs(warehouse, client_id, "run")) == 3
    assert score_due_runs(warehouse, client_id, "run") == []

    restate(warehouse, client_id, AS_OF + timedelta(days=3), 5)
    rescored = score_due_runs(warehouse, client_id, "run")
    assert [scoring.run.as_of_date for scoring in rescored] == [AS_OF + timedelta(days=2)]
    current = scores(warehouse, client_id).filter(
        pl.col("is_current"), pl.col("grain") == "client", pl.col("lag_bucket") == "all"
    )
    assert current.sort("as_of_date")["sum_abs_error_qty"].to_list() == [0, 4, 0]
    assert score_due_runs(warehouse, client_id, "run") == []


@pytest.mark.parametrize("kind", ["stock_levels", "m5_sales"])
def test_files_that_change_actuals_rescore_and_products_do_not(
    warehouse: Warehouse, new_client: NewClient, kind: str
) -> None:
    client_id = new_client().client_id
    add_forecast(warehouse, client_id, forecast_rows("a", [1, 1]))
    demand_and_delivery(warehouse, client_id, daily("a", [1, 0]))
    score_due_runs(warehouse, client_id, "run")

    first, last = days_after(AS_OF, 2)
    add_delivery(warehouse, client_id, first, last, kind="products")
    assert score_due_runs(warehouse, client_id, "run") == []
    with warehouse.transaction() as connection:
        connection.execute(
            "update analytics.ts_demand_daily set is_masked = true where client_id = %s and date = %s",
            (client_id, last),
        )
    add_delivery(warehouse, client_id, first, last, kind=kind)
    assert len(score_due_runs(warehouse, client_id, "run")) == 1
    assert score_of(scores(warehouse, client_id), "client")["n_masked"] == 1


def test_a_landed_day_is_added_to_the_sums_of_its_run(warehouse: Warehouse, new_client: NewClient) -> None:
    client_id = new_client().client_id
    run_id = add_forecast(warehouse, client_id, forecast_rows("a", [1, 1, 1]))
    scorings = []
    for day, demand in enumerate((1, 3, 6), start=1):
        demand_and_delivery(warehouse, client_id, daily("a", [demand], first=AS_OF + timedelta(days=day)))
        scorings += score_due_runs(warehouse, client_id, "run")
        assert score_of(scores(warehouse, client_id), "client")["sum_actual_qty"] == [1, 4, 10][day - 1]

    sums = read_frame(
        warehouse,
        render("select lag_bucket, n_rows from analytics.score_sums where client_id = {c}", c=client_id),
    )
    assert dict(sums.iter_rows()) == {"1": 1, "2-7": 2}
    assert scores(warehouse, client_id)["scoring"].unique().to_list() == [scorings[-1].scoring_id]
    audited = read_frame(
        warehouse,
        render(
            "select object, row_count, details ->> 'scoring_id' as scoring_id from ops.audit_log "
            "where client_id = {c} and action = 'score' order by audit_id",
            c=client_id,
        ),
    )
    assert audited.rows() == [
        (f"forecast run {run_id}", scoring.rows, scoring.scoring_id) for scoring in scorings
    ]


def test_scores_of_days_that_were_withdrawn_do_not_come_back_with_others(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    add_forecast(warehouse, client_id, forecast_rows("a", [1] * 5))
    demand_and_delivery(warehouse, client_id, daily("a", [4, 5, 6]))
    score_due_runs(warehouse, client_id, "run")

    def known_through(lag: int) -> None:
        with warehouse.transaction() as connection:
            connection.execute(
                "delete from analytics.ts_demand_daily where client_id = %s and date > %s",
                (client_id, AS_OF + timedelta(days=lag)),
            )
        score_due_runs(warehouse, client_id, "run")

    known_through(2)
    assert score_of(scores(warehouse, client_id), "client")["sum_actual_qty"] == 9
    known_through(1)
    rows = scores(warehouse, client_id)
    assert score_of(rows, "client")["sum_actual_qty"] == 4
    assert set(rows["lag_bucket"]) == {"1", "all"}
    known_through(0)
    assert not scores(warehouse, client_id)["is_current"].any()
    demand_and_delivery(warehouse, client_id, daily("a", [7]))
    score_due_runs(warehouse, client_id, "run")
    rows = scores(warehouse, client_id)
    assert score_of(rows, "client")["sum_actual_qty"] == 7
    assert set(rows["lag_bucket"]) == {"1", "all"}


def test_days_that_land_one_by_one_and_change_score_as_if_they_had_come_at_once(
    warehouse: Warehouse, new_client: NewClient, random_demand: pl.DataFrame
) -> None:
    """To the last bit, whatever was restated, masked, taken back or relabelled meanwhile."""
    rng = np.random.default_rng(11)
    ahead = random_demand.filter(pl.col("lag_days") > 0)
    known = ahead.select("item_id", "location_id", "date", "demand_qty").with_columns(
        pl.Series("is_masked", rng.random(ahead.height) < 0.1)
    )
    gradual, at_once = new_client().client_id, new_client().client_id
    for client_id in (gradual, at_once):
        for as_of in (AS_OF, AS_OF + timedelta(days=3)):
            scales: dict[tuple[str, str], tuple[float | None, float | None]] = {
                ("a", "n"): (2.0, 0.7),
                ("b", "s"): (0.3, None),
                ("c", "w"): (1.1, 3.0),
            }
            rows = ahead.drop("date", "demand_qty")
            add_forecast(warehouse, client_id, rows, as_of=as_of, scales=scales)
        for item, category in zip("abcd", ("x", "x", "y", None), strict=True):
            add_category(warehouse, client_id, item, category)
    add_demand(warehouse, at_once, known)
    score_due_runs(warehouse, at_once, "run")

    def label(category: str) -> None:
        with warehouse.transaction() as connection:
            connection.execute(
                "update analytics.dim_item set category = %s where client_id = %s and item_id = 'b'",
                (category, gradual),
            )

    def put_right() -> None:
        with warehouse.transaction() as connection:
            connection.execute(
                """
                update analytics.ts_demand_daily as demand
                set demand_qty = corrected.demand_qty
                from analytics.ts_demand_daily as corrected
                where demand.client_id = %s and corrected.client_id = %s and corrected.date = demand.date
                    and corrected.item_id = demand.item_id and corrected.location_id = demand.location_id
                """,
                (gradual, at_once),
            )

    label("z")
    for lag in range(1, 21):
        landed = known.filter(pl.col("date") == AS_OF + timedelta(days=lag))
        if lag % 3 == 0:
            landed = landed.with_columns(pl.col("demand_qty") + 1.25)
        add_demand(warehouse, gradual, landed)
        if lag == 18:
            label("x")
        score_due_runs(warehouse, gradual, "run")
        if lag % 5 == 0:
            put_right()
    score_due_runs(warehouse, gradual, "run")
    assert score_due_runs(warehouse, gradual, "run") == []

    own = ["client_id", "scoring_id", "scoring", "run_id", "scored_at", "grain_key", "input_watermark"]
    by = ["as_of_date", "grain", "lag_bucket", "item_id", "location_id", "category"]
    found, expected = (scores(warehouse, c).drop(own).sort(by) for c in (gradual, at_once))
    assert found.height == 2 * (12 + 4 + 3 + 2 + 1) * 5
    assert found.equals(expected)


def test_a_superseded_run_is_scored_no_more_and_its_scores_are_no_longer_current(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    superseded = add_forecast(warehouse, client_id, forecast_rows("a", [9, 9]))
    demand_and_delivery(warehouse, client_id, daily("a", [1]))
    (first,) = score_due_runs(warehouse, client_id, "run")
    with warehouse.transaction() as connection:
        connection.execute(
            "update analytics.forecast_runs set is_current = false, is_champion = false where run_id = %s",
            (superseded,),
        )
    rerun = add_forecast(warehouse, client_id, forecast_rows("a", [1, 1]))
    demand_and_delivery(warehouse, client_id, daily("a", [1], first=AS_OF + timedelta(days=2)))
    (second,) = score_due_runs(warehouse, client_id, "run")

    assert (first.run.run_id, second.run.run_id) == (superseded, rerun)
    frame = scores(warehouse, client_id)
    assert frame.filter(pl.col("is_current"))["scoring"].unique().to_list() == [second.scoring_id]
    kept = frame.filter(pl.col("scoring") == first.scoring_id)
    assert not kept["is_current"].any()
    assert kept.filter(pl.col("grain") == "client")["sum_abs_error_qty"].to_list() == [8, 8]
    assert latest_accuracy(warehouse, client_id)["wape"].to_list() == [0.0]


def test_one_clients_scores_know_nothing_of_another(warehouse: Warehouse, new_client: NewClient) -> None:
    ours, theirs = new_client().client_id, new_client().client_id
    for client_id, demand in ((ours, 1.0), (theirs, 50.0)):
        add_forecast(warehouse, client_id, forecast_rows("a", [2]), scales={("a", "n"): (1.0, 1.0)})
        add_category(warehouse, client_id, "a", client_id)
        demand_and_delivery(warehouse, client_id, daily("a", [demand]))
    score_due_runs(warehouse, ours, "run")

    assert scores(warehouse, theirs).is_empty()
    assert score_of(scores(warehouse, ours), "client")["sum_abs_error_qty"] == 1
    assert score_of(scores(warehouse, ours), "category")["grain_key"] == ours


def test_scoring_that_fails_leaves_the_old_scores_current(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    add_forecast(warehouse, client_id, forecast_rows("a", [1, 1]))
    demand_and_delivery(warehouse, client_id, daily("a", [1]))
    score_due_runs(warehouse, client_id, "run")
    before = scores(warehouse, client_id)

    huge = 1e200  # its squared error does not fit a double
    add_forecast(warehouse, client_id, forecast_rows("a", [huge, huge]), as_of=AS_OF + timedelta(days=1))
    demand_and_delivery(warehouse, client_id, daily("a", [1], first=AS_OF + timedelta(days=2)))
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        score_due_runs(warehouse, client_id, "run")
    assert scores(warehouse, client_id).equals(before)


# --- what people read ---------------------------------------------------------------------------------


def test_accuracy_is_that_of_the_latest_run_whose_horizon_is_over(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    assert latest_accuracy(warehouse, client_id).is_empty()
    for shift, point in ((0, 1.0), (1, 2.0), (2, 9.0)):
        add_forecast(
            warehouse, client_id, forecast_rows("a", [point] * 2), as_of=AS_OF + timedelta(days=shift)
        )
    demand_and_delivery(warehouse, client_id, daily("a", [1] * 3))
    score_due_runs(warehouse, client_id, "run")

    (row,) = latest_accuracy(warehouse, client_id).to_dicts()
    assert (row["model"], row["as_of_date"]) == ("ma7", AS_OF + timedelta(days=1))
    assert (row["days_known"], row["n_rows"], row["wape"]) == (2, 2, 1.0)


def accuracy(**changes: Any) -> pl.DataFrame:
    row = {
        "model": "ma7",
        "is_champion": True,
        "as_of_date": AS_OF,
        "grain": "day",
        "periods_known": 28,
        "n_rows": 280,
        "bias": 0.05,
        "coverage_90": 0.9,
        "within_90": 0.9,
        **changes,
    }
    schema = {"bias": pl.Float64, "coverage_90": pl.Float64, "within_90": pl.Float64}
    return pl.DataFrame([row], schema_overrides=schema)


def test_a_champion_far_from_the_total_or_from_its_interval_is_named() -> None:
    assert bias_problems(accuracy()) == []
    assert coverage_problems(accuracy()) == []
    assert "30% too little" in bias_problems(accuracy(bias=-0.3))[0]
    assert "held 80.0%" in coverage_problems(accuracy(coverage_90=0.8))[0]
    assert "held 97.0%" in coverage_problems(accuracy(coverage_90=0.97, within_90=0.95))[0]


def test_an_interval_of_counts_is_not_too_wide_because_days_lie_on_its_bounds() -> None:
    assert coverage_problems(accuracy(coverage_90=0.97, within_90=0.6)) == []


def test_a_model_that_does_not_lead_or_has_no_score_raises_no_warning() -> None:
    for frame in (
        accuracy(bias=-0.9, coverage_90=0.1, is_champion=False),
        accuracy(bias=None, coverage_90=None, within_90=None),
    ):
        assert bias_problems(frame) == []
        assert coverage_problems(frame) == []


def materialize(client_id: str, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    instance.add_dynamic_partitions(str(CLIENT_PARTITIONS.name), [client_id])
    return dg.materialize(
        [forecast_quality],
        partition_key=client_id,
        resources={"installation": Installation()},
        instance=instance,
    )


def test_the_asset_scores_and_shows_what_a_person_looks_for(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    add_forecast(warehouse, client_id, forecast_rows("a", [1, 3]))
    demand_and_delivery(warehouse, client_id, daily("a", [1, 1]))
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialize(client_id, instance)
        again = materialize(client_id, instance)

    (event,) = result.asset_materializations_for_node(QUALITY_KEY.to_python_identifier())
    assert event.metadata["runs_scored"].value == 1
    assert event.metadata["rows_scored"].value == 2 + 2 * 3
    assert event.metadata["ma7_wape"] == dg.MetadataValue.float(1.0)
    assert event.metadata["ma7_bias"] == dg.MetadataValue.float(1.0)
    assert "| ma7 | 2026-01-10 | 2 of 2 days | 2 | 1.0000 |" in str(event.metadata["accuracy"].value)
    checks = {c.check_name: c for c in result.get_asset_check_evaluations()}
    assert not checks["bias_within_band"].passed
    assert checks["bias_within_band"].severity is dg.AssetCheckSeverity.WARN
    assert "100% too much" in (checks["bias_within_band"].description or "")

    (event,) = again.asset_materializations_for_node(QUALITY_KEY.to_python_identifier())
    assert event.metadata["rows_scored"].value == 0
    assert event.metadata["ma7_wape"] == dg.MetadataValue.float(1.0)


def test_the_asset_of_a_client_without_a_forecast_says_that_nothing_is_scored(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = materialize(new_client().client_id, instance)
    (event,) = result.asset_materializations_for_node(QUALITY_KEY.to_python_identifier())
    assert str(event.metadata["accuracy"].value).startswith("Nothing is scored yet")
    unknown = [check for check in result.get_asset_check_evaluations() if not check.passed]
    assert {check.check_name for check in unknown} == {"bias_within_band", "interval_90_covers"}
    assert {check.severity for check in unknown} == {dg.AssetCheckSeverity.WARN}


def test_an_undefined_metric_is_an_empty_cell_of_the_table() -> None:
    metrics = ("wape", "mape", "mae", "rmse", "bias", "mase", "rmsse", "wql", "coverage_80", "coverage_90")
    row = {"model": "ma7", "as_of_date": AS_OF, "grain": "day", "n_rows": 3}
    row |= {"periods_known": 1, "horizon": 28}
    frame = pl.DataFrame([row | dict.fromkeys(metrics, 0.5) | {"wape": None}])
    assert "| 3 |  | 0.5000 |" in accuracy_table(frame)


# --- genuine data -------------------------------------------------------------------------------------

FIRST_DAY = date(2011, 1, 29)
LAST_TRAINING_DAY = date(2016, 4, 24)
M5_HORIZON = 28

REFERENCE = {
    ("m5_ca1_3049x447", "ma7"): (0.7498, 1.1772, 2.3492, -0.0556, 1.0334, 0.8059),
    ("m5_ca1_3049x447", "seasonal_naive"): (0.8680, 1.3628, 2.7375, -0.0556, 1.1573, 1.0091),
    ("m5_280x1941", "ma7"): (0.4368, 2.4397, 4.9796, -0.0720, 1.0608, 0.8268),
    ("m5_280x1941", "seasonal_naive"): (0.5022, 2.8051, 5.6710, -0.0720, 1.1610, 0.9909),
}
"""WAPE, MAE, RMSE, bias, MASE and RMSSE over d_1914 ... d_1941, published with the data."""


def m5_demand(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A wide M5 file as (its series, their demand from the first sale on)."""
    wide = pl.read_csv(path)
    days = [column for column in wide.columns if column.startswith("d_")]
    matrix = wide.select(days).to_numpy().astype(np.float64)
    series, day = np.nonzero(np.cumsum(matrix, axis=1) > 0)
    start = FIRST_DAY + timedelta(days=int(days[0].removeprefix("d_")) - 1)
    keys = wide.select(
        pl.int_range(pl.len()).cast(pl.String).alias("series_id"),
        "item_id",
        pl.col("store_id").alias("location_id"),
    )
    return keys, keys[series].with_columns(
        (pl.lit(start) + pl.duration(days=pl.lit(pl.Series(day)))).cast(pl.Date).alias("date"),
        pl.Series("demand_qty", matrix[series, day]),
    )


@pytest.mark.shared_data
@pytest.mark.parametrize("data_set", ["m5_280x1941", "m5_ca1_3049x447"])
def test_scores_of_the_naive_models_equal_the_published_reference(
    warehouse: Warehouse, new_client: NewClient, shared_data: Path, data_set: str
) -> None:
    client_id = new_client().client_id
    keys, demand = m5_demand(shared_data / data_set / "sales_train_evaluation.csv.gz")
    sold = Panel.from_frame(
        demand.filter(pl.col("date") <= LAST_TRAINING_DAY).rename({"demand_qty": "target"}), LAST_TRAINING_DAY
    )
    unsold = sorted(set(keys["series_id"]) - set(sold.series_ids))
    panel = Panel(
        (*sold.series_ids, *unsold), LAST_TRAINING_DAY, (*sold.history, *[np.empty(0)] * len(unsold))
    )
    series = {series_id: (item, location) for series_id, item, location in keys.iter_rows()}
    scales = {
        series[series_id]: (mase_scale(history) or None, rmsse_scale(history) or None)
        for series_id, history in zip(panel.series_ids, panel.history, strict=True)
    }
    for model in ("ma7", "seasonal_naive"):
        rows = guarded_predict(create_model(model), panel, M5_HORIZON).to_frame()
        add_forecast(
            warehouse,
            client_id,
            rows.join(keys, on="series_id").drop("series_id", "date"),
            as_of=LAST_TRAINING_DAY,
            model=model,
            scales=scales,
        )
    landed = demand.filter(pl.col("date") > LAST_TRAINING_DAY).drop("series_id")
    demand_and_delivery(warehouse, client_id, landed)
    score_due_runs(warehouse, client_id, "run")

    found = latest_accuracy(warehouse, client_id)
    assert sorted(found["model"]) == ["ma7", "seasonal_naive"]
    for row in found.to_dicts():
        wape, mae, rmse, bias, mase, rmsse = REFERENCE[data_set, row["model"]]
        assert row["n_rows"] == len(panel) * M5_HORIZON
        assert row["wape"] == pytest.approx(wape, abs=0.0005)
        assert row["mae"] == pytest.approx(mae, abs=0.0005)
        assert row["rmse"] == pytest.approx(rmse, abs=0.0005)
        assert row["bias"] == pytest.approx(bias, abs=0.0005)
        assert row["mase"] == pytest.approx(mase, abs=0.005)
        assert row["rmsse"] == pytest.approx(rmsse, abs=0.005)
