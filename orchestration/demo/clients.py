"""The registry entries that setting up makes.

Belongs here: the demo clients' entries, and one for a user's own company. Does not belong here: what a client
is (``orchestration.clients``) and the demo's files (``files``).
"""

from __future__ import annotations

from orchestration.clients import Client, ClientError, add_client, registered_ids, validated
from orchestration.warehouse.server import Warehouse

RETAILER_ID = "demo_retail"
M5_ID = "demo_m5"
DEMO_IDS = (RETAILER_ID, M5_ID)


def retailer_client() -> Client:
    return validated(
        client_id=RETAILER_ID,
        name="Demo Retail",
        timezone="Europe/Dublin",
        cron="30 5 * * *",
        grain="day",
        country="IE",
    )


def m5_client() -> Client:
    return validated(
        client_id=M5_ID,
        name="Demo M5",
        timezone="America/Chicago",
        cron="0 5 * * *",
        grain="day",
        country="US",
        default_lead_time_days=7,
        review_days=7,
    )


def own_client(name: str) -> Client:
    """A registry entry for a user's own company; its slug is made of the name.

    Raises:
        ClientError: no slug can be made of the name.
    """
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in name.lower()).split()
    slug = "_".join(words)[:32].rstrip("_")
    if not slug[:1].isalpha():
        raise ClientError(
            f"No identifier can be made of the name {name!r}; use 'forecaster client add <slug> --name ...'."
        )
    return validated(client_id=slug, name=name)


def register(warehouse: Warehouse, client: Client) -> bool:
    """Add a client unless it is registered; False where it was."""
    if client.client_id in registered_ids(warehouse):
        return False
    add_client(warehouse, client)
    return True
