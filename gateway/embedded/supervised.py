"""One supervised server: started once, started again when it died, stopped with everything on disk."""

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

from gateway.embedded.errors import EmbeddedError
from gateway.embedded.home import Home, open_locked
from gateway.embedded.ports import usable_port
from gateway.embedded.process import command_of, signal_quietly, spawn
from gateway.embedded.recipe import Recipe

POLL_SECONDS = 0.002
"""A start takes 20 ms, so this is a tenth of it."""

OLD_SERVER_SECONDS_MAX = 60.0
"""How long a server of a Farebox that was killed may take to shut down, before we give up."""

STOP_SECONDS_MAX = 30.0
START_TRIES = 5
"""A port that was free a moment ago can be taken when the server binds it."""

PORT_TAKEN = ("address already in use", "failed listening on port")


class Supervised:
    """A server and its child process, if any. To be used from the main thread."""

    def __init__(self, recipe: Recipe, home: Home, say: Callable[[str], None]) -> None:
        self._recipe = recipe
        self._home = home
        self._say = say
        self._child: subprocess.Popen[bytes] | None = None
        self._port: int | None = None
        self._log_start = 0

    @property
    def name(self) -> str:
        """What people call it."""
        return self._recipe.name

    @property
    def url(self) -> str:
        """Where it is reached; the same until ``stop``, however often it is started again."""
        if self._port is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._recipe.url(self._port)

    def start(self) -> None:
        """Prepare it and start it; ``wait_ready`` says when it may be used."""
        self._home.prepare()
        lock = self._wait_for_lock()
        try:
            self._recipe.prepare()
            self._port = usable_port(self._home.read_number("port"))
            self._launch(self._port, lock)
        finally:
            # From here on the child's own copy holds the lock.
            os.close(lock)

    def wait_ready(self) -> None:
        """Return when it takes connections; moves it to another port when its own was taken.

        Raises:
            EmbeddedError: it ended, or took too long.
        """
        for _ in range(START_TRIES):
            if self._becomes_ready():
                return
            self._port = None
            self.start()
        raise EmbeddedError(f"{self.name} found its port taken {START_TRIES} times; try again")

    def tend(self) -> bool:
        """Start it again when it died, without waiting for it; tell whether that was done."""
        if self._child is None or self._port is None or self._child.poll() is None:
            return False
        try:
            lock = open_locked(self._home.path / "lock")
            if lock is None:
                return False  # Its own children are still ending; the next call will find them gone.
            try:
                self._launch(self._port, lock)
            finally:
                os.close(lock)
        except OSError as error:
            # A full disk or process table: the gateway answers 503 meanwhile, and must not fall with it.
            self._say(f"{self.name} can't be started again yet ({error})")
            return False
        return True

    def ask_to_stop(self) -> None:
        """Send the signal; ``wait_stopped`` waits for the end."""
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(self._recipe.stop_signal)

    def wait_stopped(self) -> None:
        """Return when the child is gone; kills it when it takes too long."""
        if self._child is None:
            return
        try:
            self._child.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def _launch(self, port: int, lock: int) -> None:
        self._log_start = self._home.log_bytes()
        self._child = spawn(
            self._recipe.command(port),
            identity=self._home.identity,
            log=self._home.log,
            death_signal=self._recipe.stop_signal,
            lock=lock,
        )
        self._home.write_number("pid", self._child.pid)

    def _wait_for_lock(self) -> int:
        """Return the lock; a server of a Farebox that was killed is still shutting down, or is asked to."""
        path, asked = self._home.path / "lock", False
        deadline = time.monotonic() + OLD_SERVER_SECONDS_MAX
        while (lock := open_locked(path)) is None:
            if not asked:
                asked = True
                self._say(f"waiting for the {self.name} of an earlier run to end")
                self._stop_old()
            if time.monotonic() > deadline:
                raise EmbeddedError(f"another {self.name} still holds {path}; stop it, and start again")
            time.sleep(POLL_SECONDS)
        return lock

    def _stop_old(self) -> None:
        # Where the kernel can't tie a child to its parent, nobody has told it yet.
        pid = self._home.read_number("pid")
        if pid is not None and self.name.lower() in command_of(pid):
            signal_quietly(pid, self._recipe.stop_signal)

    def _becomes_ready(self) -> bool:
        """Wait; False means that the port was taken."""
        child, port = self._child, self._port
        if child is None or port is None:
            raise RuntimeError(f"{self.name} has not been started")
        started = time.monotonic()
        while child.poll() is None:
            if self._recipe.is_ready(child.pid, port):
                with suppress(OSError):
                    self._home.write_number("port", port)
                return True
            if time.monotonic() - started > self._recipe.start_seconds_max:
                raise EmbeddedError(f"{self.name} takes too long to start; see {self._home.log}")
            time.sleep(POLL_SECONDS)
        lines = self._home.log_tail(self._log_start)
        if any(mark in line.lower() for line in lines for mark in PORT_TAKEN):
            return False
        raise EmbeddedError(f"{self.name} did not start: {_reason(lines)} (see {self._home.log})")


def _reason(lines: list[str]) -> str:
    """Return the line of the log that says most: the last fatal one, else the last."""
    written = [line.strip() for line in lines if line.strip()]
    fatal = [line for line in written if any(mark in line.lower() for mark in ("fatal", "panic"))]
    return (fatal or written or ["it ended without a word"])[-1]
