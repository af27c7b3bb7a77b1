"""Periods of keeping that contradict each other are refused with a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from forecasting_lib.grain import Grain
from orchestration.clients import Client, ClientError, add_client, get_client, update_client, validated
from orchestration.retention_policy import PERIODS, contradictions
from orchestration.warehouse.server import Warehouse


@pytest.mark.parametrize("grain", Grain)
@pytest.mark.parametrize("horizon_days", [None, 1, 365])
def test_the_defaults_fit_together(grain: Grain, horizon_days: int | None) -> None:
    client = validated(client_id="acme", name="Acme", grain=grain, horizon_days=horizon_days)
    assert contradictions(client) == []
    assert len(PERIODS) == 8


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"keep_plans_days": 6, "keep_superseded_days": 5},
            "--keep-plans-days 6 is shorter than --keep-projections-days 7: a plan would go before",
        ),
        (
            {"keep_item_scores_days": 27},
            "--keep-item-scores-days 27 is shorter than --keep-forecasts-days 28: accuracy would go",
        ),
        ({"keep_superseded_days": 57}, "at most 56 with the others as they are"),
        ({"grain": "week", "keep_superseded_days": 120}, "at most 119 with the others as they are"),
    ],
)
def test_what_contradicts_is_refused(
    fields: dict[str, Any], said: str, warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    with pytest.raises(ClientError, match=said):
        add_client(warehouse, validated(client_id="contradictory", name="C", **fields))
    client = new_client(grain=fields.get("grain", "day"))
    with pytest.raises(ClientError, match=said):
        update_client(warehouse, client.client_id, **fields)
    assert get_client(warehouse, client.client_id) == client


def test_an_entry_that_contradicts_already_can_be_changed_in_other_fields(
    warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    client = new_client(grain="month", keep_superseded_days=100)
    with warehouse.transaction() as connection:
        connection.execute("update ops.clients set grain = 'day' where client_id = %s", (client.client_id,))
    assert update_client(warehouse, client.client_id, service_level=0.9).service_level == 0.9
    with pytest.raises(ClientError, match="at most 56 with the others as they are"):
        update_client(warehouse, client.client_id, keep_projections_days=8)
