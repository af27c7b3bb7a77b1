"""A real SFTP server for the tests, in a thread: a folder, one login, and a key that names the host."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

USER = "acme"
PASSWORD = "s3cret/of:the shop"


@dataclass
class SftpServer:
    """What a client has to know of the server, and what a test may have it do.

    Attributes:
        folder: what it serves.
        port: on the loopback interface.
        host_key: its public key as ``known_hosts`` writes it.
        invented: names that it lists in every folder, beside those that are there.
    """

    folder: Path
    port: int
    host_key: str
    invented: list[bytes] = field(default_factory=list)

    def url(self, pattern: str, password: str = "${ACME_SFTP_PASSWORD}") -> str:
        return f"sftp://{USER}:{password}@127.0.0.1:{self.port}{pattern}"


@contextmanager
def sftp_server(folder: Path) -> Iterator[SftpServer]:
    """Serve a folder for the block."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    served = SftpServer(folder, 0, key.export_public_key().decode().strip())

    connections: list[asyncssh.SSHServerConnection] = []

    class Login(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            connections.append(conn)

        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == (USER, PASSWORD)

    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: Any) -> None:
            super().__init__(channel, chroot=str(folder).encode())

        async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
            async for entry in super().scandir(path):
                yield entry
            for name in served.invented:
                attributes = asyncssh.SFTPAttrs(size=3, permissions=0o100644, atime=1, mtime=1)
                yield asyncssh.SFTPName(name, attrs=attributes)

    async def serve() -> None:
        over = asyncio.Event()
        async with await asyncssh.create_server(
            Login, "127.0.0.1", 0, server_host_keys=[key], sftp_factory=Files
        ) as server:
            loop = asyncio.get_running_loop()
            ready.set_result((server.get_port(), lambda: loop.call_soon_threadsafe(over.set)))
            await over.wait()
            for connection in connections:
                connection.abort()
                await connection.wait_closed()

    ready: Future[tuple[int, Callable[[], object]]] = Future()
    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="sftp")
    thread.start()
    served.port, end = ready.result(timeout=30)
    try:
        yield served
    finally:
        end()
        thread.join()
