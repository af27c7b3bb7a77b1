"""How often one caller may ask: by address before anybody is known, then by key or user, and for logins.

Belongs here: the rates and counting. Counts are of this process, which is the only one of an installation.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from orchestration.api.problems import Kind, ProblemError

MOST_BODY_BYTES = 1 << 20
"""Of a request that is not a delivery."""

MOST_DELIVERY_BYTES = 32 << 20
"""Of a delivery; larger files come through the landing folder or a source."""

MOST_ROWS = 10_000
"""Of a page."""

USUAL_ROWS = 100

MOST_TEXT = 200
"""Characters of a value that is looked for."""

READ_SECONDS = 15
WRITE_SECONDS = 10
"""After which the database gives up a statement."""


@dataclass(frozen=True)
class Rates:
    """Requests a minute.

    Attributes:
        address: of one network address, whoever it says it is.
        caller: of one user or key.
        logins: of one address, and of one email; the record of failures slows down beside it.
    """

    address: int = 1_200
    caller: int = 600
    logins: int = 20


class TooManyError(ProblemError):
    """More requests than are answered.

    Attributes:
        is_news: whether it is the first refusal within a minute: one entry of the record says enough.
    """

    def __init__(self, per_minute: int, seconds: int, is_news: bool) -> None:
        super().__init__(
            Kind.TOO_MANY,
            f"More than {per_minute} requests came within a minute; wait {seconds} seconds.",
            headers={"Retry-After": str(seconds)},
        )
        self.is_news = is_news


class RateLimits:
    """Counts requests by whom they come from."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def count_address(self, address: str) -> None:
        """Count a request of an address; raises ``TooManyError`` where there were too many."""
        self._count(self._rates.address, "address", address)

    def count_caller(self, name: str) -> None:
        """Count a request of a user or key; raises as :meth:`count_address` does."""
        self._count(self._rates.caller, "caller", name)

    def count_login(self, address: str, email: str) -> None:
        """Count an attempt to log in; raises as :meth:`count_address` does."""
        self._count(self._rates.logins, "login from", address)
        self._count(self._rates.logins, "login as", email)

    def _count(self, per_minute: int, *who: str) -> None:
        item = RateLimitItemPerMinute(per_minute)
        if self._limiter.hit(item, *who):
            return
        again_at = self._limiter.get_window_stats(item, *who).reset_time
        seconds = max(1, math.ceil(again_at - time.time()))
        is_news = self._limiter.hit(RateLimitItemPerMinute(1), "refused", *who)
        raise TooManyError(per_minute, seconds, is_news)
