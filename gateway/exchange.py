"""A chat request and the way back to its client, whoever read it: the doorway, or aiohttp.

::

    read()                        the request's body
    answer(status, head, body)    the whole response; or, of a stream:
    begin(head), write(data)..., end(data)

``head`` is bytes: header lines, each ended by CR LF. Lengths, framing, Date and Connection are the exchange's own.
Writing raises ConnectionResetError when the client is gone.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from gateway.body import read_body
from gateway.errors import ApiError
from metering.ids import new_id

if TYPE_CHECKING:
    from gateway.relay import Relay

OK = 200
CLIENT_GONE = 499  # nginx's: nobody sees it but the log and the metrics
HEADERS_TOTAL = 4  # all header lines together may be so many times the limit of one


class Exchange(Protocol):
    """What the line needs of a request."""

    request_id: str
    path: str
    relay: "Relay | None"  # for the log and the metrics, once there is one
    begun: bool  # an answer is on its way: an error can't be answered any more
    status: int  # what the client was told; CLIENT_GONE until it was told everything

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, looked up by names in lower case."""

    def peer(self) -> str | None:
        """Return the address of whoever is connected; None: it has none."""

    async def read(self, *, seconds_max: float) -> bytes:
        """Return the body. Raises ApiError (408, 413, 431)."""

    def answer(self, status: int, head: bytes, body: bytes) -> None:
        """Write a whole answer."""

    async def begin(self, head: bytes) -> None:
        """Begin a streamed answer."""

    def try_write(self, data: bytes) -> bool:
        """Write a piece of a stream if nothing has to be waited for; return whether it was written. Never raises."""

    async def write(self, data: bytes) -> None:
        """Write a piece of a stream, waiting for a client that does not keep up."""

    async def end(self, data: bytes) -> None:
        """Write the last piece (which may be empty) and end the stream."""


class AiohttpExchange:
    """A request that aiohttp has read: everything that the doorway does not take."""

    __slots__ = (
        "_header_bytes_max",
        "_request",
        "begun",
        "headers",
        "path",
        "relay",
        "request_id",
        "response",
        "status",
    )

    def __init__(self, request: web.Request, *, header_bytes_max: int) -> None:
        self.request_id = new_id()
        self.path = request.path
        self.headers: Mapping[str, str] = request.headers
        self.relay: Relay | None = None
        self.begun = False
        self.status = CLIENT_GONE
        self.response: web.StreamResponse = web.Response(status=500)
        self._request = request
        self._header_bytes_max = header_bytes_max

    def peer(self) -> str | None:
        """Return the address of whoever is connected."""
        return self._request.remote

    async def read(self, *, seconds_max: float) -> bytes:
        """Return the body. Raises ApiError (408, 413, 431)."""
        require_headers_that_fit(self._request, self._header_bytes_max)
        return await read_body(self._request, seconds_max=seconds_max)

    def answer(self, status: int, head: bytes, body: bytes) -> None:
        """Leave the whole answer to aiohttp, which writes it when the handler returns."""
        if self._request.transport is None:
            raise ConnectionResetError("the client is gone")
        self.begun = True
        self.status = status
        self.response = web.Response(status=status, body=body, headers=lines_of(head))

    async def begin(self, head: bytes) -> None:
        """Begin a streamed answer."""
        self.response = response = web.StreamResponse(headers=lines_of(head))
        if self._request.version >= (1, 1):
            response.enable_chunked_encoding()
        self.begun = True
        await response.prepare(self._request)

    def try_write(self, data: bytes) -> bool:
        """Return False: aiohttp's writer is waited for."""
        del data
        return False

    async def write(self, data: bytes) -> None:
        """Write a piece of a stream."""
        await self.response.write(data)

    async def end(self, data: bytes) -> None:
        """Write the last piece and end the stream."""
        await self.response.write_eof(data)
        self.status = OK


def lines_of(head: bytes) -> dict[str, str]:
    """Return header lines as a mapping."""
    pairs = (line.partition(": ") for line in head.decode("latin-1").split("\r\n") if line)
    return {name: value for name, _, value in pairs}


def require_headers_that_fit(request: web.BaseRequest, line_bytes_max: int) -> None:
    """Raise ApiError (431) when all header lines together are too large; aiohttp checks each of them alone."""
    if sum([len(name) + len(value) for name, value in request.raw_headers]) > HEADERS_TOTAL * line_bytes_max:
        raise ApiError(431, "The request's headers are too large.", code="request_too_large")
