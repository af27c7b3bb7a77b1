"""Connections that are kept while a run goes on, instead of one for each question it asks.

A connection is a process of the server that learns the catalogue anew, and one of ADBC reads all of it: with
hundreds of clients that is more work than what a small client is asked. Belongs here: keeping connections and
lending them. Does not belong here: how one is made (``server``, ``bulk``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeVar


class Kept(Protocol):
    """What is kept: a connection of any driver."""

    def close(self) -> None: ...


_Connection = TypeVar("_Connection", bound=Kept)


class _OfThread(threading.local):
    """The connections of a thread that nobody uses at the moment, by driver and URL; None: none are kept."""

    unused: dict[tuple[str, str], Any] | None = None


_of_thread = _OfThread()


@contextmanager
def connections_kept() -> Iterator[None]:
    """Keep this thread's connections until the block ends."""
    if _of_thread.unused is not None:
        yield
        return
    _of_thread.unused = {}
    try:
        yield
    finally:
        unused, _of_thread.unused = _of_thread.unused, None
        for connection in unused.values():
            _close(connection)


@contextmanager
def lent(
    driver: str,
    url: str,
    connect: Callable[[str], _Connection],
    answers: Callable[[_Connection], object],
) -> Iterator[_Connection]:
    """A connection for the length of the block: one that is kept, or a new one.

    It is kept again where the block ends well, and closed otherwise.

    Args:
        driver: whose it is.
        url: whereto.
        connect: makes a new one.
        answers: asks one that was kept for something; where that fails, its server has restarted since, and a
            new one takes its place.
    """
    unused = _of_thread.unused
    connection = None if unused is None else unused.pop((driver, url), None)
    if connection is not None:
        try:
            answers(connection)
        except Exception:  # whatever its driver raises
            _close(connection)
            connection = None
    if connection is None:
        connection = connect(url)
    try:
        yield connection
    except BaseException:
        _close(connection)
        raise
    if unused is None or unused is not _of_thread.unused or (driver, url) in unused:
        connection.close()
    else:
        unused[driver, url] = connection


def _close(connection: Kept) -> None:
    with suppress(Exception):  # its server may have gone
        connection.close()
