"""The hot connection to Redis, against a scripted peer and against the real one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import hiredis
import pytest

from metering.errors import RedisDownError
from metering.link import RedisLink
from tests.integration.metering.books import Book
from tests.integration.metering.parts import Gateway, ask_of

TIMEOUT = 0.2
Answer = Callable[[list[bytes]], bytes | None]


class Peer(asyncio.Protocol):
    """Answers each command by a script; None: not at all."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._reader = hiredis.Reader()
        self.reads: list[bytes] = []
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        assert self.transport
        self.reads.append(data)
        self._reader.feed(data)
        while (command := self._reader.gets()) is not False:
            answer = self._answer(command)
            if answer is not None:
                self.transport.write(answer)


@asynccontextmanager
async def linked(answer: Answer, timeout_seconds: float = TIMEOUT) -> AsyncIterator[tuple[RedisLink, Peer]]:
    loop = asyncio.get_running_loop()
    peer = Peer(answer)
    server = await loop.create_server(lambda: peer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, link = await loop.create_connection(lambda: RedisLink(timeout_seconds=timeout_seconds), "127.0.0.1", port)
    yield link, peer
    link.abort()
    await link.lost
    server.close()
    await server.wait_closed()


def echo(command: list[bytes]) -> bytes:
    return b"+" + command[1] + b"\r\n"


async def test_calls_of_one_turn_share_a_write_and_are_answered_in_order() -> None:
    async with linked(echo) as (link, peer):
        first = [link.call("ECHO", number) for number in range(100)]
        assert [await call for call in first] == [b"%d" % number for number in range(100)]
        assert len(peer.reads) == 1
        assert await link.call("ECHO", "later") == b"later"
        assert len(peer.reads) == 2


async def test_arguments_arrive_as_they_are() -> None:
    seen: list[list[bytes]] = []

    def keep(command: list[bytes]) -> bytes:
        seen.append(command)
        return b"+OK\r\n"

    async with linked(keep) as (link, _):
        await link.call(b"SET", "k\u00e9y", b"\r\n\x00", 2**52, "")
    assert seen == [[b"SET", "k\u00e9y".encode(), b"\r\n\x00", b"4503599627370496", b""]]


@pytest.mark.parametrize(
    ("wire", "reply"),
    [
        (b"$-1\r\n", None),
        (b":7\r\n", 7),
        (b"*2\r\n:1\r\n*0\r\n", [1, []]),
        (b"$5\r\na\r\nb\x00\r\n", b"a\r\nb\x00"),
    ],
)
async def test_reply_may_come_in_any_pieces(wire: bytes, reply: object) -> None:
    async with linked(lambda _: None, 5) as (link, peer):
        assert peer.transport
        for cut in range(1, len(wire)):
            call = link.call("ANY")
            while len(peer.reads) < cut:  # noqa: ASYNC110 - the peer reads on the same loop
                await asyncio.sleep(0)
            peer.transport.write(wire[:cut])
            for _ in range(5):
                await asyncio.sleep(0)
            assert not call.done()
            peer.transport.write(wire[cut:])
            assert await call == reply


async def test_error_is_a_reply_and_belongs_to_its_own_call() -> None:
    answers = iter([b"+OK\r\n", b"-ERR no\r\n", b"+OK\r\n"])
    async with linked(lambda _: next(answers)) as (link, _):
        calls = [link.call("ANY") for _ in range(3)]
        replies = [await call for call in calls]
    assert replies[0] == replies[2] == b"OK"
    assert isinstance(replies[1], hiredis.ReplyError)
    assert str(replies[1]) == "ERR no"


async def test_cancelled_call_does_not_shift_the_answers_of_others() -> None:
    async with linked(echo) as (link, _):
        calls = [link.call("ECHO", number) for number in range(3)]
        calls[1].cancel()
        assert (await calls[0], await calls[2]) == (b"0", b"2")


@pytest.mark.parametrize("by", ["peer", "us"])
async def test_lost_connection_answers_all_that_wait_and_all_that_follow(by: str) -> None:
    async with linked(lambda _: None, 5) as (link, peer):
        calls = [link.call("ANY") for _ in range(3)]
        while not peer.reads:  # noqa: ASYNC110 - the peer reads on the same loop
            await asyncio.sleep(0)
        unsent = link.call("UNSENT")
        if by == "us":
            link.abort()
        else:
            assert peer.transport
            peer.transport.abort()
        replies = [await call for call in [*calls, unsent]]
        assert {type(reply) for reply in replies} == {RedisDownError}
        await link.lost
        assert isinstance(await link.call("ANY"), RedisDownError)


async def test_silent_peer_is_dropped_after_the_timeout() -> None:
    loop = asyncio.get_running_loop()
    async with linked(lambda _: None) as (link, _):
        started = loop.time()
        assert isinstance(await link.call("ANY"), RedisDownError)
        assert TIMEOUT / 2 <= loop.time() - started < 5 * TIMEOUT


async def test_idle_link_and_one_whose_answers_keep_coming_are_not_dropped() -> None:
    async with linked(lambda _: None) as (link, peer):
        assert peer.transport
        loop = asyncio.get_running_loop()
        calls = [link.call("ANY") for _ in range(12)]
        for call in calls:  # each within the time-out, all together far above it
            loop.call_later(TIMEOUT / 4, peer.transport.write, b"+OK\r\n")
            assert await call == b"OK"
        idle = loop.create_future()
        loop.call_later(3 * TIMEOUT, idle.set_result, None)
        await idle
        assert not link.lost.done()


async def test_what_is_no_redis_loses_the_connection_and_not_an_answer() -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)  # asyncio reports the parser's error
    async with linked(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n") as (link, _):
        assert isinstance(await link.call("ANY"), RedisDownError)


async def test_scripts_that_redis_lost_are_loaded_again(gateway: Gateway, book: Book) -> None:
    account_id = await book.account()
    await book.grant(account_id, 100)
    ask = ask_of(account_id, 10)
    await gateway.store.call(b"SCRIPT", b"FLUSH")
    await gateway.admission.reserve(ask)
    await gateway.store.call(b"SCRIPT", b"FLUSH")
    assert await gateway.admission.extend(account_id, ask.request_id, want=20, least=20)
    await gateway.store.call(b"SCRIPT", b"FLUSH")
    assert (await gateway.view(account_id)).reserved == 20
