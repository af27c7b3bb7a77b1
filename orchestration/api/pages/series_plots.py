"""The plots of one series and the tables beside them: demand and forecast, stock, demand of the lead time.

Pure: frames in, plots and rows out. Every row of a table is a place of its plot, so that nothing is said by
the picture alone.

Belongs here: which lines a plot has, what a row says. Does not belong here: the frames (``reporting``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from forecasting_lib.grain import Grain
from orchestration.api.pages.plots import Level, Line, Plot, Style
from orchestration.reporting.series_questions import YEAR_EARLIER
from orchestration.stages.pictures import HISTORY_PERIODS

MARKS: Mapping[str, str] = {
    "P": "promotion",
    "H": "holiday or event",
    "C": "closed",
    "S": "stocked out",
}
"""Letters at the foot of the plot of demand, and what they stand for."""

_EARLIER = {Grain.DAY: "d", Grain.WEEK: "w", Grain.MONTH: "mo"}
_LETTERS = {"promotion": "P", "holiday": "H", "closed": "C"}
_LTD_LEVELS = (50, 80, 90, 95, 98, 99)


def demand_rows(
    demand: pl.DataFrame, ahead: pl.DataFrame, known: pl.DataFrame, calendar: pl.DataFrame, grain: Grain
) -> pl.DataFrame:
    """A row per period behind and ahead, by date.

    Args:
        demand: ``date, last_date, demand_qty, is_promotion, is_closed, is_stocked_out, is_masked``.
        ahead: the forecast, ``date, lag_days, mean_qty, q10 ... q90``; may be empty.
        known: an earlier forecast whose periods are over, ``date, mean_qty``; may be empty.
        calendar: ``date, mark, name``.
        grain: of all of them.

    Returns:
        ``date, demand_qty, year_earlier_qty, mean_qty, q10, q25, q50, q75, q90, known_mean_qty, letters,
        remarks``; demand of a masked period is null, its remark says why.
    """
    observed = demand.select(
        "date",
        pl.when(~pl.col("is_masked")).then("demand_qty").alias("demand_qty"),
        *(pl.col(name) for name in ("is_promotion", "is_closed", "is_stocked_out")),
    )
    a_year_later = pl.col("date").dt.offset_by(f"{YEAR_EARLIER[grain]}{_EARLIER[grain]}")
    year_earlier = observed.select(a_year_later, pl.col("demand_qty").alias("year_earlier_qty"))
    forecast = ahead.select("date", "mean_qty", "q10", "q25", "q50", "q75", "q90")
    earlier = known.select("date", pl.col("mean_qty").alias("known_mean_qty"))
    rows = (
        observed.join(forecast, on="date", how="full", coalesce=True)
        .join(year_earlier, on="date", how="left")
        .join(earlier, on="date", how="left")
        .join(_named_days(calendar), on="date", how="left")
        .sort("date")
    )
    flagged = {
        "P": pl.col("is_promotion").fill_null(False) | pl.col("named").list.contains("promotion"),
        "H": pl.col("named").list.contains("holiday"),
        "C": pl.col("is_closed").fill_null(False) | pl.col("named").list.contains("closed"),
        "S": pl.col("is_stocked_out").fill_null(False),
    }
    letters = [
        pl.when(is_there.fill_null(False)).then(pl.lit(letter)) for letter, is_there in flagged.items()
    ]
    words = [
        pl.when(is_there.fill_null(False)).then(
            pl.coalesce("name", pl.lit(MARKS[letter])) if letter == "H" else pl.lit(MARKS[letter])
        )
        for letter, is_there in flagged.items()
    ]
    return rows.select(
        *("date", "demand_qty", "year_earlier_qty", "mean_qty", "q10", "q25", "q50", "q75", "q90"),
        "known_mean_qty",
        pl.concat_str(letters, ignore_nulls=True).alias("letters"),
        pl.concat_str(words, separator=", ", ignore_nulls=True).alias("remarks"),
    )


def _named_days(calendar: pl.DataFrame) -> pl.DataFrame:
    """``date, named, name``: the marks of each day, and the name of its holiday."""
    typed = calendar.select(
        pl.col("date").cast(pl.Date), pl.col("mark").cast(pl.String), pl.col("name").cast(pl.String)
    )
    return typed.group_by("date").agg(
        pl.col("mark").alias("named"), pl.col("name").drop_nulls().first().alias("name")
    )


def demand_plot(rows: pl.DataFrame, grain: Grain) -> Plot:
    """Demand behind, the forecast with its bands ahead, last year beside both."""
    edges = [
        Line("90 % quantile", rows["q90"].to_list(), "wide"),
        Line("10 % quantile", rows["q10"].to_list(), "wide"),
        Line("75 % quantile", rows["q75"].to_list(), "narrow"),
        Line("25 % quantile", rows["q25"].to_list(), "narrow"),
    ]
    lines = [
        Line("a year earlier", rows["year_earlier_qty"].to_list(), "quiet"),
        Line("earlier forecast", rows["known_mean_qty"].to_list(), "earlier"),
        Line("demand", rows["demand_qty"].to_list(), "ink"),
        Line("median", rows["q50"].to_list(), "model"),
        Line("mean forecast", rows["mean_qty"].to_list(), "lead"),
    ]
    begins = rows.filter(pl.col("mean_qty").is_not_null())["date"].min()
    last = begins if isinstance(begins, date) else rows["date"].max()
    first_shown = grain.shift(last, -HISTORY_PERIODS[grain]) if isinstance(last, date) else None
    return Plot(
        x=rows["date"].to_list(),
        x_label="day" if grain is Grain.DAY else f"{grain} from",
        y_label=f"units a {grain}",
        lines=[*edges, *(line for line in lines if line.is_there)],
        bands=[(1, 0), (3, 2)],
        levels=[Level("forecast begins", begins.isoformat(), "quiet", "x")]
        if isinstance(begins, date)
        else [],
        marks={place: letters for place, letters in enumerate(rows["letters"]) if letters},
        shown_from=0 if first_shown is None else rows.filter(pl.col("date") < first_shown).height,
    )


def stock_rows(projection: pl.DataFrame, as_of_date: date, net_stock: float | None) -> list[dict[str, Any]]:
    """The stock today and at the end of each period ahead, and what arrives and is used before.

    Returns:
        ``date`` is the day at whose end the stock is meant.
    """
    today = {
        "date": as_of_date,
        "projected_qty": net_stock,
        "with_plan_qty": net_stock,
        "p10_qty": net_stock,
        "p90_qty": net_stock,
        "demand_mean_qty": None,
        "confirmed_receipts_qty": None,
        "planned_receipts_qty": None,
        "stockout_prob": None,
    }
    ahead = projection.with_columns(
        (pl.lit(as_of_date) + pl.duration(days=pl.col("lag_days"))).cast(pl.Date).alias("date")
    ).select(*today)
    return [today, *ahead.to_dicts()]


def stock_plot(
    rows: Sequence[Mapping[str, Any]], reorder_point: float | None, safety_stock: float | None
) -> Plot:
    """Where the stock goes with and without the proposed orders; without a reorder point there are none."""

    def values(name: str) -> list[float | None]:
        return [row[name] for row in rows]

    styles: dict[str, Style] = {"reorder point": "quiet", "safety stock": "warn", "": "ink"}
    levels = [
        Level(name, value, styles[name])
        for name, value in (("reorder point", reorder_point), ("safety stock", safety_stock), ("", 0.0))
        if value is not None
    ]
    return Plot(
        x=[row["date"] for row in rows],
        x_label="end of",
        y_label="units at the end of the day",
        lines=[
            Line("90 % quantile without orders", values("p90_qty"), "wide"),
            Line("10 % quantile without orders", values("p10_qty"), "wide"),
            Line("without the proposed orders", values("projected_qty"), "ink"),
            *(
                []
                if reorder_point is None
                else [Line("with the proposed orders", values("with_plan_qty"), "lead")]
            ),
        ],
        bands=[(1, 0)],
        levels=levels,
        # without orders the stock of a long horizon falls so far that nothing else could be seen beside it
        floor=-max(filter(None, [*values("with_plan_qty"), *values("p90_qty"), reorder_point]), default=1.0),
    )


def lead_time_rows(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Quantiles of the demand over the days to cover, with the reorder point and the position among them.

    Returns:
        ``label, level, qty``, ascending by quantity; ``level`` is the probability that so much is enough.
    """
    rows: list[dict[str, Any]] = [
        {"label": f"{level} % quantile", "level": level / 100, "qty": plan[f"q{level}_qty"]}
        for level in _LTD_LEVELS
        if plan[f"q{level}_qty"] is not None
    ]
    for label, level, qty in (
        ("reorder point (ROP)", plan["service_predicted"], plan["reorder_point_qty"]),
        ("inventory position (IP)", _enough(plan), plan["inventory_position_qty"]),
    ):
        if rows and qty is not None:
            rows.append({"label": label, "level": level, "qty": qty})
    return sorted(rows, key=lambda row: row["qty"])


