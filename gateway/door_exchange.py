"""A chat request that the doorway has read, answered straight into the connection: see gateway/exchange.py."""

import asyncio
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from gateway.body import body_too_late
from gateway.exchange import CLIENT_GONE, OK
from metering.ids import new_id

if TYPE_CHECKING:
    from gateway.doorway import Doorway
    from gateway.relay import Relay

REASONS: Final = {status.value: status.phrase.encode() for status in HTTPStatus}


class DoorExchange:
    """A request that was read here."""

    __slots__ = ("_door", "begun", "ended", "headers", "path", "relay", "request_id", "status")

    def __init__(self, door: "Doorway", path: str, headers: dict[str, str]) -> None:
        self._door = door
        self.request_id = new_id()
        self.path = path
        self.headers = headers
        self.relay: Relay | None = None
        self.begun = self.ended = False
        self.status = CLIENT_GONE

    def peer(self) -> str | None:
        """Return the address of whoever is connected; None where the connection is no TCP, or gone."""
        transport = self._door.transport
        name = transport.get_extra_info("peername") if transport is not None else None
        return str(name[0]) if isinstance(name, tuple) else None

    async def read(self, *, seconds_max: float) -> bytes:
        """Return the body. Raises ApiError (408)."""
        door = self._door
        if door.missing:
            door.waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(seconds_max):
                    await door.waiter
            except TimeoutError:
                raise body_too_late(seconds_max) from None
        body = door.body
        return body[0] if len(body) == 1 else b"".join(body)

    def answer(self, status: int, head: bytes, body: bytes) -> None:
        """Write a whole answer."""
        self.begun = self.ended = True
        self.status = status
        self._send(
            b"HTTP/1.1 %d %b\r\n%bContent-Length: %d\r\n%b\r\n%b"
            % (status, REASONS.get(status, b"Unknown"), head, len(body), self._last_lines(), body)
        )

    async def begin(self, head: bytes) -> None:
        """Begin a streamed answer."""
        self.begun = True
        self._send(b"HTTP/1.1 200 OK\r\n%bTransfer-Encoding: chunked\r\n%b\r\n" % (head, self._last_lines()))

    def try_write(self, data: bytes) -> bool:
        """Write a piece of a stream if nothing has to be waited for; return whether it was written."""
        door = self._door
        transport = door.transport
        if door.writable is not None or transport is None or transport.is_closing():
            return False
        transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        return True

    async def write(self, data: bytes) -> None:
        """Write a piece of a stream, waiting for a client that does not keep up."""
        self._send(b"%x\r\n%b\r\n" % (len(data), data))
        if self._door.writable is not None:
            await self._door.writable

    async def end(self, data: bytes) -> None:
        """Write the last piece and end the stream."""
        self.ended = True
        self.status = OK
        self._send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n")

    def _last_lines(self) -> bytes:
        return _date_line() if self._door.keep_alive else _date_line() + b"Connection: close\r\n"

    def _send(self, data: bytes) -> None:
        transport = self._door.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        transport.write(data)


class _Clock:
    """The Date header of this second."""

    second = 0
    line = b""


def _date_line() -> bytes:
    now = int(time.time())
    if now != _Clock.second:
        _Clock.second, _Clock.line = now, b"Date: %b\r\n" % formatdate(now, usegmt=True).encode()
    return _Clock.line
