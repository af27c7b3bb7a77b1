"""What a client is: the fields of its registry entry, each said once.

A field's lines carry its type, its limits, its default and its sentence (``fields``). From them come the
column of ``ops.clients`` (``warehouse.tables.registry_columns``) and the option of ``forecaster client add``
and ``update`` (``commands.clients``). Belongs here: the fields, what is valid, what follows from one entry
alone. Does not belong here: reading and writing entries (``clients``), the settings of a feed (``feeds``) and
of a source (``sources``).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from forecasting_lib.grain import Grain
from orchestration.cron import valid_cron
from orchestration.feeds import Feed
from orchestration.fields import NOT_TYPED, Setting
from orchestration.sources import Source
from orchestration.timezones import valid_timezone

_ADVERBS = {"daily": "day", "weekly": "week", "monthly": "month"}

_HORIZONS: Mapping[Grain, int] = {Grain.DAY: 28, Grain.WEEK: 13, Grain.MONTH: 6}
"""Periods that a forecast reaches ahead where nobody says how many."""


class Client(BaseModel):
    """One client's registry entry; the fields are the columns of ``ops.clients``."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, hide_input_in_errors=True)

    client_id: Annotated[
        str,
        Field(pattern=r"^[a-z][a-z0-9_]{0,31}$"),
        Setting("Slug: lower-case letters, digits and _, starts with a letter.", check="slug"),
    ]
    name: Annotated[str, Field(min_length=1, max_length=200), Setting("Name people use.")]
    timezone: Annotated[str, Setting("IANA time zone of its days and its schedule.")] = "UTC"
    cron: Annotated[
        str | None, Setting("When its pipeline runs by itself, such as '0 5 * * *'", empty="never")
    ] = None
    backtest_cron: Annotated[
        str | None,
        Setting("When its models are judged at past days by themselves, weekly unless named", empty="never"),
    ] = "30 1 * * 6"
    grain: Annotated[
        Literal["day", "week", "month"] | None,
        Setting(
            "Periods its sales are delivered and planned in: day, week or month; shorter ones are added up",
            empty="not yet known: its first sales tell",
            check="grain",
        ),
    ] = None
    horizon_days: Annotated[
        int | None,
        Field(ge=1, le=365),
        Setting(
            "Days every forecast reaches ahead, in whole periods of the grain; "
            "unless named, 28 days, 13 weeks or 6 months.",
            check="horizon",
        ),
    ] = None
    service_level: Annotated[
        float,
        Field(gt=0, lt=1),
        Setting("Target service level, such as 0.95.", check="service_level", is_exact=True),
    ] = 0.95
    service_metric: Annotated[
        Literal["csl_cycle", "fill_rate", "cost"],
        Setting(
            "What the level counts: csl_cycle, order cycles without a stock-out; fill_rate, units served at "
            "once; cost, neither: each item's level weighs what a unit short costs against holding it.",
            check="service_metric",
        ),
    ] = "csl_cycle"
    order_cost: Annotated[
        float | None,
        Field(gt=0, allow_inf_nan=False),
        Setting("Cost of placing an order, its currency; with the holding rate it makes economic lots."),
    ] = None
    holding_rate: Annotated[
        float | None,
        Field(gt=0, allow_inf_nan=False, validate_default=True),
        Setting("Cost of holding a unit for a year over its unit cost, such as 0.2."),
    ] = None
    shortage_cost_rate: Annotated[
        float,
        Field(gt=0, allow_inf_nan=False),
        Setting("Cost of a unit short over its margin, or over its price where the unit cost is unknown."),
    ] = 1.0
    supplier_minimum: Annotated[
        Literal["note", "fill"],
        Setting(
            "What becomes of an order under its supplier's minimum value: note, the buyer is told; fill, its "
            "lines are raised to it.",
            check="supplier_minimum",
        ),
    ] = "note"
    review_days: Annotated[
        int | None,
        Field(ge=1, le=60),
        Setting(
            "Days between two order reviews, unless the supplier says otherwise; "
            "unless named, 1 of days, 7 of weeks, 30 of months."
        ),
    ] = None
    default_lead_time_days: Annotated[
        int | None,
        Field(ge=0, le=730),
        Setting("Lead time where neither receipts, item nor supplier give one."),
    ] = None
    transfer_days: Annotated[
        int | None,
        Field(ge=0, le=60),
        Setting(
            "Days goods are on the way between locations; excess is then moved before anything is bought.",
            empty="nothing is moved",
        ),
    ] = None
    country: Annotated[str | None, Setting("ISO country code of the holiday calendar", empty="none")] = None
    currency: Annotated[
        str | None,
        Field(pattern=r"^[A-Z]{3}$"),
        Setting(
            "Currency of its prices, costs and values, such as EUR", empty="the first that its files name"
        ),
    ] = None
    models: Annotated[
        list[str],
        Field(min_length=1),
        Setting(
            "Models to run, the preferred first.",
            option="--model",
            one_piece="A model to run, the preferred first; repeatable.",
        ),
    ] = ["chronos2", "ma7", "seasonal_naive"]
    champion: Annotated[
        Literal["backtest", "first"],
        Setting(
            "Who leads: backtest, for each item the model that past days favour, calibrated; "
            "first, the first of the models for every item."
        ),
    ] = "backtest"
    when_bands_fail: Annotated[
        Literal["publish", "keep_last_good"],
        Setting(
            "What becomes of a forecast whose bands do not hold what they name at past days: publish, it is "
            "used and a check warns; keep_last_good, the last one whose bands held is used as long as it "
            "reaches half the horizon.",
            check="when_bands_fail",
        ),
    ] = "publish"
    column_map: Annotated[
        dict[str, dict[str, str]],
        Setting(
            "kind -> our column -> the client's column name.",
            option="--map",
            one_piece="KIND.COLUMN=THEIRS, such as sales.item_id=SKU; repeatable, THEIRS '' unmaps.",
        ),
    ] = {}
    date_format: Annotated[str | None, Setting("Format of its dates, such as %d.%m.%Y", empty="ISO")] = None
    feeds: Annotated[
        dict[str, Feed],
        Setting("name -> how the files of one source are read, where it is not as above.", option=NOT_TYPED),
    ] = {}
    sources: Annotated[
        dict[str, Source],
        Setting("name -> where files or rows are pulled from, without any secret.", option=NOT_TYPED),
    ] = {}
    returns_policy: Annotated[
        Literal["net", "net_back", "drop"],
        Setting(
            "net: off the sales of the day they come back; net_back: off the sale itself; drop: left out.",
            check="returns_policy",
        ),
    ] = "net"
    write_off_reasons: Annotated[
        list[str],
        Setting(
            "Reasons in its sales that mean a write-off, which is no demand; case does not matter.",
            option="--write-off-reason",
            one_piece="A reason in its sales that means a write-off, which is no demand; repeatable.",
        ),
    ] = ["write_off"]
    negative_stock: Annotated[
        Literal["backorder", "zero"],
        Setting("What a negative on-hand means: backorder or zero.", check="negative_stock"),
    ] = "backorder"
    unmet_demand: Annotated[
        Literal["backorder", "lost"],
        Setting("What becomes of demand without stock: backorder, it waits, or lost.", check="unmet_demand"),
    ] = "backorder"
    outlier_handling: Annotated[
        Literal["off", "report", "clean"],
        Setting(
            "Days of demand that nothing explains: off, not looked for; report, listed; clean, models see "
            "what was to be expected instead.",
            check="outlier_handling",
        ),
    ] = "report"
    max_reject_rate: Annotated[
        float,
        Field(ge=0, le=1),
        Setting("Share of bad rows above which a file is refused whole.", in_every_row=False),
    ] = 0.02
    max_gap_days: Annotated[
        int,
        Field(ge=1, le=3660),
        Setting("A date this many days after the last delivered one is rejected."),
    ] = 366
    keep_forecasts_days: Annotated[
        int,
        Field(ge=1, le=3660),
        Setting("Days for which a forecast is kept after the last day it reaches; its accuracy stays."),
    ] = 28
    keep_projections_days: Annotated[
        int,
        Field(ge=1, le=3660),
        Setting("Days for which a plan's projected stock is kept after the last day it reaches."),
    ] = 7
    keep_plans_days: Annotated[
        int,
        Field(ge=1, le=3660),
        Setting("Days for which a plan is kept after the last day it reaches; what was decided of it stays."),
    ] = 120
    keep_superseded_days: Annotated[
        int,
        Field(ge=1, le=3660),
        Setting("Days for which a forecast or a plan is kept after another took its place."),
    ] = 14
    keep_item_scores_days: Annotated[
        int,
        Field(ge=1, le=3660),
        Setting(
            "Days for which accuracy by item is kept after the last day forecast; that of locations, "
            "categories and all items stays."
        ),
    ] = 180
    keep_backtests_days: Annotated[
        int,
        Field(ge=1, le=3660),
        Setting("Days for which a backtest's rows by item are kept after another took its place."),
    ] = 35
    keep_delivery_details_days: Annotated[
        int,
        Field(ge=1, le=3660),
        Setting(
            "Days for which a delivery's rejected rows and what it replaced are kept; "
            "after these it cannot be taken back."
        ),
    ] = 400
    keep_requests_days: Annotated[
        int,
        Field(ge=1, le=3660),
        Setting("Days for which a run that was asked for over HTTP stays listed after it ended."),
    ] = 400
    intraday_feed: Annotated[
        bool,
        Setting(
            "Whether the last delivered day is incomplete and not yet used.",
            option="--intraday-feed/--daily-feed",
        ),
    ] = False
    is_active: Annotated[
        bool,
        Setting("Whether schedule and sensor run; history stays readable.", option="--active/--inactive"),
    ] = True

    @field_validator("grain", mode="before")
    @classmethod
    def _adverb(cls, value: object) -> object:
        """``weekly`` and the like are understood, too."""
        return _ADVERBS.get(value, value) if isinstance(value, str) else value

    _valid_timezone = field_validator("timezone")(valid_timezone)

    _valid_cron = field_validator("cron", "backtest_cron")(valid_cron)

    @field_validator("holding_rate")
    @classmethod
    def _weighed_by_cost(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is None and info.data.get("service_metric") == "cost":
            raise ValueError(
                "the service metric 'cost' weighs shortages against holding; name it, such as 0.2"
            )
        return value

    @field_validator("models")
    @classmethod
    def _known_models(cls, value: list[str]) -> list[str]:
        from forecasting_lib.models.registry import available_models

        unknown = sorted(set(value) - set(available_models()))
        if unknown:
            raise ValueError(f"unknown models {unknown}; known are {sorted(available_models())}")
        if len(set(value)) != len(value):
            raise ValueError("a model is named twice")
        return value

    def horizon(self, grain: Grain) -> int:
        """Periods of a grain that every forecast reaches ahead."""
        if self.horizon_days is None:
            return _HORIZONS[grain]
        return math.ceil(self.horizon_days / grain.days_per_period)

    def today(self) -> datetime:
        """The present moment in the client's time zone."""
        return datetime.now(UTC).astimezone(ZoneInfo(self.timezone))

    def reading_digest(self) -> str:
        """Digest of the settings a file is read with; a refused file is tried again when it changes."""
        relevant = self.model_dump(include={"column_map", "date_format", "max_reject_rate", "max_gap_days"})
        if self.grain not in (None, Grain.DAY):
            relevant["grain"] = self.grain
        if self.feeds:
            relevant["feeds"] = {name: feed.model_dump() for name, feed in self.feeds.items()}
        return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()
