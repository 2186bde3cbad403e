"""A scripted upstream that speaks OpenAI's format: what to send for each request, and when; it keeps what it got.

A script is a row of steps: bytes are written as they are, a Gate holds the answer until the test opens it, CUT
resets the connection, CLOSE ends it properly. ``answer`` and ``stream`` make scripts of usual answers.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections import deque
from collections.abc import Iterable
from enum import Enum
from types import TracebackType
from typing import Any, Self, TypeAlias

DONE = b"data: [DONE]\n\n"
TURNS = 4  # of the event loop, after each write: the reader on the other side has taken it by then


class End(Enum):
    """How a script ends a connection."""

    CUT = "reset"
    CLOSE = "end of file"


CUT, CLOSE = End.CUT, End.CLOSE


class Gate:
    """A place where an answer waits."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._opened = asyncio.Event()

    def open(self) -> None:
        """Let the answer go on."""
        self._opened.set()

    async def pass_through(self) -> None:
        """Wait until it is open."""
        self.reached.set()
        await self._opened.wait()


Step: TypeAlias = bytes | Gate | End


class Received:
    """One request, as the upstream got it."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        self.body = body
        self.gone = asyncio.Event()
        """The connection was closed, by whomever."""
        self.played = asyncio.Event()
        """The whole script was written."""

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class ScriptedUpstream:
    """The server. Scripts are played in the order of ``play``; then ``always``, when it is set."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.always: tuple[Step, ...] | None = None
        self.url = ""
        self._scripts: deque[tuple[Step, ...]] = deque()
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    def play(self, *steps: Step | Iterable[Step]) -> None:
        """Add the script for one request."""
        self._scripts.append(flat(steps))

    @property
    def last(self) -> Received:
        """The newest request."""
        return self.requests[-1]

    async def arrival(self, count: int = 1) -> Received:
        """Return the request number ``count`` when it has arrived."""
        async with asyncio.timeout(10):
            while len(self.requests) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return self.requests[count - 1]

    def received(self, request: Received) -> tuple[Step, ...]:
        """Keep a request; return its script."""
        self.requests.append(request)
        self._arrived.set()
        if self._scripts:
            return self._scripts.popleft()
        assert self.always is not None, f"nobody expected this request: {request.body[:200]!r}"
        return self.always

    def connected(self, connection: "_Connection", *, is_open: bool) -> None:
        """Keep track of a connection."""
        (self._connections.add if is_open else self._connections.discard)(connection)

    def unsent_bytes(self) -> int:
        """Return how much of the answers nobody has taken yet."""
        return sum(connection.unsent_bytes() for connection in self._connections)

    async def __aenter__(self) -> Self:
        self._arrived = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._connections):
            await connection.end()
        await self._server.wait_closed()


class _Connection(asyncio.Protocol):
    """One connection: requests in, scripts out."""

    def __init__(self, upstream: ScriptedUpstream) -> None:
        self._upstream = upstream
        self._buffer = b""
        self._task: asyncio.Task[None] | None = None
        self._request: Received | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport: Any = transport
        self._upstream.connected(self, is_open=True)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._upstream.connected(self, is_open=False)
        if self._request:
            self._request.gone.set()
        if self._task:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next()

    def unsent_bytes(self) -> int:
        """Return how much waits here."""
        return int(self._transport.get_write_buffer_size())

    async def end(self) -> None:
        """Stop at once."""
        self._transport.abort()
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def _next(self) -> None:
        head, mark, rest = self._buffer.partition(b"\r\n\r\n")
        if self._task or not mark:
            return
        request = Received(head, b"")
        length = int(request.headers.get("content-length", "0"))
        if len(rest) < length:
            return
        request.body, self._buffer = rest[:length], rest[length:]
        self._request = request
        script = self._upstream.received(request)
        self._task = asyncio.get_running_loop().create_task(self._play(request, script))

    async def _play(self, request: Received, script: tuple[Step, ...]) -> None:
        for step in script:
            if isinstance(step, Gate):
                await step.pass_through()
            elif isinstance(step, End):
                self._end(step)
                return
            else:
                self._transport.write(step)
                for _ in range(TURNS):
                    await asyncio.sleep(0)
        request.played.set()
        self._task = None
        self._next()

    def _end(self, how: End) -> None:
        if how is CLOSE:
            self._transport.close()
            return
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


def flat(steps: Iterable[Step | Iterable[Step]]) -> tuple[Step, ...]:
    """Return steps and scripts as one script."""
    found: list[Step] = []
    for step in steps:
        if isinstance(step, bytes | Gate | End):
            found.append(step)
        else:
            found.extend(step)
    return tuple(found)


def head(status: int = 200, **headers: str) -> bytes:
    """Return the head of an answer; underscores in names are hyphens."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode("latin-1")


STREAM_HEAD = head(content_type="text/event-stream; charset=utf-8", transfer_encoding="chunked")


def answer(body: bytes, *, status: int = 200, content_type: str = "application/json", **headers: str) -> bytes:
    """Return a whole answer."""
    length = str(len(body))
    return head(status, content_type=content_type, content_length=length, **headers) + body


def part(data: bytes) -> bytes:
    """Return one HTTP chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def stream(*pieces: Step) -> tuple[Step, ...]:
    """Return a streamed answer, each piece a chunk of its own; a CUT or CLOSE at the end leaves it unfinished."""
    steps = [part(piece) if isinstance(piece, bytes) else piece for piece in pieces]
    tail = () if pieces and isinstance(pieces[-1], End) else (b"0\r\n\r\n",)
    return (STREAM_HEAD, *steps, *tail)


def event(value: object) -> bytes:
    """Return one server-sent event."""
    return b"data: " + json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


def delta(text: str | None = None, *, index: int = 0, finish: str | None = None, **extra: object) -> bytes:
    """Return the event of a piece of text, or of the end of a choice."""
    inner = {} if text is None else {"content": text}
    choice = {"index": index, "delta": inner, "logprobs": None, "finish_reason": finish}
    return event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice], **extra})


def usage(prompt: int, completion: int, **details: object) -> dict[str, object]:
    """Return a usage object."""
    total = prompt + completion
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total, **details}


def usage_event(prompt: int, completion: int, **details: object) -> bytes:
    """Return the extra chunk that ``include_usage`` asks for."""
    return event({"id": "chatcmpl-1", "choices": [], "usage": usage(prompt, completion, **details)})


def completion(text: str, used: object, *, finish: str = "stop", **extra: object) -> bytes:
    """Return the body of a whole answer with one choice; ``used`` None leaves the usage out."""
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}]
    value = {"id": "chatcmpl-1", "object": "chat.completion", "choices": choices, **extra}
    return json.dumps(value if used is None else {**value, "usage": used}, ensure_ascii=False).encode()
