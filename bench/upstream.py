"""A fake OpenAI upstream that costs next to nothing: python bench/upstream.py --port 9000 [--pace-ms 5].

A streamed answer is written event by event, each in a turn of the event loop of its own (or ``--pace-ms`` apart),
and its end after the last one, as real servers do. A path with "paced" in it is paced, any other is not.
"""

import argparse
import asyncio
from collections.abc import Callable
from typing import cast

import uvloop

from bench import chat

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nx-request-id: req_0123456789abcdef\r\n"
    b"openai-processing-ms: 7\r\n%b\r\n\r\n"
)
_WHOLE = chat.whole_answer()
WHOLE = HEAD % (b"application/json", b"Content-Length: %d" % len(_WHOLE)) + _WHOLE
STREAM_HEAD = HEAD % (b"text/event-stream; charset=utf-8", b"Transfer-Encoding: chunked")
LENGTH = b"content-length:"


def framed(events: list[bytes]) -> list[bytes]:
    """Return the writes of a streamed answer: head, events, end."""
    return [STREAM_HEAD, *(b"%x\r\n%b\r\n" % (len(event), event) for event in events), b"0\r\n\r\n"]


STREAM, STREAM_WITH_USAGE = framed(chat.events(usage=False)), framed(chat.events(usage=True))


class Totals:
    """What was served."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests = 0


class Peer(asyncio.Protocol):
    """One keep-alive connection, one request at a time; reads only what well-behaved proxies send."""

    def __init__(self, totals: Totals, pace_seconds: float) -> None:
        self._totals = totals
        self._pace_seconds = pace_seconds
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._open = True
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        self._transport = cast("asyncio.Transport", transport)
        self._totals.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop writing."""
        del exc
        self._open = False

    def data_received(self, data: bytes) -> None:
        """Answer when the request is whole."""
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._received[:head_end].lower()
        at = head.find(LENGTH)
        body_bytes = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._received) < head_end + 4 + body_bytes:
            return
        body, self._received = self._received[head_end + 4 :], b""
        self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"get /totals "):
            text = b"%d %d" % (self._totals.connections, self._totals.requests)
            self._transport.write(HEAD % (b"text/plain", b"Content-Length: %d" % len(text)) + text)
            return
        self._totals.requests += 1
        if b'"stream":true' not in body:
            self._transport.write(WHOLE)
            return
        writes = STREAM_WITH_USAGE if b'"include_usage":true' in body else STREAM
        self._write(writes, 0, self._paced if b"paced" in head.split(b"\r\n", 1)[0] else self._soon)

    def _soon(self, writes: list[bytes], place: int) -> None:
        self._loop.call_soon(self._write, writes, place, self._soon)

    def _paced(self, writes: list[bytes], place: int) -> None:
        if place == len(writes) - 1:
            self._soon(writes, place)  # the end of a stream follows its last event at once
        else:
            self._loop.call_later(self._pace_seconds, self._write, writes, place, self._paced)

    def _write(self, writes: list[bytes], place: int, follow: Callable[[list[bytes], int], None]) -> None:
        if self._open:
            self._transport.write(writes[place])
            if place + 1 < len(writes):
                follow(writes, place + 1)


async def serve(port: int, pace_seconds: float) -> None:
    """Serve until killed."""
    totals = Totals()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Peer(totals, pace_seconds), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pace-ms", type=float, default=5.0, help="between the events of a paced stream")
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.pace_ms / 1000))


if __name__ == "__main__":
    main()
