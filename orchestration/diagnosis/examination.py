"""The whole examination: every part in turn, and none that keeps the others from being looked at.

Belongs here: the order of the parts, and what is said where one cannot be looked at. Does not belong here:
any judgement (``server``, ``machine``, ``state``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from orchestration.diagnosis import machine, server, state
from orchestration.diagnosis.findings import Finding, Level, problem
from orchestration.diagnosis.server_facts import ServerFacts, gather
from orchestration.errors import UserError
from orchestration.settings import Settings
from orchestration.warehouse.public_rights import Statement, missing_statements
from orchestration.warehouse.server import Warehouse, locate_warehouse


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything; starts the embedded server where it is not running.

    What a killed process left is looked at before the server is asked, whose start may clear it away.
    """
    yield from looked_at("the files of the installation", lambda: machine.examine_machine(settings))
    yield from looked_at("what earlier processes left", lambda: state.examine_files(settings))
    yield from looked_at("the weights", lambda: state.examine_weights(settings))
    found: list[Warehouse] = []
    yield from looked_at("the database server", lambda: _located(settings, found))
    for warehouse in found:
        yield from _with_server(settings, warehouse, with_deliveries=True)


def needs_a_look(settings: Settings, warehouse: Warehouse) -> list[Finding]:
    """The problems and warnings of an installation whose server answers.

    Weights are not looked for, and who asks shows by itself which client has delivered late.
    """
    findings = [
        *looked_at("the files of the installation", lambda: machine.examine_machine(settings)),
        *looked_at("what earlier processes left", lambda: state.examine_files(settings)),
        *_with_server(settings, warehouse, with_deliveries=False),
    ]
    return [finding for finding in findings if finding.level is not Level.OK]


def statements(settings: Settings) -> list[Statement]:
    """What a superuser should run.

    Raises:
        WarehouseError: the server does not answer, or the database was never migrated.
    """
    warehouse = locate_warehouse(settings)
    warehouse.require_tables()
    with warehouse.connect_admin() as connection:
        return missing_statements(connection, warehouse)


def looked_at(what: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """The findings of one part, or the one that it cannot be looked at."""
    try:
        return look()
    except UserError as error:
        return [problem(f"{what} cannot be looked at", str(error).rstrip("."))]
    except Exception as error:
        return [
            problem(
                f"{what} cannot be looked at ({type(error).__name__}: {str(error).strip() or 'no message'})",
                "mend what it names, then look again",
            )
        ]


def _located(settings: Settings, found: list[Warehouse]) -> list[Finding]:
    found.append(locate_warehouse(settings))
    return []


def _with_server(settings: Settings, warehouse: Warehouse, *, with_deliveries: bool) -> Iterator[Finding]:
    gathered: list[ServerFacts] = []

    def ask() -> list[Finding]:
        facts = gather(warehouse, is_embedded=settings.database_url is None)
        gathered.append(facts)
        return list(server.judge(facts, warehouse.roles))

    yield from looked_at("the database server", ask)
    if any(facts.revision == facts.newest_revision for facts in gathered):
        yield from looked_at("Dagster's runs", lambda: state.examine_runs(settings, warehouse))
        yield from looked_at("the schedules", lambda: state.examine_schedules(settings, warehouse))
        if with_deliveries:
            yield from looked_at("the deliveries", lambda: state.examine_deliveries(warehouse))
