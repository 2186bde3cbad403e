"""Several gateway processes on one port.

Each worker is a gateway of its own, with its own journal and holds; the kernel spreads the connections. One that
dies is replaced, and its journal is adopted by a neighbour. The parent serves nothing: it starts, replaces, stops, and
at SIGHUP looks whether the configuration is right before it has them read it.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

import structlog
from prometheus_client.multiprocess import mark_process_dead

from gateway.reloading import Reloader
from gateway.signals import STOPPING, Terminal

log = structlog.get_logger()
POLL_SECONDS = 0.2
RESPAWN_SECONDS = 1.0  # a worker that dies at once is not started again at once
PR_SET_PDEATHSIG = 1


class Workers:
    """``work`` in processes of its own; ``tend`` is called about five times a second meanwhile."""

    def __init__(
        self, work: Callable[[], None], tend: Callable[[], None], reloader: Reloader, terminal: Terminal
    ) -> None:
        self._work = work
        self._tend = tend
        self._reloader = reloader
        self._terminal = terminal
        self._hung_up = False
        self._alive: dict[int, float] = {}
        self._stopping = False

    def run(self, count: int, ready: Callable[[], None]) -> None:
        """Keep ``count`` workers until SIGTERM or SIGINT, then wait for them to drain."""
        for number in STOPPING:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._hang_up)
        for _ in range(count):
            self._start()
        ready()
        while self._alive:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid:
                self._ended(pid, status)
            else:
                if not self._stopping:
                    self._tend()
                    self._obey()
                time.sleep(POLL_SECONDS)

    def _stop(self, number: int, _: FrameType | None) -> None:
        self._stopping = True
        for pid in self._alive:
            os.kill(pid, number)

    def _hang_up(self, *_: object) -> None:
        self._hung_up = True

    def _obey(self) -> None:
        """Do what SIGHUP asked for, outside of the handler."""
        if not self._hung_up:
            return
        self._hung_up = False
        if self._terminal.left():
            self._stop(signal.SIGTERM, None)
        elif found := self._reloader.read():
            self._reloader.accept(found)  # for workers that are started from now on
            for pid in self._alive:
                os.kill(pid, signal.SIGHUP)

    def _ended(self, pid: int, status: int) -> None:
        started = self._alive.pop(pid, None)
        if started is None or self._stopping:  # an embedded server's process is not ours to replace
            return
        mark_process_dead(pid)  # type: ignore[no-untyped-call]  # what it held and had not booked is a neighbour's now
        log.error("worker_died", pid=pid, status=os.waitstatus_to_exitcode(status))
        if time.monotonic() - started < RESPAWN_SECONDS:
            time.sleep(RESPAWN_SECONDS)
        self._start()

    def _start(self) -> None:
        # A worker hears of a SIGHUP as soon as it can obey; until then it would die of it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        pid = os.fork()
        if pid:
            self._alive[pid] = time.monotonic()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
            return
        try:
            for number in STOPPING:
                signal.signal(number, signal.SIG_DFL)
            os.setpgid(0, 0)  # Ctrl-C reaches the parent alone, which tells us
            if sys.platform == "linux":
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            self._work()
        except BaseException:
            log.exception("worker_failed")
            os._exit(1)
        os._exit(0)
