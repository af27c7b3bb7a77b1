"""Which line of the plan before is the same line."""

from __future__ import annotations

import polars as pl

from orchestration.stages.plan_changes import compared


def lines(*rows: tuple[str, str, int, str, float | None]) -> pl.DataFrame:
    names = ["item_id", "action", "line_no", "urgency", "order_qty"]
    schema = dict(zip(names, (pl.String, pl.String, pl.Int64, pl.String, pl.Float64), strict=True))
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.lit("main").alias("location_id"))


def test_the_first_of_an_action_is_compared_with_the_first_of_it_before() -> None:
    before = lines(("a", "expedite", 1, "late", None), ("a", "order", 2, "planned", 5.0))
    now = lines(
        ("b", "order", 1, "today", 1.0),
        ("a", "order", 2, "planned", 3.0),
        ("a", "order", 1, "today", 7.0),
    )
    found = compared(now, before)
    assert found.select(now.columns).equals(now)
    assert found.select("earlier_urgency", "earlier_order_qty", "is_new").rows() == [
        (None, None, True),
        (None, None, True),
        ("planned", 5.0, False),
    ]


def test_without_a_plan_before_nothing_is_said() -> None:
    found = compared(lines(("a", "order", 1, "today", 7.0)), None)
    assert found.select("earlier_urgency", "earlier_order_qty", "is_new").rows() == [(None, None, None)]


def test_a_plan_before_without_a_line_makes_every_line_new() -> None:
    found = compared(lines(("a", "order", 1, "today", 7.0)), lines())
    assert found["is_new"].to_list() == [True]
