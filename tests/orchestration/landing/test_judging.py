"""A row is judged by what is in it, however often its texts come."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from orchestration.landing.batches import LINE, MISSHAPEN_SCHEMA, RAW, Batch
from orchestration.landing.judging import judge
from orchestration.landing.kinds import SALES
from orchestration.landing.values import Marks, Rules, Zones

DAYS = [
    "2024-03-01",
    "2024-03-01 08:26:00",
    "2024-03-01T23:30:00Z",
    " 2024-03-02",
    "03/01/2024",
    "2024-02-30",
]
NUMBERS = ["1", "1.5", "-2", "", " 3 ", "1,5", "1e2", "€ 4", "x", "1.23456", "99999999999999999"]
SAID = ["true", "NO", "1", "", "maybe"]


def rows_of(times: int) -> pl.DataFrame:
    cells = [(DAYS[i % 6], NUMBERS[i % 11], NUMBERS[(i + 3) % 11], SAID[i % 5]) for i in range(33)]
    names = ["date", "units_sold", "unit_price", "on_promotion"]
    frame = pl.DataFrame(cells * times, schema=names, orient="row")
    return frame.with_columns(
        pl.lit("tea").alias("item_id"),
        pl.int_range(2, pl.len() + 2).alias(LINE),
        pl.lit("as it was").alias(RAW),
    )


@pytest.mark.parametrize(
    "rules",
    [
        Rules(today=date(2024, 6, 1)),
        Rules(today=date(2024, 6, 1), zones=Zones("Europe/Dublin", "America/New_York")),
        Rules(today=date(2024, 6, 1), date_format="%m/%d/%Y", typed_dates=True),
        Rules(today=date(2024, 6, 1), marks=Marks(",", ".")),
    ],
)
def test_texts_that_repeat_are_judged_as_each_by_itself(rules: Rules) -> None:
    rows = rows_of(2)
    misshapen = pl.DataFrame(schema=MISSHAPEN_SCHEMA)
    whole = judge(Batch(rows, misshapen), SALES, rules)
    alone = [judge(Batch(row, misshapen), SALES, rules) for row in rows.iter_slices(1)]
    assert whole.accepted.height
    assert whole.rejected.height
    assert whole.accepted.equals(pl.concat(judged.accepted for judged in alone))
    assert whole.rejected.equals(pl.concat(judged.rejected for judged in alone))
