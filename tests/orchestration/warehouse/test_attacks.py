"""What a client can do to others is what the security page says, on each kind of server and on no other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from orchestration.clients import add_client, remove_client, validated
from orchestration.warehouse.limits import limit_clients
from orchestration.warehouse.public_rights import missing_statements
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tenancy import set_client_password
from tests.orchestration.warehouse.attacks import ATTACKS, Attack, works
from tests.orchestration.warehouse.logins import PASSWORD, give_rows, login

PAGE = Path(__file__).parents[3] / "docs" / "security.md"

ATTACKER, VICTIM = "attacker", "victim"

KINDS = ("embedded", "own", "closed")
"""The embedded server; one of an owner without superuser as ``migrate`` leaves it; the same one after a
superuser ran the statements of ``doctor --sql``."""


def listed(kind: str) -> set[str]:
    """Names of the attacks that the page lists as possible on a kind of server."""
    rows = re.findall(r"^\| (`[^|]*`) \| ([^|]*) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    where = {"everywhere"} | ({"until closed"} if kind == "own" else set())
    return {name for names, place in rows if place in where for name in re.findall(r"`([^`]+)`", names)}


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def warehouse(request: pytest.FixtureRequest, kind: str) -> Iterator[Warehouse]:
    """The server of a kind, with a client to attack and sessions of it and of the login to attack, too."""
    name = "embedded_warehouse" if kind == "embedded" else "tcp_warehouse"
    house: Warehouse = request.getfixturevalue(name)
    for client_id in (ATTACKER, VICTIM):
        add_client(house, validated(client_id=client_id, name=client_id))
        set_client_password(house, client_id, PASSWORD)
    give_rows(house, VICTIM)
    with login(house, VICTIM) as theirs, house.connect_admin(autocommit=True), ExitStack() as stack:
        theirs.execute("select 1")
        if kind == "closed":
            stack.enter_context(closed(house, request.getfixturevalue("tcp_superuser")))
        yield house
    for client_id in (ATTACKER, VICTIM):
        remove_client(house, client_id)


@contextmanager
def closed(house: Warehouse, superuser: str) -> Iterator[None]:
    """A server on which a superuser ran the statements, and which is opened again for other tests."""

    def run(statements: Iterable[str]) -> None:
        with psycopg.connect(superuser, dbname=house.database, autocommit=True) as connection:
            for text in statements:
                connection.execute(text.encode())

    with house.connect_admin() as connection:
        statements = [statement.text for statement in missing_statements(connection, house)]
    run(statements)
    try:
        with house.connect_admin() as connection:
            limit_clients(connection, house.roles)
        yield
    finally:
        run(opposite(text) for text in reversed(statements))


def opposite(statement: str) -> str:
    verb, what = statement.split(" ", 1)
    if verb == "grant":
        granted, _, to = what.rpartition(" to ")
        return f"revoke {granted} from {to}"
    revoked, _, of = what.rpartition(" from ")
    return f"grant {revoked} to {of}"


def test_the_attacks_are_many_and_each_has_a_name_of_its_own() -> None:
    assert len(ATTACKS) >= 100
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


def test_the_page_lists_attacks_that_are_tried() -> None:
    names = {attack.name for attack in ATTACKS}
    everything = {name for kind in KINDS for name in listed(kind)}
    assert everything
    assert everything - names == set()


def test_what_works_is_what_the_page_lists(warehouse: Warehouse, kind: str) -> None:
    worked = {attack.name for attack in ATTACKS if works(warehouse, ATTACKER, VICTIM, attack)}
    assert worked == listed(kind)


def test_the_others_go_on_after_all_attacks(warehouse: Warehouse) -> None:
    for attack in ATTACKS:
        works(warehouse, ATTACKER, VICTIM, attack)
    with login(warehouse, VICTIM) as connection:
        assert connection.execute("select item_id from analytics.dim_item").fetchall() == [("tea",)]
    with warehouse.transaction() as connection:
        assert connection.execute(
            "select count(*) from analytics.dim_item where client_id = 'victim'"
        ).fetchone() == (1,)


def test_a_mistake_in_an_attack_is_no_refusal(warehouse: Warehouse) -> None:
    with pytest.raises(AssertionError, match="42601"):
        works(warehouse, ATTACKER, VICTIM, Attack("mistaken", ("selct 1",)))
