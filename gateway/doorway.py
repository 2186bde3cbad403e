"""SHELL: the first look at each connection: chat requests are served here, everything else is aiohttp's.

aiohttp's server costs 45 microseconds of a request, a third of what a metered one may cost in all; the same on
httptools costs 8. So a connection stays here for as long as it sends plain chat requests, one after the other. Whatever
is unusual (another path, a chunked body, a head in two pieces, what is no HTTP at all) goes to aiohttp, from its first
byte on and with the connection. Both serve the same line (gateway/pipeline.py), by way of an Exchange.
"""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, cast

import structlog

from gateway.door_exchange import DoorExchange
from gateway.exchange import Exchange
from gateway.head import END, HeadReader

log = structlog.get_logger()
LINGER_SECONDS: Final = 10.0  # for the rest of a body that nobody wants any more: aiohttp's own figure
SURPLUS_BYTES_MAX: Final = 65_536  # of the requests that follow, while one is served


class Gate(Protocol):
    """Whose connections these are: the server."""

    doors: set["Doorway"]
    closing: bool
    keepalive_seconds: float
    header_bytes_max: int
    body_bytes_max: int
    serve: Callable[[Exchange], Coroutine[Any, Any, None]]

    def handler(self) -> asyncio.Protocol:
        """Return aiohttp's own protocol, for one connection."""


class Doorway(asyncio.Protocol):
    """One connection.

    ``exchange`` is the request that is being served, ``missing`` how much of its body is still to come. One ``task``
    serves all requests of the connection: to make one for each would cost three microseconds.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.task: asyncio.Task[None] | None = None
        self.exchange: DoorExchange | None = None
        self._idle: asyncio.Future[None] | None = None  # what the task waits for, between two requests
        self.missing = 0
        self.body: list[bytes] = []
        self.keep_alive = True
        self.waiter: asyncio.Future[None] | None = None  # for the rest of the body
        self.writable: asyncio.Future[None] | None = None  # there while the client does not keep up
        self._head = HeadReader()
        self._surplus = b""
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is of no class of asyncio's
        opened = transport.get_extra_info("socket")
        if opened is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._gate.doors.add(self)
        self._rest(self._gate.keepalive_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel what is served: its client is gone."""
        del exc
        self.transport = None
        self._leave()

    def pause_writing(self) -> None:
        """Let the stream wait, and read no other request: the client does not keep up."""
        self.writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let the stream go on."""
        if self.writable is not None:
            self.writable.set_result(None)
            self.writable = None
        if self.exchange is None:
            self._next()

    def data_received(self, data: bytes) -> None:
        """Take a request, more of its body, or what follows it."""
        if self.missing:
            self._take(data)
        elif self.exchange is not None or self.writable is not None:
            self._surplus += data
            if len(self._surplus) > SURPLUS_BYTES_MAX and self.transport is not None:
                self.transport.pause_reading()
        else:
            self._begin(data)

    def _begin(self, data: bytes) -> None:
        """Serve a request, or hand the connection over."""
        end = data.find(END, 0, self._gate.header_bytes_max) + len(END)
        head = self._head
        if not head.read(data[:end]) or head.length > self._gate.body_bytes_max:
            self._hand_over(data)
            return
        self.missing, self.keep_alive = head.length, head.keep_alive
        self.body = []
        self.exchange = DoorExchange(self, head.path, head.headers)
        if self.task is None:
            self.task = self._loop.create_task(self._serve())
        elif self._idle is not None and not self._idle.done():
            self._idle.set_result(None)
        if len(data) > end:
            self._take(data[end:])

    def _take(self, data: bytes) -> None:
        """Take more of the body; the next request may follow it."""
        piece = data if len(data) <= self.missing else data[: self.missing]
        self.missing -= len(piece)
        if self.exchange is not None:  # else it was answered already, and nobody wants the rest
            self.body.append(piece)
        if self.missing:
            return
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)
        if len(data) > len(piece):
            self._surplus = data[len(piece) :]
        if self.exchange is None:
            self._next()

    async def _serve(self) -> None:
        while self.transport is not None and not self.transport.is_closing():
            exchange = self.exchange
            if exchange is None:
                self._idle = self._loop.create_future()
                await self._idle
                continue
            try:
                await self._gate.serve(exchange)
            except ConnectionResetError:
                pass
            except Exception:
                log.exception("answer_broke_off", request_id=exchange.request_id)
            finally:
                self.exchange = None
                self.body = []
            if not exchange.ended and self.transport is not None:
                self.transport.abort()  # an answer that broke off must look like one
            else:
                self._next()

    def _next(self) -> None:
        """Go on to the next request, when this one is over with all its bytes."""
        if self.transport is None or self.writable is not None:
            return
        if self.missing:
            self._rest(LINGER_SECONDS)
        elif not self.keep_alive or self._gate.closing:
            self.transport.close()
        else:
            self._rest(self._gate.keepalive_seconds)
            if self._surplus:
                data, self._surplus = self._surplus, b""
                self.transport.resume_reading()
                self._begin(data)

    def _rest(self, seconds: float) -> None:
        """Wait for so long, then close. One timer a connection, moved only when it fires."""
        self._deadline = self._loop.time() + seconds
        if self._timer is None or self._timer.when() > self._deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(self._deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self.exchange is not None or self.transport is None:
            return  # _next sets it again
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._on_timer)
        else:
            self.transport.close()

    def retire(self) -> None:
        """Close as soon as nothing is being served: the server stops."""
        self.keep_alive = False
        if self.exchange is None and self.transport is not None:
            self.transport.close()

    def _hand_over(self, data: bytes) -> None:
        """Let aiohttp have the connection, and what was read of it."""
        transport, self.transport = self.transport, None
        self._leave()
        if transport is not None:
            handler = self._gate.handler()
            transport.set_protocol(handler)
            handler.connection_made(transport)
            handler.data_received(data)

    def _leave(self) -> None:
        self._gate.doors.discard(self)
        if self.task is not None:
            self.task.cancel()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
