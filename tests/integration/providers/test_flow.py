"""Whoever reads slowly makes the other side wait, and memory stays what it was."""

import asyncio
import tracemalloc

import pytest

from providers.connection import UNREAD_BYTES_MAX
from providers.transport import Transport
from tests.fakes.raw_upstream import Peer, raw_upstream, response
from tests.integration.providers.asking import counts, fetch, open_upstream

MIB = 1 << 20
PIECE = bytes(MIB)


async def test_slow_reader_makes_the_upstream_wait(transport: Transport) -> None:
    sent: list[int] = []

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (50 * MIB))
        for _ in range(50):
            await peer.send(PIECE)
            sent.append(len(PIECE))

    async with raw_upstream(script) as upstream:
        tracemalloc.start()
        one = await open_upstream(transport, upstream.origin)
        before = -1
        while (now := len(sent)) != before:  # Until it grows no more: the upstream waits.
            before = now
            await asyncio.sleep(0.05)
        assert sum(sent) < 25 * MIB  # A few are in the kernel's buffers.
        received_bytes, longest = 0, 0
        while piece := await one.chunk():
            received_bytes += len(piece)
            longest = max(longest, len(piece))
        one.close()
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert received_bytes == 50 * MIB
    assert longest <= 2 * UNREAD_BYTES_MAX + 65_536
    assert peak_bytes < 8 * MIB
    assert counts(transport) == "0/0/0/0"


async def test_slow_upstream_makes_the_request_wait(transport: Transport) -> None:
    go = asyncio.Event()
    body = bytes(16 * MIB)

    async def script(peer: Peer) -> None:
        await peer.head()
        await go.wait()
        received_bytes = 0
        while received_bytes < len(body):
            received_bytes += len(await peer.reader.read(MIB))
        await peer.send(response())

    async with raw_upstream(script) as upstream:
        tracemalloc.start()
        opening = asyncio.create_task(open_upstream(transport, upstream.origin, body))
        await asyncio.sleep(0.1)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < 3 * MIB  # The body is not copied into the socket's buffer as a whole.
        go.set()
        one = await opening
        assert await one.read(10) == b"hello"
        one.close()
        assert counts(transport) == "0/1/0/0"
        await transport.close()


async def test_upstream_that_reads_slowly_is_not_idle(hasty: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        left = 16 * MIB
        while left:
            left -= len(await peer.reader.read(MIB))
            if left > 12 * MIB:  # The end is in the kernel's buffers, where the client can't see it move.
                await asyncio.sleep(0.02)
        await peer.send(response())

    async with raw_upstream(script) as upstream:
        one = await open_upstream(hasty, upstream.origin, bytes(16 * MIB))
        assert await one.read(10) == b"hello"
        one.close()


async def test_timer_that_is_late_gives_what_came_meanwhile_a_chance_to_be_read(hasty: Transport) -> None:
    """A process that slept finds its timers run out and the answer in its socket; the loop may see the former first."""
    more = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        await more.wait()
        await peer.send(b"again")
        await asyncio.sleep(5)

    async with raw_upstream(script) as upstream:
        one = await open_upstream(hasty, upstream.origin)
        assert await one.chunk() == b"hello"
        reading = asyncio.create_task(one.chunk())
        await asyncio.sleep(0)
        assert one._connection
        one._connection.deadline -= 10
        one._connection._on_timer()
        more.set()
        assert await reading == b"again"
        one.close()


@pytest.mark.parametrize("size", [100_000, 16 * MIB])
async def test_answer_may_start_before_the_request_is_written(transport: Transport, size: int) -> None:
    """An upstream that refuses early is heard; one that goes on reading gets the rest."""
    refused = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" + b"earl")
        await refused.wait()
        left = size
        while left:
            left -= len(await peer.reader.read(MIB))
        await peer.send(b"y it")

    async with raw_upstream(script) as upstream:
        one = await open_upstream(transport, upstream.origin, bytes(size))
        assert await one.chunk() == b"earl"
        refused.set()
        assert await one.read(10) == b"y it"
        one.close()
        assert counts(transport) == "0/1/0/0"
        await transport.close()


async def test_connection_is_not_kept_with_half_a_request_in_it(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await peer.send(response(b"too large", status=b"413 Content Too Large"))
        await peer.drained()

    async with raw_upstream(script) as upstream:
        one = await open_upstream(transport, upstream.origin, bytes(16 * MIB))
        assert one.status == 413
        assert await one.read(100) == b"too large"
        one.close()
        assert counts(transport) == "0/0/0/0"


async def test_many_small_chunks_are_bounded_by_what_they_take_on_the_wire(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(100):
            await peer.send(b"1\r\nx\r\n" * 10_000)
        await peer.send(b"0\r\n\r\n")

    async with raw_upstream(script) as upstream:
        assert await fetch(transport, upstream.origin) == b"x" * 1_000_000
        await transport.close()
