"""What a process is told from outside: SIGTERM and SIGINT end it, SIGHUP has the configuration read again."""

import asyncio
import os
import signal
from contextlib import suppress

STOPPING = (signal.SIGINT, signal.SIGTERM)
OUTPUTS = (1, 2)


class Terminal:
    """The terminal that ``farebox serve`` was started from: SIGHUP also says that it was closed.

    Then nobody is there to run for, unless SIGHUP was to be ignored from the beginning (``nohup``).
    """

    def __init__(self) -> None:
        self._counts = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _has_terminal()
        self._shown_on = [number for number in OUTPUTS if os.isatty(number)]

    def left(self) -> bool:
        """Return whether it was closed since; what goes on being written there is dropped then, and no error."""
        if not self._counts or _has_terminal():
            return False
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in self._shown_on:
            os.dup2(nowhere, number)
        os.close(nowhere)
        return True


class Signals:
    """The signals of a gateway, one after the other, on its event loop."""

    def __init__(self, terminal: Terminal | None) -> None:
        self.stopping = False
        self._terminal = terminal
        self._hung_up = False
        self._woken = asyncio.Event()

    def listen(self) -> None:
        """Begin; a SIGHUP that came before, to a worker that was just started, counts too."""
        loop = asyncio.get_running_loop()
        for number in STOPPING:
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    async def wait(self, seconds: float) -> bool:
        """Wait for a signal, at most so long; return whether the configuration is to be read again."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        self._woken.clear()
        reread, self._hung_up = self._hung_up, False
        return reread and not self.stopping

    def _stop(self) -> None:
        if self.stopping:
            os._exit(1)  # the journal and the holds have everything
        self.stopping = True
        self._woken.set()

    def _hang_up(self) -> None:
        if self._terminal is not None and self._terminal.left():
            self._stop()
            return
        self._hung_up = True
        self._woken.set()


def _has_terminal() -> bool:
    with suppress(OSError):
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
        return True
    return False
