"""The load generator: raw asyncio protocols, httptools, keep-alive, one request at a time on each connection.

``Load.closed``  N connections, each sends again as soon as it has its answer: how much goes through.
``Load.open``    requests at a given rate, whatever comes back: how long an answer takes at that rate.

Every answer must be a whole 200, or it is an error, and the first error is kept. Latencies count from the write of
the request; nothing is ever queued here, a busy connection makes another one instead.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import httptools

OK = 200
CONNECTIONS_MAX = 2000
DRAIN_SECONDS_MAX = 60.0


class Ask(NamedTuple):
    """What is sent, and what a whole answer has: at least so many bytes, and this end."""

    host: str
    port: int
    requests: tuple[bytes, ...]  # connections take turns: one a key, to spread the load over accounts
    body_bytes_min: int
    ending: bytes


@dataclass(slots=True, kw_only=True)
class Figures:
    """What was measured between the two marks."""

    seconds: float
    latencies: list[float] = field(repr=False)  # seconds, ascending
    chunks: int  # of chunked answers, the last empty one included
    errors: int

    @property
    def requests(self) -> int:
        """How many answers came."""
        return len(self.latencies)

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds

    def percentile_ms(self, percent: float) -> float:
        """Return the latency that so many percent of the answers did not exceed."""
        if not self.latencies:
            return float("nan")
        return self.latencies[min(self.requests - 1, int(self.requests * percent / 100))] * 1000


def request_of(host: str, port: int, path: str, key: str, body: bytes) -> bytes:
    """Return the bytes of a request, with the headers that clients of such APIs send."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\nUser-Agent: bench\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, load: "Load", request: bytes) -> None:
        self._load = load
        self._request = request
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._sent_at = 0.0
        self._body_bytes = 0
        self._tail = b""
        self.chunks = 0
        self.busy = False
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready."""
        self._transport = cast("asyncio.Transport", transport)
        self.open = True

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so; a request under way has failed."""
        self.open = False
        self._load.lost(self, f"the connection ended: {exc or 'closed'}")

    def send(self) -> None:
        """Send a request."""
        self.busy = True
        self.chunks = self._body_bytes = 0
        self._tail = b""
        self._sent_at = time.perf_counter()
        self._transport.write(self._request)

    def close(self) -> None:
        """Close."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        """Count what came, and keep its end."""
        self._body_bytes += len(body)
        self._tail = self._tail[-64:] + body if len(body) < 64 else body  # noqa: PLR2004 - longer than any ending

    def on_chunk_header(self) -> None:
        """Count the chunks: one a read of the proxy."""
        self.chunks += 1

    def on_message_complete(self) -> None:
        """Check the answer, and hand it in."""
        seconds = time.perf_counter() - self._sent_at
        status, ask = self._parser.get_status_code(), self._load.ask
        self.busy = False
        if status != OK:
            self._load.answered(self, seconds, f"status {status}: {self._tail[:300]!r}")
        elif self._body_bytes < ask.body_bytes_min or not self._tail.endswith(ask.ending):
            self._load.answered(self, seconds, f"incomplete: {self._body_bytes} bytes, ...{self._tail[-80:]!r}")
        else:
            self._load.answered(self, seconds, None)


class Load:
    """One load on one server. ``whole`` counts all whole answers, those outside of the marks included."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.whole = 0
        self.first_error: str | None = None
        self._errors = 0
        self._chunks = 0
        self._latencies: list[float] = []
        self._clients: list[Client] = []
        self._idle: list[Client] = []
        self._refill = False  # closed loop: send again at once
        self._sending = False  # open loop: send when it is time
        self._tasks: set[asyncio.Task[None]] = set()
        self._begin: tuple[float, int, int, int] = (0.0, 0, 0, 0)

    def answered(self, client: Client, seconds: float, error: str | None) -> None:
        """Take an answer."""
        if error is None:
            self.whole += 1
            self._latencies.append(seconds)
            self._chunks += client.chunks
        else:
            self._failed(error)
        if self._refill:
            client.send()
        else:
            self._idle.append(client)

    def lost(self, client: Client, error: str) -> None:
        """Take note of a connection that ended, and replace it where the loop is closed."""
        if client in self._idle:
            self._idle.remove(client)
        if client.busy:
            client.busy = False
            self._failed(error)
        if self._refill:
            self._spawn(self._connect_and_send())

    def mark(self) -> None:
        """Begin to measure."""
        self._begin = (time.perf_counter(), len(self._latencies), self._chunks, self._errors)

    def figures(self) -> Figures:
        """Return what came since the mark."""
        began_at, latencies, chunks, errors = self._begin
        return Figures(
            seconds=time.perf_counter() - began_at,
            latencies=sorted(self._latencies[latencies:]),
            chunks=self._chunks - chunks,
            errors=self._errors - errors,
        )

    async def closed(self, connections: int, during: Callable[[], Awaitable[Figures]]) -> Figures:
        """Keep so many connections busy while ``during`` runs, then wait for the last answers."""
        self._refill = True
        for _ in range(connections):
            await self._connect_and_send()
        return await self._finish(during)

    async def open(self, rate: float, during: Callable[[], Awaitable[Figures]]) -> Figures:
        """Send ``rate`` requests a second while ``during`` runs, then wait for the last answers."""
        self._sending = True
        self._spawn(self._pace(rate))
        return await self._finish(during)

    async def once(self) -> bool:
        """Send one request; return whether it was answered."""
        before = self.whole
        try:
            client = await self._connect()
        except OSError:
            return False
        client.send()
        while client.busy:  # noqa: ASYNC110 - once, before anything is measured
            await asyncio.sleep(0.005)
        self.close()
        return self.whole > before

    def close(self) -> None:
        """Close all connections."""
        self._refill = self._sending = False
        for client in self._clients:
            client.close()
        self._clients.clear()

    async def _finish(self, during: Callable[[], Awaitable[Figures]]) -> Figures:
        try:
            figures = await during()
            self._refill = self._sending = False
            async with asyncio.timeout(DRAIN_SECONDS_MAX):
                while any(client.busy for client in self._clients):  # noqa: ASYNC110 - nothing is measured any more
                    await asyncio.sleep(0.01)
        finally:
            self.close()
        return figures

    async def _pace(self, rate: float) -> None:
        began_at, sent = time.perf_counter(), 0
        while self._sending:
            due = int((time.perf_counter() - began_at) * rate)
            for _ in range(due - sent):
                if self._idle:
                    self._idle.pop().send()
                else:
                    self._spawn(self._connect_and_send())
            sent = due
            await asyncio.sleep(1 / rate)

    async def _connect(self) -> Client:
        loop = asyncio.get_running_loop()
        request = self.ask.requests[len(self._clients) % len(self.ask.requests)]
        _, client = await loop.create_connection(lambda: Client(self, request), self.ask.host, self.ask.port)
        self._clients = [other for other in self._clients if other.open] + [client]
        return client

    async def _connect_and_send(self) -> None:
        try:
            if len(self._clients) >= CONNECTIONS_MAX:
                raise ConnectionError(f"{CONNECTIONS_MAX} connections are busy")
            (await self._connect()).send()
        except OSError as error:
            self._failed(str(error))

    def _failed(self, error: str) -> None:
        self._errors += 1
        self.first_error = self.first_error or error

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def during_seconds(load: Load, *, warm_seconds: float, seconds: float) -> Figures:
    """Warm up, measure, return the figures."""
    await asyncio.sleep(warm_seconds)
    load.mark()
    await asyncio.sleep(seconds)
    return load.figures()
