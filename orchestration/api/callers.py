"""From a request to its caller, and from the caller to the rows it may touch.

Belongs here: finding out who asks and for which client, refusing, writing refusals down, and handing out
:class:`ClientWork`, without which no route has a connection. Does not belong here: what a role may do
(``access.identity``), how a password or token is checked (``access``).
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import psycopg
from fastapi import Depends, Request
from psycopg_pool import PoolTimeout

from orchestration.access.identity import Action, Identity, permits
from orchestration.access.keys import KEY_PREFIX, identity_of_key
from orchestration.access.logins import identity_of_access_token
from orchestration.access.security_events import Origin
from orchestration.access.security_events import record as write_down
from orchestration.access.signing import SigningKeys
from orchestration.api.limits import RateLimits, TooManyError
from orchestration.api.metrics import Metrics
from orchestration.api.pool import Connection, Pool, no_client
from orchestration.api.problems import Kind, ProblemError
from orchestration.foreign_text import printable
from orchestration.reporting.listings import Worker
from orchestration.settings import Settings
from orchestration.warehouse.tables.vocabulary import SecurityEvent

CLIENT_HEADER = "X-Client"
KEY_HEADER = "X-Api-Key"

_SLUG = re.compile(r"[a-z][a-z0-9_]{0,31}")
_log = logging.getLogger("forecaster.api")


@dataclass(frozen=True)
class Office:
    """What the process has once: connections, counts, the keys that tokens and pages are sealed with."""

    settings: Settings
    pool: Pool
    limits: RateLimits
    metrics: Metrics
    keys: SigningKeys

    @cached_property
    def seals(self) -> list[bytes]:
        """Secrets of page tokens, made of the signing keys and good for nothing else."""
        return [hmac.digest(key.encode(), b"forecaster pages", hashlib.sha256) for key in self.keys.believed]


@dataclass(frozen=True)
class ClientWork:
    """The right to work for one client, and the only way to a connection that sees its rows.

    Attributes:
        client_id: the client that was asked for.
        home: the client whose role the database works as: one of the caller's own, whatever was asked for.
        identity: who asks.
        request_id: of the HTTP request.
    """

    client_id: str
    home: str
    identity: Identity
    request_id: str
    _pool: Pool

    @property
    def asked_by(self) -> str:
        """The caller as rows name it."""
        return self.identity.name

    @contextmanager
    def reading(self, worker: Worker = Worker.READER) -> Iterator[Connection]:
        """A read-only transaction at one moment."""
        with self._pool.as_client(self.home, worker, writes=False) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block, or not at all."""
        with self._pool.as_client(self.home, Worker.WRITER, writes=True) as connection:
            yield connection

    @contextmanager
    def recorded(self, connection: Connection) -> Iterator[None]:
        """Within ``writing``: the block, which comes last, may add to the record of what was done."""
        self._pool.become_api(connection)
        yield


def office_of(request: Request) -> Office:
    """The process' one office."""
    office: Office = request.app.state.office
    return office


def address_of(request: Request) -> str:
    """The network address of the caller; of a proxy's caller where uvicorn trusts the proxy."""
    return request.client.host if request.client else "unknown"


def origin_of(request: Request) -> Origin:
    """Where a request comes from, as security events say it."""
    return Origin(address=address_of(request), request_id=request.state.request_id)


def record(
    request: Request,
    event: SecurityEvent,
    *,
    identity: Identity | None = None,
    client_id: str | None = None,
    **details: Any,
) -> None:
    """Write a security event down; where the database is away, the log alone has it."""
    office = office_of(request)
    office.metrics.refused(event)
    is_user = identity is not None and identity.user_id is not None
    try:
        with office.pool.as_api() as connection:
            write_down(
                connection,
                event,
                origin_of(request),
                user_id=identity.user_id if identity else None,
                email=identity.email if identity else None,
                key_prefix=identity.name if identity and not is_user else None,
                client_id=client_id,
                **details,
            )
    except (psycopg.Error, PoolTimeout) as error:
        _log.error("the event %s of request %s is not written: %s", event, request.state.request_id, error)


def count_address(request: Request) -> None:
    """Count a request of an address; raises ``TooManyError`` where there were too many."""
    try:
        office_of(request).limits.count_address(address_of(request))
    except TooManyError as error:
        if error.is_news:
            record(request, "rate_limited", by="address")
        raise


