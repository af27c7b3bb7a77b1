"""Whether bands may be planned on, and what is left of the forecast that stands in where they may not."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from forecasting_lib.grain import Grain
from forecasting_lib.panel import QUANTILE_LEVELS, Forecast
from orchestration.reading.good_forecasts import GoodForecast, still_ahead
from orchestration.stages.band_gate import Bands, Gate, judge_bands


def held(of_class: str, n_series: int, **below: float) -> pl.DataFrame:
    """A calibrated class whose quantiles hold what they name, but for those said otherwise, such as q90."""
    levels = {round(level, 4): level for level in QUANTILE_LEVELS}
    levels |= {int(name[1:]) / 100: share for name, share in below.items()}
    return pl.DataFrame(
        {
            "model": "champion",
            "demand_class": of_class,
            "lag_bucket": "1",
            "is_calibrated": True,
            "level": list(levels),
            "n_series": n_series,
            "n_actuals": 1000,
            "n_below": [1000 * share for share in levels.values()],
        }
    )


@pytest.mark.parametrize(
    ("reliability", "hold", "problems"),
    [
        (held("smooth", 200), True, []),
        (held("smooth", 200, q90=0.925), True, []),
        (held("smooth", 200, q90=0.94), False, ["The 80 % band of smooth series held 84.0% on the last"]),
        (held("smooth", 200, q05=0.0), False, ["The 90 % band of smooth series held 95.0% on the last"]),
        (held("smooth", 199, q90=0.99), None, []),
        (pl.concat([held("lumpy", 10, q90=0.8), held("smooth", 300)]), True, []),
        (held("smooth", 300, q90=0.8).with_columns(is_calibrated=False), None, []),
        (held("smooth", 300).clear(), None, []),
    ],
)
def test_bands_of_enough_series_hold_within_three_points(
    reliability: pl.DataFrame, hold: bool | None, problems: list[str]
) -> None:
    bands = judge_bands(reliability)
    assert bands.hold is hold
    assert len(bands.problems) == len(problems)
    for found, wanted in zip(bands.problems, problems, strict=True):
        assert found.startswith(wanted)


FAILED = Bands(hold=False, problems=("The 80 % band of smooth series held 60.0% on the last origins.",))


def test_what_follows_is_said_with_the_date_of_the_forecast_that_is_used() -> None:
    good = GoodForecast("run", "champion", date(2026, 3, 20))
    assert Gate(FAILED, True, good, 14).sentence == (
        "Held back: The 80 % band of smooth series held 60.0% on the last origins. The forecast as of "
        "2026-03-20 stays in use."
    )
    assert Gate(FAILED).sentence.endswith("It is in use all the same.")
    assert Gate(FAILED, True, None, 2, Grain.MONTH).sentence.endswith(
        "It is in use all the same, since no earlier forecast whose bands held reaches 2 months ahead."
    )
    assert Gate(Bands(hold=True)).sentence == ""
    assert "Unknown" in Bands(hold=None).sentence


@pytest.mark.parametrize(
    ("grain", "as_of", "later", "passed"),
    [
        (Grain.DAY, date(2026, 3, 20), date(2026, 3, 23), 3),
        (Grain.WEEK, date(2026, 3, 15), date(2026, 3, 29), 2),
        (Grain.MONTH, date(2026, 1, 31), date(2026, 2, 28), 1),
    ],
)
def test_of_an_earlier_forecast_the_periods_ahead_and_the_items_still_listed_are_left(
    grain: Grain, as_of: date, later: date, passed: int
) -> None:
    mean = np.arange(15.0).reshape(3, 5)
    forecast = Forecast(
        ("0", "1", "2"),
        as_of,
        mean + 100,
        mean,
        np.repeat(mean[:, :, None], len(QUANTILE_LEVELS), axis=2),
        (None, "SPIKE", None),
        grain=grain,
        notes=("a", "b", "c"),
    )
    keys = pl.DataFrame(
        {"series_id": ["0", "1", "2"], "item_id": ["tea", "gone", "salt"], "location_id": ["main"] * 3}
    )
    listed = pl.DataFrame({"item_id": ["new", "salt", "tea"], "location_id": ["main"] * 3})
    part, kept = still_ahead(forecast, keys, listed, later)
    assert kept["item_id"].to_list() == ["tea", "salt"]
    assert part.series_ids == ("0", "2")
    assert part.as_of_date == later
    assert part.mean.tolist() == mean[[0, 2], passed:].tolist()
    assert part.point.tolist() == (mean[[0, 2], passed:] + 100).tolist()
    assert part.quantiles.shape == (2, 5 - passed, len(QUANTILE_LEVELS))
    assert part.reasons == (None, None)
    assert part.notes == ("a", "c")
    assert part.to_frame()["date"].min() == grain.starts_after(as_of, 5)[passed]
