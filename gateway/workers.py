"""Several gateway processes on one port.

Each worker is a gateway of its own, with its own journal and holds; the kernel spreads the connections. One that
dies is replaced, and its journal is adopted by a neighbour. The parent serves nothing: it starts, replaces, stops.
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

log = structlog.get_logger()
POLL_SECONDS = 0.2
RESPAWN_SECONDS = 1.0  # a worker that dies at once is not started again at once
PR_SET_PDEATHSIG = 1


class Workers:
    """``work`` in processes of its own; ``tend`` is called about five times a second meanwhile."""

    def __init__(self, work: Callable[[], None], tend: Callable[[], None]) -> None:
        self._work = work
        self._tend = tend
        self._alive: dict[int, float] = {}
        self._stopping = False

    def run(self, count: int, ready: Callable[[], None]) -> None:
        """Keep ``count`` workers until SIGTERM or SIGINT, then wait for them to drain."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
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
                time.sleep(POLL_SECONDS)

    def _stop(self, number: int, _: FrameType | None) -> None:
        self._stopping = True
        for pid in self._alive:
            os.kill(pid, number)

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
        pid = os.fork()
        if pid:
            self._alive[pid] = time.monotonic()
            return
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            os.setpgid(0, 0)  # Ctrl-C reaches the parent alone, which tells us
            if sys.platform == "linux":
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            self._work()
        except BaseException:
            log.exception("worker_failed")
            os._exit(1)
        os._exit(0)
