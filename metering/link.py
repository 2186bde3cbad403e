"""SHELL: the hot connection to Redis.

redis-py costs 44-64 microseconds a call; here all commands of one turn of the event loop share a write, packed and
parsed by hiredis: 2 microseconds a call. redis-py does the rest (metering/store.py).

A call answers a future that never holds an exception: its result is the reply, a ``hiredis.ReplyError`` that Redis
sent, or a ``RedisDownError``. Nobody has to retrieve it.
"""

import asyncio
from collections import deque
from functools import partial
from typing import Any, TypeAlias, cast

import hiredis

from metering.errors import RedisDownError

Reply: TypeAlias = Any  # whatever Redis answers; scripts.py's callers know the shape of each script's reply


class RedisLink(asyncio.Protocol):
    """One pipelined connection."""

    def __init__(self, *, timeout_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader()
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._unsent: list[bytes] = []
        self._flushing = False
        self._transport: asyncio.Transport | None = None
        self._timeout_seconds = timeout_seconds
        self._answered = 0
        self._watchdog: asyncio.TimerHandle | None = None
        self.lost = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to watch the connection."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._watch(stuck_at=None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Answer every open call: the outcome is unknown."""
        if self._watchdog:
            self._watchdog.cancel()
        self._transport = None
        down = RedisDownError(f"the connection to Redis was lost: {exc or 'closed'}")
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(down)
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Hand the replies out, in order."""
        self._reader.feed(data)
        gets, waiting = self._reader.gets, self._waiting
        while (reply := gets()) is not False:
            self._answered += 1
            future = waiting.popleft()
            if not future.done():
                future.set_result(reply)
        if self._unsent and not self._flushing and len(waiting) == len(self._unsent):
            self._flushing = True
            self._loop.call_soon(self._flush)

    def call(self, *command: bytes | str | int) -> asyncio.Future[Reply]:
        """Send one command; see ``send``."""
        return self.send(command)

    def send(self, command: tuple[bytes | str | int, ...]) -> asyncio.Future[Reply]:
        """Send one command; see ``write``."""
        return self.write(hiredis.pack_command(command))  # type: ignore[arg-type]  # its stub wants a 1-tuple

    def write(self, command: bytes) -> asyncio.Future[Reply]:
        """Send one packed command, with all others that meet it while the last batch is under way.

        Natural group commit: nothing waits for a timer, an idle connection sends at the end of the turn, and a busy
        one sends more at once, for one write here and one sync of the append-only file there.
        """
        future = self._loop.create_future()
        if self._transport is None:
            future.set_result(RedisDownError("Redis is not connected"))
            return future
        self._waiting.append(future)
        self._unsent.append(command)
        if not self._flushing and len(self._waiting) == len(self._unsent):
            self._flushing = True
            self._loop.call_soon(self._flush)
        return future

    def _flush(self) -> None:
        self._flushing = False
        unsent, self._unsent = self._unsent, []
        if self._transport is not None and unsent:
            self._transport.write(b"".join(unsent))

    def _watch(self, *, stuck_at: int | None) -> None:
        # One timer for the connection, not one for each call: calls waiting, and no answer between two ticks.
        if stuck_at == self._answered and self._waiting:
            self.abort()
            return
        now_at = self._answered if self._waiting else None
        self._watchdog = self._loop.call_later(self._timeout_seconds, partial(self._watch, stuck_at=now_at))

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()
