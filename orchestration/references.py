"""References to the environment in the place of secrets: ``${ACME_PASSWORD}``.

Belongs here: what a reference looks like, and where a text would hold a secret instead of one. Does not
belong here: looking one up (``settings``), using what it stands for (``pulling``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_plus

REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?]*)(?P<rest>.*)", re.I | re.S)

_HARMLESS = frozenset(
    {
        *("anon", "endpoint_url", "region_name", "addressing_style", "use_ssl", "verify", "requester_pays"),
        *("host", "port", "user", "username", "timeout", "connect_timeout", "host_key", "key_filename"),
        *("account_name", "project", "application_name", "charset", "driver", "encrypt"),
        *("sslmode", "sslrootcert", "sslcert", "sslkey", "trustservercertificate"),
    }
)
"""Settings whose value is no secret; of every other nobody knows."""


@dataclass(frozen=True)
class Url:
    """A URL, taken apart without decoding anything; a part that is not there is empty.

    Attributes:
        scheme: in lower case.
        user: before the host.
        password: behind the user.
        host: with its port.
        rest: from the path's slash on, parameters included.
    """

    scheme: str
    user: str
    password: str
    host: str
    rest: str


def take_apart(url: str) -> Url | None:
    """The parts of a URL; None where the text is none."""
    found = _URL.fullmatch(url)
    if found is None:
        return None
    login, _, host = found["authority"].rpartition("@")
    user, _, password = login.partition(":")
    return Url(found["scheme"].lower(), user, password, host, found["rest"])


def is_reference(text: str) -> bool:
    """Whether a text is one reference and nothing else."""
    return REFERENCE.fullmatch(text) is not None


def secret_in_url(url: str, *, has_parameters: bool) -> str | None:
    """Where a URL holds a secret, or may, and what to write instead; None where it does not.

    Args:
        url: any text.
        has_parameters: whether a question mark begins its parameters; else it has none.
    """
    if is_reference(url) or (parts := take_apart(url)) is None:
        return None
    if parts.password and not is_reference(parts.password):
        return f"the password is written out; {_instead(f'{parts.scheme}://user:${{ACME_PASSWORD}}@host')}"
    if "@" in parts.rest:
        return "an @ stands behind a slash, where a password may have been cut; write ? for one in a path"
    parameters = parts.rest.partition("?")[2]
    if not has_parameters:
        return (
            "it has parameters, which may be a secret; say them with --option" if "=" in parameters else None
        )
    for parameter in filter(None, parameters.split("&")):
        name, _, value = parameter.partition("=")
        if (problem := secret_in_setting(unquote_plus(name), unquote_plus(value))) is not None:
            return problem
    return None


def secret_in_setting(name: str, value: str) -> str | None:
    """Why a setting's value may be a secret, and what to write instead; None where it is none."""
    if is_reference(value):
        return None
    if name.rpartition(".")[2].lower() not in _HARMLESS:
        return f"the value of {name} may be a secret; {_instead(f'{name}=${{ACME_SECRET}}')}"
    return secret_in_url(value, has_parameters=True)


def _instead(example: str) -> str:
    return f"put it into an environment variable and name that one, as in '{example}'"
