"""A TCP forwarder that strikes when it sees something go by."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

Strike = Callable[[], Awaitable[None]]


class Tap:
    """Forwards a port of the loopback to a server. ``trap`` says what is looked for, and when to strike.

    ``when`` is "sent": before the server gets it; "passed": when the server has it, before it answers;
    "answered": when the server has answered, before anybody hears of it.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._mark = b""
        self._when = ""
        self._strike: Strike | None = None
        self.port = 0

    def trap(self, mark: bytes, when: str, strike: Strike) -> None:
        """Strike once, at the next sight of ``mark``."""
        self._mark, self._when, self._strike = mark, when, strike

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _forward(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            server, to_server = await asyncio.open_connection(*self._target)
        except OSError:
            to_client.transport.abort()
            return
        self._writers |= {to_client, to_server}
        for pump in (self._up(client, to_server, to_client), self._down(server, to_client, to_server)):
            task = asyncio.create_task(pump)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _down(
        self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter, to_server: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await server.read(65_536):
                if self._strike and self._when == "answer under way":
                    await self._spring()
                    break
                to_client.write(data)
        to_client.transport.abort()
        to_server.transport.abort()

    async def _up(
        self, client: asyncio.StreamReader, to_server: asyncio.StreamWriter, to_client: asyncio.StreamWriter
    ) -> None:
        seen = b""
        with contextlib.suppress(OSError):
            while data := await client.read(65_536):
                seen = seen[-256:] + data
                hit = self._strike is not None and self._mark in seen
                if hit and self._when == "sent":
                    await self._spring()
                    break
                to_server.write(data)
                if hit and self._when == "passed":
                    await to_server.drain()
                    await self._spring()
                    break
                if hit and self._when == "answered":
                    self._when = "answer under way"
        to_client.transport.abort()
        to_server.transport.abort()

    async def _spring(self) -> None:
        assert self._strike
        strike, self._strike = self._strike, None
        await strike()
