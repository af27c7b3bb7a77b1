"""What this package says no with: a mistake a person can mend, or a door that stays shut.

Belongs here: the two, and how long a door stays shut after failed attempts. Does not belong here: who is
at it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestration.errors import UserError

WINDOW_SECONDS = 15 * 60
"""How long a failed login counts."""


class AccessError(UserError):
    """Something about users, keys or secrets that cannot be done; the message says what to do instead."""


@dataclass(frozen=True)
class Refused:
    """A login that was not let in; why not is in the security events and told to nobody.

    Attributes:
        wait_seconds: before another attempt is looked at; 0 where one may come at once.
    """

    wait_seconds: int = 0


@dataclass(frozen=True)
class Patience:
    """How failures slow down what comes after them.

    Attributes:
        free: failures that cost nothing.
        longest_seconds: that one has to wait, however many there were.
    """

    free: int
    longest_seconds: int

    def wait_seconds(self, failures: int, seconds_since_last: float) -> int:
        """How long until the next attempt is looked at: a second at first, doubling with each failure.

        >>> Patience(free=5, longest_seconds=60).wait_seconds(4, 0.0)
        0
        >>> [Patience(free=5, longest_seconds=60).wait_seconds(n, 0.0) for n in (5, 6, 9, 40)]
        [1, 2, 16, 60]
        >>> Patience(free=5, longest_seconds=60).wait_seconds(9, 15.5)
        1
        """
        if failures < self.free:
            return 0
        pause = min(self.longest_seconds, 1 << min(failures - self.free, 30))
        return max(0, math.ceil(pause - seconds_since_last))


OF_AN_EMAIL = Patience(free=5, longest_seconds=60)
"""At most a minute: whoever fails on purpose keeps the owner waiting, and not out. 1,440 guesses a day."""

OF_AN_ADDRESS = Patience(free=20, longest_seconds=WINDOW_SECONDS)
"""For all users together: an office behind one address mistypes now and then."""
