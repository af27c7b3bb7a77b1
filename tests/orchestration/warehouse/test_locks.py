"""Advisory locks keep apart what shares a purpose and a subject, and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from orchestration.warehouse.locks import Purpose, lock_transaction, try_lock_session
from orchestration.warehouse.migrate import upgrade
from orchestration.warehouse.server import Warehouse
from tests.waiting import is_waited_for


@pytest.mark.parametrize("purpose", Purpose)
def test_a_transaction_holds_its_lock_to_its_end(warehouse: Warehouse, purpose: Purpose) -> None:
    with warehouse.connect_admin(autocommit=True) as other:
        with warehouse.transaction() as connection:
            lock_transaction(connection, purpose, "acme")
            assert not try_lock_session(other, purpose, "acme")
        assert try_lock_session(other, purpose, "acme")


def test_a_session_holds_its_lock_until_it_closes(warehouse: Warehouse) -> None:
    with warehouse.connect_admin(autocommit=True) as other:
        with warehouse.connect_admin(autocommit=True) as session:
            assert try_lock_session(session, Purpose.RUN, "acme")
            assert not try_lock_session(other, Purpose.RUN, "acme")
        # the server notices the end of a session by itself
        while not try_lock_session(other, Purpose.RUN, "acme"):
            pass


def test_other_clients_and_other_purposes_do_not_wait(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection, warehouse.connect_admin(autocommit=True) as other:
        lock_transaction(connection, Purpose.DEMAND, "acme")
        assert try_lock_session(other, Purpose.DEMAND, "acme_too")
        rest = [purpose for purpose in Purpose if purpose is not Purpose.DEMAND]
        assert all(try_lock_session(other, purpose, "acme") for purpose in rest)
        assert all(try_lock_session(other, purpose) for purpose in Purpose)


def test_a_migration_waits_for_another(warehouse: Warehouse) -> None:
    with ThreadPoolExecutor(1) as pool:
        with warehouse.transaction() as connection:
            lock_transaction(connection, Purpose.MIGRATION)
            second = pool.submit(upgrade, warehouse)
            assert is_waited_for(connection, second.done)
        second.result()
