"""A server's own folder below the state directory: its data, and the small files beside it."""

import fcntl
import os
import secrets
from contextlib import suppress
from pathlib import Path

from gateway.embedded.errors import EmbeddedError
from gateway.embedded.identity import Identity, may_reach

SECRET_BYTES = 24
LOG_BYTES_MAX = 10 * 2**20
"""At a start a longer log is set aside, so that two of them bound what is kept."""


class Home:
    """The folder of one server; creates what is missing."""

    def __init__(self, state_dir: Path, name: str, identity: Identity) -> None:
        self.path = state_dir / name
        self.data = self.path / "data"
        self.log = state_dir / "log" / f"{name}.log"
        self.identity = identity

    def prepare(self) -> None:
        """Create the folders, and set a long log aside.

        Raises:
            EmbeddedError: the run user could not enter the folder.
        """
        make_folder(self.path, 0o755)
        # Only we open the logs, which may show rows; the servers inherit the descriptors.
        make_folder(self.log.parent, 0o700)
        if not may_reach(self.identity, self.path):
            raise EmbeddedError(
                f"the user {self.identity.name!r}, who runs the servers because root may not, can't enter "
                f"{self.path}; choose a state directory whose parents all may enter, with --state-dir"
            )
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))

    def password(self) -> str:
        """Return the server's password, made once; safe in a URL."""
        path = self.path / "password"
        with suppress(FileNotFoundError):
            kept = path.read_text().strip()
            if kept:
                return kept
        made = secrets.token_hex(SECRET_BYTES)
        write_private(path, made)
        return made

    def read_number(self, name: str) -> int | None:
        """Return what ``write_number`` kept, or None."""
        try:
            return int((self.path / name).read_text())
        except (FileNotFoundError, ValueError):
            return None

    def write_number(self, name: str, number: int) -> None:
        """Keep a port or a process id for the next start."""
        (self.path / name).write_text(f"{number}\n")

    def log_tail(self, since: int) -> list[str]:
        """Return the last lines that the server wrote after the log had ``since`` bytes."""
        with suppress(FileNotFoundError), self.log.open("rb") as log:
            log.seek(max(since, log.seek(0, os.SEEK_END) - 8192))
            return log.read().decode(errors="replace").splitlines()
        return []

    def log_bytes(self) -> int:
        """Return the length of the log."""
        return self.log.stat().st_size if self.log.exists() else 0


def make_folder(path: Path, mode: int) -> None:
    """Create a folder with exactly this mode, whatever our umask; one that exists is left as it is."""
    if not path.is_dir():
        path.mkdir(parents=True)
        path.chmod(mode)


def write_private(path: Path, text: str) -> None:
    """Write a file that only we can read; whole, or not at all, even when the power fails."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def open_locked(path: Path) -> int | None:
    """Return a descriptor that holds the lock on ``path``, or None when somebody else has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