def caller(request: Request) -> Identity:
    """Who asks.

    Raises:
        ProblemError: nobody who is known, or too often.
    """
    count_address(request)
    office = office_of(request)
    is_key, text = credential(request)
    origin = origin_of(request)
    with office.pool.as_api() as connection:
        found = (
            identity_of_key(connection, text, origin)
            if is_key
            else identity_of_access_token(connection, office.keys, text, origin)
        )
    if found is None:
        office.metrics.refused("key_refused" if is_key else "token_refused")
        raise _not_signed_in("The token or key is not accepted: it has ended, was taken back or is not ours.")
    count_caller(request, found)
    return found


def count_caller(request: Request, identity: Identity) -> None:
    """Count a request of somebody who is known; raises ``TooManyError`` where there were too many."""
    request.state.caller = identity.name
    try:
        office_of(request).limits.count_caller(identity.name)
    except TooManyError as error:
        if error.is_news:
            record(request, "rate_limited", identity=identity, by="caller")
        raise


def client_work(action: Action) -> Callable[[Request], ClientWork]:
    """A dependency: the right to do something for the client that a request is about."""

    def allowed(request: Request) -> ClientWork:
        return working_for(request, caller(request), action)

    return allowed


def working_for(request: Request, identity: Identity, action: Action) -> ClientWork:
    """The right of somebody who is known to do something for the client that a request is about.

    Raises:
        ProblemError: the role does not allow it, or there is no such client.
    """
    client_id = _client_of(request, identity)
    is_own = identity.is_operator or client_id in identity.clients
    if not permits(identity, client_id, action):
        record(request, "access_refused", identity=identity, client_id=client_id, action=str(action))
        if not is_own:
            raise ProblemError(Kind.NOT_FOUND, no_client(client_id))
        raise ProblemError(
            Kind.NOT_ALLOWED,
            f"Your role for {client_id} does not allow this ({action}); ask its manager for another.",
        )
    request.state.client_id = client_id
    own = (client_id,) if is_own else identity.clients
    if not own:
        raise ProblemError(Kind.NOT_FOUND, no_client(client_id))
    return ClientWork(client_id, own[0], identity, request.state.request_id, office_of(request).pool)


Reads = Annotated[ClientWork, Depends(client_work(Action.READ))]
"""The right to read, for a route."""


def credential(request: Request) -> tuple[bool, str]:
    """Whether a request carries a service key, else a token, and its text.

    Raises:
        ProblemError: it carries none, or more than one.
    """
    bearers = request.headers.getlist("authorization")
    keys = request.headers.getlist(KEY_HEADER)
    if len(bearers) + len(keys) > 1:
        raise ProblemError(Kind.NOT_READABLE, f"Send one of Authorization and {KEY_HEADER}, once.")
    if keys:
        return True, keys[0]
    scheme, _, text = (bearers or [""])[0].partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise _not_signed_in(
            f"Send a token as 'Authorization: Bearer ...' or a service key as '{KEY_HEADER}: ...'; "
            "POST /api/v1/auth/token gives a token."
        )
    return text.startswith(KEY_PREFIX), text.strip()


def _client_of(request: Request, identity: Identity) -> str:
    """The client of the path, else of the header, else the only one of the caller."""
    of_the_path = request.path_params.get("client_id")
    of_the_header = request.headers.getlist(CLIENT_HEADER)
    named = {name for name in [of_the_path, *of_the_header] if name is not None}
    if len(named) > 1:
        raise ProblemError(Kind.UNCLEAR_CLIENT, f"The path and {CLIENT_HEADER} name different clients.")
    if not named and len(identity.clients) != 1:
        names = ", ".join(identity.clients) or "none"
        raise ProblemError(
            Kind.UNCLEAR_CLIENT, f"Say in the header {CLIENT_HEADER} which client is meant; yours: {names}."
        )
    client_id = named.pop() if named else identity.clients[0]
    if not _SLUG.fullmatch(client_id):
        record(request, "access_refused", identity=identity, shown=printable(client_id[:60]))
        raise ProblemError(Kind.NOT_FOUND, no_client(client_id[:60]))
    return client_id


def _not_signed_in(detail: str) -> ProblemError:
    return ProblemError(Kind.NOT_SIGNED_IN, detail, headers={"WWW-Authenticate": 'Bearer realm="forecaster"'})
