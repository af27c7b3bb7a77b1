"""SFTP to hosts that are known: one that shows another key is not told who wants to log in.

fsspec's own way trusts whoever answers. Belongs here: whose key is believed. Does not belong here: files
(``remote_files``).
"""

from __future__ import annotations

from typing import Any

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem

_SECONDS = 60.0
"""How long a host may be silent."""


class SftpOfKnownHosts(SFTPFileSystem):  # type: ignore[misc]
    """fsspec's file system over SFTP, for hosts of ``~/.ssh/known_hosts`` or of one key."""

    def __init__(self, host: str, host_key: str | None = None, **login: Any) -> None:
        """Connect.

        Args:
            host: name or address.
            host_key: its public key as ``known_hosts`` writes it, such as ``ssh-ed25519 AAAA...``; None
                where the user's file knows the host.
            login: what ``paramiko.SSHClient.connect`` takes.
        """
        self._host_key = host_key
        super().__init__(host, **login)

    def _connect(self) -> None:
        self.client = paramiko.SSHClient()
        if self._host_key is None:
            self.client.load_system_host_keys()
        else:
            self._believe(self._host_key)
        self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        waits = dict.fromkeys(("timeout", "banner_timeout", "auth_timeout", "channel_timeout"), _SECONDS)
        own_keys = not {"password", "key_filename", "pkey"} & self.ssh_kwargs.keys()
        try:
            self.client.connect(
                self.host, **{**waits, "allow_agent": own_keys, "look_for_keys": own_keys, **self.ssh_kwargs}
            )
            self.ftp = self.client.open_sftp()
            self.ftp.get_channel().settimeout(_SECONDS)
        except BaseException:
            self.client.close()
            raise

    def _believe(self, host_key: str) -> None:
        line = f"{self._known_as()} {host_key}"
        entry = paramiko.hostkeys.HostKeyEntry.from_line(line)
        if entry is None or entry.key is None:
            raise ValueError("host_key is no public key such as 'ssh-ed25519 AAAA...'")
        self.client.get_host_keys().add(self._known_as(), entry.key.get_name(), entry.key)

    def _known_as(self) -> str:
        port = int(self.ssh_kwargs.get("port", paramiko.config.SSH_PORT))
        return self.host if port == paramiko.config.SSH_PORT else f"[{self.host}]:{port}"

    def _open(self, path: str, mode: str = "rb", block_size: int | None = None, **options: Any) -> Any:
        """A file, asked for ahead: one round trip for each piece would be slow."""
        file = super()._open(path, mode, block_size, **options)
        if mode == "rb":
            file.prefetch(max_concurrent_requests=64)
        return file
