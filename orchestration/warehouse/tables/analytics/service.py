"""Service: what levels would have kept in a replay of past days, beside simpler ones.

Belongs here: replays and what came of them. Does not belong here: what a plan promises (``inventory``).

The rows of a replay never change but for ``is_current``.
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table, text

from forecasting_lib.inventory.simulation.judgement import Basis
from orchestration.warehouse.tables.columns import (
    client_key,
    day,
    finite,
    metadata,
    model,
    moment,
    non_negative,
    one_of,
    only,
    run_key,
    whole,
    words,
    yes_no,
)

Unmet = Literal["backorder", "lost"]
ServicePolicy = Literal["forecast", "textbook_normal", "ma7_factor"]
ServiceSegment = Literal["smooth", "erratic", "intermittent", "lumpy", "none", "all"]
ServiceMetric = Literal["csl_cycle", "csl_period", "fill_rate", "ready_rate"]

service_backtest_runs = Table(
    "service_backtest_runs",
    metadata,
    client_key(),
    run_key("One replay."),
    yes_no("is_current", "The replay that reports tell of."),
    day("first_date", "First day that was judged.", nullable=False),
    day("last_date", "Last day that was judged.", nullable=False),
    day(
        "fitted_from", "First of the days before on which levels were fitted; NULL where there were too few."
    ),
    whole("n_origins", "Weekly forecasts that levels were made of.", nullable=False),
    whole("n_series", "Series replayed.", nullable=False),
    whole("n_series_of", "Series there were to draw them from.", nullable=False),
    whole(
        "n_without_lead_time", "Of the series drawn, those left out for want of a lead time.", nullable=False
    ),
    words("model", "Model that forecast.", nullable=False),
    model("service_target", "Service level of the client's policy.", nullable=False),
    one_of("unmet_demand", Unmet, "{}: what became of demand that stock did not serve.", nullable=False),
    words("code_version", "Version of this project that computed it.", nullable=False),
    words("input_digest", "SHA-256 of all it depends on; the same inputs are not run again.", nullable=False),
    words("dagster_run_id", "Run in the Dagster UI.", nullable=False),
    model("duration_seconds", "Time it took."),
    moment("published_at", "When the rows became visible.", nullable=False, now=True),
    only("unmet_demand", Unmet),
    CheckConstraint("0 < service_target and service_target < 1", name="target"),
    Index(
        "uq_service_backtest_runs_current",
        "client_id",
        unique=True,
        postgresql_where=text("is_current"),
    ),
    schema="analytics",
    comment="One row per replay of a client's past days. Immutable but for is_current.",
)

service_backtest = Table(
    "service_backtest",
    metadata,
    client_key(),
    run_key("Replay."),
    Column("line_no", Integer, primary_key=True, autoincrement=False, comment="Number of the row."),
    one_of(
        "policy",
        ServicePolicy,
        "{}: whose levels, the plan's or those it is compared with.",
        nullable=False,
    ),
    one_of(
        "basis",
        Basis,
        "{}: at the client's level, at one fitted on earlier days, at each of several, or read between those "
        "at the service or the stock that the plan's fitted levels had.",
        nullable=False,
    ),
    one_of("segment", ServiceSegment, "{}: demand class of the series.", nullable=False),
    one_of("metric", ServiceMetric, "{}: what is counted.", nullable=False),
    model("target", "Share that was aimed at; NULL of a sweep."),
    model(
        "nominal", "Level or factor that was used; NULL where it is read between two, or items had several."
    ),
    model("predicted", "Share that the levels promised; NULL where nothing is promised."),
    model("achieved", "Share that was kept; NULL where nothing was counted."),
    model("achieved_low", "Lower end of its 95 % interval."),
    model("achieved_high", "Upper end of its 95 % interval."),
    model("cover_days", "Days of demand that the stock on hand would have lasted."),
    model("on_hand_qty", "Units on hand at the end of a day, on average, all series together."),
    model("stock_value", "The same in money; NULL where no series has a cost."),
    model("orders_per_year", "Orders, all series together."),
    model("unserved_qty", "Units lost or owed for a while, over the days judged."),
    model("unserved_margin", "The same in money; NULL where no series has a margin or price."),
    whole("n_items", "Series.", nullable=False),
    whole("n_cycles", "Replenishment cycles counted."),
    only("policy", ServicePolicy),
    only("basis", Basis),
    only("segment", ServiceSegment),
    only("metric", ServiceMetric),
    non_negative("cover_days", "on_hand_qty", "stock_value", "orders_per_year", "unserved_qty"),
    CheckConstraint(
        " and ".join(f"achieved{end} >= 0 and achieved{end} <= 1" for end in ("", "_low", "_high")),
        name="shares",
    ),
    CheckConstraint(finite("unserved_margin"), name="margin"),
    schema="analytics",
    comment="One row per replay, policy, basis, segment, metric and level: service kept, and what it took.",
)
