"""Which connection serves a request: kept ones, stale ones, new ones."""

import asyncio

import pytest

from config.settings import UpstreamSettings
from providers.errors import UpstreamGoneError
from providers.transport import Transport
from tests.fakes.raw_upstream import Peer, answers, chunked, keeps_answering, raw_upstream, response
from tests.integration.providers.asking import BODY, counts, fetch, head, nothing, open_upstream, until


async def test_requests_share_a_kept_connection(transport: Transport) -> None:
    async with raw_upstream(keeps_answering(response(b"hello"))) as upstream:
        assert [await fetch(transport, upstream.origin) for _ in range(5)] == [b"hello"] * 5
        assert upstream.connections == 1
        assert counts(transport) == "0/1/0/0"
        await transport.close()


async def test_connection_used_last_is_used_next(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        name = b"%d" % upstream.connections
        await keeps_answering(response(name))(peer)

    async with raw_upstream(script) as upstream:
        first = await open_upstream(transport, upstream.origin)
        second = await open_upstream(transport, upstream.origin)
        for one in (first, second):
            await one.read(100)
            one.close()
        assert [await fetch(transport, upstream.origin) for _ in range(3)] == [b"2"] * 3
        assert counts(transport) == "0/2/0/0"
        await transport.close()


@pytest.mark.parametrize("last_words", [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", b"garbage"])
async def test_connection_that_ended_while_idle_is_not_used(transport: Transport, last_words: bytes) -> None:
    done = asyncio.Event()

    async def first(peer: Peer) -> None:
        await peer.request()
        await peer.send(response())
        await done.wait()
        await peer.send(last_words)

    async with raw_upstream(first, keeps_answering(response(b"second"))) as upstream:
        assert await fetch(transport, upstream.origin) == b"hello"
        assert counts(transport) == "0/1/0/0"
        done.set()
        await until(transport, "0/0/0/0")
        assert await fetch(transport, upstream.origin) == b"second"
        await transport.close()


async def test_connection_that_spoke_while_idle_is_not_used(transport: Transport) -> None:
    done = asyncio.Event()

    async def first(peer: Peer) -> None:
        await peer.request()
        await peer.send(response())
        await done.wait()
        await peer.send(response(b"the answer to the request before?"))
        await peer.gone()

    async with raw_upstream(first, keeps_answering(response(b"second"))) as upstream:
        assert await fetch(transport, upstream.origin) == b"hello"
        done.set()
        await until(transport, "0/0/0/0")
        assert await fetch(transport, upstream.origin) == b"second"
        await transport.close()


async def test_request_that_met_a_closing_connection_is_sent_again(transport: Transport) -> None:
    sent: list[int] = []

    async def closing(peer: Peer) -> None:
        await answers(response())(peer)
        await peer.request()  # Read, but never answered: so the client can't have seen it coming.

    async with raw_upstream(closing, keeps_answering(response(b"second"))) as upstream:
        await fetch(transport, upstream.origin)
        again = await transport.open(upstream.origin, head(), BODY, on_send=lambda: sent.append(1))
        assert await again.read(100) == b"second"
        again.close()
        assert sent == [1]
        assert upstream.connections == 2
        assert counts(transport) == "0/1/0/0"
        await transport.close()


async def test_request_that_must_not_be_done_twice_is_not_sent_again(transport: Transport) -> None:
    async def closing(peer: Peer) -> None:
        await answers(response())(peer)
        await peer.request()

    async with raw_upstream(closing) as upstream:
        await fetch(transport, upstream.origin)
        with pytest.raises(UpstreamGoneError):
            await transport.open(upstream.origin, head(), BODY, on_send=nothing, replay_stale=False)
        assert upstream.connections == 1
        assert counts(transport) == "0/0/0/0"


async def test_request_whose_answer_has_begun_is_not_sent_again(transport: Transport) -> None:
    async with raw_upstream(answers(response(), b"HTTP/1.1 200"), keeps_answering(response())) as upstream:
        await fetch(transport, upstream.origin)
        with pytest.raises(UpstreamGoneError):
            await open_upstream(transport, upstream.origin)
        assert upstream.connections == 1


async def test_request_is_sent_again_only_once(transport: Transport) -> None:
    async def closing(peer: Peer) -> None:
        await peer.request()

    async with raw_upstream(answers(response(), b""), closing) as upstream:
        await fetch(transport, upstream.origin)
        with pytest.raises(UpstreamGoneError):
            await open_upstream(transport, upstream.origin)
        assert upstream.connections == 2
        assert counts(transport) == "0/0/0/0"


async def test_stale_connection_of_a_server_that_is_down_is_gone_not_unreachable(transport: Transport) -> None:
    async with raw_upstream(answers(response(), b"")) as upstream:
        await fetch(transport, upstream.origin)
        upstream.stop_listening()
        # The request was sent once: to say "unreachable" would be to say that it was not.
        with pytest.raises(UpstreamGoneError, match="stale"):
            await open_upstream(transport, upstream.origin)
        assert counts(transport) == "0/0/0/0"


@pytest.mark.parametrize(
    "answer",
    [
        response(b"x", b"Connection: close"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
        response(b"x") + response(b"never asked for"),
        response(b"x") + b"garbage",
        chunked(b"x") + b"HTTP/1.1 200",
    ],
    ids=["close", "http/1.0", "second answer", "garbage", "half an answer"],
)
async def test_connection_that_can_not_be_kept_is_not(transport: Transport, answer: bytes) -> None:
    async def first(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)
        await peer.gone()

    async with raw_upstream(first, keeps_answering(response(b"y"))) as upstream:
        assert await fetch(transport, upstream.origin) == b"x"
        assert counts(transport) == "0/0/0/0"
        assert await fetch(transport, upstream.origin) == b"y"
        await transport.close()


async def test_connection_with_an_unread_answer_is_kept_once_that_is_complete(transport: Transport) -> None:
    async with raw_upstream(keeps_answering(response(b"unread"))) as upstream:
        one = await open_upstream(transport, upstream.origin)
        one.close()
        one.close()
        assert counts(transport) == "0/1/0/0"
        assert await fetch(transport, upstream.origin) == b"unread"
        assert upstream.connections == 1
        await transport.close()


async def test_connection_of_an_unfinished_answer_is_aborted(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await peer.gone()

    async with raw_upstream(script) as upstream:
        one = await open_upstream(transport, upstream.origin)
        assert await one.chunk() == b"half"
        one.close()
        assert counts(transport) == "0/0/0/0"
        with pytest.raises(UpstreamGoneError):
            await one.chunk()
        await upstream.played()


async def test_idle_connections_are_closed_when_they_are_old() -> None:
    transport = Transport(UpstreamSettings(keepalive_seconds=0.05), environ={})
    async with raw_upstream(keeps_answering(response())) as upstream:
        await fetch(transport, upstream.origin)
        assert counts(transport) == "0/1/0/0"
        await until(transport, "0/0/0/0")
        await fetch(transport, upstream.origin)
        assert upstream.connections == 2
        await transport.close()


async def test_nothing_is_kept_without_a_keepalive_time() -> None:
    transport = Transport(UpstreamSettings(keepalive_seconds=0.0), environ={})
    async with raw_upstream(keeps_answering(response())) as upstream:
        for _ in range(3):
            await fetch(transport, upstream.origin)
        assert upstream.connections == 3
        await transport.close()
