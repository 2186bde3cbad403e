"""What an upstream may answer, and where it may break off."""

import asyncio
from collections.abc import Callable

import pytest

from providers.errors import (
    UpstreamGoneError,
    UpstreamProtocolError,
    UpstreamTooLargeError,
    UpstreamUnreachableError,
)
from providers.transport import Transport
from tests.fakes.raw_upstream import Peer, Script, answers, chunked, raw_upstream, response
from tests.integration.providers.asking import BODY, BYTES_MAX, counts, fetch, head, nothing, open_upstream

CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def bytewise(answer: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        for at in range(len(answer)):
            await peer.send(answer[at : at + 1])
            await asyncio.sleep(0)

    return script


@pytest.mark.parametrize("script", [answers, bytewise])
@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (response(b"hello"), b"hello"),
        (response(b""), b""),
        (chunked(b"hello ", b"world"), b"hello world"),
        (chunked(b"a")[:-2] + b"X-Trailer: yes\r\n\r\n", b"a"),
        (CHUNKED_HEAD + b"5;ext=1\r\nhello\r\n0\r\n\r\n", b"hello"),
        (CONTINUE + EARLY_HINTS + response(b"at last"), b"at last"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", b""),
        (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    ],
)
async def test_body_is_the_same_whole_and_byte_by_byte(
    transport: Transport, script: Callable[[bytes], Script], answer: bytes, body: bytes
) -> None:
    async with raw_upstream(script(answer)) as upstream:
        assert await fetch(transport, upstream.origin) == body
        await transport.close()


async def test_head_is_passed_on_with_lower_case_names(transport: Transport) -> None:
    answer = response(b"", b"X-Request-Id: Req_1", b"Set-Cookie: a", b"set-cookie: b", status=b"429 Too Many")
    async with raw_upstream(answers(EARLY_HINTS + answer)) as upstream:
        one = await open_upstream(transport, upstream.origin)
        assert one.status == 429
        assert one.headers == [
            (b"content-length", b"0"),
            (b"x-request-id", b"Req_1"),
            (b"set-cookie", b"a"),
            (b"set-cookie", b"b"),
        ]
        assert one.header(b"set-cookie") == b"a"
        assert one.header(b"link") is None
        one.close()


async def test_trailers_are_not_taken_for_headers_of_this_or_the_next_answer(transport: Transport) -> None:
    first = chunked(b"a")[:-2] + b"X-Trailer: yes\r\n\r\n"
    async with raw_upstream(answers(first, response())) as upstream:
        for _ in range(2):
            one = await open_upstream(transport, upstream.origin)
            await one.read(10)
            one.close()
            assert one.header(b"x-trailer") is None
        assert upstream.connections == 1


async def test_answer_to_head_has_no_body(transport: Transport) -> None:
    async with raw_upstream(answers(response(b"").replace(b": 0", b": 5"))) as upstream:
        one = await transport.open(upstream.origin, head(b"", b"HEAD"), b"", on_send=nothing)
        assert one.header(b"content-length") == b"5"
        assert await one.read(10) == b""
        one.close()


async def test_chunks_are_handed_out_as_they_arrive(transport: Transport) -> None:
    read = asyncio.Queue[bytes]()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED_HEAD)
        for piece in (b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n"):
            await peer.send(b"9\r\n" + piece + b"\r\n")
            assert await read.get() == piece  # Only then the next is sent.
        await peer.send(b"0\r\n\r\n")

    async with raw_upstream(script) as upstream:
        one = await open_upstream(transport, upstream.origin)
        while piece := await one.chunk():
            read.put_nowait(piece)
        assert await one.chunk() == b""
        one.close()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nContent-Le", CONTINUE])
async def test_answer_cut_in_its_head_is_gone(transport: Transport, answer: bytes) -> None:
    async with raw_upstream(answers(answer)) as upstream:
        with pytest.raises(UpstreamGoneError) as raised:
            await open_upstream(transport, upstream.origin)
        assert raised.value.received == b""
        assert counts(transport) == "0/0/0/0"


@pytest.mark.parametrize(
    ("answer", "received"),
    [
        (response(b"hello")[:-1], b"hell"),
        (response(b"hello")[:-5], b""),
        (chunked(b"hello")[:-2], b"hello"),
        (chunked(b"hello", b"you")[:-11], b"hello"),
        (CHUNKED_HEAD, b""),
        (CHUNKED_HEAD + b"5\r\nhel", b"hel"),
    ],
)
async def test_answer_cut_in_its_body_is_gone_with_what_was_received(
    transport: Transport, answer: bytes, received: bytes
) -> None:
    async with raw_upstream(answers(answer)) as upstream:
        one = await open_upstream(transport, upstream.origin)
        with pytest.raises(UpstreamGoneError) as raised:
            await one.read(100)
        assert raised.value.received == received
        one.close()

        one = await open_upstream(transport, upstream.origin)
        if received:
            assert await one.chunk() == received  # What came before the cut is still handed out.
        with pytest.raises(UpstreamGoneError):
            await one.chunk()
        one.close()
        assert counts(transport) == "0/0/0/0"


async def test_reset_connection_names_its_cause(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        peer.reset()

    async with raw_upstream(script) as upstream:
        with pytest.raises(UpstreamGoneError) as raised:
            await open_upstream(transport, upstream.origin)
        assert isinstance(raised.value.__cause__, ConnectionError)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        response(b"", b"X-Bomb: " + b"x" * 100_000),
        b"HTTP/1.1 200 OK\r\n" + b"X-Bomb: boom\r\n" * 9000,
        EARLY_HINTS * 5000,
    ],
    ids=["ssh", "status", "lf", "lengths", "smuggling", "upgrade", "long", "many", "hints"],
)
async def test_answer_that_is_no_http_or_has_too_large_a_head(transport: Transport, answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)
        await peer.gone()

    async with raw_upstream(script) as upstream:
        with pytest.raises(UpstreamProtocolError):
            await open_upstream(transport, upstream.origin)
        assert counts(transport) == "0/0/0/0"
        await upstream.played()


