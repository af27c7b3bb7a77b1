"""Does a model use the promotions it is told of? Measured where the true uplift is known.

Belongs here: the demo retailer as a panel with its true uplifts, and the comparison of a forecast that was
told of the promotions ahead with one that was not. Does not belong here: models, and genuine data, whose
true uplift nobody knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import holidays
import numpy as np
import polars as pl

from forecasting_lib.covariates import Facts, with_covariates, with_expected_closings
from forecasting_lib.demo import RetailerConfig, RetailerData, generate_retailer
from forecasting_lib.demo.promotions import REFERENCE_DISCOUNT
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.interface import Forecaster
from forecasting_lib.panel import FloatArray, Panel

SERIES = ("item_id", "location_id")

_HORIZON_DAYS = 28


@dataclass(frozen=True)
class PromotedPanel:
    """A panel and what the promotions that were known ahead do to its demand.

    Attributes:
        panel: histories and covariates as known on the as-of date.
        true_factor: (n, h) the factor on expected demand of the announced promotions; 1 on other days, and
            on days on which the location is closed.
    """

    panel: Panel
    true_factor: FloatArray


@dataclass(frozen=True)
class PromotionResponse:
    """How the forecast of promotion days moves when the promotions ahead are known.

    Attributes:
        n_series: series with a promotion ahead that the model had an answer for.
        right_direction_share: share of them whose forecast of those days moves the way demand does.
        median_amount_ratio: median over them of the relative move of the forecast over the true uplift,
            both of the sum of the promotion days; 1 is exact.
    """

    n_series: int
    right_direction_share: float
    median_amount_ratio: float


def promotion_response(
    model: Forecaster, cases: Sequence[PromotedPanel], *, without_covariate: bool = False
) -> PromotionResponse:
    """Forecast each panel with and without the promotions ahead, and compare the promotion days.

    Args:
        model: any model.
        cases: as :func:`retailer_cases` makes them; series without a promotion ahead are not asked about.
        without_covariate: "without" means that the model is not told of promotions at all, past ones
            included, instead of being told that none is ahead.

    Raises:
        ValueError: no case has a promotion ahead.
    """
    moves, truths = [], []
    for case in cases:
        affected = np.flatnonzero((case.true_factor != 1.0).any(axis=1)).tolist()
        if not affected:
            continue
        given = case.panel.select(affected)
        hidden = _without_promotions(given) if without_covariate else _none_ahead(given)
        horizon = case.true_factor.shape[1]
        told, untold = guarded_predict(model, given, horizon), guarded_predict(model, hidden, horizon)
        factor = case.true_factor[affected]
        promoted = factor != 1.0
        base = (untold.mean * promoted).sum(axis=1)
        answered = (base > 0) & np.array([reason is None for reason in told.reasons])
        expected = (untold.mean * factor * promoted).sum(axis=1)
        moves.append(((told.mean * promoted).sum(axis=1)[answered] / base[answered]) - 1.0)
        truths.append(expected[answered] / base[answered] - 1.0)
    if not moves:
        raise ValueError("no series of these panels has a promotion ahead")
    move, truth = np.concatenate(moves), np.concatenate(truths)
    return PromotionResponse(
        n_series=len(move),
        right_direction_share=float((np.sign(move) == np.sign(truth)).mean()),
        median_amount_ratio=float(np.median(move / truth)),
    )


def retailer_cases(config: RetailerConfig, origins: int) -> list[PromotedPanel]:
    """The demo retailer as of several days, four weeks apart, each with four weeks of history to come.

    Args:
        config: which retailer.
        origins: number of as-of dates.
    """
    data = generate_retailer(config)
    return [
        retailer_as_of(data, config.end_date - timedelta(days=_HORIZON_DAYS * i), _HORIZON_DAYS)
        for i in range(1, origins + 1)
    ]


def retailer_as_of(data: RetailerData, as_of_date: date, horizon: int) -> PromotedPanel:
    """The retailer's panel as the pipeline would show it on a day, and the truth of what is announced.

    Closed days (no sale at the location) and stocked-out ones (no sale and no stock) are masked.
    """
    series = data.truth.select(*SERIES).with_columns(pl.format("{}|{}", *SERIES).alias("series_id"))
    days = _days(data, series, as_of_date)
    panel = Panel.from_frame(days.select("series_id", "date", "target"), as_of_date)
    in_order = pl.DataFrame({"series_id": panel.series_ids}).join(
        series, on="series_id", how="left", maintain_order="left"
    )
    promotions = _promoted_days(data, series, as_of_date, horizon)
    facts = Facts(
        calendar=with_expected_closings(_calendar(data, as_of_date, horizon), as_of_date),
        promotions=promotions,
        prices=days.filter(
            pl.col("unit_price").is_not_null()
            & (pl.col("unit_price") != pl.col("unit_price").shift(1).over("series_id")).fill_null(True)
        ).select("series_id", "date", "unit_price"),
    )
    panel = with_covariates(panel, in_order["location_id"].to_list(), facts, horizon)
    uplift = in_order.join(data.truth, on=SERIES, how="left", maintain_order="left")
    factor = np.ones((len(panel), horizon))
    position = {series_id: i for i, series_id in enumerate(panel.series_ids)}
    by_series = uplift["promotion_uplift_factor"].to_numpy()
    for series_id, day, depth in promotions.select("series_id", "date", "discount_rate").iter_rows():
        lag = (day - as_of_date).days
        if series_id in position and 1 <= lag <= horizon:
            i = position[series_id]
            factor[i, lag - 1] = 1.0 + (by_series[i] - 1.0) * depth / REFERENCE_DISCOUNT
    if "open" in panel.future_covariates:
        factor[np.stack([o[:horizon] for o in panel.future_covariates["open"]]) == 0] = 1.0
    return PromotedPanel(panel, factor)


def _days(data: RetailerData, series: pl.DataFrame, as_of_date: date) -> pl.DataFrame:
    """``series_id, date, target, unit_price`` of the series on sale, from first sale to the as-of date."""
    sales = data.sales.filter(pl.col("date") <= as_of_date)
    daily = sales.group_by(*SERIES, "date").agg(pl.col("units_sold").sum(), pl.col("unit_price").max())
    ended = data.products.filter(pl.col("end_date") <= as_of_date)["item_id"]
    spans = (
        daily.filter(pl.col("units_sold") > 0, ~pl.col("item_id").is_in(ended.implode()))
        .group_by(*SERIES)
        .agg(pl.col("date").min())
        .with_columns(pl.date_ranges("date", pl.lit(as_of_date)).alias("date"))
        .explode("date")
    )
    opened = sales.select("location_id", "date").unique().with_columns(is_open=True)
    return (
        spans.join(series, on=SERIES)
        .join(daily, on=(*SERIES, "date"), how="left")
        .join(data.stock_levels.select(*SERIES, "date", "on_hand_qty"), on=(*SERIES, "date"), how="left")
        .join(opened, on=("location_id", "date"), how="left")
        .with_columns(pl.col("units_sold").fill_null(0).clip(0).cast(pl.Float64))
        .with_columns(
            pl.when(pl.col("is_open") & ((pl.col("units_sold") > 0) | (pl.col("on_hand_qty") > 0)))
            .then("units_sold")
            .alias("target")
        )
        .sort("series_id", "date")
        .with_columns(pl.col("unit_price").forward_fill().over("series_id"))
    )


def _promoted_days(data: RetailerData, series: pl.DataFrame, as_of_date: date, horizon: int) -> pl.DataFrame:
    """``series_id, date, known_date, discount_rate`` of what was announced by the as-of date."""
    listed = series.join(data.products.select("item_id", "category"), on="item_id")
    known = data.promotions.filter(pl.col("announced_date") <= as_of_date).rename(
        {"location_id": "only_location_id"}
    )
    return (
        pl.concat(
            listed.join(known.drop(other), on=target, how="inner").drop("category", strict=False)
            for target, other in (("item_id", "category"), ("category", "item_id"))
        )
        .filter(pl.col("only_location_id").is_null() | (pl.col("only_location_id") == pl.col("location_id")))
        .with_columns(pl.date_ranges("start_date", "end_date").alias("date"))
        .explode("date")
        .filter(pl.col("date") <= as_of_date + timedelta(days=horizon))
        .group_by("series_id", "date")
        .agg(pl.col("announced_date").min().alias("known_date"), pl.col("discount_rate").max())
    )


def _calendar(data: RetailerData, as_of_date: date, horizon: int) -> pl.DataFrame:
    """The retailer's calendar: its country's holidays, and the days on which a location sold nothing."""
    first = data.sales["date"].min()
    assert isinstance(first, date)
    last = as_of_date + timedelta(days=horizon)
    named = holidays.country_holidays(data.locations["country"][0], years=range(first.year, last.year + 1))
    days = pl.DataFrame({"date": pl.date_range(first, last, eager=True)}).with_columns(
        pl.Series(
            "holiday_name", [named.get(first + timedelta(days=i)) for i in range((last - first).days + 1)]
        )
    )
    opened = data.sales.select("location_id", "date").unique().with_columns(is_closed=False)
    return (
        data.locations.select("location_id")
        .join(days, how="cross")
        .join(opened, on=("location_id", "date"), how="left")
        .select(
            "location_id",
            "date",
            pl.col("holiday_name").is_not_null().alias("is_holiday"),
            "holiday_name",
            pl.lit(None, pl.Boolean).alias("is_snap"),
            pl.when(pl.col("date") <= as_of_date)
            .then(pl.col("is_closed").fill_null(True))
            .alias("is_closed"),
        )
    )


def _none_ahead(panel: Panel) -> Panel:
    silent = tuple(np.zeros_like(days) for days in panel.future_covariates["promotion"])
    return replace(panel, future_covariates={**panel.future_covariates, "promotion": silent})


def _without_promotions(panel: Panel) -> Panel:
    return replace(
        panel,
        past_covariates={k: v for k, v in panel.past_covariates.items() if k != "promotion"},
        future_covariates={k: v for k, v in panel.future_covariates.items() if k != "promotion"},
    )
