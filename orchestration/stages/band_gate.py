"""Whether the bands of a forecast are true enough to be planned on, and what is used where they are not.

Pure. Belongs here: the judgement of what bands held at past origins, and the sentences about what follows.
Does not belong here: which earlier forecast is good (``reading.good_forecasts``), how a run is stored
(``forecast_runs``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from forecasting_lib.backtesting.composition import COMPOSED
from forecasting_lib.grain import Grain
from orchestration.reading.good_forecasts import GoodForecast

BAND_TOLERANCE = 0.03
"""How far what a band held may lie from what it names."""

LEAST_SERIES = 200
"""Bands of fewer series are not judged."""

LEAST_AHEAD = 0.5
"""Share of the client's horizon that a forecast from before still has to reach to stand in for a new one."""


@dataclass(frozen=True)
class Bands:
    """What is known of the calibrated bands of a backtest.

    Attributes:
        hold: None where no class has enough series, or too few origins were left to judge them on.
        problems: of each band that does not hold, a sentence.
    """

    hold: bool | None
    problems: Sequence[str] = ()

    @property
    def sentence(self) -> str:
        """What a check says of them."""
        if self.hold is None:
            return f"Unknown: no demand class has {LEAST_SERIES} series that were judged at past origins."
        return " ".join(self.problems) or "All bands that can be judged hold what they name."


@dataclass(frozen=True)
class Gate:
    """What follows from the bands for a run.

    Attributes:
        bands: of the backtest that it follows.
        keeps_last_good: whether the client would rather plan on the last good forecast.
        stand_in: that forecast; None where the run is published.
        ahead: periods that a forecast has to reach to stand in.
        grain: of these periods.
    """

    bands: Bands
    keeps_last_good: bool = False
    stand_in: GoodForecast | None = None
    ahead: int = 0
    grain: Grain = Grain.DAY

    @property
    def sentence(self) -> str:
        """What failed and what follows; empty where nothing did."""
        if not self.bands.problems:
            return ""
        problems = " ".join(self.bands.problems)
        if self.stand_in is not None:
            return f"Held back: {problems} The forecast as of {self.stand_in.as_of_date} stays in use."
        why = (
            f", since no earlier forecast whose bands held reaches {self.ahead} {self.grain.periods} ahead"
            if self.keeps_last_good
            else ""
        )
        return f"{problems} It is in use all the same{why}."


def judge_bands(reliability: pl.DataFrame) -> Bands:
    """What the calibrated 80 % and 90 % bands of each demand class held, actuals on a bound shared out.

    Args:
        reliability: as ``Evidence.reliability``.
    """
    champion = (
        reliability.filter((pl.col("model") == COMPOSED) & pl.col("is_calibrated"))
        .group_by("demand_class", "level")
        .agg(pl.col("n_below", "n_actuals").sum(), pl.col("n_series").max())
        .filter(pl.col("n_series") >= LEAST_SERIES)
        .with_columns((pl.col("n_below") / pl.col("n_actuals")).alias("below"))
    )
    problems = []
    for (of_class,), rows in champion.sort("demand_class").group_by("demand_class", maintain_order=True):
        below = {round(level, 2): share for level, share in rows.select("level", "below").iter_rows()}
        for percent in (80, 90):
            tail = round((100 - percent) / 200, 2)
            found = below[round(1 - tail, 2)] - below[tail]
            if abs(found - percent / 100) > BAND_TOLERANCE:
                problems.append(
                    f"The {percent} % band of {of_class} series held {found:.1%} on the last origins."
                )
    return Bands(None if champion.is_empty() else not problems, problems)