async def test_head_within_the_limit_may_come_with_much_of_the_body(hasty: Transport) -> None:
    body = b"x" * 30_000
    async with raw_upstream(answers(response(body, b"X-Large: " + b"x" * 1500))) as upstream:
        assert await fetch(hasty, upstream.origin) == body


@pytest.mark.parametrize("answer", [CHUNKED_HEAD + b"5\r\nhello\r\nzz\r\n", CHUNKED_HEAD + b"5\r\nhelloXX"])
async def test_garbage_in_the_body_is_an_error_after_what_was_good(transport: Transport, answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)
        await peer.gone()

    async with raw_upstream(script) as upstream:
        one = await open_upstream(transport, upstream.origin)
        assert await one.chunk() == b"hello"
        with pytest.raises(UpstreamProtocolError):
            await one.chunk()
        one.close()


@pytest.mark.parametrize("filler", [b"X-Trailer: boom\r\n", b"boom" * 256], ids=["many", "long"])
async def test_endless_trailers_are_refused(transport: Transport, filler: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(CHUNKED_HEAD + b"0\r\nX-T: ")
        for _ in range(1 << 20):
            peer.writer.write(filler)
            await peer.writer.drain()

    async with raw_upstream(script) as upstream:
        one = await open_upstream(transport, upstream.origin)
        with pytest.raises(UpstreamProtocolError, match="without any of the body"):
            await one.chunk()
        one.close()
        with pytest.raises(ConnectionError):
            await upstream.played()
        upstream.forget()


@pytest.mark.parametrize("answer", [response(b"x" * 1001), chunked(b"x" * 500, b"x" * 501)])
async def test_body_that_is_too_large_is_not_read(transport: Transport, answer: bytes) -> None:
    async with raw_upstream(answers(answer)) as upstream:
        one = await open_upstream(transport, upstream.origin)
        with pytest.raises(UpstreamTooLargeError) as raised:
            await one.read(1000)
        assert raised.value.bytes_max == 1000
        one.close()
        assert counts(transport) == "0/0/0/0"


async def test_body_may_be_as_large_as_the_limit(transport: Transport) -> None:
    async with raw_upstream(answers(response(b"x" * 1000))) as upstream:
        one = await open_upstream(transport, upstream.origin)
        assert len(await one.read(1000)) == 1000
        one.close()


async def test_on_send_is_called_once_before_the_first_byte(transport: Transport) -> None:
    events: list[str] = []

    async def script(peer: Peer) -> None:
        assert await peer.request() == head() + BODY
        events.append("received")
        await peer.send(response())

    async with raw_upstream(script) as upstream:
        one = await transport.open(upstream.origin, head(), BODY, on_send=lambda: events.append("sent"))
        await one.read(BYTES_MAX)
        one.close()
        assert events == ["sent", "received"]


async def test_nothing_is_sent_if_on_send_raises(transport: Transport) -> None:
    def disk_full() -> None:
        raise OSError("no space left")

    async with raw_upstream(Peer.gone) as upstream:
        with pytest.raises(OSError, match="no space"):
            await transport.open(upstream.origin, head(), BODY, on_send=disk_full)
        await upstream.played()
        assert counts(transport) == "0/0/0/0"


async def test_on_send_is_not_called_when_the_upstream_is_unreachable(transport: Transport) -> None:
    sent: list[int] = []
    async with raw_upstream(answers()) as upstream:
        pass
    for origin in (upstream.origin, upstream.origin._replace(host="no-such-host.invalid")):
        with pytest.raises(UpstreamUnreachableError) as raised:
            await transport.open(origin, head(), BODY, on_send=lambda: sent.append(1))
        assert isinstance(raised.value.__cause__, OSError)
    assert sent == []
    assert repr(transport).count("busy=0 idle=0 connecting=0 waiting=0") == 2
