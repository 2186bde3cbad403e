"""SHELL: the pooled HTTP/1.1 client to the upstreams.

Three calls: ``Transport.open`` sends a request and returns when the answer's head
is complete; ``Upstream.chunk`` (or ``read``) returns the body; ``Upstream.close``
gives the connection back. Redirects are not followed and Content-Encoding is not
decoded: callers send ``Accept-Encoding: identity``. Foreign exceptions end in this
package (``connection.py``, ``dialer.py``): all that is raised is a ProviderError.

This is not aiohttp's client because that costs more than all the rest of a
metered request (DESIGN 7).
"""

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping
from typing import Final

from config.settings import UpstreamSettings
from providers.connection import Connection
from providers.dialer import client_tls
from providers.errors import UpstreamGoneError, UpstreamTooLargeError, UpstreamUnreachableError
from providers.pool import OriginPool
from providers.proxy import Origin, Proxies

__all__ = ["Origin", "Transport", "Upstream"]

STALE_SECONDS: Final = 1.0
"""A kept connection that ends this soon after a request, without a byte, was being closed already."""


class Upstream:
    """The answer of an upstream: its head, and its body as it comes in."""

    __slots__ = ("_connection", "headers", "status")

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection
        self.status = connection.status
        self.headers = connection.headers
        """Names in lower case, in the order of arrival, repeated ones included."""

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of the header ``name``, which is in lower case."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    async def chunk(self) -> bytes:
        """Return what of the body has arrived, waiting for it; empty at the proper end.

        Raises:
            UpstreamGoneError: the connection ended before the body did, or was closed here.
            UpstreamTimeoutError: nothing came for ``idle_seconds_max``.
            UpstreamProtocolError: what came is no HTTP.
        """
        connection = self._connection
        if connection is None:
            raise UpstreamGoneError("the answer was closed here")
        while not connection.pieces:
            if connection.complete:
                return b""
            if connection.closed:
                connection.raise_failure()
            try:
                await connection.arrival()
            except BaseException:
                connection.abort()
                raise
        return connection.take()

    def ready(self) -> bytes | None:
        """Return what of the body has arrived, empty at the proper end, or None: wait for it with ``chunk()``."""
        connection = self._connection
        if connection is None or not (connection.pieces or connection.complete):
            return None
        return connection.take() if connection.pieces else b""

    async def pump(self, sink: Callable[[bytes], bool]) -> bool:
        """Hand the body to ``sink`` as it arrives, until that returns False or the body has ended: then return True.

        The sink is called by the event loop's own callback: to wake a task for each piece would cost more than the
        piece itself. It must not raise. Raises as ``chunk()`` does.
        """
        connection = self._connection
        if connection is None:
            raise UpstreamGoneError("the answer was closed here")
        while True:
            if connection.pieces:
                if not sink(connection.take()):
                    return False
            elif connection.complete:
                return True
            elif connection.closed:
                connection.raise_failure()
            else:
                connection.sink = sink
                try:
                    await connection.arrival()
                except BaseException:
                    connection.abort()
                    raise
                if connection.sink is None:
                    return False
                connection.sink = None

    async def read(self, bytes_max: int) -> bytes:
        """Return the whole body.

        Raises:
            UpstreamTooLargeError: it is larger than ``bytes_max``; the connection is closed.
            ProviderError: as for ``chunk()``; an UpstreamGoneError holds what was received.
        """
        parts: list[bytes] = []
        size = 0
        try:
            while True:
                part = await self.chunk()
                parts.append(part)
                size += len(part)
                connection = self._connection
                if connection is None or size > bytes_max or (connection.complete and not connection.pieces):
                    break
        except UpstreamGoneError as error:
            raise UpstreamGoneError(str(error), received=b"".join(parts)) from error
        if size > bytes_max:
            if connection is not None:
                connection.abort()
            raise UpstreamTooLargeError(bytes_max=bytes_max)
        return part if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Give the connection back if the answer is complete and it can be kept, else abort it at once."""
        connection = self._connection
        if connection is not None:
            self._connection = None
            connection.owner.release(connection)


class Transport:
    """The connections to all upstreams."""

    def __init__(
        self,
        settings: UpstreamSettings,
        *,
        tls: ssl.SSLContext | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """Prepare; nothing is connected before the first request.

        ``tls`` replaces the context that trusts the system's authorities; of
        ``environ`` HTTP_PROXY and NO_PROXY are read.

        Raises:
            ValueError: a proxy's URL is none.
        """
        self._settings = settings
        self._tls = tls or client_tls()
        self._proxies = Proxies(https_proxy=settings.proxy, environ=environ)
        self._pools: dict[Origin, OriginPool] = {}
        self._is_closed = False

    def __repr__(self) -> str:
        pools = "; ".join(map(repr, self._pools.values())) or "unused"
        return f"<Transport {'closed ' if self._is_closed else ''}{pools}>"

    async def open(
        self,
        origin: Origin,
        head: bytes,
        body: bytes,
        *,
        on_send: Callable[[], None],
        replay_stale: bool = True,
    ) -> Upstream:
        """Send a request and return the answer, of which the head is complete.

        ``head`` is the request line and the headers with their empty line.
        ``on_send()`` is called exactly once, right before the first byte is written;
        if it raises, nothing is sent. When a kept connection ends without a byte right
        after the request was written, the upstream was closing it already and has not
        read the request, which is then sent again, once, on a new connection. That is a
        very good guess and no proof: ``replay_stale=False`` is for what must not be done twice.

        Raises:
            UpstreamUnreachableError: nothing was sent.
            UpstreamGoneError: it was sent, and the connection ended without an answer.
            UpstreamTimeoutError: it was sent, and nothing came for ``idle_seconds_max``.
            UpstreamProtocolError: what came is no HTTP, or has too large a head.
        """
        pool = self._pools.get(origin) or self._pool(origin)
        if pool.proxy is not None and origin.scheme == "http":
            head = pool.proxy.absolute(origin, head)
        connection = pool.take() or await pool.acquire()
        try:
            on_send()
            connection.send(head, body)
            await connection.arrival()
        except BaseException:
            connection.abort()
            raise
        if not connection.status:
            if not (replay_stale and connection.was_stale(STALE_SECONDS)):
                connection.raise_failure()
            connection = await _replay(pool, head, body)
        return Upstream(connection)

    async def close(self) -> None:
        """Abort all connections; who waits for one or for an answer gets a ProviderError."""
        self._is_closed = True
        for pool in self._pools.values():
            pool.close()
        # One turn of the event loop tells the connections, the next closes the sockets.
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def _pool(self, origin: Origin) -> OriginPool:
        proxy = self._proxies.of(origin)
        pool = self._pools[origin] = OriginPool(origin, settings=self._settings, proxy=proxy, tls=self._tls)
        if self._is_closed:
            pool.close()
        return pool


async def _replay(pool: OriginPool, head: bytes, body: bytes) -> Connection:
    """Send a request that a stale connection swallowed again, on a new one."""
    try:
        connection = await pool.acquire(is_fresh=True)
    except UpstreamUnreachableError as error:
        # It has been sent once, so it is not for us to say that it was not.
        raise UpstreamGoneError(f"a kept connection was stale, and then {error}") from error
    try:
        connection.send(head, body)
        await connection.arrival()
    except BaseException:
        connection.abort()
        raise
    if not connection.status:
        connection.raise_failure()
    return connection
