"""What the process counts of itself, in Prometheus' text format.

Belongs here: counting and writing. No label names a client, a user or a path with an id: routes are counted
by their pattern.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BOUNDS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counts of one process; any thread may add to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: Counter[tuple[str, str, int]] = Counter()
        self._durations: Counter[int] = Counter()
        self._seconds = 0.0
        self._refusals: Counter[str] = Counter()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        with self._lock:
            self._answers[method, route, status] += 1
            self._durations[bisect_left(_BOUNDS_SECONDS, seconds)] += 1
            self._seconds += seconds

    def refused(self, event: str) -> None:
        """Count one security event."""
        with self._lock:
            self._refusals[event] += 1

    def text(self, gauges: Mapping[str, float]) -> str:
        """Everything counted so far, with some values as they are now."""
        with self._lock:
            answers, refusals = dict(self._answers), dict(self._refusals)
            durations, seconds = dict(self._durations), self._seconds
        lines = ["# TYPE forecaster_api_answers_total counter"]
        lines += [
            f'forecaster_api_answers_total{{method="{method}",route="{route}",status="{status}"}} {count}'
            for (method, route, status), count in sorted(answers.items())
        ]
        lines.append("# TYPE forecaster_api_security_events_total counter")
        lines += [
            f'forecaster_api_security_events_total{{event="{event}"}} {count}'
            for event, count in sorted(refusals.items())
        ]
        lines.append("# TYPE forecaster_api_seconds histogram")
        total = 0
        for place, bound in enumerate((*_BOUNDS_SECONDS, float("inf"))):
            total += durations.get(place, 0)
            shown = "+Inf" if bound == float("inf") else f"{bound:g}"
            lines.append(f'forecaster_api_seconds_bucket{{le="{shown}"}} {total}')
        lines += [f"forecaster_api_seconds_sum {seconds:.6f}", f"forecaster_api_seconds_count {total}"]
        for name, value in gauges.items():
            lines += [f"# TYPE forecaster_api_{name} gauge", f"forecaster_api_{name} {value:g}"]
        return "\n".join(lines) + "\n"
