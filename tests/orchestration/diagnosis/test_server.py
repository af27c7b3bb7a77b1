"""What is said of a database server: each judgement by its facts, and the facts of both kinds of server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestration.clients import add_client, remove_client, validated
from orchestration.diagnosis.findings import Finding, Level
from orchestration.diagnosis.server import (
    SECURITY_RELEASES,
    SECURITY_RELEASES_AS_OF,
    judge,
    judge_clock,
    judge_connections,
    judge_version,
)
from orchestration.diagnosis.server_facts import ServerFacts, Session, gather
from orchestration.warehouse.access_rights import drop_writer_role
from orchestration.warehouse.limits import ClientRole
from orchestration.warehouse.public_rights import Statement
from orchestration.warehouse.server import Roles, Warehouse
from orchestration.warehouse.server_memory import OF_INITDB

ROLES = Roles("warehouse")

SOUND = ServerFacts(
    version=180_000 + SECURITY_RELEASES[18],
    is_embedded=False,
    login="owner",
    is_superuser=False,
    can_create_roles=True,
    seconds_ahead=0.1,
    time_zone="UTC",
    revision="0006",
    newest_revision="0006",
    registered=["acme"],
    clients=[ClientRole("warehouse_client_acme", 10, [], can_login=True)],
    shut_out=[],
    incomplete=[],
    powerful=[],
    connections=97,
    statements=[],
    foreign_databases=[],
    untuned={},
    queue=0.0,
    forgotten=[],
)


def findings(**changes: object) -> list[Finding]:
    """What is said beyond ok of a sound server with these facts changed."""
    return [f for f in judge(replace(SOUND, **changes), ROLES) if f.level is not Level.OK]  # type: ignore[arg-type]


def test_a_sound_server_has_neither_problem_nor_warning() -> None:
    assert findings() == []


@pytest.mark.parametrize("major", sorted(SECURITY_RELEASES))
def test_a_version_before_the_newest_security_release_is_a_problem_with_the_date(major: int) -> None:
    minor = SECURITY_RELEASES[major]
    assert judge_version(major * 10_000 + minor, is_embedded=False).level is Level.OK
    old = judge_version(major * 10_000 + minor - 1, is_embedded=False)
    assert old.level is Level.PROBLEM
    assert f"{major}.{minor} or newer (as of {SECURITY_RELEASES_AS_OF})" in old.advice


def test_nobody_reaches_the_embedded_server_and_its_version() -> None:
    finding = judge_version(180_000, is_embedded=True)
    assert finding.level is Level.OK
    assert "closes known vulnerabilities" in finding.what


def test_versions_that_are_not_in_the_table() -> None:
    assert judge_version(140_023, is_embedded=False).level is Level.PROBLEM
    assert judge_version(190_001, is_embedded=False).level is Level.OK


@pytest.mark.parametrize(
    ("seconds", "zone", "level"),
    [
        (0.5, "UTC", Level.OK),
        (-7.0, "UTC", Level.WARNING),
        (300.0, "UTC", Level.PROBLEM),
        (0.0, "Europe/Berlin", Level.PROBLEM),
    ],
)
def test_clocks_that_differ(seconds: float, zone: str, level: Level) -> None:
    assert judge_clock(seconds, zone).level is level


def test_clients_that_may_take_all_connections() -> None:
    roles = [ClientRole(f"c{i}", 10, [], can_login=True) for i in range(7)]
    assert judge_connections(100, roles).level is Level.OK
    full = judge_connections(100, [*roles, roles[0]])
    assert (full.level, full.advice) == (Level.WARNING, "set max_connections to 113")
    assert judge_connections(100, [replace(roles[0], connections=-1)]).level is Level.WARNING


def test_each_fault_is_named_with_what_to_do() -> None:
    statements = [
        Statement("warehouse", "revoke x", "fill it"),
        Statement("warehouse", "revoke y", "fill it"),
    ]
    stranger = ClientRole("warehouse_client_gone", 10, [], can_login=True)
    cases: dict[str, dict[str, object]] = {
        "run 'forecaster migrate'": {"revision": None, "registered": [], "clients": []},
        "or install the newer program": {"revision": "0007"},
        'alter role "owner" createrole': {"can_create_roles": False},
        "createrole and createdb, which is enough": {"is_superuser": True},
        'create role "warehouse_client_beta" login': {"registered": ["acme", "beta"]},
        'drop role "warehouse_client_gone"': {"clients": [*SOUND.clients, stranger]},
        'alter role "warehouse_client_acme" nosuperuser': {"powerful": ["warehouse_client_acme"]},
        'grant "warehouse_client_acme" to "owner" with admin option': {
            "incomplete": ["warehouse_client_acme"]
        },
        'grant "warehouse_writer_acme" to "owner" with admin option': {"shut_out": ["warehouse_writer_acme"]},
        "forecaster doctor --sql": {"statements": statements},
        "pg_hba.conf": {"foreign_databases": ["accounts"]},
        "select pg_terminate_backend(42)": {"forgotten": [Session("warehouse_client_acme", 42, 31.0)]},
        "does well with shared_buffers = 1024MB": {"untuned": OF_INITDB},
        "the session that listens": {"queue": 0.5},
    }
    for advice, changes in cases.items():
        (finding,) = findings(**changes)
        assert advice in finding.advice


def test_a_name_that_is_cut_is_a_problem() -> None:
    (long,) = [
        finding
        for finding in judge(replace(SOUND, registered=[], clients=[]), Roles("w" * 60))
        if finding.level is Level.PROBLEM
    ]
    assert "names of roles are too long" in long.what


def test_the_embedded_server_of_a_migrated_installation_is_sound(embedded_warehouse: Warehouse) -> None:
    facts = gather(embedded_warehouse, is_embedded=True)
    assert facts.is_superuser
    assert facts.statements == []
    assert [f for f in judge(facts, embedded_warehouse.roles) if f.level is Level.PROBLEM] == []


def test_the_settings_of_the_embedded_server_are_not_judged() -> None:
    assert findings(is_embedded=True, untuned=OF_INITDB) == []


def test_a_server_as_initdb_made_it_is_recognized(tcp_warehouse: Warehouse) -> None:
    assert gather(tcp_warehouse, is_embedded=False).untuned == OF_INITDB


def test_a_client_without_a_writer_is_named(tcp_warehouse: Warehouse) -> None:
    roles = tcp_warehouse.roles
    add_client(tcp_warehouse, validated(client_id="unwritten", name="Unwritten"))
    assert gather(tcp_warehouse, is_embedded=False).shut_out == []
    with tcp_warehouse.connect_admin() as connection:
        drop_writer_role(connection, roles, "unwritten")
    assert gather(tcp_warehouse, is_embedded=False).shut_out == [roles.client_writer("unwritten")]
    remove_client(tcp_warehouse, "unwritten")


def test_a_server_without_superuser_asks_for_one(tcp_warehouse: Warehouse) -> None:
    facts = gather(tcp_warehouse, is_embedded=False)
    assert not facts.is_superuser
    (asked,) = [f for f in judge(facts, tcp_warehouse.roles) if "doctor --sql" in f.advice]
    assert "fill the lock table" in asked.what
