"""The connections to one origin: which of them serves the next request, and who waits for one."""

import asyncio
import contextlib
import ssl
from collections import deque
from typing import Final

from config.settings import UpstreamSettings
from providers.connection import Connection
from providers.dialer import dial
from providers.errors import UpstreamUnreachableError
from providers.proxy import Origin, Proxy

_CLOSED: Final = "the transport was closed"


class OriginPool:
    """At most ``connections_per_origin_max`` connections, those being made included.

    The one that was used last is used next, so that those not needed grow old and
    are closed. Requests beyond the limit wait in line. A place in the pool is a
    Connection, connected or not yet; it is given back when that is closed,
    which tells ``forget`` exactly once.
    """

    def __init__(self, origin: Origin, *, settings: UpstreamSettings, proxy: Proxy | None, tls: ssl.SSLContext) -> None:
        self.origin = origin
        self.proxy = proxy
        self._settings = settings
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []  # Oldest first.
        self._all: set[Connection] = set()
        self._waiters: deque[asyncio.Future[Connection]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._is_closed = False

    def __repr__(self) -> str:
        idle, connecting = len(self._idle), sum(not connection.is_connected for connection in self._all)
        busy = len(self._all) - idle - connecting
        return f"{self.origin} busy={busy} idle={idle} connecting={connecting} waiting={len(self._waiters)}"

    def take(self) -> Connection | None:
        """Return an idle connection, if there is one that is not too old."""
        if not self._idle:
            return None
        connection = self._idle[-1]
        if connection.deadline <= self._loop.time():
            self._sweep()
            return None
        self._idle.pop()
        connection.is_idle = False
        return connection

    async def acquire(self, *, is_fresh: bool = False) -> Connection:
        """Return a connection, waiting in line for it or making it; ``is_fresh`` takes none that was idle.

        Raises:
            UpstreamUnreachableError: none could be had within ``connect_seconds_max``, waiting included.
        """
        seconds_max = self._settings.connect_seconds_max
        try:
            async with asyncio.timeout(seconds_max):
                return await self._acquire(is_fresh=is_fresh)
        except TimeoutError as error:
            reason = f"{self.origin}: no connection within {seconds_max} s"
            raise UpstreamUnreachableError(reason) from error

    def release(self, connection: Connection) -> None:
        """Give a connection to the next in line, or keep it; one that can't serve again is aborted."""
        if not connection.is_reusable():
            connection.abort()
            return
        if connection.pieces:
            connection.take()
        connection.is_used = False
        connection.is_reused = True
        if waiter := self._next_waiter():
            waiter.set_result(connection)
            return
        keepalive_seconds = self._settings.keepalive_seconds
        connection.deadline = self._loop.time() + keepalive_seconds
        connection.is_idle = True
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(keepalive_seconds, self._on_sweep)

    def forget(self, connection: Connection) -> None:
        """Give the place of a closed connection to the next in line."""
        self._all.discard(connection)
        if connection.is_idle:
            connection.is_idle = False
            self._idle.remove(connection)
        if not self._is_closed and (waiter := self._next_waiter()):
            waiter.set_result(self._place())

    def close(self) -> None:
        """Abort all connections and turn away all who wait; afterwards nothing is acquired."""
        self._is_closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in list(self._all):
            connection.abort(_CLOSED)
        while waiter := self._next_waiter():
            waiter.set_exception(UpstreamUnreachableError(f"{self.origin}: {_CLOSED}"))

    async def _acquire(self, *, is_fresh: bool) -> Connection:
        while True:
            connection = None if is_fresh else self.take()
            if connection is None:
                connection = await self._next(is_fresh=is_fresh)
            if not connection.is_connected:
                await self._dial(connection)
            if not connection.closed:  # It may have been, between the hand-over and now.
                return connection

    async def _next(self, *, is_fresh: bool) -> Connection:
        """Return a new place, or wait in line for a place or a connection."""
        if self._is_closed:
            raise UpstreamUnreachableError(f"{self.origin}: {_CLOSED}")
        if is_fresh and self._idle and len(self._all) >= self._settings.connections_per_origin_max:
            self._idle[0].abort()
        if len(self._all) < self._settings.connections_per_origin_max:
            return self._place()
        waiter: asyncio.Future[Connection] = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with contextlib.suppress(ValueError):  # Somebody who had a place to give passed over it.
                    self._waiters.remove(waiter)
            elif waiter.exception() is None:  # It was our turn at the very moment of the cancellation.
                self.release(waiter.result())
            raise

    def _next_waiter(self) -> asyncio.Future[Connection] | None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():  # A cancelled one stays in line until its task has run.
                return waiter
        return None

    def _place(self) -> Connection:
        connection = Connection(
            self,
            self._loop,
            idle_seconds_max=self._settings.idle_seconds_max,
            header_bytes_max=self._settings.header_bytes_max,
        )
        self._all.add(connection)
        return connection

    async def _dial(self, connection: Connection) -> None:
        try:
            await dial(connection, self.origin, proxy=self.proxy, tls=self._tls)
        except BaseException:
            connection.abort()
            raise

    def _on_sweep(self) -> None:
        self._sweeper = None
        self._sweep()
        if self._idle:
            self._sweeper = self._loop.call_at(self._idle[0].deadline, self._on_sweep)

    def _sweep(self) -> None:
        now = self._loop.time()
        while self._idle and self._idle[0].deadline <= now:
            self._idle[0].abort()  # Which takes it out, by forget().
