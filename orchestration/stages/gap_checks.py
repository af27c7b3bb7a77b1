"""What is missing, as a check of an asset.

Belongs here: how gaps look in the UI. Does not belong here: the gaps (``reading.gaps``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import dagster as dg

from orchestration.foreign_text import printable
from orchestration.reading.gaps import FoundGap, about
from orchestration.warehouse.gap_vocabulary import Concern, Gap


def gap_check(
    name: str,
    key: dg.AssetKey,
    gaps: Iterable[FoundGap],
    concerns: Collection[Concern],
    *,
    but: Collection[Gap] = (),
) -> dg.AssetCheckResult:
    """A check that warns of the gaps of some answers, each with what to do.

    Args:
        name: of the check.
        key: of its asset.
        gaps: the client's, as they are now.
        concerns: the answers the check is about.
        but: codes that another check is about.
    """
    sentences = about(gaps, concerns, but=but)
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=key,
        passed=not sentences,
        severity=dg.AssetCheckSeverity.WARN,
        description=printable(" ".join(sentences)) or "Nothing is missing.",
        metadata={"gaps": len(sentences)},
    )
