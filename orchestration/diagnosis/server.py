"""The database server: its version, its clock, its roles and what they may do.

Belongs here: what its facts mean and what to do. Does not belong here: asking the server (``server_facts``)
and changing anything, which ``forecaster migrate`` and the statements of ``warehouse.public_rights`` do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from orchestration.diagnosis.findings import Finding, ok, problem, warning
from orchestration.diagnosis.server_facts import ServerFacts
from orchestration.warehouse.limits import (
    CONNECTIONS_PER_CLIENT,
    PIPELINE_CONNECTIONS,
    ClientRole,
    refuse_long_names,
)
from orchestration.warehouse.server import MINIMUM_SERVER_VERSION, Roles, WarehouseError
from orchestration.warehouse.server_memory import settings_for

SECURITY_RELEASES: Mapping[int, int] = {15: 19, 16: 15, 17: 11, 18: 6}
"""Major version -> its newest minor version that closes a known vulnerability."""

SECURITY_RELEASES_AS_OF = date(2026, 8, 13)
"""When the table above was true. Later releases close what nobody knew then."""

_SLOW_CLOCK_SECONDS = 5.0
_WRONG_CLOCK_SECONDS = 60.0
_FULL_QUEUE = 0.1
_EXAMPLE_GIGABYTES = 16


def judge(facts: ServerFacts, roles: Roles) -> Iterator[Finding]:
    """Every finding about the server, in the order of the facts."""
    yield judge_version(facts.version, is_embedded=facts.is_embedded)
    yield judge_clock(facts.seconds_ahead, facts.time_zone)
    yield judge_revision(facts.revision, facts.newest_revision)
    yield judge_login(facts)
    yield from judge_roles(facts, roles)
    yield judge_connections(facts.connections, facts.clients)
    if not facts.is_embedded:
        yield judge_memory(facts.untuned)
    yield from judge_rights(facts)
    yield from judge_sessions(facts)


def judge_version(version: int, *, is_embedded: bool) -> Finding:
    """Whether vulnerabilities of this version are known.

    On the embedded server that is no problem: only the machine's user reaches it, and its version is that of
    its wheel.
    """
    major, minor = divmod(version, 10_000)
    name = f"PostgreSQL {major}.{minor}"
    if version < MINIMUM_SERVER_VERSION:
        return problem(f"{name} is too old", "use 15 or newer")
    newest = SECURITY_RELEASES.get(major)
    if newest is None:
        return ok(f"{name}; nothing is known here of vulnerabilities of version {major}")
    as_of = f"as of {SECURITY_RELEASES_AS_OF}"
    if minor >= newest:
        return ok(f"{name}, without vulnerabilities known {as_of}")
    if is_embedded:
        return ok(
            f"{name} from its wheel; {major}.{newest} closes known vulnerabilities ({as_of}), which nobody "
            "but this user can reach"
        )
    return problem(
        f"{name} has known vulnerabilities", f"update the server to {major}.{newest} or newer ({as_of})"
    )


def judge_clock(seconds_ahead: float, time_zone: str) -> Finding:
    side = "ahead of" if seconds_ahead > 0 else "behind"
    what = f"the server's clock is {abs(seconds_ahead):.1f} s {side} ours"
    if time_zone not in ("UTC", "Etc/UTC"):
        return problem(
            f"sessions of the project are in the time zone {time_zone}", "let the server accept timezone=UTC"
        )
    if abs(seconds_ahead) > _WRONG_CLOCK_SECONDS:
        return problem(what, "set both by NTP; runs, deliveries and scores bear wrong times")
    if abs(seconds_ahead) > _SLOW_CLOCK_SECONDS:
        return warning(what, "set both by NTP")
    return ok(f"{what}; sessions are in UTC")


def judge_revision(revision: str | None, newest: str | None) -> Finding:
    if revision is None:
        return problem("the database has no tables yet", "run 'forecaster migrate'")
    if revision != newest:
        return problem(
            f"the tables are of revision {revision}, this program's of {newest}",
            "run 'forecaster migrate', or install the newer program",
        )
    return ok(f"the tables are up to date (revision {revision})")


def judge_login(facts: ServerFacts) -> Finding:
    if not facts.can_create_roles:
        return problem(
            f"the login {facts.login} may not create roles",
            f'as an administrator: alter role "{facts.login}" createrole',
        )
    if facts.is_superuser and not facts.is_embedded:
        return warning(
            f"the login {facts.login} is a superuser", "use one with createrole and createdb, which is enough"
        )
    return ok(f"the login {facts.login} has the rights it needs")


def judge_roles(facts: ServerFacts, roles: Roles) -> Iterator[Finding]:
    """Clients without a role, roles without a client, and roles that may too much."""
    names = {role.name for role in facts.clients}
    try:
        refuse_long_names(roles, facts.registered)
    except WarehouseError as error:
        yield problem("names of roles are too long", str(error).rstrip("."))
    wanted = {roles.client(client_id): client_id for client_id in facts.registered}
    for role in sorted(wanted.keys() - names):
        yield problem(
            f"the client {wanted[role]} has no role {role}",
            f'as an administrator: create role "{role}" login; grant "{roles.tenant}" to "{role}"; '
            "then run 'forecaster migrate'",
        )
    for client in facts.clients:
        if client.name not in wanted and facts.revision is not None and client.can_login:
            yield problem(
                f"the role {client.name} can log in and belongs to no client",
                f'drop it: drop owned by "{client.name}"; drop role "{client.name}"',
            )
    for role in facts.powerful:
        yield problem(
            f"the client's role {role} may more than read",
            f'alter role "{role}" nosuperuser nocreaterole nocreatedb noreplication nobypassrls',
        )
    for role in facts.shut_out:
        yield problem(
            f"the login may not act as {role}, so nothing is done over HTTP for that client",
            "run 'forecaster migrate'; where it changes nothing, somebody else made the role: "
            f'grant "{role}" to "{facts.login}" with admin option',
        )
    if facts.incomplete:
        yield problem(
            f"{len(facts.incomplete)} client role(s) lack limits ({', '.join(facts.incomplete[:3])})",
            "run 'forecaster migrate'; where it changes nothing, somebody else made the role: "
            f'grant "{facts.incomplete[0]}" to "{facts.login}" with admin option',
        )
    elif facts.clients:
        yield ok(f"{len(facts.clients)} client role(s) have their limits")


def judge_connections(connections: int, clients: Sequence[ClientRole]) -> Finding:
    """Whether all clients together leave the pipeline its own."""
    taken = sum(role.connections if role.connections >= 0 else connections for role in clients)
    what = f"clients may open {taken} of {connections} connections"
    if taken + PIPELINE_CONNECTIONS > connections:
        wanted = len(clients) * CONNECTIONS_PER_CLIENT + PIPELINE_CONNECTIONS + 3
        return warning(
            f"{what}, and the pipeline needs {PIPELINE_CONNECTIONS}", f"set max_connections to {wanted}"
        )
    return ok(what)


def judge_memory(untuned: Mapping[str, str]) -> Finding:
    """Whether somebody fitted the server's memory and log to its machine, which is not seen from here."""
    if not untuned:
        return ok("the server's memory and log were fitted to its machine")
    named = ", ".join(f"{name} {value}" for name, value in untuned.items())
    wanted = ", ".join(f"{name} = {value}" for name, value in settings_for(_EXAMPLE_GIGABYTES << 30).items())
    return warning(
        f"the server works with what PostgreSQL is made with for any machine ({named}), so that a large load "
        "waits for its disk",
        "set them in postgresql.conf or your provider's console; a machine with "
        f"{_EXAMPLE_GIGABYTES} GB that runs the pipeline, too, does well with {wanted}",
    )


def judge_rights(facts: ServerFacts) -> Iterator[Finding]:
    """What everybody may do by default, and no client needs."""
    reasons = list(dict.fromkeys(statement.until for statement in facts.statements))
    if reasons:
        how = (
            "run 'forecaster migrate'"
            if facts.is_superuser
            else "let a superuser run the statements of 'forecaster doctor --sql'"
        )
        yield problem(f"a client can {'; '.join(reasons)}", how)
    elif facts.revision is not None:
        yield ok("everybody's default rights that no client needs are taken away")
    if facts.foreign_databases:
        yield warning(
            f"clients may connect to other databases of the server ({', '.join(facts.foreign_databases)})",
            "revoke connect on them from public, or keep client roles out of them in pg_hba.conf",
        )


def judge_sessions(facts: ServerFacts) -> Iterator[Finding]:
    for session in facts.forgotten:
        yield warning(
            f"{session.role} has done nothing in its open transaction, {session.minutes:.0f} minutes old",
            f"select pg_terminate_backend({session.pid})",
        )
    if facts.queue > _FULL_QUEUE:
        yield warning(
            f"the server's queue of notifications is {facts.queue:.0%} full",
            "end the session that listens and does not read; pg_stat_activity has it",
        )
