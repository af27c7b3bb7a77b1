"""Whatever a file holds, it is loaded or refused with a sentence: no crash, no hang, no endless memory."""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Callable

import pytest

from orchestration.clients import Client
from orchestration.foreign_text import printable
from orchestration.landing.reasons import Reason, Refusal, too_many_bad_rows
from tests.orchestration.landing.fuzz import Verdict, verdicts

SEED = int(os.environ.get("FORECASTER_TEST_FUZZ_SEED", random.randrange(10**6)))


ADVICE = re.compile(
    "|".join(
        re.escape(advice).replace("CLIENT", "[a-z0-9_]+").replace("FEED", "[a-z0-9_]+")
        for advice in {*(refusal.advice for refusal in Refusal), *map(too_many_bad_rows, Reason)}
    )
)
"""What a refusal may end with, for any client and feed."""


def is_sentence(verdict: Verdict) -> bool:
    if (
        verdict.status not in ("loaded", "duplicate", "rejected")
        or printable(verdict.message) != verdict.message
    ):
        return False
    has_advice = ADVICE.search(verdict.message) is not None
    return verdict.status != "rejected" or (has_advice and verdict.message.startswith(verdict.name))


@pytest.mark.parametrize("count", [300, pytest.param(5_000, marks=pytest.mark.slow)])
def test_a_random_file_is_loaded_or_refused_with_its_sentence(
    new_client: Callable[..., Client], count: int
) -> None:
    clients = [
        new_client(),
        new_client(max_reject_rate=1, date_format="%d.%m.%Y"),
        new_client(max_reject_rate=1),
    ]
    print(f"FORECASTER_TEST_FUZZ_SEED={SEED}")  # noqa: T201 - shown where the test fails

    found = list(verdicts([client.client_id for client in clients], SEED, count))

    assert [verdict.number for verdict in found] == list(range(count))
    odd = [verdict for verdict in found if not is_sentence(verdict)]
    assert odd == [], "\n".join(map(str, odd))
    statuses = Counter(verdict.status for verdict in found)
    assert min(statuses["loaded"], statuses["rejected"]) > count / 20, statuses