def _enough(plan: Mapping[str, Any]) -> float | None:
    """The probability that the inventory position is enough for the days to cover; None where unknown.

    Read between the quantiles that the plan has; below and above them it is not told.
    """
    levels = [level for level in _LTD_LEVELS if plan[f"q{level}_qty"] is not None]
    position = plan["inventory_position_qty"]
    quantities = [plan[f"q{level}_qty"] for level in levels]
    if position is None or not levels or not quantities[0] <= position <= quantities[-1]:
        return None
    return float(np.interp(position, quantities, levels)) / 100.0


def lead_time_plot(rows: Sequence[Mapping[str, Any]]) -> Plot | None:
    """The share of cases in which a quantity suffices; None where demand is taken as certain."""
    points = [row for row in rows if row["label"].endswith("quantile")]
    if len({row["qty"] for row in points}) < 2:
        return None
    return Plot(
        x=[row["qty"] for row in points],
        x_label="units over the days to cover",
        y_label="enough, probability",
        lines=[Line("demand stays within", [row["level"] for row in points], "lead", points=True)],
        levels=[
            Level(row["label"], row["qty"], "warn" if "ROP" in row["label"] else "ink", "x")
            for row in rows
            if not row["label"].endswith("quantile")
        ],
        is_share=True,
    )
