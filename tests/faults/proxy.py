"""A network that can be cut, slowed and silenced: one link, one port of the loopback, forwarded to another."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Link:
    """The connections of one gateway to one server."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.port = 0
        self._target = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._delay_seconds = 0.0
        self._refuses = False
        self._flows = asyncio.Event()
        self._flows.set()

    def cut(self) -> None:
        """Reset all connections; new ones are taken at once."""
        for writer in list(self._writers):
            writer.transport.abort()

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """Reset all connections, and those that are tried meanwhile."""
        self._refuses = True
        self.cut()
        try:
            yield
        finally:
            self._refuses = False

    @asynccontextmanager
    async def slow(self, seconds: float) -> AsyncIterator[None]:
        """Hold every piece back for so long."""
        self._delay_seconds = seconds
        try:
            yield
        finally:
            self._delay_seconds = 0.0

    @asynccontextmanager
    async def silent(self, *, lose: bool) -> AsyncIterator[None]:
        """Let nothing through, and nobody know; then all of it comes, or, with ``lose``, the connections are reset."""
        self._flows.clear()
        try:
            yield
        finally:
            if lose:
                self.cut()
            self._flows.set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.transport.abort()
            return
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, there_writer}
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                if self._delay_seconds:
                    await asyncio.sleep(self._delay_seconds)
                await self._flows.wait()
                sink.write(data)
                await sink.drain()
        # What was written before the end arrives; the other direction ends with this one.
        self._writers.discard(sink)
        with contextlib.suppress(OSError):
            sink.close()
