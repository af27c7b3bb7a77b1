"""Pictures are drawn of any name, and one that cannot be drawn is a sentence."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from forecasting_lib.panel import QUANTILE_LEVELS, Forecast, Panel
from orchestration.stages import pictures
from orchestration.stages.pictures import (
    drawable,
    forecast_picture,
    picture_or_why_not,
    reliability_picture,
)

HOSTILE = [
    "GIFT_$10_$20",
    "$\\frac{",
    "a\nb",
    "\u202eabc",
    "日本 🙂",
    "x" * 300,
    "%s {{7*7}} <b>",
    "\\",
    "$$",
]


def one_series() -> tuple[Panel, Forecast]:
    history = np.arange(60.0)
    panel = Panel(("s",), date(2026, 3, 31), (history,))
    quantiles = np.tile(np.linspace(1.0, 3.0, len(QUANTILE_LEVELS)), (1, 14, 1))
    means = np.full((1, 14), 2.0)
    return panel, Forecast(("s",), panel.as_of_date, means, means, quantiles, (None,))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_series_is_drawn_whatever_it_is_called(name: str) -> None:
    panel, forecast = one_series()
    picture = forecast_picture(panel, forecast, {"s": f"{name} at {name}"})
    assert picture.startswith("![forecast](data:image/png;base64,")


def test_what_the_font_does_not_have_is_a_box_and_a_long_name_is_cut() -> None:
    assert drawable("日 tea\n") == "\N{WHITE SQUARE} tea\\n"
    assert drawable("x" * 300) == "x" * 97 + "..."


def test_a_picture_that_fails_says_so_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise ValueError("`no` <ink>")

    monkeypatch.setattr(pictures, "draw_forecast", fail)
    shown = picture_or_why_not(*one_series(), {"s": "tea"})
    assert shown == "There is no picture, and nothing else is missing: `` ValueError: `no` <ink> ``"


def test_whether_bands_are_true_is_drawn_with_and_without_what_came_of_the_first_model() -> None:
    levels = pl.DataFrame({"level": [0.1, 0.5, 0.9], "published": [0.12, 0.5, 0.88], "raw": [0.0, 0.4, 1.0]})
    both = reliability_picture(levels, "chronos2")
    assert both.startswith("![reliability](data:image/png;base64,")
    assert both != reliability_picture(levels.with_columns(raw=pl.lit(None, pl.Float64)), "chronos2")
