"""For how long a client's rows are kept, and which of its periods contradict each other.

Belongs here: what follows from one registry entry. Does not belong here: the fields (``registry``), which
rows that makes go (``retention``).
"""

from __future__ import annotations

import math

from forecasting_lib.grain import Grain
from orchestration.fields import option_name
from orchestration.registry import Client

PERIODS = tuple(field for field in Client.model_fields if field.startswith("keep_"))
"""The fields that say for how long something is kept, in days."""

MAKES_THEM = {*PERIODS, "horizon_days", "grain"}
"""The fields that can make them contradict each other."""


def contradictions(client: Client) -> list[str]:
    """Why a client's periods do not fit together, a sentence each; empty where they do."""
    grain = Grain(client.grain or Grain.DAY)
    horizon = math.ceil(client.horizon(grain) * grain.days_per_period)
    longest_superseded = horizon + min(client.keep_plans_days, client.keep_forecasts_days)
    found = []
    if client.keep_plans_days < client.keep_projections_days:
        found.append(
            f"{_said(client, 'keep_plans_days')} is shorter than {_said(client, 'keep_projections_days')}: a "
            "plan would go before the stock it projects."
        )
    if client.keep_item_scores_days < client.keep_forecasts_days:
        found.append(
            f"{_said(client, 'keep_item_scores_days')} is shorter than "
            f"{_said(client, 'keep_forecasts_days')}: accuracy would go while days can still be scored."
        )
    if client.keep_superseded_days > longest_superseded:
        found.append(
            f"{_said(client, 'keep_superseded_days')} is longer than what took the place is kept: at most "
            f"{longest_superseded} with the others as they are."
        )
    return found


def _said(client: Client, field: str) -> str:
    return f"{option_name(Client, field)} {getattr(client, field)}"
