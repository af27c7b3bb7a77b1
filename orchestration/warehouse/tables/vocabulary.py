"""The closed vocabularies of the tables: each word that a column may hold, once.

Belongs here: words that the pipeline and dbt write. Does not belong here: words of the library, which stand
with the code that chooses among them (:class:`~forecasting_lib.inventory.replenishment.Urgency` and others).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, get_args

FileStatus = Literal["loaded", "rejected", "duplicate", "withdrawn", "withdrawal"]
AuditAction = Literal[
    "load",
    "reject",
    "dismiss",
    "restate",
    "withdraw",
    "publish",
    "score",
    "drift",
    "finetune",
    "registry_change",
    "restore",
    "run_failure",
    "thin",
]
MembershipRole = Literal["viewer", "planner", "manager"]
KeyScope = Literal["read", "plan", "deliver", "run"]
RequestedJob = Literal["forecast", "inventory", "pipeline"]
RequestState = Literal["asked", "started", "succeeded", "failed", "refused"]
TokenPurpose = Literal["refresh", "page"]
Decision = Literal["approve", "reject", "snooze"]
DecisionEnd = Literal["withdrawn", "ordered"]
OrderLineEnd = Literal["received", "cancelled"]
SecurityEvent = Literal[
    "login",
    "login_failed",
    "login_delayed",
    "logout",
    "token_refused",
    "token_reused",
    "tokens_revoked",
    "key_created",
    "key_revoked",
    "key_refused",
    "access_refused",
    "rate_limited",
    "user_added",
    "user_enabled",
    "user_disabled",
    "password_set",
    "role_changed",
    "settings_changed",
]
PromotionTarget = Literal["item", "category"]
DemandClass = Literal["smooth", "erratic", "intermittent", "lumpy"]
DemandClassOrNone = Literal[DemandClass, "none"]
ForecastRunStatus = Literal["published", "skipped"]
InventoryRunStatus = Literal["published"]
SeriesStatus = Literal["forecast", "replaced", "excluded"]
TotalGrain = Literal["location", "category", "client"]
"""The grains at which scores are added up over series as they are written."""
OutlierReason = Literal["high", "low", "person"]
DriftGrain = Literal["client", "location", "demand_class"]
SummedBucket = Literal["1", "2-7", "8-14", "15-28", "2-4", "5-13", "2-3", "4-6", "beyond"]
"""Periods ahead: days up to 15-28, weeks up to 5-13, months up to 4-6, and what lies beyond."""
TotalBucket = Literal["1", "2-7", "8-14", "15-28", "2-4", "5-13", "2-3", "4-6", "beyond", "all"]

Vocabulary: TypeAlias = Iterable[str] | Any
"""An enum, a tuple of words, or a ``Literal``; the last has no type that can be written."""


def words_of(vocabulary: Vocabulary) -> tuple[str, ...]:
    """The words in the order in which people read them."""
    return tuple(map(str, get_args(vocabulary) or vocabulary))


def listed(words: Iterable[str]) -> str:
    """``a, b or c``."""
    *before, last = words
    return f"{', '.join(before)} or {last}" if before else last
