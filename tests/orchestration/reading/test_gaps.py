"""The views of the gaps, and the vocabulary that they take their sentences from."""

from __future__ import annotations

from collections.abc import Callable

from orchestration.clients import Client
from orchestration.reading.gaps import find_gaps, planning_states
from orchestration.warehouse.gap_meanings import GAP_MEANINGS
from orchestration.warehouse.gap_vocabulary import Gap
from orchestration.warehouse.server import Warehouse


def test_a_client_of_which_nothing_is_known_has_a_row(
    warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    client = new_client()
    (gap,) = find_gaps(warehouse, client.client_id)
    assert gap.gap == Gap.NOTHING_DELIVERED
    state = planning_states(warehouse, client.client_id)[client.client_id]
    assert (state.state, state.lines, state.urgent) == ("unknown", None, "unknown")
    assert state.sentence == "No orders can be proposed. Nothing was delivered yet."


def test_every_gap_has_a_meaning_in_the_order_of_the_codes() -> None:
    assert list(GAP_MEANINGS) == list(Gap)
