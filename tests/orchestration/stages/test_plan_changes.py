"""Which line of the plan before is the same line, and which lines changed."""

from __future__ import annotations

import polars as pl
import pytest

from orchestration.stages.plan_changes import ChangedLines, changed_lines, compared


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


def in_packs_of(pack: float | None, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.lit(pack, dtype=pl.Float64).alias("order_multiple_qty"))


@pytest.mark.parametrize(
    ("then", "now", "pack", "changed"),
    [
        (10.0, 10.0, 6.0, False),
        (12.0, 18.0, 6.0, False),
        (12.0, 24.0, 6.0, True),
        (5.0, 6.0, None, False),
        (5.0, 7.0, None, True),
        (None, 5.0, 6.0, True),
        (5.0, None, 6.0, True),
        (None, None, 6.0, False),
    ],
)
def test_a_line_changed_where_its_quantity_moved_by_more_than_a_pack(
    then: float | None, now: float | None, pack: float | None, changed: bool
) -> None:
    found = changed_lines(
        in_packs_of(pack, lines(("a", "order", 1, "today", now))),
        in_packs_of(pack, lines(("a", "order", 1, "today", then))),
    )
    assert found == ChangedLines(lines=1, changed=int(changed))


def test_a_line_of_one_plan_only_is_compared_with_nothing() -> None:
    now = in_packs_of(2.0, lines(("a", "order", 1, "today", 1.0), ("b", "order", 1, "today", 9.0)))
    before = in_packs_of(2.0, lines(("a", "order", 1, "today", 1.0), ("c", "decide", 1, "today", None)))
    assert changed_lines(now, before) == ChangedLines(lines=3, changed=2)
    assert changed_lines(before, now) == ChangedLines(lines=3, changed=2)
    assert changed_lines(now, in_packs_of(2.0, lines())) == ChangedLines(lines=2, changed=1)
