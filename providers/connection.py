"""One HTTP/1.1 connection to an upstream: bytes out, one answer at a time in.

The protocol only carries. Which connection serves which request is the pool's
decision (``pool.py``), and callers see an ``Upstream`` (``transport.py``).
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NoReturn, cast

import httptools

from providers.errors import ProviderError, UpstreamGoneError, UpstreamProtocolError, UpstreamTimeoutError

if TYPE_CHECKING:
    from providers.pool import OriginPool

UNREAD_BYTES_MAX: Final = 256 * 1024
"""What may lie here unread before the upstream is asked to wait: one full read of the event loop."""
WRITE_BYTES: Final = 256 * 1024
"""What of a large body is handed to the event loop at a time; asyncio's copies what the socket won't take."""

_TICK_SECONDS: Final = 0.001  # of uvloop's clock: a timer that is early by less is on time
_LATE_SECONDS: Final = 0.1  # later than so, this process has slept: what came meanwhile is still to be read

_NO_TRANSPORT: Final = asyncio.Transport()
_GARBAGE: Final = (httptools.HttpParserError, httptools.HttpParserUpgrade)


class _SurplusError(Exception):
    """The upstream sent more than the answer that it was asked for; ends the parsing."""


class Connection(asyncio.Protocol):
    """A socket, its parser, and the answer that is coming in.

    ``status`` is 0 until the answer's head is complete. ``pieces`` is what of the
    body arrived and was not taken; while there is a ``sink``, it takes them at
    once. ``complete`` means that nothing is outstanding: so it is in the pool, too.
    ``closed`` is final.
    """

    def __init__(
        self, owner: "OriginPool", loop: asyncio.AbstractEventLoop, *, idle_seconds_max: float, header_bytes_max: int
    ) -> None:
        self.owner = owner
        self._loop = loop
        self._idle_seconds_max = idle_seconds_max
        self._head_bytes_max = header_bytes_max
        self._transport = _NO_TRANSPORT
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failure: type[ProviderError] = UpstreamGoneError
        self._reason = "the upstream closed the connection"
        self._cause: BaseException | None = None
        self._unsent = memoryview(b"")
        self._is_write_paused = self._is_paused = False
        self._has_body = True
        self._head_bytes = self._unread_bytes = 0
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.on_body = self.pieces.append  # called by the parser, for each chunk: a method's frame would cost as much
        self._parser = httptools.HttpResponseParser(self)
        self.sink: Callable[[bytes], bool] | None = None
        self.complete = True
        self.closed = self.keep_alive = False
        self.is_used = False  # From the request to the release.
        self.is_idle = self.is_reused = False  # The pool's own notes.
        self.deadline = 0.0

    # What the pool and the answer's reader call.

    def send(self, head: bytes, body: bytes) -> None:
        """Write one request; ``arrival()`` then tells when the answer's head is complete."""
        self.is_used = True
        self.complete = self.keep_alive = False
        self.status = self._head_bytes = 0
        self.headers = []
        self._unread_bytes = 0
        self._has_body = not head.startswith(b"HEAD ")
        if len(body) <= WRITE_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._unsent = memoryview(body)
            self._write_more()

    def arrival(self) -> "asyncio.Future[None]":
        """Return a future that is done when something came: the head, more of the body, or the end.

        If the wait is cancelled the caller aborts the connection.
        """
        # One timer a connection, moved only when it fires: one for every wait would cost more than the read.
        self.deadline = self._loop.time() + self._idle_seconds_max
        if self._timer is None:
            self._timer = self._loop.call_at(self.deadline, self._on_timer)
        waiter = self._waiter = self._loop.create_future()
        if self.closed:  # Nothing will come any more.
            self._wake()
        return waiter

    def take(self) -> bytes:
        """Return what of the body has arrived, and let the upstream go on if it was asked to wait."""
        pieces = self.pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._unread_bytes = 0
        if self._is_paused:
            self._is_paused = False
            if not self.closed:
                self._transport.resume_reading()
        return body

    def was_stale(self, seconds: float) -> bool:
        """Tell whether a kept connection ended within ``seconds`` of the request, without a byte."""
        elapsed_seconds = self._loop.time() + self._idle_seconds_max - self.deadline
        is_unanswered = self._failure is UpstreamGoneError and not self._head_bytes
        return self.is_reused and is_unanswered and elapsed_seconds < seconds

    def raise_failure(self, received: bytes = b"") -> NoReturn:
        """Raise why the answer will not be completed."""
        if self._failure is UpstreamGoneError:
            raise UpstreamGoneError(self._reason, received=received) from self._cause
        raise self._failure(self._reason) from self._cause

    @property
    def is_connected(self) -> bool:
        """Tell whether the connection was made; it may be closed since."""
        return self._transport is not _NO_TRANSPORT

    def is_reusable(self) -> bool:
        """Tell whether another request may follow on this connection."""
        return self.complete and self.keep_alive and not self.closed and not self._unsent

    def abort(self, reason: str = "closed here") -> None:
        """Close at once; what was not read is lost. May be called at any time, and again."""
        if not self.closed:
            self._reason = reason
            self._close()
            if self._transport is not _NO_TRANSPORT:
                self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; called by the dialer instead where TLS runs inside a tunnel."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is of no class of asyncio's.
        if self.closed:  # The caller gave up while the connection was made.
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse what came, and wake the reader."""
        if self.complete:  # Unasked for: a time-out notice at best, the wrong answer at worst.
            self.keep_alive = False
            if not self.is_used:
                self.abort("the upstream spoke unasked")
            return
        self._unread_bytes += len(data)
        is_head = not self.status
        try:
            self._parser.feed_data(data)
        except _GARBAGE as error:
            if not self.complete:
                self._fail(UpstreamProtocolError, f"the answer is no HTTP/1.1: {error}", error)
                return
            self.keep_alive = False  # More came than was asked for.
        if is_head:
            self._head_bytes += len(data)
            if self._head_bytes > self._head_bytes_max and self._is_head_too_large():
                self.status = 0  # It may even be complete; nobody shall see it.
                self._fail(UpstreamProtocolError, f"the head is above {self._head_bytes_max} bytes", None)
                return
        if self.status:
            if self.sink is not None and self._went_into(self.sink):
                return
            self._wake()
            if self._unread_bytes > UNREAD_BYTES_MAX and not self.complete:
                self._hold_back()
        else:
            self.deadline = self._loop.time() + self._idle_seconds_max

    def connection_lost(self, exc: Exception | None) -> None:
        """End the answer: properly if it lasts until the connection ends, else by a failure."""
        if self.closed:
            return
        if not self.complete and exc is None and self.status and self._lasts_until_close():
            self.complete = True
        self._cause = exc
        self._close()

    def pause_writing(self) -> None:
        """Stop handing out the request's body: the upstream reads slowly."""
        self._is_write_paused = True

    def resume_writing(self) -> None:
        """Hand out more of the request's body; that the upstream reads is a sign of life, too."""
        self._is_write_paused = False
        if not self.complete:
            self.deadline = self._loop.time() + self._idle_seconds_max
            self._write_more()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Refuse a second answer: it belongs to no request."""
        if self.complete:
            raise _SurplusError

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers, which come after the head, are dropped."""
        if not self.status:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Take the head, unless it is an informational one: then the real one follows."""
        status = self._parser.get_status_code()
        if status < 200:  # noqa: PLR2004 - the border that HTTP draws
            self.headers.clear()
            return
        self.status = status
        self.keep_alive = self._parser.should_keep_alive()
        if not self._has_body:
            # The parser can't be told that no body follows, so it is not used again.
            self.complete = True
            self.keep_alive = False

    def on_message_complete(self) -> None:
        """End the answer."""
        if self.status:
            self.complete = True

    # Inside.

    def _went_into(self, sink: Callable[[bytes], bool]) -> bool:
        """Hand what came of the body to the sink; return whether nobody has to be woken."""
        if self.pieces and not sink(self.take()):
            self.sink = None
            return False
        self.deadline = self._loop.time() + self._idle_seconds_max
        return not self.complete

    def _write_more(self) -> None:
        while self._unsent and not self._is_write_paused:
            self._transport.write(self._unsent[:WRITE_BYTES])
            self._unsent = self._unsent[WRITE_BYTES:]

    def _hold_back(self) -> None:
        if not self.pieces:  # Endless trailers, or chunks that say only how long they are.
            self._fail(UpstreamProtocolError, f"{UNREAD_BYTES_MAX} bytes without any of the body", None)
        else:
            self._is_paused = True
            self._transport.pause_reading()

    def _is_head_too_large(self) -> bool:
        # What was counted may hold the start of the body, too.
        head_bytes = sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)
        return not self.status or head_bytes > self._head_bytes_max

    def _lasts_until_close(self) -> bool:
        headers = dict(self.headers)
        chunked = headers.get(b"transfer-encoding", b"").lower().endswith(b"chunked")
        return not chunked and b"content-length" not in headers

    def _on_timer(self) -> None:
        self._timer = None
        if self._waiter is None:
            return  # Nobody waits: the next one who does sets it again.
        if (late := self._loop.time() - self.deadline) > _LATE_SECONDS:
            self.deadline += late + _LATE_SECONDS
        if self.deadline - self._loop.time() > _TICK_SECONDS:
            self._timer = self._loop.call_at(self.deadline, self._on_timer)
        else:
            self._fail(UpstreamTimeoutError, f"nothing moved for {self._idle_seconds_max} s", None)

    def _fail(self, failure: type[ProviderError], reason: str, cause: BaseException | None) -> None:
        self._failure = failure
        self._cause = cause
        self.abort(reason)

    def _close(self) -> None:
        self.closed = True
        self._unsent = memoryview(b"")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.owner.forget(self)
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():  # It may have been cancelled a moment ago.
                waiter.set_result(None)
