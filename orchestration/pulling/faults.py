"""What goes wrong while pulling, as one sentence that says what to do.

Belongs here: the words for it, by the names that the libraries give their errors. Does not belong here: the
secrets that such an error may quote (``secrets``).
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestration.errors import UserError
from orchestration.foreign_text import printable


class PullError(UserError):
    """Nothing, or not all, could be pulled; the message says what to do and holds no secret."""


@dataclass(frozen=True)
class _Fault:
    """A kind of failure.

    Attributes:
        classes: names of errors that mean it, those they were derived from included.
        words: what messages say that mean it, in lower case.
        what: the failure, following the source's name.
        remedy: what to do.
    """

    classes: frozenset[str]
    words: tuple[str, ...]
    what: str
    remedy: str


_NO_RIGHT = (
    "refuses the credentials",
    "compare the environment variables that it names with what its owner has given out, and ask there what "
    "they may read",
)
_NO_ANSWER = (
    "fails at its query",
    "try the query in a prompt of that database, with null for :since, and set it anew",
)

_FAULTS = (
    _Fault(
        frozenset({"ModuleNotFoundError", "ImportError", "NoSuchModuleError"}),
        ("protocol not known",),
        "needs a library that is not installed",
        "install it: pip install 'forecaster[s3]' or 'forecaster[sftp]' for those two, else the library of "
        "fsspec or SQLAlchemy for the URL's protocol",
    ),
    _Fault(
        frozenset({"BadHostKeyException"}),
        ("not found in known_hosts",),
        "is no host that is known",
        "compare the key it shows with what its owner says, and put it into ~/.ssh/known_hosts or into "
        "--option host_key='ssh-ed25519 AAAA...'",
    ),
    _Fault(
        frozenset({"QueryCanceled"}),
        (),
        "takes too long to answer its query",
        "narrow the query, or have an index made for the column of the watermark",
    ),
    _Fault(frozenset({"InsufficientPrivilege"}), (), *_NO_RIGHT),
    _Fault(
        frozenset({"ProgrammingError", "DataError", "InternalError", "NotSupportedError"}), (), *_NO_ANSWER
    ),
    _Fault(
        frozenset({"PermissionError", "AuthenticationException", "NoCredentialsError"}),
        (
            *("authentication failed", "access denied", "permission denied", "no authentication methods"),
            *("invalidaccesskeyid", "signaturedoesnotmatch", "no password supplied", "forbidden"),
        ),
        *_NO_RIGHT,
    ),
    _Fault(
        frozenset(
            {
                *("ConnectionError", "TimeoutError", "gaierror", "NoValidConnectionsError", "SSHException"),
                *("EndpointConnectionError", "ConnectTimeoutError", "ConnectionTimeout", "EOFError"),
                *("ClientConnectorError", "ConnectionDoesNotExist", "ConnectionFailure"),
            }
        ),
        (
            *("connection refused", "could not translate host name", "could not connect", "timed out"),
            *("name or service not known", "failed to resolve host", "connection failed", "connection to"),
            *("unable to open database file", "connection timeout", "server closed the connection"),
        ),
        "cannot be reached, or went away",
        "compare host and port, and see whether this machine may connect to it; what had not landed is "
        "pulled again",
    ),
    _Fault(
        frozenset({"FileNotFoundError", "NotADirectoryError"}),
        ("nosuchbucket",),
        "has no such folder",
        "compare the path of the URL with what lies there",
    ),
    _Fault(frozenset({"SQLAlchemyError"}), (), *_NO_ANSWER),
)
"""The first that fits counts: a query may fail at a column that is called password."""


def fault_sentence(error: BaseException, subject: str) -> str:
    """What went wrong and what to do.

    Args:
        error: of a library; what it was raised from is looked at, too.
        subject: the source and its client.
    """
    chain = list(_chain(error))
    names = {cls.__name__ for link in chain for cls in type(link).__mro__}
    text = " ".join(str(link) for link in chain).lower()
    said = _first_line(chain[-1]) or type(error).__name__
    for fault in _FAULTS:
        if fault.classes & names or any(words in text for words in fault.words):
            return f"{subject} {fault.what} ({said}): {fault.remedy}."
    said = f"{type(error).__name__}: {said}"
    return f"{subject} could not be pulled ({said}); what had not landed is pulled again."


def _chain(error: BaseException) -> list[BaseException]:
    """The error, and those it was raised from."""
    found: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in found:
        found.append(link)
        link = link.__cause__ or getattr(link, "orig", None)
    return found


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return printable(lines[0].rstrip(".:")) if lines else ""
