"""A scripted upstream on a raw socket: it sends what it is told, when it is told, and closes where it is told.

A script is a coroutine that plays one connection; the server gives the first
script to the first connection, and so on, and the last one to all that follow. What a script raises,
failed asserts included, is raised again at the end of the test.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self

from providers.proxy import Origin

PATIENCE_SECONDS = 10.0
"""Nothing here takes so long unless the test has failed."""


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        """Return the head of the next request."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def request(self) -> bytes:
        """Return the next request, its body included."""
        head = await self.head()
        _, _, rest = head.lower().partition(b"\r\ncontent-length: ")
        return head + await self.reader.readexactly(int(rest.split(b"\r\n")[0]) if rest else 0)

    async def send(self, data: bytes) -> None:
        """Send bytes, at once and as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self) -> None:
        """Return when the client has closed the connection; fail if it sends something instead."""
        with contextlib.suppress(ConnectionError):
            assert await self.reader.read(1) == b""

    async def drained(self) -> None:
        """Read and forget all that comes, until the client closes the connection."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(1 << 20):
                pass

    def reset(self) -> None:
        """End the connection in the rudest way: with an RST."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


class RawUpstream:
    """What a test sees of the server."""

    def __init__(self, scripts: tuple[Script, ...], tls: ssl.SSLContext | None) -> None:
        self.origin = Origin("https" if tls else "http", "127.0.0.1", 0)
        self.connections = 0
        self._scripts = scripts
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._play, "127.0.0.1", 0, ssl=self._tls)
        self.origin = self.origin._replace(port=self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self.played()
        await self._server.wait_closed()

    def stop_listening(self) -> None:
        """Refuse further connections; those that are open go on."""
        self._server.close()

    async def played(self) -> None:
        """Wait until every script has come to its end, and raise what one of them raised."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*self._tasks)

    def forget(self) -> None:
        """Do not raise again at the end what ``played()`` has raised."""
        self._tasks.clear()

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self._scripts[min(self.connections, len(self._scripts) - 1)]
        self.connections += 1
        self._tasks.add(asyncio.create_task(self._run(script, Peer(reader, writer))))

    async def _run(self, script: Script, peer: Peer) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await script(peer)
        finally:
            peer.writer.close()
            with contextlib.suppress(OSError):
                await peer.writer.wait_closed()


@contextlib.asynccontextmanager
async def raw_upstream(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawUpstream]:
    """Serve on a free port of the loopback."""
    async with RawUpstream(scripts, tls) as upstream:
        yield upstream


def answers(*responses: bytes) -> Script:
    """Answer one request after the other on one connection, then close it."""

    async def script(peer: Peer) -> None:
        for response in responses:
            await peer.request()
            await peer.send(response)

    return script


def keeps_answering(response: bytes) -> Script:
    """Answer all requests of a connection until the client closes it."""

    async def script(peer: Peer) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await peer.request()
                await peer.send(response)

    return script


def response(body: bytes = b"hello", *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """Return a response with a Content-Length."""
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*pieces: bytes) -> bytes:
    """Return a response that comes in chunks."""
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b"")]
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(chunks)
