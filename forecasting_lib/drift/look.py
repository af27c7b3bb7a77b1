"""One look at a client: every question of drift asked of its window."""

from __future__ import annotations

from collections.abc import Callable

from forecasting_lib.drift.assortment import items_renamed, new_items, vanished_items
from forecasting_lib.drift.feed import feed_frozen, price_level
from forecasting_lib.drift.findings import DriftKind, Finding, Unjudged
from forecasting_lib.drift.stability_index import level_drift, zero_share_drift
from forecasting_lib.drift.weekly_pattern import weekly_pattern
from forecasting_lib.drift.window import WINDOW_DAYS, DemandWindow

OF_THE_WINDOW: dict[DriftKind, Callable[[DemandWindow], Finding]] = {
    DriftKind.FEED_FROZEN: feed_frozen,
    DriftKind.ITEMS_RENAMED: items_renamed,
    DriftKind.PRICE_LEVEL: price_level,
    DriftKind.DEMAND_LEVEL: level_drift,
    DriftKind.ZERO_SHARE: zero_share_drift,
    DriftKind.NEW_ITEMS: new_items,
    DriftKind.VANISHED_ITEMS: vanished_items,
    DriftKind.WEEKLY_PATTERN: weekly_pattern,
}
"""Every question that demand and prices alone can answer."""


def look(window: DemandWindow) -> list[Finding]:
    """What each question comes to, in one order; none can be judged of fewer days than the window has."""
    if window.days < WINDOW_DAYS:
        return [
            Unjudged(kind, f"Only {window.days} days are known; {WINDOW_DAYS} are needed.")
            for kind in OF_THE_WINDOW
        ]
    return [question(window) for question in OF_THE_WINDOW.values()]
