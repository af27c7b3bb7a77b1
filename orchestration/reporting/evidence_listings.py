"""The listings of what forecasts are judged by: what they were worth, past dates, what has changed since.

Belongs here: what may be asked of these relations, as data. Does not belong here: all other listings and the
list of them (``catalogue``), the query (``listings``).
"""

from __future__ import annotations

from orchestration.reporting.listings import Listing, fields

VALUE_ADDED = Listing(
    name="value-added",
    sentence="How much better one model's forecasts of a month were than the simplest, by segment and lag.",
    relation="analytics.forecast_value_added",
    fields=fields(
        "month:day model segment segment_key lag_bucket grain n_runs:whole n_runs_led:whole n_series:whole "
        "n_rows:whole wape:number bias:number wql:number fva_naive:number fva_ma7:number "
        "coverage_80:number coverage_90:number"
    ),
    key=("month", "model", "segment", "segment_key", "lag_bucket", "grain"),
    descending=True,
    filters=("model", "segment", "segment_key", "lag_bucket"),
    ranges=("month",),
    concerns=("deliveries", "forecast", "accuracy"),
)

MODELS_JUDGED = Listing(
    name="models-judged",
    sentence="How good one model was at the past dates of the current backtest, by demand class and lag.",
    relation="analytics.model_comparison",
    fields=fields(
        "model demand_class lag_bucket n_series:whole n_rows:whole leads_for:whole scaled_loss:number "
        "wql:number wape:number bias:number mase:number rmsse:number fva_naive:number fva_ma7:number "
        "coverage_50:number coverage_80:number coverage_90:number coverage_98:number run_id:uuid"
    ),
    key=("model", "demand_class", "lag_bucket"),
    filters=("model", "demand_class", "lag_bucket"),
    concerns=("deliveries", "forecast"),
)

DRIFT = Listing(
    name="drift",
    sentence="One episode of drift: what changed since models were judged, and by which numbers.",
    relation="analytics.drift_events",
    fields=fields(
        "event_id:uuid part_of_event_id:uuid kind "
        "grain grain_key first_date:day detected_date:day seen_date:day is_current:truth "
        "sentence detected_at:moment"
    ),
    key=("detected_at", "event_id"),
    descending=True,
    filters=("kind", "grain", "grain_key", "is_current"),
    ranges=("detected_date",),
    concerns=("deliveries", "forecast", "accuracy"),
)
