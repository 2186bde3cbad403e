"""One child process: started so that it can't outlive us, found again when it did."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.embedded.identity import Identity

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to start; secrets go through the descriptor ``stdin``: arguments can be listed by others."""

    arguments: tuple[str | Path, ...]
    cwd: Path = Path("/")
    stdin: int = subprocess.DEVNULL


def spawn(
    command: Command, *, identity: Identity, log: Path, death_signal: signal.Signals, lock: int
) -> subprocess.Popen[bytes]:
    """Start a server that gets ``death_signal`` when we die, and holds ``lock`` as long as it lives.

    Must be called from the main thread: the kernel sends the signal when the
    thread dies that started the child.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("the embedded servers must be started from the main thread")
    with _closing(command.stdin), log.open("ab") as sink:
        return subprocess.Popen(  # noqa: S603 -- our own binary and arguments
            command.arguments,
            cwd=command.cwd,
            stdin=command.stdin,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=clean_environment(),
            # A Ctrl-C in the terminal must reach us first: we drain, then stop the servers.
            start_new_session=True,
            user=identity.uid if identity.changes else None,
            group=identity.gid if identity.changes else None,
            extra_groups=[] if identity.changes else None,
            umask=0o077,
            pass_fds=(lock,),
            preexec_fn=_tie_to_parent(death_signal),  # noqa: PLW1509 -- the only way to set it after the uid
        )


def clean_environment() -> dict[str, str]:
    """Return an environment in which no PGPORT or LD_PRELOAD of ours changes what a server does."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "TZ": "UTC"}


def signal_quietly(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone already, or may never have been ours."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def command_of(pid: int) -> str:
    """Return the command line of a living process; "" for one that is gone, or dead and not yet reaped."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    listing = subprocess.run(  # noqa: S603 -- a number is all that varies
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listing.stdout.strip()


@contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _tie_to_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    # Looked up before the fork: the child should do as little as possible.
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def tie() -> None:
        # Runs after the change of the uid, which would clear the setting.
        prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return tie
