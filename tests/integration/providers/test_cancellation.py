"""Who is cancelled, too slow or too late leaves the pool as it was."""

import asyncio
import contextlib
import random

import pytest

from config.settings import UpstreamSettings
from providers.errors import ProviderError, UpstreamGoneError, UpstreamTimeoutError, UpstreamUnreachableError
from providers.transport import Transport
from tests.fakes.raw_upstream import Peer, Script, answers, chunked, keeps_answering, raw_upstream, response
from tests.integration.providers.asking import BODY, counts, fetch, head, nothing, open_upstream, until

HEAD_ONLY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


async def silent(peer: Peer) -> None:
    """Take a request and never answer."""
    await peer.request()
    await peer.gone()


async def without_body(peer: Peer) -> None:
    await peer.request()
    await peer.send(HEAD_ONLY)
    await peer.gone()


async def cancelled(task: "asyncio.Task[object]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelled_while_it_waits_for_the_head(transport: Transport) -> None:
    asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await peer.gone()

    async with raw_upstream(script) as upstream:
        task = asyncio.create_task(open_upstream(transport, upstream.origin))
        await asked.wait()
        assert counts(transport) == "1/0/0/0"
        await cancelled(task)
        assert counts(transport) == "0/0/0/0"
        await upstream.played()


async def test_cancelled_while_it_waits_for_the_body(transport: Transport) -> None:
    async with raw_upstream(without_body, keeps_answering(response())) as upstream:
        one = await open_upstream(transport, upstream.origin)
        task = asyncio.create_task(one.chunk())
        await asyncio.sleep(0)
        await cancelled(task)
        assert counts(transport) == "0/0/0/0"
        one.close()
        assert counts(transport) == "0/0/0/0"
        assert await fetch(transport, upstream.origin) == b"hello"
        await transport.close()


async def test_cancelled_while_it_connects(transport: Transport) -> None:
    accepted = asyncio.Event()

    async def no_handshake(peer: Peer) -> None:
        accepted.set()
        await peer.drained()  # The client's hello stays unanswered.

    async with raw_upstream(no_handshake) as upstream:
        task = asyncio.create_task(open_upstream(transport, upstream.origin._replace(scheme="https")))
        await accepted.wait()
        assert counts(transport) == "0/0/1/0"
        await cancelled(task)
        assert counts(transport) == "0/0/0/0"
        await upstream.played()


async def test_cancelled_at_every_turn_of_the_event_loop(transport: Transport) -> None:
    async def script(peer: Peer) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await peer.request()
                for piece in (HEAD_ONLY[:9], HEAD_ONLY[9:], b"he", b"llo"):
                    await peer.send(piece)

    async with raw_upstream(script) as upstream:
        for turns in range(1, 40):
            task = asyncio.create_task(fetch(transport, upstream.origin))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                assert await task == b"hello"
            assert counts(transport) in {"0/0/0/0", "0/1/0/0"}
        assert await fetch(transport, upstream.origin) == b"hello"
        await transport.close()


async def test_close_wakes_who_waits_for_the_body(transport: Transport) -> None:
    async with raw_upstream(without_body) as upstream:
        one = await open_upstream(transport, upstream.origin)
        task = asyncio.create_task(one.read(100))
        await asyncio.sleep(0)
        one.close()
        with pytest.raises(UpstreamGoneError, match="closed here"):
            await task


@pytest.mark.parametrize("script", [silent, without_body])
async def test_silence_is_a_time_out(hasty: Transport, script: Script) -> None:
    async with raw_upstream(script) as upstream:
        with pytest.raises(UpstreamTimeoutError):
            await fetch(hasty, upstream.origin)
        assert counts(hasty) == "0/0/0/0"


async def test_idle_time_is_counted_from_the_last_byte(hasty: Transport) -> None:
    async def slow(peer: Peer) -> None:
        await peer.request()
        for byte in chunked(b"a", b"b", b"c"):  # 66 bytes, 10 ms each: far longer than 200 ms in all.
            await peer.send(bytes([byte]))
            await asyncio.sleep(0.01)

    async with raw_upstream(slow) as upstream:
        assert await fetch(hasty, upstream.origin) == b"abc"


async def test_reader_that_takes_its_time_is_no_idle_upstream(hasty: Transport) -> None:
    async with raw_upstream(answers(chunked(b"a"))) as upstream:
        one = await open_upstream(hasty, upstream.origin)
        await asyncio.sleep(0.3)
        assert await one.read(10) == b"a"
        one.close()


async def test_connection_that_takes_too_long_is_unreachable(hasty: Transport) -> None:
    async with raw_upstream(Peer.drained) as upstream:
        with pytest.raises(UpstreamUnreachableError, match=r"within 0\.2 s"):
            await fetch(hasty, upstream.origin._replace(scheme="https"))
        assert counts(hasty) == "0/0/0/0"


async def test_wait_for_a_free_connection_is_limited(hasty: Transport) -> None:
    async with raw_upstream(keeps_answering(response())) as upstream:
        one = await open_upstream(hasty, upstream.origin)
        with pytest.raises(UpstreamUnreachableError, match=r"within 0\.2 s"):
            await fetch(hasty, upstream.origin)
        assert counts(hasty) == "1/0/0/0"
        one.close()
        assert await fetch(hasty, upstream.origin) == b"hello"
        await hasty.close()


@pytest.fixture
def narrow() -> Transport:
    """A transport of one connection, with time to wait for it."""
    settings = UpstreamSettings(connections_per_origin_max=1, connect_seconds_max=5.0, idle_seconds_max=5.0)
    return Transport(settings, environ={})


@pytest.mark.parametrize("answer", [response(), response(b"", b"Connection: close")], ids=["kept", "closed"])
async def test_who_waits_first_is_served_first(narrow: Transport, answer: bytes) -> None:
    served: list[int] = []

    async def ask(number: int) -> None:
        await fetch(narrow, upstream.origin)
        served.append(number)

    async with raw_upstream(keeps_answering(answer)) as upstream:
        one = await open_upstream(narrow, upstream.origin)
        tasks = [asyncio.create_task(ask(number)) for number in range(6)]
        await until(narrow, "1/0/0/6")
        await cancelled(tasks[0])
        await cancelled(tasks[3])
        assert counts(narrow) == "1/0/0/4"
        one.close()
        await asyncio.gather(tasks[1], tasks[2], tasks[4], tasks[5])
        assert served == [1, 2, 4, 5]
        await narrow.close()


@pytest.mark.parametrize("answer", [response(), response(b"", b"Connection: close")], ids=["kept", "closed"])
async def test_who_is_cancelled_as_its_turn_comes_gives_it_to_the_next(narrow: Transport, answer: bytes) -> None:
    async with raw_upstream(keeps_answering(answer)) as upstream:
        one = await open_upstream(narrow, upstream.origin)
        first, second = (asyncio.create_task(fetch(narrow, upstream.origin)) for _ in range(2))
        await until(narrow, "1/0/0/2")
        one.close()  # The turn is the first one's from here on,
        await cancelled(first)  # and it does not get to run before it is cancelled.
        await second
        await narrow.close()


async def test_who_was_cancelled_but_has_not_run_is_passed_over(narrow: Transport) -> None:
    async with raw_upstream(keeps_answering(response())) as upstream:
        one = await open_upstream(narrow, upstream.origin)
        first, second = (asyncio.create_task(fetch(narrow, upstream.origin)) for _ in range(2))
        await until(narrow, "1/0/0/2")
        first.cancel()
        one.close()
        assert await second == b"hello"
        with pytest.raises(asyncio.CancelledError):
            await first
        assert counts(narrow) == "0/1/0/0"
        await narrow.close()


async def test_connection_that_ends_on_its_way_to_the_next_is_replaced(narrow: Transport) -> None:
    async def rude(peer: Peer) -> None:
        await peer.request()
        await peer.send(response())
        peer.reset()

    async with raw_upstream(rude, keeps_answering(response(b"second"))) as upstream:
        one = await open_upstream(narrow, upstream.origin)
        waiting = asyncio.create_task(fetch(narrow, upstream.origin))
        await until(narrow, "1/0/0/1")
        one.close()
        assert await waiting == b"second"
        await narrow.close()


async def test_close_ends_everything(narrow: Transport) -> None:
    async with raw_upstream(without_body) as upstream:
        one = await open_upstream(narrow, upstream.origin)
        body = asyncio.create_task(one.read(10))
        waiting = asyncio.create_task(open_upstream(narrow, upstream.origin))
        await until(narrow, "1/0/0/1")
        await narrow.close()
        await narrow.close()
        with pytest.raises(UpstreamGoneError, match="transport was closed"):
            await body
        with pytest.raises(UpstreamUnreachableError, match="transport was closed"):
            await waiting
        for origin in (upstream.origin, upstream.origin._replace(host="localhost")):
            with pytest.raises(UpstreamUnreachableError, match="transport was closed"):
                await open_upstream(narrow, origin)
        one.close()
        assert counts(narrow) == "0/0/0/0;/0/0/0/0"
        assert repr(narrow).startswith("<Transport closed http://127.0.0.1:")


@pytest.mark.parametrize("seed", range(3))
async def test_random_cancellations_never_lose_a_place(seed: int) -> None:
    """Many askers, few connections, a server that ends some of them: afterwards all places are free."""
    rng = random.Random(seed)
    transport = Transport(UpstreamSettings(connections_per_origin_max=3), environ={})

    async def moody(peer: Peer) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while rng.random() < 0.7:
                await peer.request()
                close = (b"Connection: close",) if rng.random() < 0.2 else ()
                answer = response(b"hello", *close)
                cut = rng.randrange(len(answer)) if rng.random() < 0.2 else len(answer)
                await peer.send(answer[:cut])
                await asyncio.sleep(0)
                await peer.send(answer[cut : len(answer) - rng.randrange(2)])

    async def ask() -> None:
        for _ in range(10):
            one = await transport.open(upstream.origin, head(), BODY, on_send=nothing)
            try:
                await one.read(100)
            finally:
                one.close()

    async with raw_upstream(moody) as upstream:
        tasks = [asyncio.create_task(ask()) for _ in range(30)]
        while alive := [task for task in tasks if not task.done()]:
            for _ in range(rng.randrange(20)):
                await asyncio.sleep(0)
            rng.choice(alive).cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            assert result is None or isinstance(result, ProviderError | asyncio.CancelledError)
        busy, _, connecting, waiting = counts(transport).split("/")
        assert (busy, connecting, waiting) == ("0", "0", "0")
        await transport.close()
        assert counts(transport) == "0/0/0/0"
