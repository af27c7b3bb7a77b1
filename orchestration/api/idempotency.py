"""The same deed sent twice is done once: answers by ``Idempotency-Key``.

Belongs here: what makes two requests the same, and the rows of ``ops.idempotent_answers``. Does not belong
here: any deed. The answer is written in the deed's own transaction: both are there, or neither.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from orchestration.api.problems import not_valid

HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True)
class Answer:
    """What a deed was answered with."""

    status: int
    location: str | None
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Sent:
    """A request that is to be done once.

    Attributes:
        client_id: whose deed.
        asked_by: who asks; another's key is another key.
        key: as sent; None where none was, and then every request is a deed of its own.
        digest: of what was asked.
    """

    client_id: str
    asked_by: str
    key: str | None
    digest: str


def checked_key(values: list[str]) -> str | None:
    """The header's value.

    Raises:
        ProblemError: there is more than one, or it is no key.
    """
    if not values:
        return None
    if len(values) > 1 or not _KEY.fullmatch(values[0]):
        raise not_valid(
            f"header.{HEADER}",
            f"Send one {HEADER} of 1 to 128 visible characters, such as a UUID.",
            "not a key",
        )
    return values[0]


def digest(method: str, path: str, query: str, content_type: str, body: bytes) -> str:
    """What makes two requests the same."""
    head = json.dumps([method, path, query, content_type]).encode()
    return hashlib.sha256(head + b"\n" + body).hexdigest()


def earlier_answer(connection: psycopg.Connection[Any], sent: Sent) -> Answer | None:
    """What the same request was answered with; None where it is new.

    Raises:
        ProblemError: another request was sent under this key.
    """
    if sent.key is None:
        return None
    row = connection.execute(
        """
        select request_digest, status, location, body from ops.idempotent_answers
        where client_id = %s and asked_by = %s and idempotency_key = %s
        """,
        (sent.client_id, sent.asked_by, sent.key),
    ).fetchone()
    if row is None:
        return None
    if row[0] != sent.digest:
        raise not_valid(
            f"header.{HEADER}",
            f"Another request was sent under this {HEADER}; send this one under a new key.",
            "used for another request",
        )
    return Answer(*row[1:])


def keep(connection: psycopg.Connection[Any], sent: Sent, answer: Answer) -> None:
    """Write the answer down, in the transaction of the deed.

    Raises:
        psycopg.errors.UniqueViolation: the same request was quicker; nothing of this one may stay.
    """
    if sent.key is None:
        return
    connection.execute(
        """
        insert into ops.idempotent_answers
            (client_id, asked_by, idempotency_key, request_digest, status, location, body)
        values (%s, %s, %s, %s, %s, %s, %s)
        """,
        (
            *(sent.client_id, sent.asked_by, sent.key, sent.digest),
            *(answer.status, answer.location, Jsonb(dict(answer.body))),
        ),
    )
