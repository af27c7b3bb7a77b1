"""The trade-off of service and stock as a plot of the page of accuracy.

Belongs here: its lines. Does not belong here: what was replayed (``reporting.service_questions``).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from orchestration.api.pages.plots import Level, Line, Plot


def tradeoff(frontier: pl.DataFrame, names: Mapping[str, str], target: float) -> Plot | None:
    """A line per policy, read between the levels that were swept and not beyond; None where there is none.

    Args:
        frontier: ``policy, achieved, cover_days`` of each level.
        names: of the policies in words, the client's own first.
        target: service that the client aims at.
    """
    if frontier.is_empty():
        return None
    stock = frontier["cover_days"].unique().sort().to_numpy()
    lines: list[Line] = []
    for policy, name in names.items():
        points = frontier.filter(pl.col("policy") == policy).sort("cover_days")
        if points.is_empty():
            continue
        own = points["cover_days"].to_numpy()
        read = np.interp(stock, own, points["achieved"].to_numpy())
        inside = (stock >= own[0]) & (stock <= own[-1])
        values = [float(value) if there else None for value, there in zip(read, inside, strict=True)]
        lines.append(Line(name, values, "other" if lines else "lead"))
    return Plot(
        x=[float(value) for value in stock],
        x_label="days of demand in stock",
        y_label="cycles without stock-out",
        lines=lines,
        levels=[Level("target", target, "quiet")],
        is_share=True,
    )
