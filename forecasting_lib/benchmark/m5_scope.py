"""What M5's figures of some files are, and what they may be compared with, in sentences.

Belongs here: how much of M5 was read, and the competition's published figures. Does not belong here: scores.
"""

from __future__ import annotations

from collections.abc import Mapping

from forecasting_lib.benchmark.m5_files import M5Sales
from forecasting_lib.benchmark.m5_levels import COMPETITION_SUMS, coinciding
from forecasting_lib.benchmark.m5_scores import HORIZON, M5Window

JUDGED_TO = 1969
"""Number of the last day on which the competition judged; the first was ``d_1942``."""

PUBLISHED: Mapping[str, tuple[str, float]] = {
    "seasonal_naive": ("sNaive", 0.847),
    "auto_ets": ("ES_bu", 0.671),
}
"""Model -> the competition's benchmark of its kind and its WRMSSE over d_1942 to d_1969.

Source: *Scores and Ranks* of the organisers, github.com/Mcompetitions/M5-methods.
"""


def is_whole(window: M5Window, sales: M5Sales) -> bool:
    """Whether a window is scored by the competition's own series, history, and weights."""
    sums = tuple(len(level.members) for level in window.levels)
    return (
        sums == COMPETITION_SUMS
        and sales.first_day == 1
        and window.priced
        and window.units_without_price == 0.0
    )


def is_competitions(window: M5Window, sales: M5Sales) -> bool:
    """Whether a window's figures can stand beside the published ones: the same series over the same days."""
    return is_whole(window, sales) and window.last_day_seen + HORIZON == JUDGED_TO


def scope(windows: list[M5Window], sales: M5Sales) -> list[str]:
    """What the figures of some windows are of, the latest window first; as sentences.

    Args:
        windows: of one sales file, at least one.
        sales: that file.
    """
    latest = windows[0]
    sums = [len(level.members) for level in latest.levels]
    taken = "" if len(sales.rows) == sales.series_in_file else f" of the {sales.series_in_file:,} in the file"
    said = [
        f"{len(sales.rows):,} series{taken} of M5's 30,490, days d_{sales.first_day} to d_{sales.last_day}; "
        "all twelve levels are computed, of these series alone. Sums at level 1 to 12: "
        f"{', '.join(f'{count:,}' for count in sums)}."
    ]
    same = coinciding(latest.levels)
    if same:
        pairs = ", ".join(f"{number} = {earlier}" for number, earlier in same.items())
        said.append(f"Levels that are the same sums here, so that a figure counts more than once: {pairs}.")
    if not latest.priced:
        said.append("There is no sell_prices.csv: sums are weighed by units, not by dollars.")
    elif any(window.units_without_price > 0 for window in windows):
        share = max(window.units_without_price for window in windows)
        said.append(f"Up to {share:.1%} of the units that make the weights have no price and weigh nothing.")
    if is_competitions(latest, sales):
        said.append(
            "The latest window is the competition's own: its figures can stand beside published ones."
        )
    elif is_whole(latest, sales):
        said.append(
            f"The whole of M5, but the competition judged d_1942 to d_{JUDGED_TO}: published figures are of "
            "another month."
        )
    else:
        said.append("This is a part of M5: no figure is comparable with the competition's.")
    return said
