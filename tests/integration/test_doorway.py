"""Connections as clients use them: kept, pipelined, in pieces, and handed to aiohttp when something unusual comes."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from gateway import doorway, server
from tests.fakes.upstream import DONE, Gate, answer, completion, delta, stream, usage
from tests.integration.line import HELLO, PROMPT, Line, on
from tests.integration.raw import is_whole, split_reply
from tests.waiting import eventually

WHOLE = answer(completion(on(3), usage(PROMPT, 3)))
CHARGE = PROMPT + 3
HALF = 20_000_000


class Wire:
    """One connection to the gateway."""

    def __init__(self, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._line = line
        self._read = b""
        self.reader = reader
        self.writer = writer

    def request(self, *lines: str, path: str = "/v1/chat/completions", version: str = "1.1", **fields: object) -> bytes:
        """Return a chat request; ``lines`` are more headers."""
        body = json.dumps({"model": "m", "messages": HELLO, **fields}).encode()
        head = [
            f"POST {path} HTTP/{version}",
            "Host: farebox",
            f"Authorization: Bearer {self._line.wallet.key}",
            f"Content-Length: {len(body)}",
            *lines,
        ]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body

    async def reply(self) -> tuple[int, dict[str, str], bytes]:
        """Return the next whole answer of a known length."""
        async with asyncio.timeout(10):
            while not is_whole(self._read):
                piece = await self.reader.read(65_536)
                assert piece, f"closed after {self._read!r}"
                self._read += piece
        reply = split_reply(self._read)
        length = int(reply.headers["content-length"])
        self._read = reply.body[length:]
        return reply.status, reply.headers, reply.body[:length]

    async def closed(self) -> bool:
        """Wait until the gateway closes the connection; True: nothing came before."""
        async with asyncio.timeout(10):
            return await self.reader.read() == b""


@contextlib.asynccontextmanager
async def wire(line: Line) -> AsyncIterator[Wire]:
    """Connect."""
    reader, writer = await asyncio.open_connection(line.client.host, line.client.port)
    try:
        yield Wire(line, reader, writer)
    finally:
        writer.transport.abort()


async def test_a_connection_is_kept(line: Line) -> None:
    await line.start()
    line.upstream.always = (WHOLE,)
    async with wire(line) as connection:
        for path in ("/v1/chat/completions", "/chat/completions", "/v1/chat/completions"):
            connection.writer.write(connection.request(path=path))
            status, headers, body = await connection.reply()
            assert (status, headers["x-farebox-charged"]) == (200, str(CHARGE))
            assert json.loads(body)["usage"]["completion_tokens"] == 3
    await line.at_rest()
    assert [event["charge"] for event in await line.wallet.events()] == [CHARGE] * 3


async def test_requests_sent_ahead_are_answered_in_their_order(line: Line) -> None:
    await line.start()
    for tokens in (1, 2, 3):
        line.upstream.play(answer(completion(on(tokens), usage(PROMPT, tokens))))
    async with wire(line) as connection:
        connection.writer.write(connection.request() * 3)
        charges = [(await connection.reply())[1]["x-farebox-charged"] for _ in range(3)]
    assert charges == [str(PROMPT + tokens) for tokens in (1, 2, 3)]


@pytest.mark.parametrize("size", [1, 7, 40, 200])
async def test_a_request_may_come_in_pieces_of_any_size(line: Line, size: int) -> None:
    await line.start()
    line.upstream.play(WHOLE)
    async with wire(line) as connection:
        data = connection.request()
        for start in range(0, len(data), size):
            connection.writer.write(data[start : start + size])
            await connection.writer.drain()
            await asyncio.sleep(0)
        assert (await connection.reply())[0] == 200
    assert line.upstream.last.json["messages"] == HELLO


async def test_a_head_and_its_body_apart(line: Line) -> None:
    await line.start()
    line.upstream.always = (WHOLE,)
    async with wire(line) as connection:
        head, mark, body = connection.request().partition(b"\r\n\r\n")
        for part in (head + mark, body[:10], body[10:] + head + mark, body):
            connection.writer.write(part)
            await eventually(lambda: connection.writer.transport.get_write_buffer_size() == 0)  # type: ignore[attr-defined]
        assert [(await connection.reply())[0] for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    "unusual",
    [
        b"GET /v1/models HTTP/1.1\r\nHost: farebox\r\nAuthorization: Bearer KEY\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: farebox\r\n\r\n",
    ],
)
async def test_another_path_is_answered_on_the_same_connection_and_so_is_what_follows(
    line: Line, unusual: bytes
) -> None:
    await line.start()
    line.upstream.always = (WHOLE,)
    async with wire(line) as connection:
        other = unusual.replace(b"KEY", line.wallet.key.encode())
        for data in (connection.request(), other, connection.request(), other):
            connection.writer.write(data)
            assert (await connection.reply())[0] == 200
    await line.at_rest()
    assert len(await line.wallet.events()) == 2


async def test_two_lengths_are_no_request(line: Line) -> None:
    await line.start()
    async with wire(line) as connection:
        connection.writer.write(connection.request("Content-Length: 3"))
        status, _, body = await connection.reply()
    assert (status, json.loads(body)["error"]["code"]) == (400, "invalid_request")
    assert line.upstream.requests == []


async def test_an_older_http_and_a_closing_client_are_answered_and_closed(line: Line) -> None:
    await line.start()
    line.upstream.always = (WHOLE,)
    for lines, version in ((("Connection: close",), "1.1"), ((), "1.0")):
        async with wire(line) as connection:
            connection.writer.write(connection.request(*lines, version=version))
            status, headers, _ = await connection.reply()
            assert status == 200
            assert version == "1.0" or headers["connection"] == "close"
            assert await connection.closed()


async def test_a_refusal_does_not_wait_for_the_body_and_the_rest_of_it_is_no_request(line: Line) -> None:
    await line.start()
    line.upstream.play(WHOLE)
    async with wire(line) as connection:
        head, mark, body = connection.request().partition(b"\r\n\r\n")
        wrong = head.replace(line.wallet.key.encode(), b"fbx_wrong")
        connection.writer.write(wrong + mark + body[:5])
        assert (await connection.reply())[0] == 401
        connection.writer.write(body[5:] + head + mark + body)
        assert (await connection.reply())[0] == 200


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "KEEPALIVE_SECONDS", 0.2)
    await line.start()
    gate = Gate()
    line.upstream.play(gate, WHOLE)
    async with wire(line) as busy, wire(line) as idle:
        busy.writer.write(busy.request())
        assert await idle.closed()
        gate.open()
        assert (await busy.reply())[0] == 200
        assert await busy.closed()


async def test_a_rest_that_never_comes_is_not_waited_for(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorway, "LINGER_SECONDS", 0.2)
    await line.start()
    async with wire(line) as connection:
        head, mark, body = connection.request().partition(b"\r\n\r\n")
        connection.writer.write(head.replace(line.wallet.key.encode(), b"fbx_wrong") + mark + body[:5])
        assert (await connection.reply())[0] == 401
        assert await connection.closed()


async def test_a_stream_waits_for_a_client_that_does_not_read(line: Line) -> None:
    await line.start()
    big = delta(" on", filler="~" * 100_000)
    line.upstream.play(stream(*[big] * 400, DONE))
    async with wire(line) as connection:
        connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
        connection.writer.write(connection.request(stream=True, max_tokens=400))
        await eventually(lambda: line.upstream.unsent_bytes() > HALF)
        before = -1
        while before != line.upstream.unsent_bytes():  # until it stands still
            before = line.upstream.unsent_bytes()
            await asyncio.sleep(0.1)
        assert before > HALF, "40 MB do not fit into the buffers on the way"
        connection.writer.transport.resume_reading()  # type: ignore[attr-defined]
        found = 0
        async with asyncio.timeout(30):
            while b"[DONE]" not in (piece := await connection.reader.read(1 << 20)):
                found += piece.count(b"~")
    assert found + piece.count(b"~") == 400 * 100_000


async def test_a_server_that_stops_finishes_what_it_serves(line: Line) -> None:
    await line.start()
    gate = Gate()
    line.upstream.play(stream(delta(" on"), gate, delta(" on"), delta(None, finish="stop"), DONE))
    async with wire(line) as connection, wire(line) as idle:
        connection.writer.write(connection.request(stream=True, max_tokens=400))
        await gate.reached.wait()
        stopping = asyncio.create_task(line.client.server.close())
        assert await idle.closed(), "nothing is served there"
        gate.open()
        async with asyncio.timeout(10):
            assert (await connection.reader.read()).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        await stopping
